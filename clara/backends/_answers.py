"""Answers kept on disk by what they depend on, for many threads and processes at once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clara.errors import DataError

_MAKE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)"


class Answers:
    """A table of answers in one file of SQLite; in memory, for this process, without a path.

    What was put is there after a crash. Processes wait for each other up to a minute.

    Raises:
        DataError: The file cannot be opened for writing, or is no such table.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._explained():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=60, isolation_level=None, check_same_thread=False
            )
            self._connection.execute(_MAKE)
            self.get("")

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()

    def get(self, key: str) -> str | None:
        """The answer under a key, or None.

        Raises:
            DataError: The file is broken.
        """
        with self._explained(), self._lock:
            row = self._connection.execute("SELECT answer FROM answers WHERE key = ?", (key,))
            found = row.fetchone()
        return None if found is None else str(found[0])

    def put(self, key: str, answer: str) -> None:
        """Keeps an answer; the last one under a key counts.

        Raises:
            DataError: The file cannot be written, or is broken.
        """
        with self._explained(), self._lock:
            self._connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, answer))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"Expected a cache of answers that can be written at {self._path} but found: "
                f"{error}; remove that file, or name another."
            ) from error
