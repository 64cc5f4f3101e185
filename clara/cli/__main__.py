"""The `clara` program: finds the command, hands it its options, and turns errors into one line.

Exit codes: 0 for success, 2 for a mistake of the user, 1 for a failure, 130 when interrupted.
"""

from __future__ import annotations

import ast
import errno
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import clara
import clara.cli
from clara import rooms
from clara.errors import ClaraError, UnknownNameError, UsageError

USAGE = "clara [--debug] <command> [options]"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        argv: The words after the program's name; those of the process if None.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    options = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in options
    if debug:
        words.remove("--debug")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        _run(words)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        # Who reads our output has closed it (`clara corpora | head`); say nothing at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        _complain("stopped", "interrupted from the keyboard.")
        return 130
    except Exception as error:
        if debug:
            raise
        _complain("error", _sentence(error))
        return 2 if isinstance(error, UsageError) else 1


def describe_commands() -> dict[str, str]:
    """Each command with the first line of its docstring, read without importing any.

    >>> "demo" in describe_commands()
    True
    """
    folder = Path(clara.cli.__path__[0])
    return {name: _first_line(folder / f"{name}.py", name) for name in rooms.names("cli")}


def _run(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return
    if words[0] in ("-V", "--version"):
        print(f"clara {clara.__version__}")
        return
    name, *rest = words
    command = name.replace("-", "_")
    if command not in (known := rooms.names("cli")):
        if name.startswith("-"):
            raise UsageError(f"Expected a command, but found the option {name!r}; try: {USAGE}")
        raise UnknownNameError("command", name, known)
    _call(command, rooms.load("cli", command), rest)


def _call(command: str, function: Callable[..., Any], rest: list[str]) -> None:
    if list(inspect.signature(function).parameters) == ["arguments"]:
        function(rest)
        return
    tyro = importlib.import_module("tyro")
    tyro.cli(
        _named(function, tyro),
        prog=f"clara {command}",
        args=rest,
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.HelptextFromCommentsOff),
    )


def _named(function: Callable[..., Any], tyro: Any) -> Callable[..., Any]:
    """A command whose positional arguments are called by their names, not by their types."""
    signature = inspect.signature(function)
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in signature.parameters.items():
        if getattr(hints[name], "__metadata__", ()) == tyro.conf.Positional[Any].__metadata__:
            shown = name.upper()
            if get_origin(get_args(hints[name])[0]) is tuple:
                shown += " ..."
            if parameter.default is not parameter.empty:
                shown = f"[{shown}]"
            hints[name] = Annotated[hints[name], tyro.conf.arg(metavar=shown)]

    def call(*args: Any, **options: Any) -> None:
        function(*args, **options)

    call.__doc__, call.__annotations__ = function.__doc__, hints
    named = [each.replace(annotation=hints[name]) for name, each in signature.parameters.items()]
    call.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]
    return call


def _help() -> str:
    commands = describe_commands()
    width = max(map(len, commands), default=0)
    lines = [f"  {name:<{width}}  {line}" for name, line in commands.items()]
    return "\n".join(
        [
            f"usage: {USAGE}",
            "",
            "Any sound and any sentence, in any language, in one space.",
            "",
            "commands:",
            *lines,
            "",
            "options:",
            "  --help     this page; after a command, what the command takes",
            "  --version  the version of the package",
            "  --debug    show the traceback of an error",
        ]
    )


def _first_line(path: Path, name: str) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def _sentence(error: Exception) -> str:
    """What went wrong, in one line that a reader can act on."""
    if isinstance(error, ClaraError):
        return str(error)
    where = f" {error.filename}" if isinstance(error, OSError) and error.filename else ""
    match getattr(error, "errno", None):
        case errno.ENOSPC | errno.EDQUOT:
            return f"The disk is full, found while writing{where}; make room and run this again."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"Not allowed to write or read{where}; choose another folder or its owner."
        case errno.ENOENT:
            return f"Expected a file or folder{where}, but there is none; check the path."
    name = type(error).__name__
    return f"{name}: {error} (unexpected; --debug shows the traceback)"


def _complain(kind: str, message: str) -> None:
    """Prints one line on stderr, in red on a terminal, with control characters made harmless."""
    line = "".join(
        c if c.isprintable() else " " if c.isspace() else ascii(c)[1:-1] for c in message
    )
    red = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    head = f"\033[31m{kind}:\033[0m" if red else f"{kind}:"
    print(f"{head} {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
