"""The page of the data factory is true: recipes run, its step works, its JSON is what is made."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import clara
from clara import rooms
from clara.audio import io
from clara.backends.speaker.espeak import Espeak
from clara.prepare.desk import PROVENANCE
from clara.prepare.make import make, steps
from clara.prepare.recipe import Chain, read
from clara.prepare.run import prepare
from clara.shards import Index

ROOT = Path(clara.__file__).parents[1]
PAGE = (ROOT / "docs" / "data_factory.md").read_text("utf-8")
RECIPES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
NO_MODEL = {
    "speaker": "espeak",
    "aligner": "espeak",
    "rewriter": "rules",
    "translator": "table",
    "captioner": "",
}
NOTES = "Guten Tag, Dr. Weber! Der Zug fährt um 8.30 Uhr."


@pytest.fixture(scope="module")
def market() -> tuple[np.ndarray, int, str]:
    """The recording of the page, and its words."""
    script = (ROOT / "scripts" / "data_factory.py").read_text("utf-8")
    (quoted,) = re.findall(r"SPOKEN = \((.*?)\n\)", script, re.DOTALL)
    text = "".join(re.findall(r'"(.*)"', quoted))
    wave, rate = Espeak().speak(text, language="en", voice="f3", speed=135)
    return wave, rate, text


@pytest.fixture
def place(tmp_path: Path, market: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the recipes speak of."""
    wave, rate, text = market
    rng = np.random.default_rng(0)
    hiss = (0.01 * rng.normal(0, 1, 12 * rate)).astype(np.float32)
    for name, sound in (("talks/market", wave), ("forest/wind", hiss)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / f"{name}.flac").write_bytes(io.encode_flac(sound, rate))
    about = {"transcript": text, "language": "en", "labels": {"gender": "woman"}}
    (tmp_path / "talks" / "market.json").write_text(json.dumps(about))
    (tmp_path / "forest" / "wind.txt").write_text("Wind in the trees")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "de.txt").write_text(NOTES)
    for corpus, labels in (("speech", {"emotion": "sad"}), ("esc50", {"sound": "rain"})):
        (tmp_path / corpus).mkdir()
        (tmp_path / corpus / "a.flac").write_bytes(io.encode_flac(hiss[:rate], rate))
        (tmp_path / corpus / "a.json").write_text(json.dumps({"labels": labels}))
        prepare("folder", tmp_path / corpus, tmp_path / "shards" / corpus, name="own", workers=1)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "whisperers.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "whisperers", raising=False)
    return tmp_path


def needs_a_model(chain: Chain) -> bool:
    chosen = ((room, getattr(step, room, None)) for _, step in chain.steps for room in NO_MODEL)
    return any(name not in (None, NO_MODEL[room]) for room, name in chosen)


@pytest.mark.parametrize("text", RECIPES, ids=lambda text: text.split('"')[1])
def test_recipes_of_the_page(text: str, place: Path) -> None:
    recipe = place / "recipe.toml"
    recipe.write_text(text.replace("limit = 20", "limit = 2"))
    chain = read(recipe)
    asked = {name for name, _ in chain.steps}
    if needs_a_model(chain):
        return
    report = make(recipe, place / "out", workers=1)
    index = Index.open(report.out)
    assert not report.skipped
    assert {each["step"] for each in steps(report)} == asked
    made = {
        line["step"]
        for row in range(len(index))
        for line in index.meta(row)["original_data"][PROVENANCE]
    }
    assert made == {"source", *(name.rpartition(":")[0] or name for name in asked)}


