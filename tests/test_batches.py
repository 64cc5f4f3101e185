from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from clara.audio import io as audio_io
from clara.batches import Batches, DataConfig
from clara.errors import DataError, UnknownNameError, UsageError
from clara.records import Batch
from clara.shards import INDEX_NAME, SCHEMA, Index, ShardWriter, write_index
from clara.text.tokens import Tokens

RATE = 8_000
TOKENS = Tokens.bytes_only()


@dataclass(frozen=True)
class Clip:
    """What a test says of a clip; its wave counts up, so that a crop tells where it was cut."""

    key: str
    seconds: float = 0.5
    texts: tuple[str, ...] = ("The sound of rain",)
    split: str = "train"
    language: str = ""
    level: float | None = None
    audio: bytes | None = None


def wave_of(clip: Clip) -> np.ndarray:
    frames = round(clip.seconds * RATE)
    if clip.level is not None:
        return np.full(frames, clip.level, np.float32)
    return (np.arange(frames) / 32768).astype(np.float32)


def make_shards(folder: Path, corpus: str, clips: list[Clip], per_shard: int = 8) -> Path:
    """Shards of a corpus with their index, by the same writer that prepares real ones."""
    tables = []
    for number, some in enumerate(
        clips[i : i + per_shard] for i in range(0, len(clips), per_shard)
    ):
        rows = []
        name = f"train/{number:06d}.tar"
        with ShardWriter(folder / corpus / name) as shard:
            for clip in some:
                audio = clip.audio
                if audio is None:
                    audio = audio_io.encode_flac(wave_of(clip), RATE)
                place = shard.add(clip.key, audio, {"text": list(clip.texts)})
                rows.append(
                    {
                        **place._asdict(),
                        **{"key": clip.key, "corpus": corpus, "split": clip.split, "shard": name},
                        **{"suffix": "flac", "rate": RATE, "frames": round(clip.seconds * RATE)},
                        **{"seconds": clip.seconds, "texts": clip.texts, "labels": "{}"},
                        **{"text_chars": max(map(len, clip.texts), default=0)},
                        **{"language": clip.language, "source": "", "speaker": "", "licence": ""},
                    }
                )
        tables.append(pa.Table.from_pylist(rows, SCHEMA))
    write_index(iter(tables), folder / corpus / INDEX_NAME)
    return folder / corpus


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Two corpora: speech of 0.2 to 3 s with two captions, sounds of 1 s, and a test split."""
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(0)
    seconds = rng.uniform(0.2, 3, 52)
    speech = [
        Clip(f"s{i}", float(s), (f"A woman saying {i}", f"Speech {i}"), language="pl")
        for i, s in enumerate(seconds)
    ]
    sounds = [Clip(f"n{i}", 1.0, (f"The sound of {i % 3}",)) for i in range(28)]
    held = [replace(clip, key=f"t{i}", split="test") for i, clip in enumerate(sounds[:9])]
    make_shards(folder, "speech", speech)
    make_shards(folder, "sounds", sounds + held)
    return Index.open(folder)


CONFIG = DataConfig(batch=8, max_seconds=2, window=2, pool=3, mix=0.3, seed=5)


def make(index: Index, config: DataConfig = CONFIG, **others: int) -> Batches:
    return Batches(Batches.choose(index, config), TOKENS, config, rate=RATE, **others)


def take(batches: Batches, count: int, start: int = 0) -> list[Batch]:
    with closing(batches.stream(start)) as stream:
        return list(itertools.islice(stream, count))


def same(a: Batch, b: Batch) -> bool:
    tensors = ("waves", "wave_lengths", "tokens", "token_lengths", "text_ids", "true_ids")
    return a.keys == b.keys and all(torch.equal(getattr(a, n), getattr(b, n)) for n in tensors)


def text(batch: Batch, row: int) -> str:
    """The caption of a row, read back from its bytes."""
    ids = batch.tokens[row, 1 : batch.token_lengths[row] - 1].numpy()
    return bytes(ORDER[i] for i in ids.tolist()).decode().strip()


def alphabet() -> dict[int, int]:
    """Byte of each token id of `TOKENS`."""
    found = {}
    for byte in range(32, 127):
        ids, lengths = TOKENS.encode([f"a{chr(byte)}a"])
        if lengths[0] == 6:
            found[int(ids[0, 3])] = byte
    found[int(TOKENS.encode(["a a"])[0][0, 1])] = 32
    return found


ORDER = alphabet()


def test_a_batch_is_what_the_model_eats(index: Index) -> None:
    (batch,) = take(make(index, replace(CONFIG, mix=0)), 1)
    assert len(batch) == 8
    assert batch.waves.dtype == torch.float32
    assert batch.waves.is_contiguous()
    for tensor in (batch.wave_lengths, batch.tokens, batch.token_lengths, batch.text_ids):
        assert tensor.dtype == torch.int64
        assert len(tensor) == 8
    assert batch.waves.shape == (8, int(batch.wave_lengths.max()))
    numbers = {index.key(i): i for i in range(len(index))}
    for row, key in enumerate(batch.keys):
        length = int(batch.wave_lengths[row])
        stored = index.sample(numbers[key])
        assert length == min(len(stored.wave), 2 * RATE)
        assert not batch.waves[row, length:].any()
        assert text(batch, row) in stored.texts
        first = int(batch.waves[row, 0] * 32768)
        np.testing.assert_array_equal(
            batch.waves[row, :length].numpy(), stored.wave[first : first + length]
        )


@pytest.mark.parametrize("start", [1, 7, 8, 19, 20, 41])
def test_resume_at_any_step(index: Index, start: int) -> None:
    """Also at, before and behind the end of an epoch of 10 steps."""
    assert make(index).steps_per_epoch == 10
    whole = take(make(index), 44)[start:]
    resumed = take(make(index), 44 - start, start)
    assert all(same(a, b) for a, b in zip(whole, resumed, strict=True))
    assert [b.keys for b in whole] != [b.keys for b in take(make(index), 44 - start, start + 1)]


@pytest.mark.parametrize("threads", [2, 4, 7])
def test_any_number_of_threads(index: Index, threads: int) -> None:
    one = take(make(index, replace(CONFIG, threads=1)), 12)
    many = take(make(index, replace(CONFIG, threads=threads)), 12)
    assert all(same(a, b) for a, b in zip(one, many, strict=True))


@pytest.mark.parametrize("world", [2, 4, 8])
def test_the_ranks_together_get_the_batch_of_one(index: Index, world: int) -> None:
    whole = take(make(index), 11)
    ranks = [take(make(index, rank=rank, world=world), 11) for rank in range(world)]
    for step, batch in enumerate(whole):
        for rank in range(world):
            mine = ranks[rank][step]
            assert mine.keys == batch.keys[rank::world]
            assert torch.equal(mine.waves, batch.waves[rank::world])
            assert torch.equal(mine.wave_lengths, batch.wave_lengths[rank::world])
            assert torch.equal(mine.text_ids, batch.text_ids[rank::world])
            assert torch.equal(mine.token_lengths, batch.token_lengths[rank::world])


def test_ranks_that_cannot_share_a_batch(index: Index) -> None:
    with pytest.raises(UsageError, match="3 ranks can share evenly but found 8; take 9"):
        make(index, rank=0, world=3)


def test_an_epoch_has_each_clip_once(index: Index) -> None:
    batches = take(make(index), 10)
    keys = [key for batch in batches for key in batch.keys]
    assert len(keys) == len(set(keys)) == 80
    assert {key.partition("/")[0] for key in keys} == {"speech", "sounds"}
    assert not any("/t" in key for key in keys)


def test_captions_and_crops_vary_between_epochs(index: Index) -> None:
    batches = take(make(index, replace(CONFIG, mix=0)), 60)
    captions: dict[str, set[str]] = {}
    starts: dict[str, set[int]] = {}
    for batch in batches:
        for row, key in enumerate(batch.keys):
            captions.setdefault(key, set()).add(text(batch, row))
            starts.setdefault(key, set()).add(int(batch.waves[row, 0] * 32768))
    speech = [key for key in captions if key.startswith("speech")]
    assert sum(len(captions[key]) == 2 for key in speech) > 0.9 * len(speech)
    seconds = dict(zip(map(index.key, range(len(index))), index.column("seconds"), strict=True))
    for key, found in starts.items():
        if seconds[key] <= 2:
            assert found == {0}
        else:
            assert len(found) > 1
            assert max(found) <= round((seconds[key] - 2) * RATE) + 1


def test_equal_texts_have_equal_ids_in_every_batch(index: Index) -> None:
    ids: dict[str, set[int]] = {}
    for batch in take(make(index, replace(CONFIG, mix=0)), 20):
        for row in range(len(batch)):
            ids.setdefault(text(batch, row), set()).add(int(batch.text_ids[row]))
    assert all(len(found) == 1 for found in ids.values())
    assert len(set.union(*ids.values())) == len(ids) > 20


def test_all_captions_of_a_row_are_known_to_be_true_of_it(index: Index) -> None:
    config = replace(CONFIG, mix=0)
    ids: dict[str, int] = {}
    truths: dict[str, set[int]] = {}
    for batch in take(make(index, config), 40):
        assert torch.equal(batch.true_ids[:, 0], batch.text_ids)
        for row, key in enumerate(batch.keys):
            ids[text(batch, row)] = int(batch.text_ids[row])
            found = set(batch.true_ids[row].tolist())
            assert truths.setdefault(key, found) == found
    rows = {index.key(i): i for i in range(len(index))}
    for key, found in truths.items():
        assert len(found) == len(set(index.texts(rows[key])))
        assert {ids[t] for t in index.texts(rows[key]) if t in ids} <= found


def test_another_rate(index: Index) -> None:
    config = replace(CONFIG, mix=0)
    for rate in (16_000, 44_100):
        batches = Batches(Batches.choose(index, config), TOKENS, config, rate=rate)
        (new,), (old,) = take(batches, 1), take(make(index, config), 1)
        assert new.keys == old.keys
        expected = old.wave_lengths * rate / RATE
        assert (new.wave_lengths - expected).abs().max() <= 1
        assert new.waves.shape[1] >= int(new.wave_lengths.max())


# ---------------------------------------------------------------------------------------------
# The background of equation 1


def mixing(tmp_path: Path, mix: float) -> Index:
    front = [Clip(f"f{i}", 0.5, ("Hello",), language="en", level=0.5) for i in range(24)]
    behind = [Clip(f"b{i}", 0.3, ("The sound of rain",), level=0.125) for i in range(8)]
    make_shards(tmp_path, "front", front)
    make_shards(tmp_path, "behind", behind)
    return Index.open(tmp_path)


def test_the_share_that_is_mixed(tmp_path: Path) -> None:
    index = mixing(tmp_path, 0.4)
    config = DataConfig(batch=16, pool=2, mix=0.4)
    found = []
    for batch in take(make(index, config), 40):
        for row, key in enumerate(batch.keys):
            caption = text(batch, row)
            if key.startswith("front"):
                assert caption in ("Hello", "Hello, background rain")
                # A constant of the same loudness is mixed in, whatever its weight.
                assert torch.allclose(batch.waves[row, :4000], torch.tensor(0.5), atol=1e-4)
                found.append(caption != "Hello")
            assert batch.wave_lengths[row] == (4000 if key.startswith("front") else 2400)
    assert np.mean(found) == pytest.approx(0.4, abs=0.06)


def test_nothing_to_mix_in(index: Index) -> None:
    config = replace(CONFIG, corpora=("speech",))
    with pytest.raises(UsageError, match="every clip has a language; add a corpus of sounds"):
        make(index, config)


# ---------------------------------------------------------------------------------------------
# Bad records


@pytest.fixture
def damaged(tmp_path: Path) -> Index:
    """64 clips of which two are not audio and one has no text."""
    good = audio_io.encode_flac(np.zeros(4000, np.float32), RATE)
    clips = [Clip(f"c{i}", 0.5, (f"Text {i}",)) for i in range(64)]
    clips[3] = replace(clips[3], audio=b"not audio at all" * 20)
    clips[40] = replace(clips[40], audio=good[: len(good) // 2])
    clips[50] = replace(clips[50], texts=("  ", ""))
    make_shards(tmp_path, "mine", clips)
    return Index.open(tmp_path)


def test_a_bad_record_is_replaced_and_counted(damaged: Index) -> None:
    config = DataConfig(batch=16, pool=2)
    streams = []
    for threads in (1, 4):
        batches = make(damaged, replace(config, threads=threads))
        streams.append(take(batches, 4))
        assert batches.skips.skipped == 3
        assert batches.skips.kept == 61
        assert batches.skips.causes == {
            "the recording cannot be decoded": 2,
            "it has no text": 1,
        }
        bad = {key for key, _ in batches.skips.examples}
        assert bad == {"mine/c3", "mine/c40", "mine/c50"}
        for batch in streams[-1]:
            assert len(batch) == 16
            assert not bad & set(batch.keys)
    assert all(same(a, b) for a, b in zip(*streams, strict=True))
    keys = [key for batch in streams[0] for key in batch.keys]
    assert len(set(keys)) == 61


def test_a_replacement_is_the_same_on_any_number_of_ranks(damaged: Index) -> None:
    config = DataConfig(batch=16, pool=2)
    whole = take(make(damaged, config), 4)
    halves = [take(make(damaged, config, rank=rank, world=2), 4) for rank in range(2)]
    for batch, left, right in zip(whole, *halves, strict=True):
        assert batch.keys[::2] == left.keys
        assert batch.keys[1::2] == right.keys
        assert torch.equal(batch.waves[::2], left.waves)


def test_too_many_bad_records_stop_the_stream(tmp_path: Path) -> None:
    clips = [Clip(f"c{i}", audio=b"bad" if i % 4 == 0 else None) for i in range(64)]
    make_shards(tmp_path, "mine", clips)
    before = threading.active_count()
    with pytest.raises(DataError, match=r"at most 5% bad records but .* cannot be decoded"):
        take(make(Index.open(tmp_path), DataConfig(batch=16)), 200)
    assert threading.active_count() == before


def test_a_shard_that_is_gone(tmp_path: Path) -> None:
    folder = make_shards(tmp_path, "mine", [Clip(f"c{i}") for i in range(16)])
    batches = make(Index.open(tmp_path), DataConfig(batch=8))
    for shard in folder.glob("train/*.tar"):
        shard.unlink()
    with pytest.raises(DataError, match=r"None of 16 clips .* is gone"):
        take(batches, 1)


def test_an_index_that_is_wrong_about_a_length(tmp_path: Path) -> None:
    """More samples than promised are cut; fewer leave zeros behind the length."""
    long, short = (audio_io.encode_flac(np.ones(n, np.float32) / 2, RATE) for n in (9000, 500))
    clips = [Clip(f"c{i}", 0.5, audio=long if i % 2 else short) for i in range(8)]
    make_shards(tmp_path, "mine", clips)
    (batch,) = take(make(Index.open(tmp_path), DataConfig(batch=8)), 1)
    assert batch.waves.shape == (8, 4000)
    for row, key in enumerate(batch.keys):
        assert batch.wave_lengths[row] == (4000 if int(key[-1]) % 2 else 500)
        assert not batch.waves[row, batch.wave_lengths[row] :].any()


# ---------------------------------------------------------------------------------------------
# Threads end


def loading() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name.startswith("clara-batches")}


def test_a_stream_closed_early_leaves_no_threads(index: Index) -> None:
    stream: Iterator[Batch] = make(index).stream()
    assert not loading()
    next(stream)
    assert loading()
    stream.close()  # type: ignore[attr-defined]
    assert not loading()
    abandoned = make(index).stream()
    next(abandoned)
    del abandoned
    assert not loading()


def test_a_fault_in_a_thread_reaches_the_caller(index: Index, monkeypatch) -> None:
    batches = make(index)
    monkeypatch.setattr(batches._index, "sample", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        take(batches, 1)
    assert not loading()


# ---------------------------------------------------------------------------------------------
# Which samples


def test_choose(index: Index) -> None:
    def chosen(**fields: object) -> list[str]:
        found = Batches.choose(index, replace(CONFIG, mix=0.0, **fields))
        return sorted(
            {f"{found.key(i).split('/')[0]}/{s}" for i, s in enumerate(found.column("split"))}
        )

    assert chosen() == ["sounds/train", "speech/train"]
    assert chosen(splits=("train", "test")) == ["sounds/test", "sounds/train", "speech/train"]
    assert chosen(corpora=("sounds",)) == ["sounds/train"]
    assert chosen(weights={"speech": 0.0}) == ["sounds/train"]
    assert chosen(splits=("train", "test"), exclude=("sounds/train",)) == [
        "sounds/test",
        "speech/train",
    ]


def test_choose_what_is_not_there(index: Index) -> None:
    def choose(**fields: object) -> None:
        Batches.choose(index, replace(CONFIG, **fields))

    with pytest.raises(UnknownNameError, match="corpus named 'speeech'; did you mean 'speech'"):
        choose(corpora=("speeech",))
    with pytest.raises(UnknownNameError, match="corpus named 'sound'; did you mean 'sounds'"):
        choose(weights={"sound": 2.0})
    with pytest.raises(UnknownNameError, match="split named 'tran'; did you mean 'train'"):
        choose(splits=("tran",))
    with pytest.raises(UnknownNameError, match=r"hold out named 'sounds/tset'; .*'sounds/test'"):
        choose(exclude=("sounds/tset",))
    with pytest.raises(
        UsageError, match=r"samples of speech in the splits test .* there are: sounds"
    ):
        choose(corpora=("speech", "sounds"), splits=("test",))
    with pytest.raises(UsageError, match="some corpus in the splits test"):
        choose(splits=("test",), exclude=("sounds/test",))


def test_an_index_with_what_is_held_out_is_refused(index: Index) -> None:
    with pytest.raises(AssertionError, match=r"Batches\.choose"):
        Batches(index, TOKENS, CONFIG, rate=RATE)
    train = index.select(splits=["train"])
    with pytest.raises(AssertionError, match=r"Batches\.choose"):
        Batches(train, TOKENS, replace(CONFIG, exclude=("sounds/train",)), rate=RATE)


def test_weights_in_the_stream(index: Index) -> None:
    batches = make(index, replace(CONFIG, batch=1, weights={"sounds": 2.5, "speech": 0.5}))
    assert batches.steps_per_epoch == 70 + 26
    keys = [batch.keys[0] for batch in take(batches, 96)]
    visits = {key: keys.count(key) for key in set(keys)}
    assert sorted(v for k, v in visits.items() if k.startswith("sounds")) == [2] * 14 + [3] * 14
    assert [v for k, v in visits.items() if k.startswith("speech")] == [1] * 26


def test_fewer_clips_than_a_batch(index: Index) -> None:
    with pytest.raises(UsageError, match="ask for smaller batches, add data, or raise the weights"):
        make(index, replace(CONFIG, batch=200))


def test_settings_are_json(index: Index) -> None:
    from clara.configs import from_json, to_json

    config = replace(CONFIG, weights={"speech": 2.0}, exclude=("sounds/test",))
    assert from_json(DataConfig, json.loads(json.dumps(to_json(config)))) == config
