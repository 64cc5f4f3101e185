"""Makes docs/spoken_words.md: words of many languages, spoken by machine, learned and recognised.

    python scripts/spoken_words.py WORK [--languages pl de ...] [--words 20] [--steps 1300]

WORK is any folder. The first of the words that ship with the package are spoken by `clara make`,
the recipe `tiny` is trained on some of the voices, and each word that the others speak is looked
for among all words of its language by its spelling alone (as in Table VIII, over this
vocabulary).
What is done already is not done again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import clara
from clara.text import multilingual
from clara.text.languages import language_name
from clara.text.phrases import prompt

TABLE_VIII = """
    ar br ca cy de dv el en eo et eu fa fr id it ka ky mn pl ro ru rw ta tr uk or lt sk gn as lv vi
    ha sl cv mt
""".split()  # noqa: SIM905
PAGE = Path(__file__).parents[1] / "docs" / "spoken_words.md"
RECIPE = """\
name = "spoken_words"

[[source]]
corpus = "words"
path = "./words"

[[step]]
do = "synthesise"
voices = {voices}

[shards]
rate = 16000
"""
LIKELY_BY_CHANCE = 1e-6


def main() -> None:
    """Speaks, trains, asks, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    known = multilingual.languages("words")
    parser.add_argument("--languages", nargs="+", default=list(known), choices=known)
    parser.add_argument("--words", type=int, default=20, help="of each language, the first")
    parser.add_argument("--voices", type=int, default=12)
    parser.add_argument("--steps", type=int, default=1300, help="of training, with 192 clips each")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    os.environ["PYTHONWARNINGS"] = "ignore"
    run = Runner(options.work)
    recipe = RECIPE.format(voices=options.voices)
    write_words(options.work / "words", options.languages, options.words)
    (options.work / "words.toml").write_text(recipe, encoding="utf-8")
    run("clara", "make", "words.toml", "shards")
    run(
        *("clara", "train", "tiny", "--data", "shards", "--out", "run"),
        *("--data.batch", "192", "--data.max-seconds", "1.5", "--data.pool", "8"),
        *("--train.steps", str(options.steps), "--train.validate-every", "100000"),
    )
    found = ask(options.work)
    options.page.write_text(page(options, recipe, found, run), encoding="utf-8")
    print(f"Written: {options.page}")


def write_words(folder: Path, languages: Sequence[str], count: int) -> None:
    """The first words of the lists that ship with the package, as files of their languages."""
    folder.mkdir(exist_ok=True)
    for language in languages:
        words = multilingual.words(language)[:count]
        (folder / f"{language}.txt").write_text("\n".join(words) + "\n", encoding="utf-8")


class Runner:
    """Runs commands in the work folder, each once, and keeps how long each took."""

    def __init__(self, work: Path) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.work = work
        self.log = work / "commands.json"
        self.seconds: dict[str, float] = {}
        if self.log.exists():
            self.seconds = json.loads(self.log.read_text())

    def __call__(self, *words: str) -> None:
        """Runs a command, unless it was run before."""
        command = " ".join(words)
        if command in self.seconds:
            return
        print(f"$ {command}", flush=True)
        began = time.monotonic()
        subprocess.run(words, cwd=self.work, check=True)
        self.seconds[command] = time.monotonic() - began
        self.log.write_text(json.dumps(self.seconds, indent=1))


@dataclass(frozen=True)
class Language:
    """What came out for one language.

    Attributes:
        tag: BCP 47.
        words: The words to choose from.
        clips: Recordings asked about.
        right: How many were recognised among the words of the language.
        right_of_all: How many among the words of all languages.
    """

    tag: str
    words: int
    clips: int
    right: int
    right_of_all: int

    @property
    def chance(self) -> float:
        """What a guess gets."""
        return 1 / self.words

    @property
    def luck(self) -> float:
        """How likely as many or more are right by guessing: the tail of the binomial."""
        terms = (
            math.lgamma(self.clips + 1)
            - math.lgamma(k + 1)
            - math.lgamma(self.clips - k + 1)
            + k * math.log(self.chance)
            + (self.clips - k) * math.log1p(-self.chance)
            for k in range(self.right, self.clips + 1)
        )
        return min(1.0, sum(map(math.exp, terms)))


@dataclass(frozen=True)
class Found:
    """What came out for all, and what it rests on."""

    languages: list[Language]
    voices: dict[str, dict[str, str]]
    spellings: int
    clips: dict[str, int]
    hours: float


