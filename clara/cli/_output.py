"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

_PIPE = 10_000


def show_json(value: Any) -> None:
    """Prints a value as JSON on stdout; dataclasses, paths and arrays become plain values."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def show_table(
    rows: Sequence[Mapping[str, object]], title: str = "", right: Container[str] = ()
) -> None:
    """Prints rows as a table on stdout; the keys of the first row are the columns.

    Args:
        rows: Column to value. Numbers are set flush right, fractions with three digits.
        title: A line above the table.
        right: Columns of texts that are set flush right too.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE)
    for name in rows[0] if rows else ():
        numeric = all(isinstance(row.get(name), int | float | None) for row in rows)
        side: Literal["left", "right"] = "right" if numeric or name in right else "left"
        table.add_column(name, justify=side, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(name))) for name in rows[0]))
    # As text of its own: a title of the table would be wrapped to it, and "[b]" be taken for bold.
    parts = [Text(title, style="bold"), table] if title else [table]
    if sys.stdout.isatty():
        Console().print(*parts, sep="\n")
        return
    # A pipe has no width of its own: let nothing be cut there, nor lines be filled with blanks.
    console = Console(width=_PIPE)
    with console.capture() as printed:
        console.print(*parts, sep="\n")
    print("\n".join(line.rstrip() for line in printed.get().strip("\n").splitlines()))


def show_fields(fields: Mapping[str, str], title: str) -> None:
    """Prints named texts on stdout: as a table on a terminal, as lines to cut and search in a pipe.

    Args:
        fields: Name to text.
        title: What they are of.
    """
    if sys.stdout.isatty():
        show_table([{"field": name, title: text} for name, text in fields.items()])
        return
    for name, text in fields.items():
        print(f"{name}: {text}")


def note(text: str) -> None:
    """Prints a line for the person at the keyboard on stderr, where it spoils no output."""
    print(text, file=sys.stderr)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
