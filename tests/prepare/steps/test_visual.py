"""Videos get sentences that fuse what is heard and what is seen; all else passes as it is."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import soundfile
from videos import video

from clara.configs import from_json, to_json
from clara.errors import UsageError
from clara.prepare.desk import PROVENANCE, Desk
from clara.prepare.make import make
from clara.prepare.steps.visual import Visual
from clara.records import Entry
from clara.shards import Index
from clara.text.facts import facts_of, faithful

av = pytest.importorskip("av")

CAPTIONER = '''
"""Says which colour a picture has; black it has no word for."""
import numpy as np
class Colours:
    name = "colours 1"
    def caption(self, images):
        means = [image.mean((0, 1)) for image in images]
        names = ("red", "green", "blue")
        return [f"a {names[np.argmax(m)]} wall" if m.max() > 20 else "" for m in means]
'''


@pytest.fixture(autouse=True)
def _captioner(tmp_path, monkeypatch):
    (tmp_path / "colours_of_walls.py").write_text(CAPTIONER)
    monkeypatch.syspath_prepend(str(tmp_path))


def colours(most: int = 4, **settings) -> Visual:
    return Visual("colours_of_walls:Colours", most=most, **settings)


@pytest.fixture
def film(tmp_path):
    path = video(tmp_path / "film.mp4", "red", "green", "blue")
    labels = {"gender": ("woman",), "emotion": ("calm",)}
    return Entry("film", path, transcript="Look there.", labels=labels)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "desk")


def test_what_is_seen_is_told_with_what_is_heard(film, desk):
    (seen,) = colours(phrasings=3)([film], desk)
    walls = ("a red wall", "a green wall", "a blue wall")
    assert len(set(seen.texts)) == 3
    for text in seen.texts:
        assert faithful(text, facts_of(film, seen=walls))
        assert "a red wall, then a green wall, then a blue wall" in text
    (line,) = seen.extra[PROVENANCE]
    assert line["step"] == "visual"
    assert line["captioner"] == "colours 1"
    assert line["seen"] == [
        {"seconds": 2.0 * place, "caption": wall} for place, wall in enumerate(walls)
    ]
    assert list(line["wrote"].values()) == [list(seen.texts)]
    assert json.loads(json.dumps(seen.extra)) == seen.extra
    assert dataclasses.replace(seen, texts=(), extra={}) == film
    assert desk.counts["frames captioned"] == 3


def test_an_entry_sees_its_own_slice(film, desk):
    piece = dataclasses.replace(film, start=2.5, end=3.9)
    (seen,) = colours()([piece], desk)
    assert "a green wall" in seen.texts[0]
    assert "red" not in seen.texts[0]
    assert "blue" not in seen.texts[0]
    piece = dataclasses.replace(film, start=3.0)
    (seen,) = colours()([piece], desk)
    assert [scene["seconds"] for scene in seen.extra[PROVENANCE][0]["seen"]] == [0.0, 1.0]


def test_captions_by_people_are_fused_and_made_ones_are_not(film, desk):
    told = dataclasses.replace(film, texts=("A hum is heard.", "Humming"), labels={})
    (seen,) = colours(phrasings=2)([told], desk)
    first, second = seen.texts[2:]
    assert "hum is heard" in first
    assert "umming" in second
    made = {PROVENANCE: [{"step": "describe", "wrote": {"rules": ["A hum is heard.", "Humming"]}}]}
    (seen,) = colours()([dataclasses.replace(told, labels=film.labels, extra=made)], desk)
    assert "hum" not in seen.texts[2]
    assert "Look there." in seen.texts[2]


def test_sound_alone_passes_as_it_is(tmp_path, film, desk):
    soundfile.write(tmp_path / "a.wav", np.zeros(99), 8000)
    wav = Entry("wav", tmp_path / "a.wav", texts=("Silence",))
    with av.open(str(tmp_path / "a.webm"), "w") as container:
        stream = container.add_stream("libopus", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), "flt", "mono")
        frame.sample_rate, frame.pts = 48_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    webm = Entry("webm", tmp_path / "a.webm", texts=("Silence",))
    (tmp_path / "a.mkv").write_bytes(b"no video" * 99)
    broken = Entry("broken", tmp_path / "a.mkv", texts=("Silence",))
    black = Entry("black", video(tmp_path / "b.mp4", "black"), texts=("Silence",))
    assert list(colours()([wav, webm, broken, black], desk)) == [wav, webm, broken, black]
    assert desk.counts.pop("no video") == 1
    assert desk.counts.pop("no moving pictures") == 1
    assert desk.counts.pop("frames captioned") == 1
    assert desk.counts.pop("nothing was said of the frames") == 1
    ((cause, count),) = desk.counts.items()
    assert count == 1
    assert cause.startswith("its pictures cannot be decoded")
    assert not desk.skipped


def test_a_scene_that_comes_back_is_told_once_and_many_are_cut(tmp_path, desk):
    path = video(tmp_path / "a.mp4", "red", "green", "red", "green", "blue", seconds=1)
    (seen,) = colours(most=9)([Entry("a", path)], desk)
    assert seen.texts[0].count("wall") == 3
    (seen,) = colours(most=2)([Entry("a", path)], desk)
    assert seen.texts[0].count("wall") == 2


def test_a_video_of_which_nothing_else_is_known_is_told_by_its_pictures(tmp_path, desk):
    path = video(tmp_path / "a.mkv", "green")
    (seen,) = colours()([Entry("a", path)], desk)
    assert "a green wall" in seen.texts[0]


def test_the_real_captioner(film, blip_folder, desk):
    step = Visual("blip", captioner_settings={"model": str(blip_folder), "longest": 8})
    (seen,) = step([film], desk)
    (line,) = seen.extra[PROVENANCE]
    assert line["captioner"].startswith(f"blip:{blip_folder.name} (transformers ")
    for scene in line["seen"]:
        assert scene["caption"] in seen.texts[0]


def test_a_chain_from_a_recipe(tmp_path):
    """Pictures, descriptions and translations of a video end in its JSON, signed by each step."""
    (tmp_path / "clips").mkdir()
    video(tmp_path / "clips" / "film.mp4", "red", "blue")
    (tmp_path / "clips" / "manifest.csv").write_text(
        "path,gender,emotion,transcript,language\nfilm.mp4,woman,calm,Look there.,en\n"
    )
    (tmp_path / "recipe.toml").write_text(
        """
        name = "films"
        [[source]]
        corpus = "folder"
        path = "./clips"
        [[step]]
        do = "visual"
        captioner = "colours_of_walls:Colours"
        [[step]]
        do = "describe"
        phrasings = 2
        [[step]]
        do = "translate"
        into = ["de", "ja"]
        [shards]
        rate = 16000
        """
    )
    report = make(tmp_path / "recipe.toml", tmp_path / "out", workers=1)
    index = Index.open(report.out)
    texts = index.sample(0, rate=16_000).texts
    assert any("a red wall, then a blue wall" in text for text in texts)
    assert "Eine Frau sagt mit ruhiger Stimme: „Look there.“" in texts
    assert any("Look there." in text and text[0] > "\u3000" for text in texts)
    chain = tmp_path / "recipe.toml"
    assert make(chain, tmp_path / "out", workers=1).out == report.out


def test_settings_that_make_no_sense():
    step = Visual("blip", captioner_settings={"model": "m"}, rewriter_settings={})
    assert from_json(Visual, json.loads(json.dumps(to_json(step)))) == step
    for settings in ({"rate": 0.0}, {"threshold": 1.5}, {"most": 0}, {"phrasings": 0}):
        with pytest.raises(UsageError):
            Visual(**settings)