def test_a_captioner_and_a_chat_server_in_one_chain(
    tmp_path: Path, blip_folder: Path, tiny_llm: str
) -> None:
    """The recipe of the page with real backends, tiny ones: each signs what it made, by name."""
    pytest.importorskip("av")
    from videos import video

    (tmp_path / "videos").mkdir()
    video(tmp_path / "videos" / "film.mp4", "red", "blue")
    about = {"transcript": "Look there.", "language": "en", "labels": {"gender": "woman"}}
    (tmp_path / "videos" / "film.json").write_text(json.dumps(about))
    (text,) = (recipe for recipe in RECIPES if 'captioner = "blip"' in recipe)
    for shown, tiny in {
        '"Salesforce/blip-image-captioning-base"': f'"{blip_folder}", longest = 8',
        '"http://localhost:8000/v1"': f'"{tiny_llm}", wait = 0.01',
        "qwen2.5-7b-instruct": "both",
    }.items():
        assert shown in text
        text = text.replace(shown, tiny)
    (tmp_path / "films.toml").write_text(text)
    report = make(tmp_path / "films.toml", tmp_path / "out", workers=1)
    index = Index.open(report.out)
    about = index.meta(0)["original_data"]
    source, seen, described, translated = about[PROVENANCE]
    assert source == {
        "step": "source",
        "corpus": "folder",
        "key": "film.mp4",
        "clara": clara.__version__,
    }
    assert seen["step"] == "visual"
    assert seen["captioner"].startswith(f"blip:{blip_folder.name} (transformers ")
    assert described["step"] == "describe"
    assert translated["step"] == "translate"
    assert translated["into"] == ["de", "ar"]
    model = "openai:both"
    assert seen["rewriter"] == described["rewriter"] == model
    (fused,) = seen["wrote"][model]
    assert seen["seen"]
    assert all(scene["caption"] in fused for scene in seen["seen"])
    assert len(described["wrote"][model]) == 3
    texts = index.sample(0).texts
    for line in (seen, described, translated):
        assert {each for by in line["wrote"].values() for each in by} <= set(texts)
    for made in (fused, *described["wrote"][model]):
        assert made.startswith("On this recording (")
        assert "Look there." in made
    assert translated["wrote"][model] == [
        f"Auf Deutsch: {made}" for made in (fused, described["wrote"][model][0])
    ]
    tables = translated["wrote"]["tables of languages"]
    assert "Eine Frau sagt: „Look there.“" in tables
    assert "امرأة تقول: «Look there.»" in tables
    *_, last = steps(report)
    assert last["counts"]["not translated into ar: the answer is in the wrong script"] == 2
    assert last["counts"]["captions left to the tables of ar"] == 2


def test_every_step_is_on_the_page_and_in_a_recipe() -> None:
    known = rooms.names("prepare.steps")
    named = re.findall(r"^\| `(\w+)` \|.*\|$", PAGE, re.MULTILINE)
    assert sorted(named) == known
    assert {name for text in RECIPES for name in re.findall(r'do = "(\w+)"', text)} == set(known)


def test_settings_named_in_the_table_exist() -> None:
    for name, line in re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", PAGE, re.MULTILINE):
        fields = rooms.load("prepare.steps", name).__dataclass_fields__
        assert set(re.findall(r"`(\w+)`", line)) <= set(fields)


def test_backends_of_the_page_are_those_that_are() -> None:
    room, found = "", {}
    for line in re.findall(r"^\|(.*)\|$", PAGE.partition("## Backends")[2], re.MULTILINE)[2:]:
        cells = [cell.strip() for cell in line.split("|")]
        room = cells[0] or room
        found.setdefault(room, set()).update(re.findall(r"`(\w+)`", cells[1]))
    assert found == {room: set(rooms.names(f"backends.{room}")) for room in found}
    assert set(found) == {*NO_MODEL, "transcriber"}


def test_the_provenance_of_the_page_is_what_is_made(place: Path) -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (place / "talks.toml").write_text(RECIPES[0])
    make(place / "talks.toml", place / "out", workers=1)
    index = Index.open(place / "out")
    row = list(index.column("key")).index("market.flac_001")
    about = index.meta(row)["original_data"]
    told = json.loads(shown)
    assert {name: about[name] for name in told} == told


def test_pictures_are_small_and_whole() -> None:
    pictures = re.findall(r"\]\((pictures/.*?)\)", PAGE)
    assert len(pictures) == 3
    for name in pictures:
        path = ROOT / "docs" / name
        assert path.stat().st_size < 150_000
        assert ElementTree.parse(path).getroot().get("aria-label").startswith("Figure")
        assert "prefers-color-scheme: dark" in path.read_text("utf-8")
