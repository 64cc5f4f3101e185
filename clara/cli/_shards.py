"""How the commands about shards show what they made or found."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from clara.cli._output import note, show_json, show_table

if TYPE_CHECKING:
    from clara.prepare.run import Report

_MOST_LANGUAGES = 3
_LINE = 64
_MOST_VALUES = 6
_WIDEST = 28
NUMBERS = ("hours", "clips", "s", "speakers", "m/f/? clips", "m/f/? speakers")
LETTERS = {
    # As the caption of Table VII has them.
    **{"speech": "SP", "words": "W", "emotion": "E", "age": "A", "gender": "G"},
    **{"sounds": "S", "music": "M"},
}


def show(report: Report, *, json: bool) -> None:
    """Prints what a run has made: clips and hours of each split, and what was skipped and why."""
    if json:
        show_json({**dataclasses.asdict(report), "out": str(report.out)})
        return
    if report.already:
        note(f"Nothing to do: {report.out} is complete.")
    whole = {**report.stats["total"], "split": ""}
    show_table(
        [
            {
                "corpus": corpus,
                "split": split,
                "clips": part["clips"],
                "hours": part["hours"],
                "languages": languages(part["languages"]),
            }
            for corpus, split, part in (*_splits(report.stats), ("total", "", whole))
        ]
    )
    if report.skipped:
        skipped = sorted(report.skipped.items(), key=lambda item: -item[1])
        show_table([{"skipped": count, "because": cause} for cause, count in skipped])
    note(f"Shards and index are in {report.out}.")


def by_corpus(stats: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """Table VII: a row for each corpus, and the total."""
    for corpus, part in stats["corpora"].items():
        yield {"corpus": corpus, **_row(part)}
    yield {"corpus": "total", **_row(stats["total"])}


def by_split(stats: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """A row for each split of each corpus, and the total."""
    for corpus, split, part in _splits(stats):
        yield {"corpus": corpus, "split": split, **_row(part)}
    yield {"corpus": "total", "split": "", **_row(stats["total"])}


def by_language(stats: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """A row for each language, most hours first."""
    from clara.text.languages import language_name

    for tag, part in stats["languages"].items():
        yield {
            "language": tag,
            "name": language_name(tag),
            "hours": _hours(part["hours"]),
            "clips": short(part["clips"]),
            "m/f/? clips": _genders(part["genders"]["clips"]),
            "speakers": short(part["speakers"]) if part["speakers"] else "",
            "m/f/? speakers": _genders(part["genders"]["speakers"]),
            "corpora": cut(", ".join(part["corpora"])),
        }


def overview(stats: Mapping[str, Any]) -> list[dict[str, object]]:
    """What the recordings are of in all, a few words on each."""
    total = stats["total"]
    hours = {tag: part["hours"] for tag, part in stats["languages"].items()}
    told = {
        "languages": some(hours, lambda value: f"{_hours(value)} h"),
        "emotions": some(total["labels"].get("emotion", {})),
        "ages": some(total["ages"], most=10),
        "sounds": some(total["labels"].get("sound", {})),
        "words": some(total["labels"].get("keyword", {})),
        "length of clips": _length(total["seconds"], "s"),
        "length of captions": _length(total["characters"], "characters"),
        "licences": some(total["licences"]),
    }
    return [{"": what, "of all": found} for what, found in told.items() if found]


def legend(stats: Mapping[str, Any]) -> str:
    """What the letters of the table stand for."""
    told = (f"{LETTERS[each]} {each}" for each in stats["total"]["content"])
    return ", ".join(told) + "; m/f/? are man, woman, and neither or not known."


def languages(counts: Mapping[str, int]) -> str:
    """The first few languages.

    >>> languages({"en": 9, "pl": 3})
    'en, pl'
    >>> languages(dict.fromkeys(["en", "pl", "de", "fr", "it"], 1))
    '5: en, pl, de, …'
    """
    if len(counts) <= _MOST_LANGUAGES:
        return ", ".join(counts)
    return f"{len(counts)}: {', '.join(list(counts)[:_MOST_LANGUAGES])}, …"


def some(counts: Mapping[str, Any], told: Any = None, most: int = _MOST_VALUES) -> str:
    """The first values with their counts, as many as fit a line, and how many more there are.

    >>> some({"angry": 12345, "sad": 7, "": 1}, most=2)
    'angry 12,345, sad 7 and 1 more'
    """
    told = told or short
    values = [f"{cut(name or 'not told')} {told(count)}" for name, count in counts.items()]
    while len(", ".join(values[:most])) > _LINE and most > 1:
        most -= 1
    shown = ", ".join(values[:most])
    return f"{shown} and {len(counts) - most:,} more" if len(counts) > most else shown


def short(count: int) -> str:
    """A number in few characters.

    >>> short(99_999), short(123_456), short(12_390_463)
    ('99,999', '123 k', '12.4 M')
    """
    if count < 100_000:
        return f"{count:,}"
    return f"{count / 1e3:.0f} k" if count < 999_500 else f"{count / 1e6:,.1f} M"


def cut(text: str, width: int = _WIDEST) -> str:
    """A text, shortened if it is wide."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _splits(stats: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for corpus, summary in stats["corpora"].items():
        for split, part in summary["splits"].items():
            yield corpus, split, part


def _row(part: Mapping[str, Any]) -> dict[str, object]:
    return {
        "content": "/".join(LETTERS[each] for each in part["content"]),
        "hours": _hours(part["hours"]),
        "clips": short(part["clips"]),
        "s": f"{part['seconds']['median']:.3g}",
        "languages": languages(part["languages"]),
        "m/f/? clips": _genders(part["genders"]["clips"]),
        "speakers": short(part["speakers"]) if part["speakers"] else "",
        "m/f/? speakers": _genders(part["genders"]["speakers"]),
    }


def _length(of: Mapping[str, Any], unit: str) -> str:
    return f"{of['least']:,g} to {of['most']:,g} {unit}, median {of['median']:,g}"


def _genders(counts: Mapping[str, int]) -> str:
    """Men, women, and all others; nothing where no gender is known."""
    men, women = counts.get("man", 0), counts.get("woman", 0)
    others = sum(counts.values()) - men - women
    if not men and not women and len(counts) < 2:
        return ""
    return "/".join(short(count) for count in (men, women, others))


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:,.1f}" if hours >= 10 else f"{hours:.2f}"
