"""A model folder on real tasks of mteb, made of recordings that lie here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import clara
from clara import checkpoint
from clara.audio.io import encode_flac
from clara.checkpoint import About
from clara.embed import Clara
from clara.errors import AudioError, UsageError
from clara.model import ClaraModel
from clara.text.tokens import Tokens
from clara.train import Recipe

mteb: Any = pytest.importorskip("mteb")
datasets: Any = pytest.importorskip("datasets")
interop: Any = pytest.importorskip("clara.interop.mteb")

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # Of mteb: of some tasks there is a newer version, and not every class is answered.
    pytest.mark.filterwarnings("ignore:The task:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning"),
]
RATE = 16_000


@pytest.fixture(scope="module")
def folder(toy: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "toy"
    torch.manual_seed(0)
    checkpoint.save(folder, ClaraModel(toy.model), Tokens.bytes_only(), About("toy"))
    return folder


@pytest.fixture(scope="module")
def ours(folder: Path) -> Clara:
    return clara.load(folder)


def clips(count: int) -> list[bytes]:
    rng = np.random.default_rng(0)
    times = [np.arange(int(RATE * rng.uniform(0.2, 0.6))) / RATE for _ in range(count)]
    waves = [0.3 * np.sin(2 * np.pi * rng.uniform(100, 3000) * time) for time in times]
    return [encode_flac(wave.astype(np.float32), RATE) for wave in waves]


def audio(contents: list[bytes], **columns: list[Any]) -> Any:
    """A data set as the hub has it: a column of encoded recordings."""
    rows = [{"bytes": content, "path": f"{n}.flac"} for n, content in enumerate(contents)]
    table = datasets.Dataset.from_dict({"audio": rows, **columns})
    return table.cast_column("audio", datasets.Audio())


def evaluate(model: Any, task: Any) -> Any:
    result = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    (scores,) = result.task_results
    return next(iter(scores.scores.values()))[0]


def test_zero_shot_classification(folder: Path, ours: Clara) -> None:
    task = mteb.get_task("ESC50_Zeroshot")
    labels = task.get_candidate_labels()
    contents = clips(40)
    answers = (ours.audio(contents) @ ours.text(labels).T).argmax(1)
    # Half of the labels are what the model says, so that half of its answers are right.
    truth = [int(answer) if n % 2 else (int(answer) + 1) % 50 for n, answer in enumerate(answers)]
    task.dataset = {"train": audio(contents, target=truth)}
    task.data_loaded = True
    assert evaluate(interop.MTEBEncoder(folder), task)["accuracy"] == 0.5
    assert evaluate(interop.MTEBEncoder(ours), task)["accuracy"] == 0.5


@pytest.mark.parametrize("name", ["ClothoT2ARetrieval", "ClothoA2TRetrieval"])
def test_retrieval(ours: Clara, name: str) -> None:
    count = 15
    contents, texts = clips(count), [f"a tone of {n * n} hertz" for n in range(count)]
    ids = [str(n) for n in range(count)]
    sounds = audio(contents, id=ids, modality=["audio"] * count)
    words = datasets.Dataset.from_dict({"id": ids, "text": texts, "modality": ["text"] * count})
    task = mteb.get_task(name)
    queries, corpus = (words, sounds) if "T2A" in name else (sounds, words)
    split = task.metadata.eval_splits[0]
    parts = {"queries": queries, "corpus": corpus, "relevant_docs": {i: {i: 1} for i in ids}}
    task.dataset = {"default": {split: {**parts, "top_ranked": None}}}
    task.data_loaded = True
    scores = evaluate(interop.MTEBEncoder(ours), task)
    rows = [ours.audio(contents), ours.text(texts)]
    asked, found = rows[::-1] if "T2A" in name else rows
    similarity = asked @ found.T
    ranks = (similarity > similarity.diagonal()[:, None]).sum(1)
    for depth in (1, 5, 10):
        assert scores[f"recall_at_{depth}"] == pytest.approx((ranks < depth).mean(), abs=1e-4)


def test_every_form_of_a_recording(ours: Clara) -> None:
    from torch.utils.data import DataLoader

    (content,) = clips(1)
    wave, rate = clara.audio.io.load(content)
    forms = [{"bytes": content, "path": None}, {"array": wave, "sampling_rate": rate}]
    encoder = interop.MTEBEncoder(ours)

    def encode(rows: list[dict[str, Any]]) -> np.ndarray:
        def collate(part: list[dict[str, Any]]) -> dict[str, Any]:
            return {name: [row[name] for row in part] for name in part[0]}

        loader: Any = DataLoader(rows, batch_size=2, collate_fn=collate)  # type: ignore[arg-type]
        rows_of: np.ndarray = encoder.encode(
            loader, task_metadata=None, hf_split="test", hf_subset="default"
        )
        return rows_of

    for form in forms:
        np.testing.assert_allclose(
            encode([{"audio": form}] * 3), ours.audio([content] * 3), atol=1e-6
        )
    with pytest.raises(UsageError, match="found the columns audio, text"):
        encode([{"audio": forms[0], "text": "a"}])
    with pytest.raises(UsageError, match="found the columns image"):
        encode([{"image": 0}])
    with pytest.raises(AudioError):
        encode([{"audio": {"bytes": b"", "path": None}}])


def test_what_it_says_of_itself(folder: Path, ours: Clara) -> None:
    meta = interop.MTEBEncoder(folder).mteb_model_meta
    assert meta.name == "clara/toy"
    assert set(meta.modalities) == {"audio", "text"}
    assert meta.embed_dim == 16
    assert meta.n_parameters == sum(each.numel() for each in ours.model.parameters())
    assert meta.training_datasets is None
    with pytest.raises(UsageError, match="there is no folder"):
        interop.MTEBEncoder("none")
