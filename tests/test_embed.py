"""The encoder in hand: any recording, any text, and the same row in any company."""

from __future__ import annotations

import io as buffers
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import clara
from clara.audio.io import encode_flac, load
from clara.checkpoint import About
from clara.embed import Clara, Encoder, embed_index
from clara.errors import AudioError, UsageError
from clara.model import ClaraModel
from clara.shards import Index
from clara.text.tokens import Tokens
from clara.train import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")

RATE = 8000


@pytest.fixture(scope="module")
def encoder(toy: Recipe) -> Clara:
    torch.manual_seed(0)
    model = ClaraModel(toy.model)
    about = About("toy", 3, {}, {"a": {"train": 2}})
    return Clara(model, Tokens.bytes_only(), about, batch=4)


def tone(seconds: float, pitch: float = 440.0, rate: int = RATE) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)).astype(
        np.float32
    )


def check_rows(rows: np.ndarray, count: int, width: int = 16) -> None:
    assert rows.shape == (count, width)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_it_is_an_encoder(encoder: Clara) -> None:
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.rate) == ("toy", RATE)


def test_all_kinds_of_sources_are_one_recording(encoder: Clara, tmp_path: Path) -> None:
    content = encode_flac(tone(0.5), RATE)
    wave, _ = load(content)
    (tmp_path / "a.flac").write_bytes(content)
    path = tmp_path / "a.flac"
    rows = encoder.audio([path, str(path), content, buffers.BytesIO(content), (wave, RATE)])
    check_rows(rows, 5)
    np.testing.assert_allclose(rows, rows[:1].repeat(5, 0), atol=1e-6)


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [(8000, 2, "PCM_16"), (11_025, 1, "PCM_U8"), (44_100, 2, "PCM_24"), (96_000, 6, "FLOAT")],
)
def test_any_rate_channels_and_depth(
    encoder: Clara, tmp_path: Path, rate: int, channels: int, subtype: str
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1.0, rate=rate)[:, None].repeat(channels, 1), rate, subtype=subtype)
    rows = encoder.audio([path, load(path, rate=RATE)])
    check_rows(rows, 2)
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)


def test_rows_come_in_the_order_of_the_sources_and_stand_alone(encoder: Clara) -> None:
    sources = [
        (tone(seconds, 300 + 40 * n), RATE)
        for n, seconds in enumerate((0.2, 60.0, 0.3, 2.0, 7.0, 0.25, 30.0, 0.2, 1.0))
    ]
    together = encoder.audio(sources)
    alone = np.concatenate([encoder.audio([source]) for source in sources])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    features = encoder.features(sources)
    np.testing.assert_allclose(
        features, np.concatenate([encoder.features([s]) for s in sources]), atol=1e-5
    )
    head = encoder.model.audio_head
    with torch.inference_mode():
        np.testing.assert_allclose(head.eval()(torch.from_numpy(features)), together, atol=1e-5)


