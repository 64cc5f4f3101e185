"""The program: help that is quick, errors in one line, exit codes that programs can act on."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

import clara
from clara import rooms
from clara.cli import __main__ as program
from clara.errors import AudioError, UsageError


def give(monkeypatch, function):
    """Makes a command of a function, for one test."""
    monkeypatch.setattr(rooms, "names", lambda room: [function.__name__])
    monkeypatch.setattr(rooms, "load", lambda room, name: function)
    monkeypatch.setattr(program, "_first_line", lambda path, name: "")


def raising(error):
    def work() -> None:
        """Work."""
        raise error

    return work


def code_of(words):
    """The exit code of a command, which tyro gives by leaving."""
    try:
        return program.main(words)
    except SystemExit as end:
        return end.code or 0


def test_help_names_every_command_with_a_line(capsys):
    assert program.main(["--help"]) == 0
    out = capsys.readouterr().out
    for name in rooms.names("cli"):
        (line,) = (line for line in out.splitlines() if line.split()[:1] == [name])
        assert len(line.split()) > 2, f"{name} has no docstring"


def test_no_words_is_a_request_for_help(capsys):
    assert program.main([]) == 0
    assert "usage: clara" in capsys.readouterr().out


def test_version(capsys):
    assert program.main(["--version"]) == 0
    assert capsys.readouterr().out == f"clara {clara.__version__}\n"


def test_help_is_quick_and_light():
    code = (
        "import sys; from clara.cli.__main__ import main; main(['--help']);"
        "heavy = {'torch', 'pyarrow', 'numpy', 'tyro', 'rich', 'sklearn'} & set(sys.modules);"
        "assert not heavy, heavy; import time; assert time.process_time() < 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("name", rooms.names("cli"))
def test_each_command_has_a_function_of_its_name_and_help(name, capsys):
    assert rooms.load("cli", name).__name__ == name
    assert code_of([name, "--help"]) == 0
    assert "usage" in capsys.readouterr().out.lower()


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("prepare", "[OPTIONS] CORPUS SOURCE OUT"),
        ("stats", "[FOLDERS ...]"),
        ("leaks", " A [B] "),
        ("corpora", "[NAME | get NAME FOLDER]"),
    ],
)
def test_arguments_are_called_by_their_names(name, usage, capsys):
    assert code_of([name, "--help"]) == 0
    assert usage in " ".join(capsys.readouterr().out.partition("\n\n")[0].split())


def test_no_command_imports_anything_heavy_at_its_top():
    imports = ", ".join(f"clara.cli.{name}" for name in rooms.names("cli"))
    code = (
        f"import sys, {imports};"
        "heavy = {'torch', 'pyarrow', 'sklearn', 'soundfile'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_command_is_answered_with_the_nearest(capsys):
    assert program.main(["corpra"]) == 2
    err = capsys.readouterr().err
    assert "did you mean 'corpora'" in err
    assert err.count("\n") == 1


def test_an_option_in_place_of_a_command(capsys):
    assert program.main(["--frobnicate"]) == 2
    assert "Expected a command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UsageError("Expected a, found b."), 2, "Expected a, found b."),
        (AudioError("Expected\naudio."), 1, "Expected audio."),
        (OSError(errno.ENOSPC, "No space left on device", "x.tar"), 1, "disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "Not allowed"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), 1, "Not allowed"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/y"), 1, "/y"),
        (ValueError("odd"), 1, "ValueError: odd (unexpected; --debug"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_become_one_line_and_a_code(monkeypatch, capsys, error, code, words):
    give(monkeypatch, raising(error))
    assert program.main(["work"]) == code
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [["--debug", "work"], ["work", "--debug"]])
def test_debug_shows_the_error_itself(monkeypatch, words):
    give(monkeypatch, raising(ValueError("odd")))
    with pytest.raises(ValueError, match="odd"):
        program.main(words)


def test_control_characters_of_a_message_are_harmless(monkeypatch, capsys):
    give(monkeypatch, raising(AudioError("bad \033[2J\u202e name")))
    program.main(["work"])
    assert "\033" not in (err := capsys.readouterr().err)
    assert "\u202e" not in err
    assert "\\x1b[2J" in err


def test_options_come_from_the_signature(monkeypatch, capsys):
    def work(count: int = 1, json: bool = False) -> None:
        """Work."""
        print(count, json)

    give(monkeypatch, work)
    assert program.main(["work", "--count", "3", "--json"]) == 0
    assert capsys.readouterr().out == "3 True\n"
    with pytest.raises(SystemExit) as exit_:
        program.main(["work", "--cont", "3"])
    assert exit_.value.code == 2
    assert "--count" in capsys.readouterr().err


def test_a_command_of_words_gets_them_as_they_are(monkeypatch, capsys):
    def work(arguments: list[str]) -> None:
        """Work."""
        print(arguments)

    give(monkeypatch, work)
    assert program.main(["work", "tiny", "--train.steps", "3"]) == 0
    assert capsys.readouterr().out == "['tiny', '--train.steps', '3']\n"


def test_a_closed_pipe_is_silent():
    done = subprocess.run(
        f"{sys.executable} -m clara.cli.__main__ --help | true",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


def test_a_terminal_of_another_alphabet_is_no_failure():
    done = subprocess.run(
        [sys.executable, "-m", "clara.cli.__main__", "собака"],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
        cwd=Path(clara.__file__).parents[1],
    )
    assert done.returncode == 2
    assert b"\\u0441" in done.stderr


def test_json_takes_our_values(capsys):
    from clara.cli._output import show_json
    from clara.records import Scores

    show_json({"scores": Scores("t", "p", "e", {"accuracy": 1.0}, 3), "path": Path("a"), "s": {2}})
    value = json.loads(capsys.readouterr().out)
    assert value["scores"]["values"] == {"accuracy": 1.0}
    assert value["path"] == "a"
    assert value["s"] == [2]


def test_tables_cut_nothing_in_a_pipe(capsys):
    from clara.cli._output import show_table

    long = "x" * 120
    show_table([{"name": long, "count": 12345, "share": 0.5}, {"name": "[b]", "count": None}])
    out = capsys.readouterr().out
    assert long in out
    assert "12,345" in out
    assert "0.500" in out
    assert "[b]" in out
    assert not any(line.endswith(" ") for line in out.splitlines())
