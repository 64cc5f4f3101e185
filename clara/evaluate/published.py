"""What others have published on the tasks that are measured here, with source, setting and caveats.

The paper's own figures are in `clara.evaluate.tables`. Not here: figures that nobody could confirm;
those of the paper's Table V for CLAP (its row is shifted by a column) and ML-ATCMR (both directions
are one); FSD50K in the raw results of MTEB (two metrics under one name); and Clotho for MS-CLAP
2022 there, which looks like recordings that it was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ZERO_SHOT = "zero-shot"
SAW = "saw that data"
TUNED = "fine-tuned"
PROBED = "probe"
UNSAID = "training not stated"
AGAIN = "third-party re-measurement"
SETTINGS: Mapping[str, str] = {
    ZERO_SHOT: "published as zero-shot; that rests on what its source says of its training",
    SAW: "it was trained on recordings of that corpus, whatever the figure is called",
    TUNED: "it was trained further on that corpus, or one made of it",
    PROBED: "a classifier on frozen embeddings was trained on that corpus",
    UNSAID: "where it stands nothing says whether the model was trained on that corpus",
    AGAIN: "measured by others than its authors, by one protocol for all models",
}

_M2D5 = "M2D-CLAP (nttcslab/m2d), Table 5"
_M2D3 = "M2D-CLAP (nttcslab/m2d), Table 3"
_SOUNDS = "M2D-CLAP, Table 5; WavLink (arXiv 2601.15118), Table 3; the projects' own READMEs"
_WAVLINK2 = "WavLink (arXiv 2601.15118), Table 2"
_WAVLINK3 = "WavLink (arXiv 2601.15118), Table 3"
_BIND = "README of LanguageBind"
_PEAV = "README of facebookresearch/perception_models"
_XARES = "README of X-ARES (jimbozhang/xares)"
_MTEB = "raw results of MTEB (MAEB, arXiv 2602.16008), commit f4cc6c8b3"
_SUMMARY = "taken from a third party's summary"
_STAGE2 = "its second stage trains on AudioCaps v2 and the training part of Clotho"


@dataclass(frozen=True, slots=True)
class Published:
    """A figure that others have published.

    Attributes:
        task: Name of the task here.
        figure: A key of `Scores.values`.
        model: Whose it is.
        value: A share.
        setting: One of `SETTINGS`.
        source: Where it stands.
        caveat: What a reader must know to compare.
    """

    task: str
    figure: str
    model: str
    value: float
    setting: str
    source: str
    caveat: str = ""


# Model, percent, setting, source, caveat.
_Line = tuple[str, float, str, str, str]

_LISTS: Mapping[tuple[str, str], tuple[_Line, ...]] = {
    ("esc50/sound", "accuracy"): (
        ("Proto-LC", 96.0, ZERO_SHOT, _SOUNDS, ""),
        ("SLAP", 95.5, ZERO_SHOT, "SLAP (Meta)", f"tuned on WavCaps; {_SUMMARY}"),
        ("MGA-CLAP", 94.9, ZERO_SHOT, _SOUNDS, ""),
        ("WavCaps", 94.8, ZERO_SHOT, _SOUNDS, ""),
        ("LanguageBind", 94.0, ZERO_SHOT, _BIND, "the model that was tuned whole"),
        ("MS-CLAP 2023", 93.9, ZERO_SHOT, _SOUNDS, ""),
        ("ReCLAP", 92.8, ZERO_SHOT, _SOUNDS, ""),
        ("Pengi", 91.95, ZERO_SHOT, _SOUNDS, ""),
        ("AF-CLAP", 91.3, ZERO_SHOT, _SOUNDS, ""),
        ("LAION-CLAP", 91.0, ZERO_SHOT, _SOUNDS, "its README: 92.75, of the first fold"),
        ("WavLink-L", 83.0, ZERO_SHOT, _WAVLINK3, ""),
        ("M2D-CLAP", 75.45, ZERO_SHOT, _M2D5, ""),
        ("AudioCLIP", 69.4, ZERO_SHOT, _SOUNDS, ""),
        ("ImageBind", 66.9, ZERO_SHOT, _SOUNDS, ""),
        ("Wav2CLIP", 41.4, ZERO_SHOT, _SOUNDS, ""),
    ),
    ("urbansound8k/sound", "accuracy"): (
        ("ReCLAP", 95.2, ZERO_SHOT, _SOUNDS, ""),
        ("AF-CLAP", 92.3, ZERO_SHOT, _SOUNDS, ""),
        ("MGA-CLAP", 83.7, ZERO_SHOT, _SOUNDS, ""),
        ("MS-CLAP 2023", 82.3, ZERO_SHOT, _SOUNDS, ""),
        ("WavCaps", 81.4, ZERO_SHOT, _SOUNDS, ""),
        ("LAION-CLAP", 77.0, ZERO_SHOT, _SOUNDS, ""),
        ("WavLink-S", 75.0, ZERO_SHOT, _WAVLINK3, ""),
        ("M2D-CLAP", 72.4, ZERO_SHOT, _M2D5, ""),
        ("AudioCLIP", 68.78, ZERO_SHOT, "README of AudioCLIP", "others print 65.3"),
        ("Wav2CLIP", 40.4, ZERO_SHOT, _SOUNDS, ""),
    ),
    ("fsd50k/sound", "map"): (
        ("WavCaps", 52.96, SAW, _M2D5, ""),
        ("MS-CLAP 2023", 48.5, SAW, _M2D5, ""),
        ("LAION-CLAP", 45.85, SAW, _M2D5, ""),
        ("M2D-CLAP", 40.8, ZERO_SHOT, _M2D5, ""),
        ("MS-CLAP 2022", 30.24, SAW, _M2D5, ""),
        ("Wav2CLIP", 3.0, ZERO_SHOT, _M2D5, ""),
    ),
    ("audioset/sound", "map"): (
        ("LanguageBind", 30.0, ZERO_SHOT, _BIND, "the model that was tuned whole; else 27.7"),
        ("M2D-CLAP", 27.24, SAW, _M2D5, ""),
        ("WavCaps", 19.6, SAW, _M2D5, ""),
        ("LTU", 18.7, SAW, _M2D5, ""),
        (
            "ImageBind",
            17.6,
            SAW,
            _SOUNDS,
            "its audio side learnt from AudioSet, without the labels",
        ),
        ("MS-CLAP 2023", 10.2, SAW, _M2D5, ""),
        ("MS-CLAP 2022", 5.8, ZERO_SHOT, _M2D5, ""),
    ),
    ("crema_d/emotion", "accuracy"): (
        ("MS-CLAP 2023", 30.0, ZERO_SHOT, _M2D5, ""),
        ("LAION-CLAP", 23.1, ZERO_SHOT, _M2D5, ""),
        ("MS-CLAP 2022", 22.8, ZERO_SHOT, _M2D5, ""),
        ("WavCaps", 19.9, ZERO_SHOT, _M2D5, ""),
        ("M2D-CLAP", 17.7, ZERO_SHOT, _M2D5, ""),
        ("Dasheng", 76.7, PROBED, _XARES, "perceptron on frozen features"),
        ("M2D-CLAP", 73.4, PROBED, _M2D3, "linear"),
        ("M2D", 73.0, PROBED, _M2D3, "linear"),
        ("ATST-Frame", 72.3, PROBED, _M2D3, "linear"),
        ("MS-CLAP 2023", 62.5, PROBED, _M2D3, "linear"),
        ("Whisper", 57.2, PROBED, _XARES, "perceptron on frozen features"),
        ("LAION-CLAP", 54.6, PROBED, _M2D3, "linear"),
        ("wav2vec 2.0", 54.1, PROBED, _XARES, "perceptron on frozen features"),
    ),
    ("ravdess/emotion", "accuracy"): (
        ("Dasheng", 74.9, PROBED, _XARES, "perceptron on frozen features"),
        ("Whisper", 45.9, PROBED, _XARES, "perceptron on frozen features"),
    ),
    ("speech_commands/keyword", "accuracy"): (
        (
            "GLAP",
            95.8,
            ZERO_SHOT,
            "GLAP (arXiv 2506.11350)",
            f"version 2 of the corpus; {_SUMMARY}",
        ),
    ),
    ("audiocaps/retrieval", "text_to_audio_recall@1"): (
        ("SLAP", 47.5, TUNED, "SLAP (Meta)", _SUMMARY),
        ("WavLink-L", 46.7, SAW, _WAVLINK2, _STAGE2),
        ("PE-AV-L", 45.8, UNSAID, _PEAV, "states no tuning for this corpus alone"),
        ("MGA-CLAP", 41.8, UNSAID, _WAVLINK2, ""),
        ("GLAP", 41.7, UNSAID, "GLAP (arXiv 2506.11350)", _SUMMARY),
        ("AF-CLAP", 37.3, UNSAID, _WAVLINK2, ""),
        ("ReCLAP", 37.1, UNSAID, _WAVLINK2, ""),
        ("LAION-CLAP", 36.1, UNSAID, _WAVLINK2, ""),
        ("LanguageBind", 19.7, UNSAID, _BIND, "the model that was tuned whole"),
    ),
    ("audiocaps/retrieval", "text_to_audio_recall@5"): (
        ("WavLink-L", 80.2, SAW, _WAVLINK2, _STAGE2),
        ("MGA-CLAP", 76.1, UNSAID, _WAVLINK2, ""),
        ("ReCLAP", 73.2, UNSAID, _WAVLINK2, ""),
        ("AF-CLAP", 72.9, UNSAID, _WAVLINK2, ""),
        ("LAION-CLAP", 71.8, UNSAID, _WAVLINK2, ""),
    ),
    ("audiocaps/retrieval", "text_to_audio_recall@10"): (
        ("WavLink-L", 89.5, SAW, _WAVLINK2, _STAGE2),
        ("ReCLAP", 85.0, UNSAID, _WAVLINK2, ""),
        ("AF-CLAP", 84.0, UNSAID, _WAVLINK2, ""),
        ("LAION-CLAP", 83.9, UNSAID, _WAVLINK2, ""),
        ("LanguageBind", 67.6, UNSAID, _BIND, "the model that was tuned whole"),
    ),
    ("audiocaps/retrieval", "audio_to_text_recall@1"): (
        ("WavLink-L", 60.0, SAW, _WAVLINK2, _STAGE2),
        ("MGA-CLAP", 54.4, UNSAID, _WAVLINK2, ""),
        ("ReCLAP", 48.0, UNSAID, _WAVLINK2, ""),
        ("AF-CLAP", 46.9, UNSAID, _WAVLINK2, ""),
        ("LAION-CLAP", 46.8, UNSAID, _WAVLINK2, ""),
    ),
    ("audiocaps/retrieval", "audio_to_text_recall@5"): (
        ("WavLink-L", 85.3, SAW, _WAVLINK2, _STAGE2),
        ("AF-CLAP", 84.1, UNSAID, _WAVLINK2, ""),
        ("MGA-CLAP", 83.6, UNSAID, _WAVLINK2, ""),
        ("LAION-CLAP", 82.9, UNSAID, _WAVLINK2, ""),
        ("ReCLAP", 80.4, UNSAID, _WAVLINK2, ""),
    ),
    ("audiocaps/retrieval", "audio_to_text_recall@10"): (
        ("WavLink-L", 92.6, SAW, _WAVLINK2, _STAGE2),
        ("AF-CLAP", 91.9, UNSAID, _WAVLINK2, ""),
        ("ReCLAP", 90.8, UNSAID, _WAVLINK2, ""),
        ("LAION-CLAP", 90.7, UNSAID, _WAVLINK2, ""),
    ),
    ("clotho/retrieval", "text_to_audio_recall@1"): (
        ("AuroLA", 26.5, ZERO_SHOT, "AuroLA", _SUMMARY),
        ("PE-AV-S", 24.0, UNSAID, _PEAV, "states no tuning for this corpus alone"),
        ("WavLink-L", 22.4, SAW, _WAVLINK2, _STAGE2),
        ("MGA-CLAP", 20.4, UNSAID, _WAVLINK2, ""),
        ("GLAP", 19.4, UNSAID, "GLAP (arXiv 2506.11350)", _SUMMARY),
    ),
    ("clotho/retrieval", "audio_to_text_recall@1"): (
        ("SLAP", 36.8, TUNED, "SLAP (Meta)", _SUMMARY),
        ("AuroLA", 32.9, ZERO_SHOT, "AuroLA", _SUMMARY),
        ("WavLink-L", 27.4, SAW, _WAVLINK2, _STAGE2),
        ("MGA-CLAP", 25.3, UNSAID, _WAVLINK2, ""),
        ("GLAP", 21.8, UNSAID, "GLAP (arXiv 2506.11350)", _SUMMARY),
    ),
}

# What a fresh user gets of each model: MTEB's own prompts and protocol. In the order of the columns
# below; a dash is a figure that is not there or says nothing.
_AGAIN = """
    laion/larger_clap_general | 90.5 79.6 17.3 12.4 39.8 42.1 28.0 19.2 13.9 0.6 0.6
    laion/larger_clap_music_and_speech | 82.8 76.9 17.3 9.0 40.2 41.1 30.7 17.3 12.4 1.5 0.5
    laion/clap-htsat-unfused | 81.7 74.4 13.3 9.4 37.6 41.4 30.2 20.7 14.1 0.4 0.7
    laion/clap-htsat-fused | 74.0 60.2 14.7 11.8 38.8 33.3 24.8 17.9 13.1 0.5 0.6
    msclap-2023 | 89.8 83.0 15.2 10.0 37.1 24.5 20.3 23.3 18.2 0.8 0.6
    msclap-2022 | 80.2 76.2 13.6 10.5 27.9 32.0 22.0 - - 0.3 0.6
    wav2clip | 40.8 34.2 11.8 9.7 44.5 3.6 0.8 2.2 0.3 0.1 0.5
    LCO-Embedding-Omni-7B | 87.8 67.4 31.7 97.4 36.1 30.2 26.1 16.2 14.8 64.3 48.8
    e5-omni-7B | - - 40.6 97.1 30.6 - - - 20.4 - 54.5
    jina-v5-omni-small | - - 26.9 97.4 20.2 - - - 9.3 - 67.9
    BidirLM-Omni-2.5B | - - 34.2 97.3 29.9 - - - 4.3 - 51.1
    Qwen2-Audio-7B | - - - - 74.0 - - - - - -
    whisper-medium | - - - - 54.0 - - - - - -
