"""A hub of our own: the few addresses that huggingface_hub's client asks, on this machine."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """Repositories of data and models in memory; tests may make them lie.

    Attributes:
        repositories: name -> file name -> content.
        announced: what the listing says of a file's size where it is not its size.
        private: name -> whether it was created private.
        kinds: name -> "model", or "dataset", which it is if nobody said.
        asked: every (method, path, token).
    """

    commit = "1234567890" * 4

    def __init__(self):
        self.repositories, self.announced, self.private, self.asked = {}, {}, {}, []
        self.kinds = {}
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, content=b"", **headers):
                if not isinstance(content, bytes):
                    content = json.dumps(content).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def serve(self):
                path = self.path.partition("?")[0]
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                hub.asked.append((self.command, path, self.headers.get("Authorization")))
                hub.respond(self, path, body)

            do_GET = do_POST = do_HEAD = serve

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page_of(self, name):
        folder = "/datasets" if self.kinds.get(name, "dataset") == "dataset" else ""
        return f"{self.endpoint}{folder}/{name}"

    def respond(self, to, path, body):
        if path == "/api/validate-yaml":
            return to.answer(200, {"errors": [], "warnings": []})
        if path == "/api/repos/create":
            wanted = json.loads(body)
            name = f"{wanted['organization']}/{wanted['name']}"
            kind = wanted.get("type") or "model"
            self.kinds[name] = kind
            self.repositories[name] = {".gitattributes": b"*.npy filter=lfs\n"}
            self.private[name] = wanted.get("private") or wanted.get("visibility") == "private"
            return to.answer(200, {"url": self.page_of(name)})
        place = path.removeprefix("/api").removeprefix("/models").removeprefix("/datasets")
        name = "/".join(place.removeprefix("/").split("/")[:2])
        asked_as = "dataset" if "/datasets/" in path else "model"
        if name not in self.repositories or self.kinds.get(name, "dataset") != asked_as:
            return to.answer(404, {"error": "not found"}, X_Error_Code="RepoNotFound")
        files = self.repositories[name]
        if path.startswith("/api") and "/preupload/" in path:
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = {"uploadMode": "regular", "shouldIgnore": False}
            return to.answer(200, {"files": [{"path": path, **modes} for path in names]})
        if path.startswith("/api") and "/commit/" in path:
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    value = entry["value"]
                    files[value["path"]] = base64.b64decode(value["content"])
            url = f"{self.page_of(name)}/commit/{self.commit}"
            return to.answer(200, {"commitUrl": url, "commitOid": self.commit})
        if path.startswith("/api"):
            if "/revision/" in path and path.rpartition("/")[2] not in ("main", self.commit):
                return to.answer(404, {"error": "no"}, X_Error_Code="RevisionNotFound")
            siblings = [
                {"rfilename": file, "size": self.announced.get(file, len(content))}
                for file, content in files.items()
            ]
            return to.answer(200, {"id": name, "sha": self.commit, "siblings": siblings})
        file = path.rpartition("/")[2]
        content = files[file]
        etag = hashlib.sha256(content).hexdigest()
        return to.answer(200, content, ETag=f'"{etag}"', X_Repo_Commit=self.commit)
