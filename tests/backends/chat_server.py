"""A server that speaks OpenAI's chat protocol, in a process of its own, and fails as it is told.

Run as a program it prints its port and serves until it is killed. What it is asked goes through a
model that can shout: each text of a JSON array in capitals, or what its `table` has for it. POST to
/plan sets {"table": {...}, "plan": [...]}: each request takes the next step of the plan, the last
one for good. GET /log tells what was asked.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Chat(BaseHTTPRequestHandler):
    """One request: the plan decides what becomes of it."""

    protocol_version = "HTTP/1.1"
    plan: tuple[dict[str, Any], ...] = ()
    table: dict[str, str] = {}  # noqa: RUF012
    log: list[dict[str, Any]] = []  # noqa: RUF012
    lock = threading.Lock()
    now = 0

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._send(200, json.dumps(self.log).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/plan":
            Chat.plan, Chat.table = tuple(json.loads(body)["plan"]), json.loads(body)["table"]
            Chat.log.clear()
            self._send(200, b"{}")
            return
        asked = json.loads(body)
        with self.lock:
            Chat.now += 1
            step = dict(self.plan[min(len(self.log), len(self.plan) - 1)]) if self.plan else {}
            told = {"time": time.time(), "path": self.path, "headers": dict(self.headers)}
            self.log.append({**told, "body": asked, "at_once": Chat.now})
        time.sleep(step.get("slow", 0))
        # Before the answer: who has it may well ask on before this thread does anything more.
        with self.lock:
            Chat.now -= 1
        self._step(step, json.loads(asked["messages"][-1]["content"]))

    def _step(self, step: dict[str, Any], texts: list[str]) -> None:
        if step.get("drop"):
            self.close_connection = True
            return
        if "raw" in step:
            self._raw(step["raw"], step.get("again", ""), step.get("pause", 0))
            return
        content = step.get("content")
        if content is None:
            content = json.dumps([self.table.get(text, text.upper()) for text in texts])
        message = {"role": "assistant", "content": content}
        answer = {"choices": [{"index": 0, "message": message}], "usage": {"total_tokens": 10}}
        body = step.get("body", json.dumps(answer)).encode()
        self._send(step.get("status", 200), body, step.get("headers", {}), step.get("drip", 0))

    def _raw(self, first: str, again: str, pause: float) -> None:
        """No answer of HTTP but these bytes, and others again and again while someone listens."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.write(first.encode("latin-1"))
            while again:
                self.wfile.write(again.encode("latin-1"))
                time.sleep(pause)

    def _send(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, drip: float = 0
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for start in range(0, len(body), 8 if drip else len(body)):
            self.wfile.write(body[start : start + (8 if drip else len(body))])
            time.sleep(drip)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    print(server.server_port, flush=True)
    server.serve_forever()