"""
_EIGHT = "logistic regression on 8 recordings of each class"
_AGAIN_COLUMNS = (
    ("esc50/sound", "accuracy", "by prompts"),
    ("urbansound8k/sound", "accuracy", "by prompts"),
    ("ravdess/emotion", "accuracy", "by prompts; chance is 12.5 %"),
    ("speech_commands/keyword", "accuracy", "by prompts; version 2 of the corpus"),
    ("crema_d/emotion", "accuracy", _EIGHT),
    ("audiocaps/retrieval", "audio_to_text_recall@1", ""),
    ("audiocaps/retrieval", "text_to_audio_recall@1", ""),
    ("clotho/retrieval", "audio_to_text_recall@1", ""),
    ("clotho/retrieval", "text_to_audio_recall@1", ""),
    ("emov_db/retrieval", "text_to_audio_recall@1", "by texts of its own"),
    ("common_voice/retrieval", "text_to_audio_recall@1", "117 languages, by texts of its own"),
)


def _published() -> Iterator[Published]:
    for (task, figure), lines in _LISTS.items():
        for model, value, *rest in lines:
            yield Published(task, figure, model, round(value / 100, 4), *rest)
    for line in filter(None, map(str.strip, _AGAIN.splitlines())):
        model, _, values = line.partition(" | ")
        for column, percent in zip(_AGAIN_COLUMNS, values.split(), strict=True):
            if percent != "-":
                task, figure, caveat = column
                share = round(float(percent) / 100, 4)
                yield Published(task, figure, model, share, AGAIN, _MTEB, caveat)


PUBLISHED: tuple[Published, ...] = tuple(_published())
"""All of them, by task and figure; of one figure the authors' own before re-measurements."""


def of(task: str) -> tuple[Published, ...]:
    """What is published of a task, its split aside.

    >>> max(of("urbansound8k/sound"), key=lambda each: each.value).model
    'ReCLAP'
    """
    name = task.partition("@")[0]
    return tuple(each for each in PUBLISHED if each.task == name)