def test_batches_have_a_bound_in_samples(encoder: Clara, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(waves: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        seen.append((tuple(waves.shape), lengths.tolist()))
        return torch.zeros(len(waves), 16)

    monkeypatch.setattr(encoder.model, "embed_audio", look)
    monkeypatch.setattr(clara.embed, "_SECONDS", 10)
    encoder.audio([(tone(seconds), RATE) for seconds in (1, 9, 1, 2, 1, 4, 1, 25)])
    sizes = [[length // RATE for length in lengths] for _, lengths in seen]
    assert sizes == [[1, 1, 1, 1], [2, 4], [9], [25]]


def test_nothing_in_nothing_out(encoder: Clara) -> None:
    assert encoder.audio([]).shape == (0, 16)
    assert encoder.text([]).shape == (0, 16)


def test_any_text_has_a_row(encoder: Clara) -> None:
    texts = [
        "a dog",
        "",
        " ",
        "סירנה",
        "صوت الكلب",
        "雨の音",
        "👩‍👩‍👧 🐕",
        "a\0b",
        "\ud800",
        "x" * 100_000,
        "слово " * 20_000,
        "a dog",
    ]
    rows = encoder.text(texts)
    check_rows(rows, len(texts))
    np.testing.assert_allclose(rows[0], rows[-1], atol=1e-6)
    alone = np.concatenate([encoder.text([text]) for text in texts])
    np.testing.assert_allclose(rows, alone, atol=1e-5)
    check_rows(encoder.text([f"number {n}" for n in range(130)]), 130)
    check_rows(encoder.text(np.array(["a", "b"])), 2)


@pytest.mark.parametrize(
    "one",
    ["siren.wav", Path("siren.wav"), b"RIFF", buffers.BytesIO(b""), tone(0.2), (tone(0.2), RATE)],
)
def test_one_recording_alone_is_refused(encoder: Clara, one: object) -> None:
    with pytest.raises(UsageError, match="Expected a list of recordings, but found one alone"):
        encoder.audio(one)


def test_one_text_alone_is_refused(encoder: Clara) -> None:
    with pytest.raises(UsageError, match="Expected a list of sentences, but found one alone"):
        encoder.text("a dog")
    with pytest.raises(UsageError, match="Expected a list of labels, but found one alone"):
        encoder.classify((tone(0.2), RATE), "dog")


@pytest.mark.parametrize(
    "source",
    [
        Path("/nowhere/a.wav"),
        b"",
        b"not audio",
        (np.full(800, np.nan, np.float32), RATE),
        (np.zeros(0, np.float32), RATE),
    ],
    ids=["missing", "empty", "not audio", "NaN", "no samples"],
)
def test_what_cannot_be_read(encoder: Clara, source: object) -> None:
    with pytest.raises(AudioError, match=r"^Expected "):
        encoder.audio([(tone(0.2), RATE), source])


def test_probabilities_of_labels(encoder: Clara) -> None:
    labels = ["dog", "siren", "雨", "a long label of several words"]
    answer = encoder.classify((tone(0.5), RATE), labels, "The sound of {label}")
    assert set(answer) == set(labels)
    assert list(answer.values()) == sorted(answer.values(), reverse=True)
    assert sum(answer.values()) == pytest.approx(1)
    texts = encoder.text([f"The sound of {label}" for label in answer])
    logits = (
        float(encoder.model.scales()[0].detach()) * texts @ encoder.audio([(tone(0.5), RATE)])[0]
    )
    weights = np.exp(logits - logits.max())
    np.testing.assert_allclose(list(answer.values()), weights / weights.sum(), rtol=1e-4)
    assert clara.classify(encoder, (tone(0.5), RATE), labels, "The sound of {label}") == answer
    assert encoder.classify((tone(0.5), RATE), ["dog"]) == {"dog": 1.0}


@pytest.mark.parametrize(
    ("labels", "template", "words"),
    [
        ([], "{label}", "at least one label"),
        (["dog", " "], "{label}", "none empty"),
        (["dog", "cat", "dog"], "{label}", "each label once"),
        (["dog"], "The sound of", "'{label}' in the template"),
    ],
)
def test_questions_that_make_no_sense(
    encoder: Clara, labels: list[str], template: str, words: str
) -> None:
    with pytest.raises(UsageError) as error:
        encoder.classify((tone(0.2), RATE), labels, template)
    assert words in str(error.value)


def test_what_it_has_seen(encoder: Clara) -> None:
    assert encoder.seen("a", "train") == "trained"
    assert encoder.seen("a", "test") == "held-out"
    assert encoder.seen("b", "test") == "unseen"


def test_the_mode_of_the_model_is_left_as_it_was(encoder: Clara) -> None:
    encoder.model.train()
    first = encoder.audio([(tone(0.5), RATE)])
    assert encoder.model.training
    np.testing.assert_array_equal(encoder.audio([(tone(0.5), RATE)]), first)
    encoder.model.eval()
    encoder.text(["a"])
    assert not encoder.model.training


def test_an_index_is_embedded_in_its_own_order(encoder: Clara, tones: Path) -> None:
    index = Index.open(tones)
    told: list[int] = []
    rows = embed_index(encoder, index, progress=told.append)
    check_rows(rows.vectors, len(index))
    assert told[-1] == len(index)
    assert list(rows.keys) == [index.key(i) for i in range(len(index))]
    assert rows.labels[3] == index.labels(3)
    assert rows.texts[3] == index.texts(3)
    for i in (0, 7, len(index) - 1):
        alone = encoder.audio([index.read(i)])[0]
        np.testing.assert_allclose(rows.vectors[i], alone, atol=1e-5)
    features = embed_index(encoder, index, features=True)
    np.testing.assert_allclose(features.vectors[7], encoder.features([index.read(7)])[0], atol=1e-5)


def test_an_empty_selection(encoder: Clara, tones: Path) -> None:
    index = Index.open(tones)
    with pytest.raises(UsageError, match="selection is empty"):
        embed_index(encoder, index.select(mask=np.zeros(len(index), bool)))


def test_its_hash_is_of_its_weights_and_vocabulary(toy: Recipe) -> None:
    torch.manual_seed(0)
    one = Clara(ClaraModel(toy.model), Tokens.bytes_only(), About("toy"))
    before = one.hash
    assert one.hash == before == Clara(one.model, one.tokens, About("other name")).hash
    with torch.no_grad():
        next(one.model.parameters()).view(-1)[0] += 1e-3
    assert one.hash != before
    learned = Tokens.train(["a bell rings", "a bell"] * 4, 300)
    assert one.hash != Clara(one.model, learned, About("toy")).hash


def test_in_half_precision_rows_are_nearly_the_same(encoder: Clara) -> None:
    half = Clara(encoder.model, encoder.tokens, encoder.about, precision="bf16-mixed")
    waves = [(tone(seconds, 300), RATE) for seconds in (0.2, 0.5, 1.0)]
    texts = ["a dog", "鳥が歌う"]
    for ours, theirs in (
        (half.audio(waves), encoder.audio(waves)),
        (half.text(texts), encoder.text(texts)),
    ):
        check_rows(ours, len(theirs))
        difference = np.abs(ours - theirs).max()
        assert 0 < difference < 0.03
    assert half.hash != encoder.hash
    assert half.hash == Clara(half.model, half.tokens, half.about, precision="bf16-mixed").hash
