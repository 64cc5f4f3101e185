"""Models of the library sentence-transformers that encode both sound and text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clara.backends._models import loading
from clara.embed import Rows
from clara.encoders._clips import Windowed
from clara.encoders._weights import installed, offline, title
from clara.errors import CheckpointError, MissingExtraError, UsageError
from clara.records import Wave

__all__ = ["SentenceTransformers"]


class SentenceTransformers(Windowed):
    """A `SentenceTransformer` of a folder.

    Recordings longer than what its feature extractor hears at once: see `clara.encoders._clips`.

    Args:
        folder: With modules.json.

    Attributes:
        name: Of the folder.
        rate: What its feature extractor wants, in Hz.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
        UsageError: There is no such folder, or it is of a release that encodes no audio.
        CheckpointError: The model does not load, takes no audio, or crops at random.
    """

    kind = "sentence_transformers 1"

    def __init__(self, folder: str | Path) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            what = "models of sentence-transformers"
            raise MissingExtraError(what, "sentence-transformers") from error
        self._folder = Path(folder)
        if not self._folder.is_dir():
            raise UsageError(
                f"Expected {str(folder)!r} to be a folder of a model of sentence-transformers, but "
                f"there is no such folder; nothing is fetched by its name, so download it first."
            )
        if not hasattr(SentenceTransformer, "modalities"):
            raise UsageError(
                f"Expected sentence-transformers 6 or later, which encodes audio, but found "
                f"{installed('sentence-transformers')}; install it with: "
                f"pip install 'clara-audio[sentence-transformers]'"
            )
        # Code of other people is not run: such a model is loaded by a function of one's own.
        hint = "if it needs code of its own, load it in a function and give package.module:function"
        with offline(), loading("a model of sentence-transformers", str(folder), hint):
            self._model: Any = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        self.files = (self._folder,)
        self.window, self.rate = self._hearing()
        self.width = self._read(["a sound"]).shape[1]  # not every model states it
        self.name = title(self._folder)

    def _hearing(self) -> tuple[int | None, int]:
        """How many samples it hears at once, and at which rate.

        Raises:
            CheckpointError: It cannot hear, or not twice the same.
        """
        wanted = {"audio", "text"} - set(self._model.modalities)
        if wanted:
            raise CheckpointError(
                f"Expected {str(self._folder)!r} to encode audio and text, but it takes only "
                f"{', '.join(map(str, self._model.modalities))}."
            )
        extract: Any = getattr(self._model.processor, "feature_extractor", self._model.processor)
        if getattr(extract, "truncation", "") == "fusion":
            raise CheckpointError(
                f"Expected {str(self._folder)!r} to give a clip one row, but its feature extractor "
                f"marks clips at random; open it as clap:{self._folder} if it is a CLAP."
            )
        rate = getattr(extract, "sampling_rate", None)
        if not isinstance(rate, int):
            raise CheckpointError(
                f"Expected the feature extractor of {str(self._folder)!r} to state its sampling "
                f"rate, but found {rate!r}."
            )
        # As those of CLAP and of Whisper call it.
        window = getattr(extract, "nb_max_samples", getattr(extract, "n_samples", None))
        return window, rate

    def _hear(self, waves: list[Wave]) -> Rows:
        return self._encode([{"array": wave, "sampling_rate": self.rate} for wave in waves])

    def _read(self, texts: list[str]) -> Rows:
        # Said to be texts, or the library opens what is called like a recording that is there.
        return self._encode([{"text": text} for text in texts])

    def _encode(self, inputs: Sequence[Any]) -> Rows:
        rows: Rows = self._model.encode(inputs, batch_size=16, show_progress_bar=False)
        return rows
