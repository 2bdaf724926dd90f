"""Downloads from a server of our own that resumes, breaks off, lies or knows no ranges."""

import contextlib
import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import URLError
from urllib.request import Request

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from quantum_latents.data import download
from quantum_latents.data.download import QM9_ARCHIVE, QM9_UNCHARACTERISED, RemoteFile, fetch

CONTENT = bytes(range(256)) * 4000  # about 1 MB
NAME = "molecules.tar.bz2"


class Server:
    """Serves CONTENT at any path; `breaks` answers break off after that many bytes each."""

    def __init__(self):
        self.content = CONTENT
        self.breaks: list[int] = []
        self.knows_ranges = True
        self.says_length = True
        self.status = 200
        self.location = ""
        self.headers: dict[str, str] = {}
        self.asked: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                server.asked.append(wanted)
                if server.location:
                    self.send_response(302)
                    self.send_header("Location", server.location)
                    self.end_headers()
                    return
                if server.status != 200:
                    self.send_error(server.status)
                    return
                start = 0
                if wanted and server.knows_ranges:
                    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                    if start >= len(server.content):
                        self.send_error(416)
                        return
                    self.send_response(206)
                    last, total = len(server.content) - 1, len(server.content)
                    self.send_header("Content-Range", f"bytes {start}-{last}/{total}")
                else:
                    self.send_response(200)
                body = server.content[start:]
                for name, value in server.headers.items():
                    self.send_header(name, value)
                if server.says_length and "Content-Length" not in server.headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # whoever asked has had enough
                    self.wfile.write(body[: server.breaks.pop(0)] if server.breaks else body)

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/file"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def remote(*urls, content=CONTENT, size=True):
    return RemoteFile(
        name=NAME,
        urls=urls,
        size=len(content) if size else None,
        md5=hashlib.md5(content).hexdigest(),
    )


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("size", [True, False])
def test_a_file_arrives_with_its_progress_and_is_not_asked_for_again(
    server, tmp_path, size, says_length
):
    server.says_length = says_length
    seen = []
    wanted = remote(server.url, size=size)
    path = fetch(wanted, tmp_path / "new", lambda *progress: seen.append(progress))
    assert path == tmp_path / "new" / NAME
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == [NAME]
    whats, dones, totals = zip(*seen, strict=True)
    assert set(whats) == {f"downloading {NAME}"}
    assert list(dones) == sorted(dones)
    assert dones[-1] == totals[-1] == len(CONTENT)
    fetch(wanted, tmp_path / "new")
    assert server.asked == [None]


def test_a_sha256_is_checked_in_the_place_of_an_md5_sum(server, tmp_path):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    fetch(replace(remote(server.url), md5="0" * 32, sha256=sha256), tmp_path / "right")
    with pytest.raises(ConnectionError, match=rf"SHA-256 {sha256}, not 000.*, SHA-256 000"):
        fetch(replace(remote(server.url), sha256="0" * 64), tmp_path / "wrong")
    assert not list((tmp_path / "wrong").iterdir())
    with pytest.raises(ValueError, match="needs its sha256, or its md5"):
        RemoteFile(name=NAME, urls=(server.url,), size=None)


def test_a_download_that_breaks_off_goes_on_where_it_was(server, tmp_path):
    server.breaks = [100_000, 50_000]
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_a_later_call_goes_on_with_what_an_earlier_one_left(server, tmp_path):
    server.breaks = [100_000, 0]
    with pytest.raises(ConnectionError, match="breaks off"):
        fetch(remote(server.url), tmp_path)
    assert not (tmp_path / NAME).exists()
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=100000-"


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.knows_ranges = False
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1000])
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT


def test_a_wrong_beginning_is_thrown_away(server, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(b"x" * 1000)
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 5])
def test_a_wrong_complete_part_is_thrown_away(server, tmp_path, length):
    (tmp_path / f"{NAME}.part").write_bytes(b"x" * length)
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    assert server.asked == [None]


