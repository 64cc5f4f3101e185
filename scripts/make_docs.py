"""Writes the pages of docs/ that are made from the code, so that nothing is said twice.

docs/commands.md comes from the functions in clara/cli, docs/corpora.md from the records in
clara/corpora. A test fails when a page is not what this script would write.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from clara import corpora, rooms

ROOT = Path(__file__).parents[1]
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
        described = _described(arguments)
        for argument, annotation, default in _arguments(function):
            if argument == "arguments":
                continue
            option = argument if "Positional" in annotation else "--" + argument.replace("_", "-")
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
    yield from ("# Corpora", "", MADE, "")
    yield "Each is read in its official layout; `clara corpora NAME` says the same in a terminal."
    yield "To add one, see [CONTRIBUTING.md](../CONTRIBUTING.md)."
    for name in corpora.names():
        corpus = corpora.get(name)
        yield from ("", f"## {name}", "", f"{corpus.title}. {corpus.size}", "")
        yield f"- Licence: {corpus.licence}"
        yield f"- Cite: {corpus.cite}"
        yield f"- Home: {corpus.homepage or '-'}"
        yield f"- Languages: {', '.join(corpus.languages) or '-'}"
        yield f"- Splits: {', '.join(corpus.splits)}"
        for kind, values in corpus.labels.items():
            shown = ", ".join(values[:12]) + (", ..." if len(values) > 12 else "")
            yield f"- {kind} ({len(values)}): {shown}"
        yield f"- To obtain: {corpus.obtain}"
    yield ""


if __name__ == "__main__":
    main()
