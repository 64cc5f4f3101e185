"""`clara classify`: which of these words fits a recording."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

__all__ = ["classify"]


def classify(
    audio: Positional[tuple[Path, ...]],
    *,
    labels: tuple[str, ...],
    model: Path,
    template: str = "{label}",
    json: bool = False,
) -> None:
    """Ask which of some words, in any language, fits each recording.

    Args:
        audio: The recordings.
        labels: Words or sentences to choose from.
        model: A model folder, or the folder of a run.
        template: Made into a sentence with each label: "The sound of {label}".
        json: Print JSON.
    """
    import clara
    from clara.cli._output import show_json, show_table
    from clara.errors import UsageError

    if not audio:
        raise UsageError("Expected a recording to classify, but found none; name a file.")
    encoder = clara.load(model)
    answers = {str(path): encoder.classify(path, labels, template) for path in audio}
    if json:
        show_json(answers)
        return
    for path, ranked in answers.items():
        rows = [
            {"label": label, "probability": share, "": "█" * round(30 * share)}
            for label, share in ranked.items()
        ]
        show_table(rows, title=path)
