"""CTC alignment is what trying all paths finds, over tiny checkpoints in the real formats too."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clara import rooms
from clara.backends import _latin
from clara.backends.aligner import ctc
from clara.backends.aligner.ctc import CTC, _align
from clara.errors import AlignmentError, CheckpointError, MissingExtraError, UsageError

transformers = pytest.importorskip("transformers")

LETTERS = "abcdefghijklmnopqrstuvwxyząćęłńóśźż'"
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"


def vocabulary(letters: str) -> dict[str, int]:
    return {sign: n for n, sign in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *letters])}


def checkpoint(folder: Path, letters: str = LETTERS) -> Path:
    """A random Wav2Vec2ForCTC of a few thousand weights, saved as the real ones are."""
    _save(folder, vocabulary(letters), len(vocabulary(letters)))
    return folder


def mms_checkpoint(folder: Path) -> Path:
    """One with an adapter and an alphabet for each of two languages, as those of MMS."""
    from safetensors.torch import save_file

    nested = {"pol": vocabulary(LETTERS), "rus-script_cyrillic": vocabulary(CYRILLIC)}
    model = _save(folder, nested, len(nested["pol"]), adapter_attn_dim=4, target_lang="pol")
    for code, letters in nested.items():
        weights = dict(model._get_adapters())
        weights["lm_head.weight"] = torch.randn(len(letters), 16)
        weights["lm_head.bias"] = torch.zeros(len(letters))
        plain = {name: value.detach().clone() for name, value in weights.items()}
        save_file(plain, folder / f"adapter.{code}.safetensors", metadata={"format": "pt"})
    return folder


def _save(folder: Path, vocab: dict, size: int, target_lang: str | None = None, **more: object):
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps(vocab))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(
        str(folder / "vocab.json"), target_lang=target_lang
    )
    tokenizer.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    config = transformers.Wav2Vec2Config(
        vocab_size=size,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
        **more,
    )
    torch.manual_seed(0)
    model = transformers.Wav2Vec2ForCTC(config)
    model.save_pretrained(folder)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("ctc") / "wav2vec2")


@pytest.fixture(scope="module")
def aligner(folder: Path) -> CTC:
    return CTC(str(folder))


def noise(seconds: float) -> np.ndarray:
    samples = round(16_000 * seconds)
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


def brute_force(scores: torch.Tensor, labels: list[int]) -> float:
    """The best sum over all label sequences that collapse to `labels`; label 0 is the blank."""
    best = -np.inf
    for path in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        collapsed = [label for label, _ in itertools.groupby(path) if label]
        if collapsed == labels:
            best = max(best, float(sum(scores[t, label] for t, label in enumerate(path))))
    return best


@given(
    frames=st.integers(1, 6),
    labels=st.lists(st.integers(1, 2), min_size=1, max_size=4),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=100, deadline=None)
def test_it_is_what_trying_all_paths_finds(frames, labels, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(frames, 3, generator=generator).log_softmax(-1)
    best = brute_force(scores, labels)
    path = _align(scores, labels, 0)
    if path is None:
        assert best == -np.inf
        return
    spoken = [0 if place < 0 else labels[place] for place in path]
    assert [place for place, _ in itertools.groupby(path) if place >= 0] == list(range(len(labels)))
    assert sum(float(scores[t, label]) for t, label in enumerate(spoken)) == pytest.approx(best)


def test_it_is_what_torchaudio_finds():
    torchaudio = pytest.importorskip("torchaudio", exc_type=ImportError)
    generator = torch.Generator().manual_seed(0)
    for count in (1, 5, 20):
        scores = torch.randn(60, 9, generator=generator).log_softmax(-1)
        labels = torch.randint(1, 9, (count,), generator=generator)
        _, theirs = torchaudio.functional.forced_align(scores[None], labels[None], blank=0)
        ours = _align(scores, labels.tolist(), 0)
        assert ours is not None
        spoken = torch.tensor([0 if place < 0 else int(labels[place]) for place in ours])
        mine = scores.gather(1, spoken[:, None]).sum()
        assert float(mine) == pytest.approx(float(theirs.sum()), rel=1e-5)


def test_a_star_takes_the_letters_that_are_left():
    scores = torch.full((5, 4), -9.0)
    for frame, label in enumerate([1, 0, 3, 2, 0]):
        scores[frame, label] = 0.0
    assert _align(scores, [1, 4, 2], 0) == [0, -1, 1, 2, -1]


def planted(aligner: CTC, text: str, frames: int, at: dict[int, str]) -> torch.Tensor:
    """What a network that is sure of itself would say: blanks, and letters at some frames."""
    letters = aligner._tokenizer.get_vocab()
    scores = torch.full((frames, len(letters)), -20.0)
    scores[:, 0] = -0.01
    for frame, letter in at.items():
        scores[frame] = -20.0
        scores[frame, letters[letter]] = -0.01
    return scores


def test_times_are_those_of_the_letters(aligner, monkeypatch):
    at = dict(zip((10, 12, 13, 20, 30, 31, 45), "hej|Żóx".lower(), strict=True))
    monkeypatch.setattr(CTC, "_hear", lambda self, wave: planted(aligner, "", 50, at))
    found = aligner.align(noise(1), 16_000, ["Hej,", "…", "ŻÓX"], language="pl")
    assert [(w.text, round(w.start, 2), round(w.end, 2)) for w in found] == [
        ("Hej,", 0.2, 0.28),
        ("…", 0.28, 0.28),
        ("ŻÓX", 0.6, 0.92),
    ]


def test_letters_that_the_alphabet_lacks(aligner, monkeypatch):
    """An accent is left away, a number takes the letters that stand there."""
    at = dict(zip((5, 6, 10, 15, 16, 17, 20, 30), "ca|six|ą", strict=True))
    monkeypatch.setattr(CTC, "_hear", lambda self, wave: planted(aligner, "", 40, at))
    found = aligner.align(noise(0.8), 16_000, ["çá", "6", "ą"], language="pl")
    assert [(round(w.start, 2), round(w.end, 2)) for w in found][::2] == [(0.1, 0.14), (0.6, 0.62)]
    assert 0.28 <= found[1].start < found[1].end <= 0.6


def test_a_tiny_checkpoint_end_to_end(aligner, folder):
    words = ["Wczoraj", "wieczorem", "poszliśmy", "nad", "rzekę,", "3", "razy."]
    found = aligner.align(noise(4), 16_000, words, language="pl")
    assert [word.text for word in found] == words
    times = [time for word in found for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= 4
    assert aligner.name == f"CTC by {folder.name} (transformers {transformers.__version__})"


@pytest.mark.parametrize("seconds", [0.01, 1.0, 29.99, 30.5, 31.0, 61.3, 90.0])
def test_windows_give_every_frame_once(aligner, seconds):
    wave = noise(seconds)
    length = max(len(wave), 16_000)
    expected = int(aligner._network._get_feat_extract_output_lengths(torch.tensor(length)))
    assert len(aligner._hear(wave)) == expected


def test_frames_within_a_window_are_those_of_the_whole(aligner, monkeypatch):
    """With context on both sides, what is far from the edges is heard as in one go."""
    wave = noise(9)
    monkeypatch.setattr(aligner._network.wav2vec2.encoder, "forward", _conv_only)
    whole = aligner._hear(wave)
    monkeypatch.setattr(ctc, "_CHUNK", 2)
    monkeypatch.setattr(ctc, "_CONTEXT", 1)
    parts = aligner._hear(wave)
    assert parts.shape == whole.shape
    # The first layer is normalised over all that is heard at once.
    assert torch.corrcoef(torch.stack((parts.flatten(), whole.flatten())))[0, 1] > 0.99


def _conv_only(hidden: torch.Tensor, **_: object) -> object:
    return transformers.modeling_outputs.BaseModelOutput(hidden)


def test_each_language_has_its_adapter_and_alphabet(tmp_path):
    mms = CTC(str(mms_checkpoint(tmp_path / "mms")))
    for language, words in (("pl", ["żółw"]), ("ru-RU", ["черепаха"]), ("pol", ["żółw"])):
        (found,) = mms.align(noise(1), 16_000, words, language=language)
        assert 0 <= found.start < found.end <= 1
    assert mms._network.target_lang == "pol"
    assert mms._network.lm_head.out_features == len(vocabulary(LETTERS))
    for unknown in ("de", ""):
        with pytest.raises(AlignmentError) as caught:
            mms.align(noise(1), 16_000, ["wort"], language=unknown)
        assert caught.value.cause == "the aligner does not speak its language"
    (tmp_path / "mms" / "adapter.rus-script_cyrillic.safetensors").write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="rus"):
        mms.align(noise(1), 16_000, ["черепаха"], language="ru")


def test_other_scripts_are_romanised_for_a_latin_alphabet(tmp_path, monkeypatch):
    pytest.importorskip("uroman")
    latin = CTC(str(checkpoint(tmp_path / "latin", "abcdefghijklmnopqrstuvwxyz'")))
    found = latin.align(noise(3), 16_000, ["черепаха", "здесь"], language="ru")
    assert found[0].start < found[0].end < found[1].start < found[1].end
    monkeypatch.setattr(_latin.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[align\]"):
        latin.align(noise(3), 16_000, ["черепаха"], language="ru")


def test_what_cannot_be_aligned_says_why(aligner):
    with pytest.raises(AlignmentError) as caught:
        aligner.align(noise(1), 16_000, ["далеко", "7"], language="ru")
    assert caught.value.cause == "the aligner does not know its letters"
    with pytest.raises(AlignmentError) as caught:
        aligner.align(noise(1), 16_000, ["word"] * 40, language="en")
    assert caught.value.cause == "the recording is too short for its words"
    assert aligner.align(noise(1), 16_000, [], language="en") == []
    assert [w.end for w in aligner.align(noise(1), 16_000, ["…"], language="en")] == [0.0]


@pytest.mark.parametrize("fault", ["missing", "empty", "config", "weights", "kind"])
def test_folders_that_hold_no_such_model(tmp_path, folder, fault):
    import shutil

    broken = tmp_path / "model"
    if fault != "missing":
        shutil.copytree(folder, broken)
    if fault == "empty":
        shutil.rmtree(broken)
        broken.mkdir()
    if fault == "config":
        (broken / "config.json").write_text("{")
    if fault == "weights":
        (broken / "model.safetensors").write_bytes(b"\0" * 100)
    if fault == "kind":
        (broken / "vocab.json").unlink()
    with pytest.raises(CheckpointError, match="CTC model"):
        CTC(str(broken))


def test_without_transformers_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[align\]"):
        CTC("anything")


def test_a_recipe_must_name_the_model(folder):
    from clara.prepare.backend import backend

    assert rooms.names("backends.aligner") == ["ctc", "espeak", "mfa"]
    assert backend("aligner", "ctc", {"model": str(folder)}).name.startswith("CTC by")
    with pytest.raises(UsageError, match="model"):
        backend("aligner", "ctc", {})
