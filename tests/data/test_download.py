"""Downloads from a server of our own that resumes, breaks off, lies or knows no ranges."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

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
        self.asked: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                server.asked.append(wanted)
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
                if server.says_length:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
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


def test_qm9_is_asked_for_at_its_publisher_and_a_mirror():
    for file in (QM9_ARCHIVE, QM9_UNCHARACTERISED):
        assert len(file.urls) == 2
        assert all(url.startswith("https://") for url in file.urls)
        assert len(file.md5) == 32
