"""The ranks of a run as one: they wait for each other, and end together with one voice.

Beside the process group, each rank holds a plain connection to the first. The kernel closes it when
a process dies, however it dies, so that the others know at once, whatever they wait for. What goes
wrong in one rank is told to the first, which says it, once, for all.
"""

from __future__ import annotations

import atexit
import contextlib
import enum
import hmac
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import torch
from lightning_fabric import Fabric

from clara.errors import ClaraError, DataError, UsageError

TIMEOUT = timedelta(minutes=10)
"""How long an operation over all ranks waits for one that lives but does not come."""

# Seconds for a rank to say who it is; for what others tell to explain an error that may be but its
# echo; and for a rank to come to an end by itself when another is lost, while it has to say why.
_HELLO, _NEWS, _GRACE = 60.0, 2.0, 6.0


def gathered(fabric: Fabric, names: list[str]) -> list[str]:
    """The names of all ranks, each of which must ask."""
    if fabric.world_size == 1:
        return names
    parts: list[list[str]] = [[] for _ in range(fabric.world_size)]
    torch.distributed.all_gather_object(parts, names)
    return [name for part in parts for name in part]


class _Why(enum.IntEnum):
    """Why a rank has ended; of several, the lowest is what all ended of."""

    KNOWN = 0
    DIED = 1
    STOPPED = 2
    HELD_UP = 3
    ECHO = 4  # or an error that nobody expected, as those of torch that tell of lost companions


@dataclass(frozen=True)
class _End:
    """How a rank has ended: what there is to say, and the exit code."""

    rank: int
    why: _Why
    message: str
    code: int = 1

    @classmethod
    def by(cls, error: BaseException, rank: int) -> _End:
        if isinstance(error, ClaraError):
            return cls(rank, _Why.KNOWN, str(error), 2 if isinstance(error, UsageError) else 1)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            code = error.code if isinstance(error, SystemExit) else 130
            code = code if isinstance(code, int) else 1
            return cls(rank, _Why.STOPPED, f"Rank {rank} was stopped from outside.", code)
        if isinstance(error, RuntimeError) and "timed out" in str(error).lower():
            return cls(
                rank,
                _Why.HELD_UP,
                f"Expected all ranks to go on together, but rank {rank} has waited for another "
                f"for {TIMEOUT.total_seconds() / 60:g} minutes. Look at what holds it up; the "
                f"checkpoints are whole: run the same command again to go on.",
            )
        return cls(rank, _Why.ECHO, f"Rank {rank}: {type(error).__name__}: {error}")

    def error(self) -> ClaraError:
        return (UsageError if self.code == 2 else DataError)(self.message)


class _LostError(Exception):
    """Another rank has ended while this one was not at an operation over all of them."""


