"""A web server that misbehaves on purpose: what it does with a file is in the first part of its address."""
from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Files by name; requests are counted by address.

    Ways: ``good``; ``norange`` (ignores Range); ``drop`` (breaks off after half of what is left, until little is left);
    ``drop-norange``; ``cut`` (always breaks off at 100 bytes, ignores Range); ``missing`` (404); ``busy`` (503 twice, then good);
    ``wrong`` (other bytes); ``astray`` (continues at the wrong place); ``silent`` (says no length); ``moved`` (redirects);
    ``slow`` (never answers). ``drop-changed`` breaks off as ``drop`` does, and has another file at the next request. Names of
    versions (ETag) are sent with ``tagged``.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: Counter = Counter()
        self.ranges: list[str | None] = []
        self.url = ""
        self.tagged = True
        self.leave = threading.Event()


@contextmanager
def serving() -> Iterator[Server]:
    """A running server."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, server)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.leave.set()
        http.shutdown()
        http.server_close()
        thread.join()


def answer(request: BaseHTTPRequestHandler, server: Server) -> None:
    """One answer, in the way that the address asks for."""
    way, _, name = request.path.lstrip("/").partition("/")
    asked = request.headers.get("Range")
    server.requests[request.path] += 1
    server.ranges.append(asked)
    if way == "slow":
        server.leave.wait(20)
    elif way == "missing" or name not in server.files:
        request.send_error(404)
    elif way == "busy" and server.requests[request.path] <= 2:
        request.send_error(503)
    elif way == "moved":
        request.send_response(302)
        request.send_header("Location", f"/good/{name}")
        request.end_headers()
    else:
        content = server.files[name]
        if way == "drop-changed" and server.requests[request.path] > 1:
            content = content[::-1]
        body = bytes(255 - byte for byte in content) if way == "wrong" else content
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and way in ("good", "drop", "drop-changed", "busy", "astray") else 0
        tag = f'"{hashlib.md5(body).hexdigest()}"' if server.tagged else None
        if tag is not None and request.headers.get("If-Range") not in (None, tag):
            start = 0
        send(request, way, body, start, tag)


def send(request: BaseHTTPRequestHandler, way: str, body: bytes, start: int, tag: str | None) -> None:
    """The bytes from `start`, or some of them."""
    if start >= len(body) > 0:
        request.send_error(416)
        return
    request.send_response(206 if start else 200)
    if start:
        shown = start + 7 if way == "astray" else start
        request.send_header("Content-Range", f"bytes {shown}-{len(body) - 1}/{len(body)}")
    if tag is not None:
        request.send_header("ETag", tag)
    if way != "silent":
        request.send_header("Content-Length", str(len(body) - start))
    request.end_headers()
    end = len(body)
    if way == "cut":
        end = 100
    elif way.startswith("drop") and len(body) - start > 200:
        end = start + (len(body) - start) // 2
    request.wfile.write(body[start:end])
