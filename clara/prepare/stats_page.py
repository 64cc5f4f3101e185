"""Statistics as a page of pictures that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from clara import __version__
from clara.pictures import svg
from clara.pictures.html import card, document, grid, save, section, table_row
from clara.prepare.stats import UNKNOWN
from clara.text.languages import language_name

_MOST = 10
_KINDS = {"sound": "Sounds", "keyword": "Words", "emotion": "Emotions", "accent": "Accents"}
_NUMERIC = ("hours", "clips", "median s", "speakers", "men", "women", "unknown")


def write(summary: Mapping[str, Any], folder: Path) -> Path:
    """Writes `index.html` and `stats.json` into a folder.

    Args:
        summary: As `clara.prepare.stats.summarise` gives it.
        folder: Is made if it is not there.

    Returns:
        The page.

    Raises:
        UsageError: The folder is a file.
        DataError: It cannot be written to.
    """
    return save(folder, page(summary), "stats.json", summary)


def page(summary: Mapping[str, Any]) -> str:
    """The whole page.

    Args:
        summary: As `clara.prepare.stats.summarise` gives it.
    """
    corpora, spoken = summary["corpora"], summary["languages"]
    body = [
        _head(summary),
        section("The corpora", _corpora(summary), _READING),
        section("What they are of", grid(list(filter(None, _cards(summary))))),
        section("Languages", _languages(spoken)) if spoken else "",
        section("Each corpus", "".join(_corpus(*item) for item in corpora.items())),
    ]
    return document(f"CLARA statistics: {', '.join(list(corpora)[:5])}", body)


_READING = (
    "As Table VII of the paper has it. Men and women are counted by clips, and below that by "
    "speakers; unknown is who is neither, or of whom nothing is told."
)


def _head(summary: Mapping[str, Any]) -> str:
    total = summary["total"]
    figures = (
        (f"{total['clips']:,}", "clips"),
        (_hours(total["hours"]), "hours"),
        (f"{len(summary['corpora']):,}", "corpora"),
        (f"{len(summary['languages']):,}", "languages"),
        (f"{total['speakers']:,}", "speakers"),
        (f"{total['sources']:,}", "sources"),
    )
    told = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in figures)
    return (
        f'<header><h1>{escape(_titled(summary["corpora"]))}</h1><p class="muted">From the index '
        f'alone, by CLARA {escape(__version__)}</p><div class="figures">{told}</div></header>'
    )


def _titled(corpora: Iterable[str]) -> str:
    names = list(corpora)
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} corpora"


def _corpora(summary: Mapping[str, Any]) -> str:
    rows = [*summary["corpora"].items(), ("total", summary["total"])]
    columns = (
        *("corpus", "hours", "clips", "median s", "languages", "speakers"),
        *("men", "women", "unknown"),
    )
    lines = []
    for name, part in rows:
        genders = part["genders"]
        strong = "b" if name == "total" else "span"
        cells = (
            f"<{strong}>{escape(name)}</{strong}>"
            f'<div class="small muted">{escape(", ".join(part["content"]))}</div>',
            _hours(part["hours"]),
            f"{part['clips']:,}",
            f"{part['seconds']['median']:.3g}",
            escape(_few(part["languages"], 2)),
            f"{part['speakers']:,}" if part["speakers"] else "",
            *(_both(genders, gender) for gender in ("man", "woman", UNKNOWN)),
        )
        lines.append(table_row("td", cells, [column in _NUMERIC for column in columns]))
    head = table_row("th", columns, [column in _NUMERIC for column in columns])
    return f'<div class="card scroll"><table>{head}{"".join(lines)}</table></div>'


def _both(genders: Mapping[str, Mapping[str, int]], gender: str) -> str:
    """Clips and speakers of a gender; all others count as not known."""

    def of(counts: Mapping[str, int]) -> int:
        if gender != UNKNOWN:
            return counts.get(gender, 0)
        return sum(count for name, count in counts.items() if name not in ("man", "woman"))

    clips, speakers = of(genders["clips"]), of(genders["speakers"])
    below = f'<div class="small muted">{speakers:,}</div>' if speakers else ""
    return f"{clips:,}{below}" if clips else ""


def _cards(summary: Mapping[str, Any]) -> Iterable[str]:
    total = summary["total"]
    hours = {name: part["hours"] for name, part in summary["corpora"].items()}
    if len(hours) > 1:
        yield _amounts("Hours by corpus", hours, 0, _hours)
    hours = {_named(tag): part["hours"] for tag, part in summary["languages"].items()}
    if len(hours) > 1:
        yield _amounts("Hours by language", hours, 2, _hours)
    yield _genders(total)
    yield _amounts("Emotions", total["labels"].get("emotion", {}), 1)
    yield _ages(total)
    yield _lengths("Length of the clips", total["seconds"], "seconds", 5)
    yield _lengths("Length of the longest caption", total["characters"], "characters", 6)
    for kind in ("sound", "keyword"):
        yield _amounts(_KINDS[kind], total["labels"].get(kind, {}), 4)
    yield _licences(total)


def _amounts(title: str, counts: Mapping[str, Any], tone: int, told: Any = None) -> str:
    """The largest amounts as bars, and a word on the others; nothing where there are none."""
    if not counts:
        return ""
    told = told or (lambda count: f"{count:,}")
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [(name, float(count), told(count)) for name, count in largest[:_MOST]]
    rest = largest[_MOST:]
    note = f"and {len(rest):,} more, {told(sum(c for _, c in rest))} together" if rest else ""
    return card(escape(title), svg.amounts(rows, tone), note)


def _genders(part: Mapping[str, Any]) -> str:
    wholes = [
        (
            f"By {by}",
            # In the same order everywhere, for colours go by it.
            [
                (n, of[n], f"{of[n]:,}")
                for n in sorted(of, key=lambda n: (n == UNKNOWN, n))
                if of[n]
            ],
        )
        for by, of in part["genders"].items()
        if any(name != UNKNOWN for name in of)
    ]
    return card("Genders", svg.shares(wholes, rest=UNKNOWN)) if wholes else ""


def _lengths(title: str, of: Mapping[str, Any], unit: str, tone: int) -> str:
    bounds = ["0", *(f"{bound:g}" for bound in of["up_to"]), "…"]
    used = [number for number, count in enumerate(of["clips"]) if count] or [0]
    low, high = used[0], used[-1] + 1
    picture = svg.columns(of["clips"][low:high], bounds[low : high + 1], unit, tone)
    note = (
        f"{of['least']:,g} to {of['most']:,g} {unit}; mean {of['mean']:,.4g}, median "
        f"{of['median']:,.4g}."
    )
    return card(escape(title), picture, note)


def _ages(part: Mapping[str, Any]) -> str:
    ages = part["ages"]
    if not ages:
        return ""
    note = f"Of {sum(ages.values()):,} clips the age is told."
    return card("Ages", svg.columns(list(ages.values()), list(ages), "age", 3), note)


def _licences(part: Mapping[str, Any]) -> str:
    return _amounts("Licences", {n or "not told": c for n, c in part["licences"].items()}, 7)


def _languages(spoken: Mapping[str, Any]) -> str:
    columns = ("language", "", "hours", "clips", "speakers", "men", "women", "unknown", "corpora")
    numeric = [column in _NUMERIC for column in columns]
    lines = [
        table_row(
            "td",
            (
                escape(language_name(tag) or tag),
                f'<span class="muted">{escape(tag)}</span>',
                _hours(part["hours"]),
                f"{part['clips']:,}",
                f"{part['speakers']:,}" if part["speakers"] else "",
                *(_both(part["genders"], gender) for gender in ("man", "woman", UNKNOWN)),
                f'<span class="small muted">{escape(_few(part["corpora"]))}</span>',
            ),
            numeric,
        )
        for tag, part in spoken.items()
    ]
    head = table_row("th", columns, numeric)
    table = f'<div class="scroll"><table>{head}{"".join(lines)}</table></div>'
    few = len(spoken) <= _MOST
    return f"<details{' open' if few else ''}><summary>{_count(spoken)}</summary>{table}</details>"


def _count(spoken: Mapping[str, Any]) -> str:
    return f"{len(spoken):,} language{'s' if len(spoken) != 1 else ''}"


def _corpus(name: str, part: Mapping[str, Any]) -> str:
    """Its splits and labels, folded away."""
    hours = {split: each["hours"] for split, each in part["splits"].items()}
    shown = [
        _amounts("Hours by split", hours, 0, _hours),
        _genders(part),
        *(
            _amounts(_KINDS.get(kind, kind.capitalize()), counts, 1 + number)
            for number, (kind, counts) in enumerate(part["labels"].items())
            if kind not in ("gender", "age")
        ),
        _ages(part),
        _lengths("Length of the clips", part["seconds"], "seconds", 5),
        _lengths("Length of the longest caption", part["characters"], "characters", 6),
        _licences(part),
    ]
    told = f"{_hours(part['hours'])} h, {part['clips']:,} clips"
    return (
        f"<details><summary>{escape(name)} "
        f'<span class="muted small">{told}</span></summary>{grid(list(filter(None, shown)))}'
        "</details>"
    )


def _named(tag: str) -> str:
    name = language_name(tag)
    return f"{name} ({tag})" if name else tag


def _few(names: Iterable[str], most: int = 3) -> str:
    known: Sequence[str] = list(names)
    return ", ".join(known[:most]) + (f" +{len(known) - most}" if len(known) > most else "")


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:,.1f}" if hours >= 10 else f"{hours:.2f}"