class Ranks(contextlib.AbstractContextManager["Ranks"]):
    """The ranks of a run as one: they end together, and the first tells why.

    An error inside of the `with` of one rank ends all: the first raises it as its own, the others
    leave silently with the same exit code. Where the first is lost, the second speaks. A rank that
    is held up inside of a library is ended a few seconds later.

    Args:
        fabric: Of this rank; all ranks enter at once.

    Attributes:
        first: Whether this is the first rank, which alone writes.

    Raises:
        DataError: Another rank was lost, or had an error.
        UsageError: Another rank found a mistake of the user.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._rank, self._world = fabric.global_rank, fabric.world_size
        self.first = self._rank == 0
        self._lines: dict[int, _Line] = {}
        self._names: dict[int, str] = {}
        self._ends: list[_End] = []
        self._passed = threading.Semaphore(0)
        self._left = 0.0
        self._handles = False
        if self._world == 1:
            return
        self._meet(fabric)
        for rank, line in self._lines.items():
            threading.Thread(target=self._listen, args=(rank, line), daemon=True).start()
        # Fabric would kill this process before it could say which of them was lost.
        children = getattr(fabric.strategy.launcher, "procs", [])
        _children.extend(children)
        children.clear()
        self._handles = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        )
        if self._handles:
            signal.signal(signal.SIGTERM, self._terminated)

    def after_first(self) -> None:
        """Waits until the first rank has come here too, however long that takes."""
        if self.first:
            self._tell(passed=True)
            return
        while not self._passed.acquire(timeout=0.2):
            if self._ends:
                raise _LostError

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._world == 1:
            return
        self._left = time.monotonic()
        if error is None:
            self._tell(done=True)
            if self._handles:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
            return
        own = _End.by(error, self._rank)
        if own.why >= _Why.HELD_UP:
            self._wait_for_news()
        # What others told goes first: an echo of our own says less than theirs.
        verdict = min([*self._ends, own], key=lambda end: end.why)
        if self.first:
            atexit.register(_end_children)
            self._tell(end=asdict(verdict))
            if verdict is not own or own.why is _Why.HELD_UP:
                raise verdict.error() from error
            return
        self._tell(end=asdict(own))
        if self._speaks(verdict):
            raise verdict.error() from error
        raise SystemExit(verdict.code) from error

    def _speaks(self, verdict: _End) -> bool:
        """Whether it is on this rank to say why all have ended."""
        lost = verdict.why is _Why.DIED and verdict.rank == 0
        return self._rank == (1 if lost else 0)

    def _wait_for_news(self) -> None:
        until = time.monotonic() + _NEWS
        while not self._ends and time.monotonic() < until:
            time.sleep(0.02)
        if self._ends:
            time.sleep(0.2)  # for one that knows more

    def _meet(self, fabric: Fabric) -> None:
        """Connects each rank with the first."""
        here = f"process {os.getpid()} on {socket.gethostname()}"
        if self._rank > 0:
            told: Any = fabric.broadcast(None)
            host, port, token, self._names[0] = told
            line = _Line(socket.create_connection((host, port), timeout=_HELLO))
            line.send(token=token, rank=self._rank, name=here)
            self._lines[0] = line.opened()
            return
        alone = getattr(fabric.strategy, "num_nodes", 1) == 1
        host = "127.0.0.1" if alone else os.environ["MASTER_ADDR"]
        token, family = secrets.token_hex(16), socket.getaddrinfo(host, None)[0][0]
        with socket.create_server((host if alone else "", 0), family=family) as server:
            fabric.broadcast((host, server.getsockname()[1], token, here))
            server.settimeout(_HELLO)
            while len(self._lines) < self._world - 1:
                try:
                    line = _Line(server.accept()[0])
                except TimeoutError:
                    missing = sorted(set(range(1, self._world)) - self._lines.keys())
                    raise DataError(
                        f"Expected all {self._world} ranks, but did not hear of {missing}; see "
                        f"that their machines can reach {host} at any port."
                    ) from None
                hello = line.receive() or {}
                if hmac.compare_digest(str(hello.get("token")), token):
                    self._lines[hello["rank"]] = line.opened()
                    self._names[hello["rank"]] = hello["name"]

    def _tell(self, **words: Any) -> None:
        for line in self._lines.values():
            line.send(**words)

    def _listen(self, rank: int, line: _Line) -> None:
        """Hears of one other rank until it ends, well or not."""
        while told := line.receive():
            if "done" in told:
                return
            if "end" in told:
                self._learn(_End(**told["end"] | {"why": _Why(told["end"]["why"])}))
                return
            self._passed.release()
        self._learn(
            _End(
                rank,
                _Why.DIED,
                f"Expected rank {rank} of {self._world} to go on, but it has died "
                f"({self._names[rank]}): killed, out of memory, or its machine is gone. The "
                f"checkpoints are whole: run the same command again to go on.",
            )
        )

    def _learn(self, end: _End) -> None:
        """Ends this process too: by itself if it can, else after a few seconds by force."""
        self._ends.append(end)
        if self._left or len(self._ends) > 1:
            return
        if self.first:
            self._tell(end=asdict(end))
        speaks = self._speaks(end)
        for seconds in (1.0, _GRACE if speaks else 1.0):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(0.05)
                if self._left:
                    return
            main = threading.main_thread().ident
            if self._handles and main:
                signal.pthread_kill(main, signal.SIGTERM)  # as it may be busy with something else
        verdict = min(self._ends, key=lambda end: end.why)
        if self._speaks(verdict):
            print(f"error: {verdict.message}", file=sys.stderr, flush=True)
        _end_children(0)
        os._exit(verdict.code)

    def _terminated(self, number: int, frame: object) -> None:
        """What SIGTERM does: torchrun sends it to all when one has ended, and we may know why."""
        if self._left:
            if time.monotonic() - self._left > _GRACE:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.raise_signal(signal.SIGTERM)
            return  # it is being said
        until = time.monotonic() + 1
        while not self._ends and time.monotonic() < until:
            time.sleep(0.02)
        if self._ends:
            raise _LostError
        raise SystemExit(128 + number)


class _Line:
    """Objects of JSON to and from another rank, one a line."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(_HELLO)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # A machine that is gone closes nothing: ask for a sign of life, and give it half a minute.
        signs = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
        for name, value in (signs | {"TCP_USER_TIMEOUT": 30_000}).items():
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._connection, self._file = connection, connection.makefile("rb")
        self._lock = threading.Lock()

    def opened(self) -> _Line:
        """From now on it waits as long as it takes."""
        self._connection.settimeout(None)
        return self

    def send(self, **words: Any) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._connection.sendall(json.dumps(words).encode() + b"\n")

    def receive(self) -> Mapping[str, Any] | None:
        """The next object; None where the other side is gone or sends something else."""
        try:
            told = json.loads(self._file.readline(1 << 20))
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) else None


# Those that Fabric started beside this process, on this machine.
_children: list[subprocess.Popen[bytes]] = []


def _end_children(patience: float = 4.0) -> None:
    """Waits until all processes that were started here have ended; kills those that do not."""
    until = time.monotonic() + patience
    for child in _children:
        try:
            child.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
