"""What a score and its figures are called, and which of them is the main one."""

from __future__ import annotations

from collections.abc import Mapping

from clara.errors import DataError
from clara.records import Scores

ZERO_SHOT = "zero-shot"
LEARNING: Mapping[str, str] = {
    # Protocols that learn from the training part of the tested corpus.
    "linear_probe": "linear probe",
    "logistic": "logistic regression",
    "fine_tune": "fine-tuned",
}
_ASKING: Mapping[str, str] = {
    # Protocols that ask an encoder as it is, and what they do it by.
    "zero_shot": "prompts",
    "keyword_spotting": "words of each language",
    "retrieval": "retrieval",
}
_MET: Mapping[str, str] = {
    "held-out": "in-domain",
    "trained": "trained on these",
    "unknown": "training data unknown",
}

OTHER_FIGURES: Mapping[str, str] = {
    # What stands beside the main figure, where a protocol gives it, and its name for people.
    "macro_recall": "macro recall",
    "top3": "top 3",
    "top5": "top 5",
    "accuracy_pooled": "pooled over folds",
    "accuracy_ensemble": "prompt ensemble",
    "accuracy_all_classes": "among all classes",
    "accuracy_any": "any true label",
    "text_to_audio_recall@5": "text → audio R@5",
    "text_to_audio_recall@10": "text → audio R@10",
    "text_to_audio_map@10": "text → audio mAP@10",
    "audio_to_text_recall@1": "audio → text R@1",
    "audio_to_text_recall@5": "audio → text R@5",
    "audio_to_text_recall@10": "audio → text R@10",
    "audio_to_text_map@10": "audio → text mAP@10",
}
MAIN_FIGURES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "map": "mAP",
    "text_to_audio_recall@1": "text → audio R@1",
}
_WORDS = (("text_to_audio_", "text → audio "), ("audio_to_text_", "audio → text "))


def name_of(figure: str) -> str:
    """What a figure is called for people.

    >>> name_of("macro_recall"), name_of("audio_to_text_map@3")
    ('macro recall', 'audio → text mAP@3')
    """
    known = {**OTHER_FIGURES, **MAIN_FIGURES}
    if figure in known:
        return known[figure]
    for way, words in _WORDS:
        figure = figure.replace(way, words)
    return figure.replace("map@", "mAP@").replace("recall@", "R@").replace("_", " ")


def primary(scores: Scores) -> str:
    """The name of the main figure of these scores."""
    return str(scores.detail.get("primary", next(iter(scores.values))))


def interval(scores: Scores) -> tuple[float, float]:
    """The ends of the main figure's 95 % interval; the figure itself where it has none."""
    name = primary(scores)
    value = scores.values[name]
    return scores.values.get(f"{name}_low", value), scores.values.get(f"{name}_high", value)


def title(scores: Scores) -> str:
    """What a score is called for people, by its protocol and by what its encoder has seen.

    Nothing but an encoder that was trained on no part of a corpus is called zero-shot on it.

    >>> title(Scores("esc50/sound", "zero_shot", "m", {"accuracy": 0.9}, 400, seen="unseen"))
    'zero-shot'
    >>> title(Scores("esc50/sound", "zero_shot", "m", {"accuracy": 0.9}, 400, seen="held-out"))
    'prompts, in-domain'
    """
    if scores.protocol in LEARNING:
        return LEARNING[scores.protocol]
    how = _ASKING.get(scores.protocol, scores.protocol.replace("_", " "))
    if scores.seen in _MET:
        return f"{how}, {_MET[scores.seen]}"
    return ZERO_SHOT if scores.protocol == "zero_shot" else f"{ZERO_SHOT} {how}"


def check_title(claimed: str, scores: Scores) -> None:
    """Refuses a title that claims more than its score is.

    Args:
        claimed: What a report calls the score.
        scores: What was measured.

    Raises:
        DataError: It is called zero-shot, and the encoder was trained on that corpus, or nobody
            knows, or it learnt from it.

    >>> check_title("zero-shot", Scores("a/b", "zero_shot", "m", {"accuracy": 1}, 9, seen="unseen"))
    """
    words = claimed.casefold().replace("_", "-").replace(" ", "-")
    if ZERO_SHOT in words and ZERO_SHOT not in title(scores):
        raise DataError(
            f"Expected {scores.task} of {scores.encoder} to be called {title(scores)!r}, since the "
            f"corpus is {scores.seen} to it, but found it called {claimed!r}; write the report "
            "again, with the title that the figures bear."
        )
