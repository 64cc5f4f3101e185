"""`clara compare`: which differences between two models are larger than chance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

if TYPE_CHECKING:
    from clara.evaluate.compare import Comparison

__all__ = ["compare"]


def compare(
    first: Positional[Path],
    second: Positional[Path],
    *,
    models: tuple[str, ...] = (),
    json: bool = False,
) -> None:
    """Say which differences between two reports are larger than chance.

    Models that answered the same questions are compared one by one, speakers kept together; others
    as two samples. A difference counts if it would among so many tasks (Holm, 5 %).

    Args:
        first: The JSON of `clara evaluate`, or the folder of its --report.
        second: Another one, or the same where it holds both models.
        models: The model of the first and that of the second, where a report holds several.
        json: Print JSON.
    """
    from clara.cli._output import show_json
    from clara.evaluate import compare as comparing
    from clara.evaluate.stored import read

    found = comparing.compare(read(first), read(second), models)
    if json:
        show_json(comparing.as_json(found))
    else:
        _show(found)


def _show(found: Comparison) -> None:
    from clara.cli._output import note, show_table
    from clara.evaluate.figures import name_of

    words = {"first": found.names[0], "second": found.names[1], "neither": "no difference shown"}
    a, b = found.names if found.names[0] != found.names[1] else ("first", "second")
    if a == "first":
        words |= {"first": "first", "second": "second"}
    rows = [
        {
            "task": each.task,
            "protocol": each.protocol,
            "figure": name_of(each.figure),
            a: each.first,
            b: each.second,
            "difference": each.found.difference,
            "95 %": f"{each.found.low:+.3f} to {each.found.high:+.3f}",
            "p": _small(each.found.p),
            "p (Holm)": _small(each.p),
            "better": words[each.verdict],
            "test": each.found.test,
            "seen": " / ".join(dict.fromkeys(each.seen)),
        }
        for each in found.differences
    ]
    show_table(rows, title=f"{b} less {a}", right=("p", "p (Holm)"))
    apart = sorted({each.task for each in found.differences if not each.paired})
    if apart:
        note(
            f"As two samples, for want of the same questions or of their answers: "
            f"{', '.join(apart)}; measure both on the same shards with this release to compare "
            "them one by one."
        )
    if any(each.seen[0] != each.seen[1] for each in found.differences):
        note("Where they have not seen the same of a corpus, the difference is also one of that.")
    for task, protocol, why in found.refused:
        note(f"Not compared: {task} by {protocol}: {why}.")
    for task, protocol, name in found.alone:
        note(f"Only {name} was measured on {task} by {protocol}.")


def _small(p: float) -> str:
    """A p for people, none of them nothing.

    >>> _small(0.03125), _small(1e-9)
    ('0.031', '<0.001')
    """
    return f"{p:.3f}" if p >= 0.001 else "<0.001"