def ask(work: Path) -> Found:
    """Looks for each word that a voice of the test part speaks."""
    model = clara.load(work / "run")
    index = clara.Index.open(work / "shards")
    voices: dict[str, dict[str, str]] = {}
    for i, (split, speaker) in enumerate(
        zip(index.column("split"), index.column("speaker"), strict=True)
    ):
        gender = index.labels(i).get("gender", ("unknown",))[0]
        voices.setdefault(split, {})[speaker.partition(":")[2]] = gender
    tested = index.select(splits=["test"])
    vectors = clara.embed_index(model, tested).vectors
    spoken = tested.column("language")
    truth = [tested.labels(i)["keyword"][0] for i in range(len(tested))]
    all_words = sorted(set(truth))
    place = {word: number for number, word in enumerate(all_words)}
    scores = vectors @ model.text([prompt("keyword", word) for word in all_words]).T
    languages = []
    for tag in sorted(set(spoken)):
        rows = np.flatnonzero(spoken == tag)
        right = np.array([place[truth[row]] for row in rows])
        own = np.unique(right)
        languages.append(
            Language(
                tag,
                len(own),
                len(rows),
                int((own[scores[rows][:, own].argmax(1)] == right).sum()),
                int((scores[rows].argmax(1) == right).sum()),
            )
        )
    clips = dict(Counter(index.column("split")))
    hours = float(index.column("seconds").sum()) / 3600
    return Found(languages, voices, len(all_words), clips, hours)


def page(options: argparse.Namespace, recipe: str, found: Found, run: Runner) -> str:
    """The whole page."""
    languages = found.languages
    sure = [each for each in languages if each.luck < LIKELY_BY_CHANCE]
    trained = next(s for command, s in run.seconds.items() if command.startswith("clara train"))
    commands = [f"{seconds:6.0f} s  {command}" for command, seconds in run.seconds.items()]
    clips = sum(each.clips for each in languages)
    return TEXT.format(
        count=len(languages),
        paper=len({each.tag for each in languages} & set(TABLE_VIII)),
        missing=" ".join(tag for tag in TABLE_VIII if tag not in multilingual.languages("words")),
        sure=len(sure),
        unsure=", ".join(each.tag for each in languages if each not in sure) or "none",
        threshold=LIKELY_BY_CHANCE,
        mean=np.mean([each.right / each.clips for each in languages]),
        chance=np.mean([each.chance for each in languages]),
        of_all=sum(each.right_of_all for each in languages) / clips,
        of_all_chance=1 / found.spellings,
        vocabulary=sum(each.words for each in languages),
        words=options.words,
        minutes=trained / 60,
        visits=192 * options.steps,
        clips=", ".join(f"{count:,} ({split})" for split, count in sorted(found.clips.items())),
        hours=found.hours,
        voices="\n".join(who(split, each) for split, each in sorted(found.voices.items())),
        table="\n".join(table(languages)),
        recipe="    " + recipe.strip().replace("\n", "\n    ").replace("\n    \n", "\n\n"),
        commands="\n".join(commands),
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    )


def who(split: str, voices: dict[str, str]) -> str:
    """The voices of a split, as an item of a list."""
    counts = Counter(voices.values())
    genders = ", ".join(f"{gender} {count}" for gender, count in sorted(counts.items()))
    return f"* {split} ({genders}): {', '.join(sorted(voices))}"


def table(languages: Sequence[Language]) -> Iterator[str]:
    """Lines of a Markdown table, a row for each language."""
    header = ["language", "", "words", "clips", "accuracy", "chance", "times chance", "by luck"]
    for cells in (header, ["---"] * len(header), *map(row, languages)):
        yield f"| {' | '.join(cells)} |"


def row(each: Language) -> list[str]:
    """The cells of a language."""
    accuracy = each.right / each.clips
    return [
        language_name(each.tag),
        each.tag,
        str(each.words),
        str(each.clips),
        f"{accuracy:.3f}",
        f"{each.chance:.3f}",
        f"{accuracy / each.chance:.0f}",
        "below 1e-12" if each.luck < 1e-12 else f"{each.luck:.0e}",
    ]


TEXT = """\
# Words spoken by machine, recognised

Made by `python scripts/spoken_words.py WORK`. It shows the way of figure 1b of the paper from end
to end: word lists are spoken, packed as shards, trained on, and recognised in voices that the model
has never heard. The voices are those of espeak-ng, which are one another's relatives, so these
figures say that the way works, and nothing of how well real people would be understood.

* **Words**: {vocabulary:,}, {words} a language, in {count} languages, {paper} of them among the 36
  of Table VIII. Of that table no voice speaks {missing}.
* **Recordings**: {clips}, {hours:.1f} hours. No voice is in two parts.
* **Training**: recipe `tiny`, batches of 192, crops of 1.5 s, {visits:,} visits in {minutes:.0f}
  minutes ({machine}, no GPU, other work beside it).
* **Figures**: each recording of the test part is compared with the spellings of all words of its
  language (with the prompt of Table II); accuracy is the share whose own word is
  nearest. *By luck* is how likely a guess gets as many right.

In **{sure} of {count} languages** words are recognised above chance (by luck below
{threshold:.0e}); not in: {unsure}. The mean accuracy over languages is **{mean:.3f}** (chance
{chance:.3f}). Among the words of all languages at once, {of_all:.3f} are right (chance
{of_all_chance:.4f}).

{table}

## Voices

{voices}

## Commands

The recipe for `clara make`:

{recipe}

Run in the work folder, with the seconds that each took:

```
{commands}
```
"""

if __name__ == "__main__":
    main()
