"""What the tests of backends share: a chat server in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class ChatServer:
    """A server of OpenAI's chat protocol that does as it is told (`chat_server.py`)."""

    def __init__(self) -> None:
        program = [sys.executable, str(Path(__file__).with_name("chat_server.py"))]
        self.process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self._address = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.url = f"{self._address}/v1"

    def plan(self, *steps: dict[str, Any], table: dict[str, str] | None = None) -> None:
        """Sets what becomes of the next requests; the last step stays. Clears the log."""
        body = json.dumps({"plan": steps, "table": table or {}}).encode()
        urllib.request.urlopen(f"{self._address}/plan", body, timeout=10).close()

    @property
    def log(self) -> list[dict[str, Any]]:
        """The requests since the last plan."""
        with urllib.request.urlopen(f"{self._address}/log", timeout=10) as response:
            found: list[dict[str, Any]] = json.load(response)
        return found

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="session")
def _chat() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.stop()


@pytest.fixture
def chat(_chat: ChatServer) -> ChatServer:
    """The server, told to answer everything."""
    _chat.plan()
    return _chat


@pytest.fixture
def dead_chat() -> str:
    """The address of a server that was there a moment ago."""
    server = ChatServer()
    server.stop()
    return server.url
