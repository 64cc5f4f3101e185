"""What many threads and processes share on disk: answers that are kept, and a budget."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clara.errors import DataError


class _Table:
    """A file of SQLite; in memory, for this process, without a path.

    What was written is there after a crash. Processes wait for each other up to a minute.

    Args:
        path: The file.
        what: What it is, for messages.
        statement: Makes what is in it, where that is not there.
    """

    def __init__(self, path: Path | None, what: str, statement: str) -> None:
        self._path, self._what = path, what
        self._lock = threading.Lock()
        with self._explained():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=60, isolation_level=None, check_same_thread=False
            )
        self._change(statement)

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        with self._explained(), self._lock:
            return self._connection.execute(statement, values).fetchall()

    def _change(self, statement: str, *values: Any) -> int:
        """How many rows were changed."""
        with self._explained(), self._lock:
            return self._connection.execute(statement, values).rowcount

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"Expected a {self._what} that can be written at {self._path} but found: "
                f"{error}; remove that file, or name another."
            ) from error


class Answers(_Table):
    """Answers by what they depend on.

    Raises:
        DataError: The file cannot be opened for writing, or is no such table.
    """

    def __init__(self, path: Path | None) -> None:
        super().__init__(
            path,
            "cache of answers",
            "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)",
        )
        self.get("")

    def get(self, key: str) -> str | None:
        """The answer under a key, or None.

        Raises:
            DataError: The file is broken.
        """
        found = self._rows("SELECT answer FROM answers WHERE key = ?", key)
        return str(found[0][0]) if found else None

    def put(self, key: str, answer: str) -> None:
        """Keeps an answer; the last one under a key counts.

        Raises:
            DataError: The file cannot be written, or is broken.
        """
        self._change("INSERT OR REPLACE INTO answers VALUES (?, ?)", key, answer)


class Budget(_Table):
    """What may be spent, by all that open the same file together.

    Args:
        path: The file.
        requests: How many in all; None for no end.
        tokens: How many in all; None for no end.

    Raises:
        DataError: The file cannot be opened for writing, or is no such table.
    """

    def __init__(self, path: Path | None, requests: int | None, tokens: int | None) -> None:
        # Without a budget there is nothing to count.
        super().__init__(
            path if (requests, tokens) != (None, None) else None,
            "count of what is spent",
            "CREATE TABLE IF NOT EXISTS spent (what TEXT PRIMARY KEY, number INTEGER NOT NULL)",
        )
        self._requests, self._tokens = requests, tokens
        self._change("INSERT OR IGNORE INTO spent VALUES ('requests', 0), ('tokens', 0)")

    def take(self) -> str:
        """Takes a request out of the budget; or says of what there is none left.

        Raises:
            DataError: The file cannot be written, or is broken.
        """
        if self._tokens is not None and self._number("tokens") >= self._tokens:
            return "tokens"
        # In one statement: others may take one at this moment.
        taken = self._change(
            "UPDATE spent SET number = number + 1"
            " WHERE what = 'requests' AND (? IS NULL OR number < ?)",
            self._requests,
            self._requests,
        )
        return "" if taken else "requests"

    def charge(self, tokens: int) -> None:
        """Takes tokens out of the budget.

        Raises:
            DataError: The file cannot be written, or is broken.
        """
        self._change("UPDATE spent SET number = number + ? WHERE what = 'tokens'", tokens)

    def _number(self, what: str) -> int:
        return int(self._rows("SELECT number FROM spent WHERE what = ?", what)[0][0])
