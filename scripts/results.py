"""Makes docs/results.md: the recipe `tiny` on real recordings, beside a simple baseline.

    python scripts/results.py RECORDINGS WORK [--steps N] [--folds 1 2 3]

RECORDINGS holds the corpora in their official layouts, each in a folder of its official name; WORK
is any folder. For each fold k a model is trained on the official training parts with fold k of
ESC-50 and UrbanSound8K held out, then judged on that fold and on the unseen speakers of the others.
What is done already is not done again. The page says what was run, how long it took, and what came
out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

CORPORA = {
    "esc50": "ESC-50",
    "urbansound8k": "UrbanSound8K",
    "ravdess": "RAVDESS",
    "emodb": "EmoDB",
    "nemo": "nEMO",
    "arabic_speech_commands": "arabic-speech-commands-dataset",
    "fsdd": "free-spoken-digit-dataset",
}
UNSEEN = {"speech_commands": "speech_commands_test_set_v0.02"}
# Many short clips of few words would else take a third of the time, and few sounds a tenth.
WEIGHTS = ("--data.weights", "esc50", "2", "arabic_speech_commands", "0.5")
FOLDED = ("esc50", "urbansound8k")
TASKS = (
    "esc50/sound",
    "urbansound8k/sound",
    "ravdess/emotion",
    "ravdess/gender",
    "emodb/emotion",
    "emodb/gender",
    "nemo/emotion",
    "nemo/gender",
    "arabic_speech_commands/keyword@valid",
    "fsdd/keyword",
    "speech_commands/keyword",
)
PROTOCOLS = {"zero_shot": "prompts", "logistic": "logistic probe", "linear_probe": "V-D probe"}
PAGE = Path(__file__).parents[1] / "docs" / "results.md"


def main() -> None:
    """Prepares, trains, evaluates, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recordings", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, help="of training; the recipe's own if not given")
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    os.environ["PYTHONWARNINGS"] = "ignore"
    run = Runner(options.work, options.recordings)
    shards = [f"shards/{name}" for name in CORPORA]
    everything = [*shards, *(f"shards/{name}" for name in UNSEEN)]
    for name, folder in (CORPORA | UNSEEN).items():
        source = os.path.relpath(options.recordings / folder, options.work)
        run("clara", "prepare", name, source, f"shards/{name}", "--rate", "16000")
    for fold in options.folds:
        held_out = [f"{corpus}/fold{fold}" for corpus in FOLDED]
        splits = ["train", *(f"fold{k}" for k in range(1, 6) if k != fold)]
        steps = ["--train.steps", str(options.steps)] if options.steps else []
        run(
            *("clara", "train", "tiny", "--data", *shards, "--out", f"runs/fold{fold}"),
            *("--data.splits", *splits, "--data.exclude", *held_out, *WEIGHTS, *steps),
        )
        run(
            *("clara", "evaluate", f"runs/fold{fold}", "--data", *everything),
            *("--tasks", *TASKS, "--protocols", *PROTOCOLS, "--folds", f"fold{fold}"),
            *("--report", f"reports/fold{fold}"),
        )
    # The baseline hears 48 kHz, and so gets shards of that rate.
    for name, folder in CORPORA.items():
        source = os.path.relpath(options.recordings / folder, options.work)
        run("clara", "prepare", name, source, f"shards48/{name}")
    run(
        *("clara", "evaluate", "baseline", "--data", *(f"shards48/{name}" for name in CORPORA)),
        *("--tasks", *TASKS[:-1], "--protocols", "logistic", "--folds"),
        *(f"fold{fold}" for fold in options.folds),
        *("--report", "reports/baseline"),
    )
    PAGE.write_text(page(options.work, options.folds, run), encoding="utf-8")
    print(f"Written: {PAGE}")


class Runner:
    """Runs commands in the work folder, each once, and keeps how long each took."""

    def __init__(self, work: Path, recordings: Path) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.recordings = recordings
        self.work = work
        self.log = work / "commands.json"
        self.seconds = self._read()

    def __call__(self, *words: str) -> None:
        """Runs a command, unless it was run before."""
        command = " ".join(words)
        if command in self.seconds:
            return
        print(f"$ {command}", flush=True)
        began = time.monotonic()
        subprocess.run(words, cwd=self.work, check=True)
        self.seconds = self._read() | {command: time.monotonic() - began}
        self.log.write_text(json.dumps(self.seconds, indent=1))

    def _read(self) -> dict[str, float]:
        # Again before each write: another fold may be under way in the same folder.
        found: dict[str, float] = json.loads(self.log.read_text()) if self.log.exists() else {}
        return found


