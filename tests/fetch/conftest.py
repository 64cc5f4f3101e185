"""An owner of files: a real HTTP server on this machine, which misbehaves where it is told to."""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from clara.fetch import http

Fault = Callable[["Handler", "Served"], None]


@dataclass
class Served:
    """A file, and how it is served.

    Attributes:
        data: Its bytes.
        etag: What is said of its version; nothing if empty.
        modified: When it was changed; nothing if empty.
        ranges: Whether parts of it can be asked for.
        faults: What happens instead of the answer, request by request.
        kind: Its content type.
        claimed: The length that is announced, where it is not the true one.
        measured: Whether a length is announced at all; else it comes in chunks.
        pause: Seconds between blocks of 4 KiB.
    """

    data: bytes
    etag: str = '"v1"'
    modified: str = ""
    ranges: bool = True
    faults: list[Fault] = field(default_factory=list)
    kind: str = "application/octet-stream"
    claimed: int | None = None
    measured: bool = True
    pause: float = 0.0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Owner

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers))
        served = self.server.files.get(self.path)
        if served is None:
            self.send_error(404)
        elif served.faults:
            served.faults.pop(0)(self, served)
        else:
            self.answer(served)

    def answer(self, served: Served, stop: int | None = None) -> None:
        """Sends a file, or what was asked for of it; breaks off after `stop` bytes."""
        start = self._start(served)
        length = len(served.data)
        if start >= length > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{length}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{length - 1}/{length}")
        self.send_header("Content-Type", served.kind)
        if served.etag:
            self.send_header("ETag", served.etag)
        if served.modified:
            self.send_header("Last-Modified", served.modified)
        if served.measured:
            claimed = length if served.claimed is None else served.claimed
            self.send_header("Content-Length", str(claimed - start))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._send(served, served.data[start : None if stop is None else start + stop])
        if stop is not None or served.claimed is not None:
            self.close_connection = True
        elif not served.measured:
            self.wfile.write(b"0\r\n\r\n")

    def _start(self, served: Served) -> int:
        wanted = self.headers.get("Range", "")
        condition = self.headers.get("If-Range", "")
        if not served.ranges or not wanted:
            return 0
        if condition and condition not in (served.etag, served.modified):
            return 0
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def _send(self, served: Served, data: bytes) -> None:
        step = 4096 if served.pause else 1 << 16
        for place in range(0, len(data), step):
            block = data[place : place + step]
            if not served.measured:
                block = f"{len(block):x}\r\n".encode() + block + b"\r\n"
            self.wfile.write(block)
            time.sleep(served.pause)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Owner(ThreadingHTTPServer):
    """The server; `files` is what it has and `asked` what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http://127.0.0.1"
        self.files: dict[str, Served] = {}
        self.asked: list[tuple[str, Message]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away, as it may

    def offer(self, name: str, data: bytes, **how: object) -> str:
        """Serves a file; its address."""
        self.files[f"/{name}"] = Served(data, **how)  # type: ignore[arg-type]
        return f"{self.scheme}:{self.server_port}/{name}"

    @staticmethod
    def cut(after: int) -> Fault:
        """Breaks the connection off after so many bytes."""
        return lambda handler, served: handler.answer(served, stop=after)

    @staticmethod
    def status(code: int, **headers: str) -> Fault:
        """Answers with a status alone."""

        def answer(handler: Handler, served: Served) -> None:
            handler.send_response(code)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return answer

    @staticmethod
    def silence(seconds: float) -> Fault:
        """Says nothing for a while, then closes."""

        def answer(handler: Handler, served: Served) -> None:
            time.sleep(seconds)
            handler.close_connection = True

        return answer

    @property
    def ranges(self) -> list[str | None]:
        """Of each request, which bytes it wanted."""
        return [headers.get("Range") for _, headers in self.asked]


@contextlib.contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Owner]:
    """An owner, reached without a proxy, and tried again without long waits."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(http, "PAUSE", 0.01)
    server = Owner()
    with running(server):
        yield server


class _ProxyHandler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self.server.seen.append(f"GET {self.path}")
        url = urlsplit(self.path)
        with socket.create_connection((url.hostname, url.port or 80)) as far:
            lines = [f"GET {url.path} HTTP/1.1", f"Host: {url.netloc}", "Connection: close"]
            lines += [f"{k}: {v}" for k, v in self.headers.items() if k in ("Range", "If-range")]
            far.sendall("\r\n".join([*lines, "", ""]).encode())
            while chunk := far.recv(1 << 16):
                self.wfile.write(chunk)
        self.close_connection = True

    def do_CONNECT(self) -> None:
        self.server.seen.append(f"CONNECT {self.path}")
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as far:
            self.send_response(200)
            self.end_headers()
            pairs = {far: self.connection, self.connection: far}
            while pairs:
                for ready in select.select(list(pairs), [], [], 5)[0]:
                    chunk = ready.recv(1 << 16)
                    if not chunk:
                        return
                    pairs[ready].sendall(chunk)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Proxy(ThreadingHTTPServer):
    """A proxy that keeps what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.seen: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def proxy(owner: Owner) -> Iterator[Proxy]:
    server = Proxy()
    with running(server):
        yield server


@pytest.fixture
def secure_owner(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Owner, Path]]:
    """An owner at https://localhost, and its certificate, which nobody knows yet."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Owner()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.scheme = "https://localhost"
    with running(server):
        yield server, certificate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.bin"
