"""What the figures of a score are called, and which of them is the main one."""

from __future__ import annotations

from collections.abc import Mapping

from clara.records import Scores

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


def primary(scores: Scores) -> str:
    """The name of the main figure of these scores."""
    return str(scores.detail.get("primary", next(iter(scores.values))))


def interval(scores: Scores) -> tuple[float, float]:
    """The ends of the main figure's 95 % interval; the figure itself where it has none."""
    name = primary(scores)
    value = scores.values[name]
    return scores.values.get(f"{name}_low", value), scores.values.get(f"{name}_high", value)