def scores(report: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Task and protocol to what a report found."""
    found = json.loads((report / "scores.json").read_text(encoding="utf-8"))["scores"]
    return {(score["task"], score["protocol"]): score for score in found}


def page(work: Path, folds: list[int], run: Runner) -> str:
    """The whole page."""
    ours = [scores(work / f"reports/fold{fold}") for fold in folds]
    base = scores(work / "reports/baseline")
    header = ["task", "classes", "test clips", "seen", *PROTOCOLS.values(), "baseline", "chance"]
    lines = [*table(header, rows(ours, base)), "", *verdict(ours, base)]
    commands = [f"{seconds:6.0f} s  {command}" for command, seconds in run.seconds.items()]
    trained = sum(s for command, s in run.seconds.items() if command.startswith("clara train"))
    return TEXT.format(
        folds=", ".join(map(str, folds)),
        count=len(folds),
        table="\n".join(lines),
        commands="\n".join(commands).replace(
            f"{os.path.relpath(run.recordings, work)}/", "RECORDINGS/"
        ),
        minutes=trained / 60 / len(folds),
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    )


def rows(ours: list[Any], base: Any) -> Iterator[list[str]]:
    """A row for each task: means over the runs."""
    for task in dict.fromkeys(name for found in ours for name, _ in found):
        zero = [found[task, "zero_shot"] for found in ours]
        figures = [
            mean(found[task, protocol]["values"]["accuracy"] for found in ours)
            if all((task, protocol) in found for found in ours)
            else None
            for protocol in PROTOCOLS
        ]
        floor = floor_of(task, base)
        best = max(value for value in figures if value is not None)
        supports = [score["support"] for score in zero]
        folded = task.split("/")[0] in FOLDED
        yield [
            task,
            f"{1 / zero[0]['chance']:.0f}" if zero[0]["chance"] else "",
            str(sum(supports) if folded else supports[0]),
            zero[0]["seen"],
            *(bold(value, value == best) for value in figures),
            bold(floor, floor is not None and floor > best),
            f"{mean(z['chance'] for z in zero):.3f}",
        ]


def floor_of(task: str, base: Any) -> float | None:
    """The baseline's accuracy on a task, the mean over folds where it has them."""
    found = base.get((task, "logistic"))
    return found["values"]["accuracy"] if found else None


def bold(value: float | None, strong: bool) -> str:
    """A figure as text, in bold where it is the best."""
    if value is None:
        return "–"
    return f"**{value:.3f}**" if strong else f"{value:.3f}"


def verdict(ours: list[Any], base: Any) -> Iterator[str]:
    """Where the model does not beat the baseline, in plain words."""
    for protocol, name in PROTOCOLS.items():
        behind = [
            f"{task} ({value:.3f} against {floor:.3f})"
            for task in dict.fromkeys(task for found in ours for task, _ in found)
            if all((task, protocol) in found for found in ours)
            and (floor := floor_of(task, base)) is not None
            and (value := mean(f[task, protocol]["values"]["accuracy"] for f in ours)) <= floor
        ]
        yield f"* {name}: " + (
            "above the baseline on every task that has one."
            if not behind
            else f"not above the baseline on {', '.join(behind)}."
        )


def table(header: list[str], body: Iterator[list[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [header, ["---"] * len(header), *body]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


TEXT = """\
# Results

Made by `python scripts/results.py RECORDINGS WORK`. The recordings are a development subset of
each corpus, a few hundred clips of each, so these figures compare with nothing published; they
show that the whole path works and what it brings over a simple baseline on the same recordings.

* **Training**: recipe `tiny`, one run for each of the folds {folds}, on the official training
  parts of seven corpora together; {minutes:.0f} minutes a run ({machine}, no GPU,
  one core a run, other work beside it).
* **Held out**: fold k of ESC-50 and UrbanSound8K in run k; all test and validation speakers of
  RAVDESS, EmoDB, nEMO and Arabic Speech Commands; the test part of FSDD, whose speakers are those
  of its training part, officially. Nothing of Speech Commands was trained on. `seen` is computed
  from what the checkpoint says.
* **Figures**: accuracy, mean over the {count} runs. *prompts*: the prompt of Table II, learned
  from captions alone. *logistic probe* and *V-D probe* are fitted on the training part, on the
  encoder's pooled features. *baseline*: logistic regression on the mean and standard deviation of
  the log-mel bands, its strength chosen by grouped cross-validation inside the training part.
* The recipe was chosen on fold 1, on validation speakers and on FSDD's test part, so those figures
  flatter it a little ([model_log.md](model_log.md)); no model was judged on folds 2 and 3 or on
  the other test speakers before. Arabic Speech Commands is judged on its validation part, since
  the subset has no test part.

{table}

Why it falls short where it does is in the [model log](model_log.md#what-is-left).

## Commands

Run in the work folder, with the seconds that each took:

```
{commands}
```
"""

if __name__ == "__main__":
    main()
