"""A headless Chromium, told what to do over a pair of pipes: no port, no driver, no package.

Chrome DevTools Protocol: JSON messages that end in a zero byte, asked on file descriptor 3 and
answered on 4 (`--remote-debugging-pipe`).
"""

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 60
"""The longest wait for an answer: a busy machine is slow, a hung browser must end."""


def find() -> str | None:
    """Return the path of an installed Chromium, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser with one page; use it as a context manager."""

    def __init__(self, executable: str, profile: Path):
        ask_read, self._ask = os.pipe()
        self._answer, answer_write = os.pipe()

        def connect():
            # Above 4 first: one of the pipes' own descriptors may be 3 or 4.
            a, b = os.dup2(ask_read, 100), os.dup2(answer_write, 101)
            os.dup2(a, 3)
            os.dup2(b, 4)

        command = [
            executable, "--headless", "--remote-debugging-pipe", f"--user-data-dir={profile}",
            "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-extensions", "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ]  # fmt: skip
        if os.geteuid() == 0:  # a sandbox needs a user of its own
            command.append("--no-sandbox")
        self._process = subprocess.Popen(
            [*command, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            preexec_fn=connect,
            close_fds=False,
            start_new_session=True,
        )
        os.close(ask_read)
        os.close(answer_write)
        self._buffer, self._number, self._session = b"", 0, None
        self.errors: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._ask)
        os.close(self._answer)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one message and return its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._ask, data) :]
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answer], [], [], max(0.0, end - time.monotonic()))
            part = os.read(self._answer, 1 << 20) if ready else b""
            if not part:
                raise RuntimeError("the browser gave no answer" if ready else "the browser hangs")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        found = json.loads(message)
        self._note(found.get("method", ""), found.get("params", {}))
        return found

    def _note(self, event: str, about: dict[str, Any]) -> None:
        """Keep what a console would show in red, and every request that is not for a file."""
        if event == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif event == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
            self.errors.append(str([one.get("value") for one in about["args"]]))
        elif event == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.errors.append(about["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            url = about["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:", "about:")):
                self.errors.append(f"asked for {url}")

    def open(self, path: Path, fragment: str = "") -> None:
        """Open a file and wait until it has loaded."""
        self.errors.clear()
        self.ask("Page.navigate", url="about:blank")
        self.ask("Page.navigate", url=path.as_uri() + fragment)
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page, promises awaited."""
        found = self.ask(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + SECONDS
        while not self.run(condition):
            if time.monotonic() > end:
                raise RuntimeError(f"never true: {condition}")
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as a reader would."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
        for key in keys:
            shift = 8 if key == "Shift+Tab" else 0
            name = key.removeprefix("Shift+")
            parameters = {
                "key": name,
                "code": "Space" if name == " " else name,
                "windowsVirtualKeyCode": codes[name],
                "modifiers": shift,
            }
            text = {"Enter": "\r", " ": " "}.get(name)
            down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
            self.ask("Input.dispatchKeyEvent", **parameters, **down)
            self.ask("Input.dispatchKeyEvent", **parameters, type="keyUp")

    def downloads_to(self, folder: Path) -> None:
        """Save what the page downloads in this folder."""
        self.folder = folder
        self.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def saved(self, name: str) -> bytes:
        """Wait for a download and return its content; it is then gone."""
        path, end = self.folder / name, time.monotonic() + SECONDS
        while not path.exists():  # a file has its name when it is whole
            self.run("1")
            if time.monotonic() > end:
                there = sorted(other.name for other in self.folder.iterdir())
                raise RuntimeError(f"nothing was saved as {name}: there are {there}")
            time.sleep(0.02)
        content = path.read_bytes()
        path.unlink()
        return content

    def show(self, width: int, height: int, theme: str = "light") -> None:
        """Set the size of the window, in pixels, and the theme of the system."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        feature = {"name": "prefers-color-scheme", "value": theme}
        self.ask("Emulation.setEmulatedMedia", features=[feature])

    def picture(self, path: Path, whole: bool = False) -> None:
        """Save what the window shows, or the whole page, as PNG."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))
