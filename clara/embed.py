"""From recordings and sentences to unit rows: the encoder that people hold in their hands.

Evaluation and search ask any object for `audio` and `text`; `Clara` is ours.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import IOBase
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clara import checkpoint
from clara.audio import io
from clara.configs import to_json
from clara.errors import UsageError
from clara.hashes import Hashes
from clara.model import AudioTower, ClaraModel
from clara.records import Embeddings, Wave
from clara.shards import Index
from clara.text.phrases import prompt
from clara.text.tokens import Tokens

Rows = npt.NDArray[np.float32]
Kept = Callable[[npt.NDArray[np.int64], Callable[[], Rows]], Rows]
"""Gives the rows of some recordings of an index `[N]`, or has them made by what it is handed."""

Precision = Literal["32-true", "bf16-mixed"]

READERS = 2
"""Threads that decode recordings that are to be embedded."""

# Clips that together are longer do not go through the network at once, so that memory has an end.
_SECONDS = 300


@runtime_checkable
class Encoder(Protocol):
    """Whatever puts audio and text into one space.

    It may also have `sources`, the ids of the recordings that its training ones were cut from
    (texts, or their numbers by `clara.hashes.hashed`): a test then leaves out what was cut from
    them.

    It may also have `tower()`, for `clara.evaluate.protocols.fine_tune`: its audio tower as a
    `torch.nn.Module` of its own, whose `forward` takes waves `[B, T]` (float32, at `rate`, zero
    behind each length) and lengths `[B]` (int64) to features `[B, W]`, in `eval()` those that
    `features` gives, if the encoder has that. Every call gives a new copy on the device that the
    encoder works on, with all parameters trainable and none shared with the encoder, which training
    the copy must leave as it is.

    It may also have `hash`, a text that is the same for encoders that give the same rows and for no
    others ("sha256:..." over weights, configuration and vocabulary): `clara.evaluate.cache` keeps
    rows on disk under it, and reports tell it. Without one, or with an empty one, nothing is kept.

    Attributes:
        name: Of the model, for reports.
        rate: The sample rate it wants, in Hz.
    """

    name: str
    rate: int

    def audio(self, sources: Sequence[io.Source]) -> Rows:
        """Recordings to unit rows `[N, D]`."""
        ...

    def text(self, texts: Sequence[str]) -> Rows:
        """Sentences to unit rows `[N, D]`."""
        ...

    def seen(self, corpus: str, split: str) -> str:
        """Whether it was trained on these recordings, as in `Scores.seen`."""
        ...


class Clara:
    """A trained model, ready to embed, compare and classify.

    Args:
        model: The network.
        tokens: Its vocabulary.
        about: What its checkpoint says of itself.
        batch: How many recordings go through the network at once.
        precision: "bf16-mixed" multiplies in bfloat16, which is up to twice as fast for a large
            network where the processor does so; rows then differ in the third digit.

    Attributes:
        name: Of the model.
        rate: The sample rate of the network, in Hz; recordings of any rate are resampled.
    """

    def __init__(
        self,
        model: ClaraModel,
        tokens: Tokens,
        about: checkpoint.About,
        batch: int = 16,
        precision: Precision = "32-true",
    ) -> None:
        self.model = model
        self.tokens = tokens
        self.about = about
        self.batch = batch
        self.precision = precision
        self.name = about.name
        self.rate = model.config.audio.mel.rate

    def audio(self, sources: Sequence[io.Source]) -> Rows:
        """Recordings to unit rows `[N, D]` (equation 2).

        Args:
            sources: Paths, encoded bytes, open files, or (wave, rate) pairs; of any length.

        Raises:
            AudioError: One of them cannot be read.
        """
        return self._over_waves(sources, self.model.embed_audio, self.model.config.dim)

    def features(self, sources: Sequence[io.Source]) -> Rows:
        """Recordings to pooled encoder outputs `[N, W]`, before the projection head.

        These, not the unit rows, are what a linear probe rests on (section V-D).
        """
        width = self.model.config.audio.latent_width
        return self._over_waves(sources, self.model.audio, width)

    def text(self, texts: Sequence[str]) -> Rows:
        """Sentences in any language to unit rows `[N, D]` (equation 2)."""
        reject_single(texts, "sentences")
        rows = np.empty((len(texts), self.model.config.dim), np.float32)
        for start in range(0, len(texts), 64):
            part = texts[start : start + 64]
            tokens, lengths = self.tokens.encode(part, self.model.config.text.limit)
            out = self._run(
                self.model.embed_text, torch.from_numpy(tokens), torch.from_numpy(lengths)
            )
            rows[start : start + len(part)] = out
        return rows

    def classify(
        self, source: io.Source, labels: Sequence[str], template: str = "{label}"
    ) -> dict[str, float]:
        """Probabilities of the labels for one recording, most probable first.

        Args:
            source: As in `audio`.
            labels: Words or sentences in any language.
            template: Made into a sentence with each label, "The sound of {label}".

        Raises:
            UsageError: There are no labels, or the template has no place for one.
        """
        reject_single(labels, "labels")
        if not labels or not all(label.strip() for label in labels):
            raise UsageError("Expected at least one label and none empty; say what it may be.")
        if len(set(labels)) < len(labels):
            raise UsageError(f"Expected each label once, but found {', '.join(labels)}.")
        if "{label}" not in template:
            raise UsageError(f"Expected '{{label}}' in the template, but found {template!r}.")
        similarity = (
            self.text([prompt(template, label) for label in labels]) @ self.audio([source])[0]
        )
        logits = similarity * self.model.scales()[0].item()
        weights = np.exp(logits - logits.max())
        ranked = zip(labels, (weights / weights.sum()).tolist(), strict=True)
        return dict(sorted(ranked, key=lambda pair: -pair[1]))

    def tower(self) -> AudioTower:
        """A copy of the audio tower that can be trained on while this encoder stays as it is."""
        return copy.deepcopy(self.model.audio).requires_grad_()

    @property
    def sources(self) -> Hashes:
        """What its training recordings were cut from, numbered by `clara.hashes`: uint64 `[N]`."""
        return self.about.sources

    @property
    def hash(self) -> str:
        """What decides its rows, weights as they are now: "sha256:..."."""
        total = hashlib.sha256(json.dumps(to_json(self.model.config), sort_keys=True).encode())
        total.update(self.tokens.to_bytes())
        if self.precision != "32-true":
            total.update(self.precision.encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            total.update(f"\0{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
            total.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return f"sha256:{total.hexdigest()}"

    def seen(self, corpus: str, split: str) -> str:
        """Whether these recordings were trained on, from the checkpoint: as in `Scores.seen`."""
        splits = self.about.seen.get(corpus, {})
        if split in splits:
            return "trained"
        return "held-out" if splits else "unseen"

    def _over_waves(
        self, sources: Sequence[io.Source], encode: Callable[[Tensor, Tensor], Tensor], width: int
    ) -> Rows:
        reject_single(sources, "recordings")
        with ThreadPoolExecutor(READERS) as readers:
            waves = list(readers.map(lambda source: io.load(source, rate=self.rate)[0], sources))
        rows = np.empty((len(waves), width), np.float32)
        # Clips of like length go together: the least padding, and rows do not depend on company.
        for part in chunks([len(wave) for wave in waves], self.batch, _SECONDS * self.rate):
            rows[part] = self._run(encode, *pad([waves[i] for i in part]))
        return rows

    def _run(self, encode: Callable[[Tensor, Tensor], Tensor], x: Tensor, lengths: Tensor) -> Rows:
        device = self.model.log_scales.device
        training = self.model.training
        self.model.eval()
        try:
            half = torch.autocast(
                device.type, torch.bfloat16, enabled=self.precision == "bf16-mixed"
            )
            with torch.inference_mode(), half:
                rows: Rows = encode(x.to(device), lengths.to(device)).float().cpu().numpy()
        finally:
            self.model.train(training)
        return rows


def load(model: str | Path, *, precision: Precision = "32-true") -> Clara:
    """A model from its folder, or from the run folder that `clara train` wrote.

    Args:
        model: The folder.
        precision: As `Clara` takes it.

    Raises:
        CheckpointError: The folder holds no model, or a broken one.
        UsageError: There is no such folder.
    """
    return Clara(*checkpoint.load(Path(model)), precision=precision)


def classify(
    model: Clara, source: io.Source, labels: Sequence[str], template: str = "{label}"
) -> dict[str, float]:
    """As `Clara.classify`."""
    return model.classify(source, labels, template)


def embed_index(
    encoder: Encoder,
    index: Index,
    *,
    features: bool = False,
    progress: Callable[[int], None] | None = None,
    kept: Kept | None = None,
) -> Embeddings:
    """All recordings of an index to rows, in the order of the index.

    Args:
        encoder: Any encoder.
        index: The recordings.
        features: Take what a probe rests on, `encoder.features`, instead of `encoder.audio`.
        progress: Told after each chunk how many recordings are done.
        kept: Asked for the rows of each chunk, where they may be had without embedding.
    """
    encode = encoder.features if features else encoder.audio  # type: ignore[attr-defined]
    # Sorted by length over the whole index, so that a chunk pads little; 128 waves fit any memory.
    order = np.argsort(index.column("seconds"), kind="stable")
    vectors: Rows | None = None
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(0, len(order), 128):
            part = order[start : start + 128]

            def make(part: npt.NDArray[np.int64] = part) -> Rows:
                samples = readers.map(lambda i: index.sample(i, rate=encoder.rate), part.tolist())
                made: Rows = encode([(sample.wave, sample.rate) for sample in samples])
                return made

            rows = kept(part, make) if kept else make()
            if vectors is None:
                vectors = np.empty((len(order), rows.shape[1]), np.float32)
            vectors[part] = rows
            if progress:
                progress(start + len(part))
    if vectors is None:
        raise UsageError("Expected recordings to embed, but the selection is empty.")
    corpora, keys = index.column("corpus"), index.column("key")
    # Of many recordings few have labels of their own: each set of them is one object.
    _, firsts, kinds = np.unique(index.codes("labels")[0], return_index=True, return_inverse=True)
    labels = [index.labels(int(row)) for row in firsts]
    return Embeddings(
        vectors=vectors,
        keys=[f"{corpus}/{key}" for corpus, key in zip(corpora, keys, strict=True)],
        labels=[labels[kind] for kind in kinds.tolist()],
        texts=index.column("texts").tolist(),
    )


def pad(waves: Sequence[Wave]) -> tuple[Tensor, Tensor]:
    """Waves to zero-padded float32 `[B, T]` and int64 lengths `[B]`."""
    lengths = torch.tensor([len(wave) for wave in waves])
    padded = torch.zeros(len(waves), int(lengths.max()))
    for row, wave in zip(padded, waves, strict=True):
        row[: len(wave)] = torch.from_numpy(wave)
    return padded, lengths


def chunks(lengths: Sequence[int], most: int, room: int) -> Iterator[list[int]]:
    """Rows in order of length, at most so many together and with at most so many samples."""
    part: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if part and (len(part) == most or (len(part) + 1) * lengths[row] > room):
            yield part
            part = []
        part.append(row)
    if part:
        yield part


def reject_single(values: object, what: str) -> None:
    """Refuses one recording or one text where a list of them is asked for.

    Raises:
        UsageError: It is one alone.
    """
    pair = isinstance(values, tuple) and len(values) == 2 and isinstance(values[1], int)
    wave = isinstance(values, np.ndarray) and values.dtype.kind in "fiu"
    if pair or wave or isinstance(values, (str, bytes, os.PathLike, IOBase)):
        raise UsageError(
            f"Expected a list of {what}, but found one alone; put it into brackets: [...]."
        )
