"""`clara train`: every field of a recipe, and one sentence for each mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import clara
from clara import checkpoint
from clara.cli.__main__ import main
from clara.train import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def recipes_of_ones_own(toy: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name by which the command finds the toy recipe."""
    from clara.configs import to_json

    (tmp_path / "toys.py").write_text(
        "import json\nfrom clara.configs import from_json\nfrom clara.train import Recipe\n"
        f"def toy():\n    return from_json(Recipe, json.loads({json.dumps(to_json(toy))!r}))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delitem(sys.modules, "toys", raising=False)
    return "toys:toy"


def words(recipe: str, tones: Path, run: Path, *more: str) -> list[str]:
    """A short run."""
    steps = ["--train.steps", "4", "--train.save-every", "2", "--train.log-every", "1"]
    return ["train", recipe, "--data", str(tones), "--out", str(run), *steps, *more]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """The one line on stderr."""
    assert main(list(arguments)) == code
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("error: ")
    return said.err


def test_help_lists_the_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"]):
        assert main(["train", *arguments]) == 0
        out = capsys.readouterr().out
        assert "clara_100m, clara_600m, clara_60m, tiny" in out


def test_help_of_a_recipe_lists_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "tiny", "--help"])
    assert end.value.code in (0, None)
    out = capsys.readouterr().out
    for field in (
        "--data",
        "--out",
        "--devices",
        "--name",
        "--train.steps",
        "--optim.rate",
        "--data.batch",
        "--data.mix",
        "--model.dim",
        "--model.audio.mel.rate",
        "--model.audio.latents",
        "--model.text.vocab",
    ):
        assert f"{field} " in out, field
    assert "Peak learning rate." in out


def test_a_field_that_does_not_exist_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "tiny", "--data", "shards", "--out", "run", "--train.stpes", "3"])
    assert end.value.code == 2
    assert "--train.steps" in capsys.readouterr().err


def test_a_value_of_the_wrong_kind(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "tiny", "--data", "shards", "--out", "run", "--train.steps", "many"])
    assert end.value.code == 2
    assert "many" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "what"),
    [
        ("--train.steps", "0", "steps to be from 1"),
        ("--model.audio.heads", "0", "heads to be from 1"),
        ("--model.text.heads", "7", "multiple of 7 heads"),
        ("--model.audio.mel.fft", "7", "fft to be even"),
        ("--model.audio.mel.high", "100000", "high to be from 0"),
        ("--optim.rate", "nan", "rate to be from 0"),
        ("--data.batch", "0", "batch to be at least 1"),
    ],
)
def test_a_value_that_makes_no_sense(
    capsys: pytest.CaptureFixture[str], option: str, value: str, what: str
) -> None:
    assert what in refused(
        capsys, "train", "tiny", "--data", "shards", "--out", "run", option, value
    )


def test_mistakes_in_the_first_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tones: Path
) -> None:
    assert "did you mean 'tiny'" in refused(capsys, "train", "tiyn")
    assert "Expected a recipe before --data" in refused(capsys, "train", "--data", "shards")
    assert "--data" in refused(capsys, "train", "tiny", "--out", str(tmp_path))
    assert "--out" in refused(capsys, "train", "tiny", "--data", str(tones))
    assert "nowhere:at_all" in refused(capsys, "train", "nowhere:at_all")
    assert "a folder of shards at /nowhere" in refused(
        capsys, "train", "tiny", "--data", "/nowhere", "--out", str(tmp_path / "run")
    )
    assert "clara prepare" in refused(
        capsys, "train", "tiny", "--data", str(tmp_path), "--out", str(tmp_path / "run")
    )
    assert not (tmp_path / "run").exists()


def test_a_run_and_what_may_follow(
    recipes_of_ones_own: str, capsys: pytest.CaptureFixture[str], tones: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert main(words(recipes_of_ones_own, tones, run)) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert f"The model is in {run / 'checkpoints' / 'step-00000004'}" in said.err
    assert f"Next: clara evaluate {run} --data {tones}" in said.err
    lines = (run / "metrics.csv").read_text().splitlines()
    assert len(lines) == 5
    assert "valid/folder/sound" in lines[0]
    recipe = json.loads((run / "recipe.json").read_text())
    assert recipe["train"]["steps"] == 4
    assert recipe["data"]["folders"] == [str(tones)]

    assert main(words(recipes_of_ones_own, tones, run)) == 0
    capsys.readouterr()
    error = refused(capsys, *words(recipes_of_ones_own, tones, run, "--optim.rate", "0.1"))
    assert "differs in optim.rate" in error
    assert "give another --out" in error


@pytest.mark.slow
def test_two_devices_speak_with_one_voice(
    recipes_of_ones_own: str, tones: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "clara.cli.__main__"]
    arguments = words(recipes_of_ones_own, tones, tmp_path / "run", "--devices", "2")
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(clara.__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["The", "Next:"]
    assert checkpoint.load(tmp_path / "run")[2].step == 4
