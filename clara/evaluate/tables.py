"""The paper's tables, cell by cell: what each is a figure of, and what is printed there.

Only the rows of the paper's own models are cells; printed values are shares, not percent. The
tables contradict each other in places (CREMA-D without training: 54.87 % in Table I, 42.00 % in
Table IV): they come from different checkpoints, so each printed value stands for itself and none is
a target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes:
        table: "table1" to "table6", or "table8".
        row: Its heading.
        column: Its heading.
        task: Name of the task.
        protocol: How it is measured.
        figure: A key of `Scores.values`; or "by_template:TEMPLATE" or "by_language:LANG", which are
            looked up in `Scores.detail`.
        paper: The printed value, a share; None where nothing is printed.
        prompts: The prompt set it is asked with.
        note: What a reader must know to compare.
    """

    table: str
    row: str
    column: str
    task: str
    protocol: str
    figure: str
    paper: float | None = None
    prompts: str = "paper"
    note: str = ""


TITLES: Mapping[str, str] = {
    "table1": "Emotion and sound classification, by words and fine-tuned",
    "table2": "Templates of prompts",
    "table3": "Accuracy of sound classification by template",
    "table4": "Emotion and gender, by words and by linear probe",
    "table5": "Retrieval on AudioCaps",
    "table6": "Retrieval of speech by what is said and how",
    "table8": "Keyword spotting in 36 languages",
}

_MAP_NOTE = (
    'The paper prints "mAP@1" and its code scores the first label alone; here it is the mean '
    "average precision over all classes, as in the rows that it compares with."
)
_ANY_NOTE = "How often the first answer is one of the true labels; the paper prints no such figure."
_NEITHER = "The paper names neither the corpus nor the split; its level suggests UrbanSound8K."
_MACRO = "The mean over classes of the share of recordings that are found."
_SAME = "With several right answers, mAP@1 and R@1 are one figure; the paper prints two."

_TABLE_I = (
    # Corpus, column, figure, printed for zero-shot, printed for fine-tuned, note.
    ("crema_d/emotion", "CREMA-D (Acc)", "accuracy", 0.5487, 0.8714, ""),
    ("ravdess/emotion", "RAVDESS (Acc)", "accuracy", 0.2633, 0.8501, ""),
    ("audioset/sound", "AudioSet (mAP)", "map", 0.1349, 0.2221, _MAP_NOTE),
    ("audioset/sound", "AudioSet (top-1)", "accuracy_any", None, None, _ANY_NOTE),
    ("urbansound8k/sound", "US8K (Acc)", "accuracy", 0.8784, 0.8920, ""),
    ("fsd50k/sound", "FSD50K (mAP)", "map", 0.3290, 0.6135, _MAP_NOTE),
    ("fsd50k/sound", "FSD50K (top-1)", "accuracy_any", None, None, _ANY_NOTE),
)

_TABLE_II = (
    ("Age", "common_voice/age"),
    ("Gender", "common_voice/gender"),
    ("Emotion", "crema_d/emotion"),
    ("Sound", "urbansound8k/sound"),
    ("Language", "common_voice/language"),
)

_TABLE_III = (
    ("{label}", 0.8909),
    ("A {label}", 0.8909),
    ("{label} sounds", 0.8920),
    ("A {label} can be heard", 0.6625),
    ("The sound of a {label}", 0.8932),
    ("The {label} emits a distinctive sound", 0.5500),
)

_TABLE_IV_COLUMNS = (
    ("Emotion (ZS) R@1", "emotion", "zero_shot", "macro_recall", _MACRO),
    ("Emotion (ZS) R@3", "emotion", "zero_shot", "macro_recall@3", _MACRO),
    ("Emotion (LP) R@1", "emotion", "linear_probe", "macro_recall", _MACRO),
    ("Emotion (LP) R@3", "emotion", "linear_probe", "macro_recall@3", _MACRO),
    ("Emotion (LP) Acc", "emotion", "linear_probe", "accuracy", ""),
    ("Gender (ZS) Acc", "gender", "zero_shot", "accuracy", ""),
    ("Gender (LP) Acc", "gender", "linear_probe", "accuracy", ""),
)

_TABLE_IV = (
    ("EmoV-DB", "emov_db", (0.4213, 0.8322, 0.9093, 0.9959, 0.9012, 0.5835, 0.9905)),
    ("CREMA-D", "crema_d", (0.4200, 0.7963, 0.6846, 0.8520, 0.6953, 0.6194, 0.9161)),
    ("RAVDESS", "ravdess", (0.5812, 0.9054, 0.8844, 0.9924, 0.8692, 0.9462, 0.9465)),
)

_WAYS = (("Audio → Text", "audio_to_text"), ("Text → Audio", "text_to_audio"))

