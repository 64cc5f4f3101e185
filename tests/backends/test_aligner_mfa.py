"""The Montreal Forced Aligner is called as its manual says, and what it writes is read."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from clara.backends.aligner.mfa import MFA
from clara.errors import AlignmentError, UsageError

STAND_IN = '''#!{python}
"""Stands in for `mfa`: takes the same arguments, gives each word a tenth of a second."""
import json, pathlib, sys
here = pathlib.Path(__file__).parent
plan = json.loads((here / "plan.json").read_text())
arguments = sys.argv[1:]
if arguments == ["version"]:
    print("3.2.1")
    sys.exit()
assert arguments.pop(0) == "align"
options = dict(output_format=None, temporary_directory=None)
places = []
while arguments:
    word = arguments.pop(0)
    if not word.startswith("--"):
        places.append(word)
    elif word[2:] in options:
        options[word[2:]] = arguments.pop(0)
corpus, dictionary, acoustic, out = places
text = (pathlib.Path(corpus) / "it.lab").read_text(encoding="utf-8")
sound = (pathlib.Path(corpus) / "it.flac").read_bytes()[:4].decode()
seen = dict(text=text, sound=sound, dictionary=dictionary, acoustic=acoustic, **options)
(here / "seen.json").write_text(json.dumps(seen))
if plan.get("sleep"):
    import time
    time.sleep(plan["sleep"])
if plan.get("fail"):
    print(plan["fail"], file=sys.stderr)
    sys.exit(1)
words = plan.get("words") or text.split()
rows = [(0.0, 0.1, "")] + [(k / 10, k / 10 + 0.1, w) for k, w in enumerate(words, start=1)]
lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", "xmax = 9",
         "tiers? <exists>", "size = 1", "item []:", "    item [1]:",
         '        class = "IntervalTier"', '        name = "words"', "        xmin = 0",
         "        xmax = 9", "        intervals: size = %d" % len(rows)]
for number, (start, end, word) in enumerate(rows, start=1):
    lines += ["        intervals [%d]:" % number, "            xmin = %r" % start,
              "            xmax = %r" % end, '            text = "%s"' % word]
pathlib.Path(out).mkdir()
grid = "\\n".join(lines) + "\\n"
(pathlib.Path(out) / "it.TextGrid").write_text(grid[: plan.get("cut")], encoding="utf-8")
'''
WAVE = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)


class Program:
    """The stand-in, what it is to do, and what it was given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "mfa"
        self.path.write_text(STAND_IN.format(python=sys.executable))
        self.path.chmod(0o755)
        self.plan()

    def plan(self, **plan: object) -> None:
        (self.folder / "plan.json").write_text(json.dumps(plan))

    @property
    def seen(self) -> dict[str, str]:
        return json.loads((self.folder / "seen.json").read_text())


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def aligner(program: Program) -> MFA:
    return MFA(command=str(program.path))


def times(found: list) -> list[tuple[str, float, float]]:
    return [(word.text, round(word.start, 3), round(word.end, 3)) for word in found]


def test_words_have_the_times_of_the_textgrid(program, aligner):
    found = aligner.align(WAVE, 16_000, ["“Well,", "–", "Żółw’s", "25!”"], language="pl")
    assert times(found) == [
        ("“Well,", 0.1, 0.2),
        ("–", 0.2, 0.2),
        ("Żółw’s", 0.2, 0.3),
        ("25!”", 0.3, 0.4),
    ]
    seen = program.seen
    assert seen["text"] == "well żółw’s 25"
    assert seen["sound"] == "fLaC"
    assert (seen["dictionary"], seen["acoustic"]) == ("polish_mfa", "polish_mfa")
    assert seen["output_format"] == "long_textgrid"
    assert not Path(seen["temporary_directory"]).exists(), "nothing is left behind"
    assert aligner.name == "Montreal Forced Aligner 3.2.1"


def test_words_that_the_program_parts_or_does_not_know(program, aligner):
    program.plan(words=["l'", "homme", "<unk>", "va"])
    found = aligner.align(WAVE, 16_000, ["l'homme", "xyzzy", "va"], language="fr")
    assert times(found) == [("l'homme", 0.1, 0.3), ("xyzzy", 0.3, 0.4), ("va", 0.4, 0.5)]


def test_times_end_with_the_recording(program, aligner):
    found = aligner.align(WAVE, 16_000, ["one", "two", "three", "four", "five"], language="en")
    assert found[-1].end == 0.5


def test_models_can_be_named(program):
    aligner = MFA("my.zip", "my.dict", command=str(program.path))
    aligner.align(WAVE, 16_000, ["one"], language="tlh")
    assert (program.seen["dictionary"], program.seen["acoustic"]) == ("my.dict", "my.zip")


@pytest.mark.parametrize(
    "words", [["one", "too", "many"], ["another"], [], ["a", "lot", "of", "it"]]
)
def test_other_words_than_asked_for_are_refused(program, aligner, words):
    program.plan(words=words or [""])
    with pytest.raises(AlignmentError) as caught:
        aligner.align(WAVE, 16_000, ["one", "two"], language="en")
    assert caught.value.cause == "the aligner program wrote other words"


@pytest.mark.parametrize("plan", [{"fail": "no dictionary english_mfa"}, {"cut": 200}, {"cut": 1}])
def test_a_program_that_fails_or_writes_half_a_file(program, aligner, plan):
    program.plan(**plan)
    with pytest.raises(AlignmentError, match=plan.get("fail", "TextGrid")) as caught:
        aligner.align(WAVE, 16_000, ["one"], language="en")
    # Causes are all that is told of many recordings: this one says what to mend.
    said = f" and said: {plan['fail']}" if "fail" in plan else ""
    assert caught.value.cause == f"the aligner program failed at it{said}"


def test_a_program_that_says_nothing(program):
    program.path.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(AlignmentError) as caught:
        MFA(command=str(program.path)).align(WAVE, 16_000, ["one"], language="en")
    assert caught.value.cause == "the aligner program failed at it and said: nothing"


def test_a_program_that_hangs_is_ended_with_all_its_processes(program):
    late = program.folder / "late"
    program.path.write_text(f"#!/bin/sh\n(sleep 2; touch {late}) & wait\n")
    with pytest.raises(UsageError, match="timeout"):
        MFA(command=str(program.path), timeout=0.5).align(WAVE, 16_000, ["one"], language="en")
    time.sleep(2)
    assert not late.exists()


def test_a_program_that_does_not_start(program):
    program.path.write_text("#!/no/such/python\n")
    with pytest.raises(UsageError, match=r"does not start: .*; name the program as `command`"):
        MFA(command=str(program.path)).align(WAVE, 16_000, ["one"], language="en")


def test_nothing_to_align_calls_nothing(program, aligner):
    assert aligner.align(WAVE, 16_000, [], language="en") == []
    assert not (program.folder / "seen.json").exists()


def test_a_language_without_models_says_so(aligner):
    with pytest.raises(AlignmentError) as caught:
        aligner.align(WAVE, 16_000, ["one"], language="")
    assert caught.value.cause == "the aligner does not speak its language"


def test_without_the_program_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(UsageError, match="conda create -n aligner -c conda-forge"):
        MFA()
