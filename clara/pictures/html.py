"""The frame of a page, its sections and tables. Whoever fills them escapes what others wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from clara import pictures
from clara.errors import UsageError
from clara.files import replacing, unwritable


def document(title: str, body: Sequence[str]) -> str:
    """A whole page, light or dark as its reader's screen is.

    Args:
        title: Plain text.
        body: HTML, one part behind the other; empty parts are left out.
    """
    style = files(pictures).joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, body))
        + "\n</body>\n</html>\n"
    )


def section(title: str, content: str, note: str = "") -> str:
    """A heading, plain text in small print if there is any, and HTML; `contents` leads to it."""
    told = f'<p class="small muted">{escape(note)}</p>' if note else ""
    place = f' id="{_anchor(title)}"'
    return f"<section{place}><h2>{escape(title)}</h2>{told}{content}</section>"


def contents(titles: Sequence[str]) -> str:
    """Links to sections by their titles."""
    links = "".join(f'<li><a href="#{_anchor(each)}">{escape(each)}</a></li>' for each in titles)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def _anchor(title: str) -> str:
    return "-".join(re.findall(r"\w+", title.casefold()))


def card(title: str, picture: str, note: str = "") -> str:
    """A picture with its title; both title and note are HTML."""
    told = f"<figcaption>{note}</figcaption>" if note else ""
    return f'<figure class="card"><h3>{title}</h3>{picture}{told}</figure>'


def grid(cards: Sequence[str]) -> str:
    """Cards side by side, as many as there is room for."""
    return f'<div class="grid">{"".join(cards)}</div>'


def table_row(tag: str, cells: Sequence[str], numeric: Sequence[bool]) -> str:
    """A row of a table.

    Args:
        tag: "td" or "th".
        cells: HTML.
        numeric: Which cells are set flush right.
    """
    scope = ' scope="col"' if tag == "th" else ""
    made = (_cell(tag, scope, *each) for each in zip(cells, numeric, strict=True))
    return f"<tr>{''.join(made)}</tr>"


def _cell(tag: str, scope: str, content: str, number: bool) -> str:
    right = ' class="number"' if number else ""
    return f"<{tag}{scope}{right}>{content}</{tag}>"


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Sequence[bool],
    label: str,
    kind: str = "",
) -> str:
    """A table whose first column names the rows; it moves by itself where it is too wide.

    Args:
        head: HTML, one for each column.
        rows: HTML; a row of one cell is a heading over all columns.
        numeric: Which columns are set flush right.
        label: Plain text, what it is a table of, for those who do not see it.
        kind: A further class of its frame.
    """
    lines = []
    for row in rows:
        if len(row) < len(head):
            over = f'<th scope="rowgroup" class="over" colspan="{len(head)}">{row[0]}</th>'
            lines.append(f"<tr>{over}</tr>")
            continue
        first = _cell("th", ' scope="row"', row[0], numeric[0])
        others = (_cell("td", "", *each) for each in zip(row[1:], numeric[1:], strict=True))
        lines.append(f"<tr>{first}{''.join(others)}</tr>")
    return (
        f'<div class="scroll {kind}" role="region" tabindex="0" aria-label="{escape(label)}">'
        f"<table><thead>{table_row('th', head, numeric)}</thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def foreign(words: str) -> str:
    """Words that others chose, in whatever direction they are written, as HTML."""
    return f"<bdi>{escape(words)}</bdi>"


def save(folder: Path, html: str, data_name: str, data: object) -> Path:
    """Writes a page as `index.html`, and what it shows beside it, as JSON.

    Args:
        folder: Is made if it is not there.
        html: The whole page.
        data_name: Of the JSON file ("scores.json").
        data: JSON values.

    Returns:
        The page.

    Raises:
        UsageError: The folder is a file.
        DataError: It cannot be written to.
    """
    make_folder(folder)
    text = json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False)
    for name, content in ((data_name, f"{text}\n"), ("index.html", html)):
        with replacing(folder / name) as file:
            # A label may hold half a letter, which no file in UTF-8 can.
            file.write(content.encode(errors="replace"))
    return folder / "index.html"


def make_folder(folder: Path) -> None:
    """Makes the folder of a page, or finds it there.

    Raises:
        UsageError: It is a file.
        DataError: It cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"Expected {folder} to be a folder for the report, but it is a file.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