_TABLE_V = (
    ("R@1", "recall@1", (0.4208, 0.4176)),
    ("R@5", "recall@5", (0.8157, 0.8012)),
    ("R@10", "recall@10", (0.9300, 0.9116)),
)

_TABLE_VI_FIGURES = (
    ("mAP@1", "map@1", _SAME),
    ("mAP@3", "map@3", ""),
    ("mAP@5", "map@5", ""),
    ("R@1", "recall@1", _SAME),
)

_TABLE_VI = (
    (
        "EmoV-DB",
        "emov_db",
        (0.7840, 0.8776, 0.8801, 0.7819, 0.7854, 0.8765, 0.8802, 0.7830),
    ),
    (
        "CREMA-D",
        "crema_d",
        (0.9271, 0.9624, 0.9624, 0.9097, 0.8785, 0.9346, 0.9337, 0.8611),
    ),
    (
        "EDB + CD + RAV",
        "emov_db+crema_d+ravdess",
        (0.7174, 0.8329, 0.8405, 0.7149, 0.6965, 0.8205, 0.8280, 0.6944),
    ),
)

# Language, tag, printed hours of training, printed accuracy in percent.
_TABLE_VIII = """
    Arabic ar 5.5 94.1, Breton br 3.7 93.2, Catalan ca 463 98.2, Welsh cy 77.2 97.5,
    German de 811 98.0, Divehi dv 0.02 71.4, Greek el 4.6 92.8, English en 1462 97.0,
    Esperanto eo 55.3 97.8, Estonian et 14.2 95.8, Basque eu 89.3 97.9, Persian fa 254 98.2,
    French fr 543 97.4, Indonesian id 8 93.8, Italian it 114 96.7, Georgian ka 0.9 86.3,
    Kyrgyz ky 8.6 95.1, Mongolian mn 8.8 94.1, Polish pl 96.9 96.7, Romanian ro 3.1 94.7,
    Russian ru 103 93.9, Kinyarwanda rw 317 94.7, Tamil ta 0.4 85.5, Turkish tr 16 94.4,
    Ukrainian uk 12.9 93.8, Odia or 0.04 61.5, Lithuanian lt 0.03 93.7, Slovak sk 1.1 94.0,
    Guarani gn 0.1 88.8, Assamese as 0.05 67.1, Latvian lv 3.1 95.6, Vietnamese vi 0.1 73.6,
    Hausa ha 1.6 89.5, Slovenian sl 1.9 95.0, Chuvash cv 1.4 94.2, Maltese mt 5.2 96.0
"""
_LANGUAGES = tuple(tuple(line.split()) for line in _TABLE_VIII.split(","))

HOURS: Mapping[str, float] = {tag: float(hours) for _, tag, hours, _ in _LANGUAGES}
"""The hours of training that Table VIII prints, by language tag; its 36 languages in order."""


def _cells() -> Iterator[Cell]:
    for task, column, figure, by_words, tuned, note in _TABLE_I:
        yield Cell("table1", "zero-shot", column, task, "zero_shot", figure, by_words, note=note)
        yield Cell("table1", "fine-tuned", column, task, "fine_tune", figure, tuned, note=note)
    for row, task in _TABLE_II:
        yield Cell("table2", row, "Accuracy", task, "zero_shot", "accuracy")
    for template, printed in _TABLE_III:
        figure = f"by_template:{template}"
        task = "urbansound8k/sound"
        yield Cell("table3", template, "Acc", task, "zero_shot", figure, printed, note=_NEITHER)
    for row, corpus, values in _TABLE_IV:
        for (column, target, protocol, figure, note), value in zip(
            _TABLE_IV_COLUMNS, values, strict=True
        ):
            task = f"{corpus}/{target}"
            yield Cell("table4", row, column, task, protocol, figure, value, note=note)
    for place, (title, way) in enumerate(_WAYS):
        for column, figure, both in _TABLE_V:
            heading, name = f"{title} {column}", f"{way}_{figure}"
            task = "audiocaps/retrieval"
            yield Cell("table5", "AudioCaps", heading, task, "retrieval", name, both[place])
    for row, corpora, all_eight in _TABLE_VI:
        printed_values = iter(all_eight)
        for title, way in _WAYS:
            for column, figure, note in _TABLE_VI_FIGURES:
                heading, name = f"{title} {column}", f"{way}_{figure}"
                task, value = f"{corpora}/retrieval", next(printed_values)
                yield Cell("table6", row, heading, task, "retrieval", name, value, note=note)
    for language, tag, _, percent in _LANGUAGES:
        figure, share = f"by_language:{tag}", round(float(percent) / 100, 3)
        yield Cell(
            "table8", language, "Accuracy", "mswc/keyword", "keyword_spotting", figure, share
        )


CELLS: tuple[Cell, ...] = tuple(_cells())
"""Every cell of Tables I to VI and VIII, in reading order."""
