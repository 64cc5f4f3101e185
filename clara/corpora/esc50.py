"""ESC-50: environmental sounds of 5 s in 50 classes and five folds.

Expects the unpacked repository: `meta/esc50.csv` and `audio/*.wav`. The folds keep clips of one
Freesound recording together, so they are never to be reshuffled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, Download, _files
from clara.records import Entry

__all__ = ["corpus"]

_CATEGORIES = """
    dog rooster pig cow frog cat hen insects sheep crow
    rain sea_waves crackling_fire crickets chirping_birds water_drops wind pouring_water
    toilet_flush thunderstorm
    crying_baby sneezing clapping breathing coughing footsteps laughing brushing_teeth snoring
    drinking_sipping
    door_wood_knock mouse_click keyboard_typing door_wood_creaks can_opening washing_machine
    vacuum_cleaner clock_alarm clock_tick glass_breaking
    helicopter chainsaw siren car_horn engine train church_bells airplane fireworks hand_saw
""".split()  # noqa: SIM905 (the official targets 0 to 49, ten of each of the five major groups)
_SOUNDS = {category: category.replace("_", " ") for category in _CATEGORIES}
_FOLDS = {str(fold): f"fold{fold}" for fold in range(1, 6)}


def _read(root: Path) -> Iterator[Entry]:
    table = _files.require(root, "meta/esc50.csv", "ESC-50")
    for line, row in _files.rows(table, ("filename", "fold", "category", "src_file", "take")):
        where = f"line {line} of {table}"
        yield Entry(
            key=row["filename"].removesuffix(".wav"),
            path=_files.recording(root / "audio", row["filename"], where),
            split=_files.choose(_FOLDS, row["fold"], "fold", where),
            labels={"sound": (_files.choose(_SOUNDS, row["category"], "category", where),)},
            source=f"freesound:{row['src_file']}",
            licence="CC BY 3.0" if row.get("esc10") == "True" else "CC BY-NC 3.0",
            extra={"take": row["take"], "esc10": row.get("esc10") == "True"},
        )


corpus = Corpus(
    title="ESC-50",
    homepage="https://github.com/karolpiczak/ESC-50",
    licence="CC BY-NC 3.0 (the ESC-10 clips CC BY 3.0)",
    cite="Piczak, ESC: Dataset for Environmental Sound Classification, 2015, "
    "doi:10.1145/2733373.2806390",
    size="2,000 clips, 2.8 h, 600 MB",
    obtain="Download https://github.com/karolpiczak/ESC-50/archive/master.zip, unpack it and give "
    "the folder that holds meta/ and audio/.",
    splits=tuple(_FOLDS.values()),
    labels={"sound": tuple(_SOUNDS.values())},
    # What GitHub packs has no hash that would stay.
    downloads=(Download(url="https://github.com/karolpiczak/ESC-50/archive/master.zip", strip=1),),
    read=_read,
)
