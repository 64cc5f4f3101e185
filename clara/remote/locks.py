"""Locks behind URLs, where no system call holds them: renewed while their owner lives."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator

from clara.errors import ClaraError, DataError, UsageError
from clara.remote import Url

# A lock that nobody has renewed for so long was left behind by a run that was killed, in seconds.
LEASE = 30.0


@contextlib.contextmanager
def locked(url: Url, what: str) -> Iterator[None]:
    """Holds a lock that is renewed while this process lives, and lapses when it is killed.

    A lock that is there is watched: one that is renewed meanwhile has a living owner.

    Args:
        url: The lock file; it is removed afterwards.
        what: What is locked, for the message.

    Raises:
        UsageError: Another process holds it.
        DataError: The lock cannot be written.
    """
    owner = f"{platform.node()}, process {os.getpid()}, {uuid.uuid4().hex}"
    _take(url, what, owner)
    done = threading.Event()
    renewing = threading.Thread(target=_renew, args=(url, owner, done), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()
        if _owner(url)[0] == owner:
            url.unlink(missing_ok=True)


def _take(url: Url, what: str, owner: str) -> None:
    held = _owner(url)
    deadline = time.monotonic() + LEASE
    while held[0] and time.monotonic() < deadline:
        time.sleep(LEASE / 20)
        now = _owner(url)
        if now[0] and now != held:
            host = now[0].rpartition(",")[0]
            raise UsageError(f"Another run ({host}) is at work on {what}; wait until it ends.")
        held = now
    if held[0]:
        url.unlink(missing_ok=True)
    with contextlib.suppress(DataError):
        url.write_bytes(_lock(owner, 0), new=True)
    if _owner(url)[0] != owner:
        # Either somebody was quicker, or the store cannot tell whether a file is new.
        if _owner(url)[0]:
            raise UsageError(f"Another run is at work on {what}; wait until it ends.")
        url.write_bytes(_lock(owner, 0))


def _renew(url: Url, owner: str, done: threading.Event) -> None:
    count = 0
    while not done.wait(LEASE / 3):
        count += 1
        with contextlib.suppress(ClaraError, OSError):
            if _owner(url)[0] == owner:
                url.write_bytes(_lock(owner, count))


def _lock(owner: str, renewed: int) -> bytes:
    return json.dumps({"owner": owner, "renewed": renewed}).encode()


def _owner(url: Url) -> tuple[str, int]:
    """Who holds a lock, and how often it was renewed; nobody if there is none."""
    try:
        lock = json.loads(url.read_bytes())
        return str(lock["owner"]), int(lock["renewed"])
    except FileNotFoundError:
        return "", 0
    except (ValueError, KeyError, TypeError):
        return "unknown,", 0
