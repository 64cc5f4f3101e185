"""Writes the pages of docs/ that are made from the code, so that nothing is said twice.

docs/commands.md comes from the functions in clara/cli, docs/corpora.md from the records in
clara/corpora. A test fails when a page is not what this script would write.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from clara import corpora, rooms
from clara.cli import corpora as cli

ROOT = Path(__file__).parents[1]
_METAVAR = re.compile(r"metavar='(.*?)'")
_UNSAID = ("", "False", "''", "None", "()")
MADE = "<!-- Made by `make docs`; change the code instead. -->"


def main() -> None:
    """Writes every page."""
    for name, text in pages().items():
        (ROOT / "docs" / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")


def pages() -> dict[str, str]:
    """The pages by file name."""
    return {
        "commands.md": "\n".join(_commands()),
        "corpora.md": "\n".join(_corpora()),
    }


def _commands() -> Iterator[str]:
    yield from ("# Commands", "", MADE, "")
    yield "`clara <command> --help` says the same in a terminal. Exit codes: 0 for success, 2 for"
    yield "a mistake of the user, 1 for a failure, 130 when interrupted. Errors are one line on"
    yield "stderr; `--debug` shows their traceback."
    for name in rooms.names("cli"):
        tree = ast.parse((ROOT / "clara" / "cli" / f"{name}.py").read_text(encoding="utf-8"))
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        (function,) = (node for node in functions if node.name == name)
        doc, _, arguments = inspect.cleandoc(ast.get_docstring(function) or "").partition("Args:\n")
        yield from ("", f"## clara {name}", "", doc.partition("Raises:\n")[0].strip(), "")
        if "arguments" not in [argument for argument, _, _ in _arguments(function)]:
            yield from (f"    clara {name} {_usage(function)}", "")
        described = _described(arguments)
        for argument, annotation, default in _arguments(function):
            if argument == "arguments":
                continue
            option = "--" + argument.replace("_", "-")
            if "Positional" in annotation:
                option = _shown(argument, annotation)
            usual = "" if default in _UNSAID else f" Unless given: {default}."
            yield f"- `{option}`: {described.get(argument, '')}{usual}"
    yield ""


def _arguments(function: ast.FunctionDef) -> Iterator[tuple[str, str, str]]:
    """Name, annotation and default of each argument."""
    positional = function.args.args
    absent = [None] * (len(positional) - len(function.args.defaults))
    pairs = zip(
        [*positional, *function.args.kwonlyargs],
        [*absent, *function.args.defaults, *function.args.kw_defaults],
        strict=True,
    )
    for argument, default in pairs:
        annotation = ast.unparse(argument.annotation) if argument.annotation else ""
        yield argument.arg, annotation, ast.unparse(default) if default is not None else ""


def _usage(function: ast.FunctionDef) -> str:
    """What is typed behind the name of a command."""
    words = []
    for argument, annotation, default in _arguments(function):
        if "Positional" in annotation:
            words.append(_shown(argument, annotation))
            if "metavar" not in annotation:
                words[-1] += " ..." if "tuple" in annotation else ""
                words[-1] = f"[{words[-1]}]" if default else words[-1]
        elif not default:
            words.append(f"--{argument.replace('_', '-')} ...")
    return " ".join([*words, "[options]"])


def _shown(argument: str, annotation: str) -> str:
    """What stands for a positional argument."""
    said = _METAVAR.search(annotation)
    return said[1] if said else argument.upper()


def _described(arguments: str) -> dict[str, str]:
    """Argument to what a Google docstring says of it."""
    found: dict[str, str] = {}
    name = ""
    for line in arguments.splitlines():
        if not line.startswith(" "):
            break
        if not line.startswith("     "):
            name, _, line = line.strip().partition(":")
        found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def _corpora() -> Iterator[str]:
    records = {name: corpora.get(name) for name in corpora.names()}
    yield from ("# Corpora", "", MADE, "")
    yield "Each is read in its official layout. `clara corpora` prints this list, and"
    yield "`clara corpora NAME` what is below; `--json` has all labels. How they are split where"
    yield "their owners leave it open says [data.md](data.md); to add one, see"
    yield "[CONTRIBUTING.md](../CONTRIBUTING.md)."
    lines = [cli.line(f"[{name}](#{name})", corpus) for name, corpus in records.items()]
    yield from ("", _row(lines[0]), "| --- | --- | ---: | --- | --- |")
    yield from (_row(line.values()) for line in lines)
    for name, corpus in records.items():
        told = cli.fields(name, corpus)
        yield from ("", f"## {name}", "", f"{told.pop('title')}: {told.pop('size')}.", "")
        yield from (f"- {_capital(field)}: {text}" for field, text in told.items() if text != "-")
    yield ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    main()