def test_the_complete_part_of_a_killed_call_is_only_checked(server, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    assert server.asked == []


@pytest.mark.parametrize("length", [10, len(CONTENT), len(CONTENT) + 1])
@pytest.mark.parametrize("size", [True, False])
def test_a_server_with_another_file_is_refused_by_name(server, tmp_path, length, size):
    server.content = b"x" * length
    with pytest.raises(ConnectionError, match=r"another file.*not") as failure:
        fetch(remote(server.url, size=size), tmp_path)
    message = str(failure.value)
    assert "\n" not in message
    assert server.url in message
    assert str(tmp_path / NAME) in message
    assert remote().md5 in message
    assert list(tmp_path.iterdir()) == []


def test_the_next_place_is_asked_when_one_fails(server, tmp_path):
    other = Server()
    other.status = 503
    path = fetch(remote(other.url, server.url), tmp_path)
    assert path.read_bytes() == CONTENT
    assert (len(other.asked), len(server.asked)) == (1, 1)
    other.http.shutdown()
    other.http.server_close()


def test_without_a_network_one_line_says_what_to_put_where(server, tmp_path):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(ConnectionError, match="without a network, put it") as failure:
        fetch(remote(server.url), tmp_path, timeout=2)
    assert str(tmp_path / NAME) in str(failure.value)


def test_a_wrong_file_in_its_place_is_named_and_kept(server, tmp_path):
    (tmp_path / NAME).write_bytes(b"another")
    with pytest.raises(ValueError, match=r"7 bytes, not.*delete it"):
        fetch(remote(server.url), tmp_path)
    (tmp_path / NAME).write_bytes(b"x" * len(CONTENT))
    with pytest.raises(ValueError, match=r"MD5 .*delete it"):
        fetch(remote(server.url), tmp_path)
    assert server.asked == []


@pytest.mark.parametrize("says_length", [True, False])
def test_more_than_was_promised_is_not_kept(server, tmp_path, says_length, monkeypatch):
    """A server that goes on and on fills no disk, whether the file's size is known or not."""
    monkeypatch.setattr("quantum_latents.data.download.LARGEST_UNKNOWN", 300_000)
    server.content, server.says_length = b"x" * 5_000_000, says_length
    seen = []
    for size in (True, False):
        wanted = remote(server.url, content=b"y" * 250_000, size=size)
        with pytest.raises(ConnectionError, match=r"another file|larger than"):
            fetch(wanted, tmp_path, lambda *progress: seen.append(progress[1]))
        assert list(tmp_path.iterdir()) == []
    assert max(seen, default=0) <= 300_000 + (1 << 18)


@pytest.mark.parametrize("length", ["many", "-5", "9" * 5000, ""])
def test_a_length_that_is_none_is_not_believed(server, tmp_path, length):
    server.headers = {"Content-Length": length}
    with pytest.raises(ConnectionError, match=NAME) as failure:
        fetch(remote(server.url, content=b"y" * 10), tmp_path)
    assert "\n" not in str(failure.value)
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://127.0.0.1/x", "//[", "http://127.0.0.1:1/x", "data:,x", "x" * 99],
)
def test_a_redirection_leads_nowhere_but_to_another_address(server, tmp_path, location):
    server.location = location
    with pytest.raises(ConnectionError, match=NAME):
        fetch(remote(server.url), tmp_path, timeout=2)
    assert list(tmp_path.iterdir()) == []


def test_what_is_asked_for_by_tls_is_not_taken_without(monkeypatch):
    """An answer by https that leads to http is refused before http is asked."""
    request = Request("https://127.0.0.1/file")
    guard = download.Guarded()
    for location in ("http://127.0.0.1/file", "file:///etc/passwd", "ftp://127.0.0.1/x"):
        with pytest.raises(URLError, match="leads to"):
            guard.redirect_request(request, None, 302, "Found", {}, location)
    made = guard.redirect_request(request, None, 302, "Found", {}, "https://127.0.0.1/other")
    assert made is not None and made.full_url == "https://127.0.0.1/other"


@settings(max_examples=25, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32 - 1))
def test_whatever_a_server_sends_a_file_is_whole_or_not_there(seed, tmp_path_factory):
    rng, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("random")
    server = Server()
    try:
        content = rng.bytes(int(rng.choice([0, 1, 1000, 200_000])))
        wanted = remote(server.url, content=content, size=bool(rng.random() < 0.5))
        server.content = content if rng.random() < 0.6 else rng.bytes(int(rng.integers(300_000)))
        server.says_length = bool(rng.random() < 0.7)
        server.knows_ranges = bool(rng.random() < 0.5)
        server.status = int(rng.choice([200, 200, 200, 404, 500]))
        server.breaks = [int(rng.integers(1000)) for _ in range(rng.integers(4))]
        if rng.random() < 0.5:
            (folder / f"{NAME}.part").write_bytes(rng.bytes(int(rng.integers(2000))))
        try:
            assert fetch(wanted, folder, timeout=5).read_bytes() == content
        except ConnectionError as error:
            assert "\n" not in str(error)
            assert not (folder / NAME).exists()
    finally:
        server.http.shutdown()
        server.http.server_close()


def test_qm9_is_asked_for_at_its_publisher_and_a_mirror():
    for file in (QM9_ARCHIVE, QM9_UNCHARACTERISED):
        assert len(file.urls) == 2
        assert all(url.startswith("https://") for url in file.urls)
        assert len(file.md5) == 32
