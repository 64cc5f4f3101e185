"""The page in a real browser: on a phone and on a desk, by day and by night."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import hostile_results
import pytest
from browser import Browser, find

from clara.evaluate.examples import save_clips
from clara.evaluate.page.listening import CLIPS
from clara.evaluate.page.whole import page
from clara.evaluate.run import evaluate

WIDTHS = (390, 1280)

OPEN = "document.querySelectorAll('details').forEach(each => each.open = true)"
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
EMPTY = """[...document.querySelectorAll('svg')].filter(each => {
  const box = each.getBoundingClientRect();
  return each.checkVisibility() && !(box.width > 0 && box.height > 0);
}).length"""
PLAYED = """Promise.all([...document.querySelectorAll('audio')].map(each => new Promise(done => {
  each.oncanplaythrough = () => done(each.duration);
  each.onerror = () => done(each.error.message);
  each.load();
  each.preload = 'auto';
})))"""
# Text against the nearest background below it, as WCAG 2 counts contrast.
FAINT = """(() => {
  const light = words => {
    const parts = words.match(/[\\d.]+/g).map(Number);
    const [r, g, b] = parts.map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = node => {
    for (let each = node; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = new Set();
  for (const each of document.querySelectorAll('body *')) {
    const own = [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || !each.checkVisibility() || each.tagName === 'TITLE') continue;
    const style = getComputedStyle(each);
    const [one, other] = [each.closest('svg') ? style.fill : style.color, behind(each)].map(light);
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) found.add(`${each.tagName}.${each.getAttribute('class')} ${contrast}`);
  }
  return [...found];
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find()
    if program is None:
        pytest.skip("no Chromium or Chrome on this machine")
    with Browser(program) as opened:
        yield opened


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "index.html"
    path.write_text(page(hostile_results.results(60), {}), "utf-8")
    return path


@pytest.fixture
def heard(tones: SimpleNamespace, tmp_path: Path) -> Path:
    """A page of real recordings, with the clips beside it."""
    index = tones.shards(tones.everything(["train", "test"]))
    results = evaluate(tones.Ear(), index, protocols=["zero_shot", "retrieval"], maps=True)
    clips = save_clips(results.scores, index, tmp_path / "report" / CLIPS)
    path = tmp_path / "report" / "index.html"
    path.write_text(page(results, {}, clips), "utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_breaks_the_page(browser: Browser, hostile: Path, width: int, dark: bool) -> None:
    browser.complaints.clear()
    browser.show(hostile, width, dark=dark)
    assert browser.run(WIDE) == 0
    browser.run(OPEN)
    assert browser.run(WIDE) == 0
    assert browser.run(EMPTY) == 0
    assert browser.run(FAINT) == []
    assert browser.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
def test_clips_play(browser: Browser, heard: Path, width: int) -> None:
    browser.complaints.clear()
    browser.show(heard, width)
    browser.run(OPEN)
    played: Sequence[object] = browser.run(PLAYED)
    assert len(played) > 4
    assert played == [pytest.approx(0.25, abs=0.02)] * len(played)
    assert browser.run("[...document.querySelectorAll('audio')].every(e => e.tabIndex === 0)")
    assert browser.run(WIDE) == 0
    assert browser.complaints == []


def test_only_one_scatter_is_read_out(browser: Browser, hostile: Path) -> None:
    shown = "['.on-desk', '.on-phone'].map(e => document.querySelector(e).checkVisibility())"
    for width, expected in zip(WIDTHS, ([False, True], [True, False]), strict=True):
        browser.show(hostile, width)
        assert browser.run(shown) == expected


def test_the_browser_sees_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    def bad(body: str) -> Path:
        return _written(tmp_path / "bad.html", body)

    browser.complaints.clear()
    browser.show(bad("<script>console.error('no')</script><img src=none.png>"), 390)
    assert len(browser.complaints) >= 2
    browser.show(bad("<div style='width: 500px'>wide</div><svg width=0></svg>"), 390)
    assert browser.run(WIDE) > 0
    assert browser.run(EMPTY) == 1
    browser.show(bad("<p style='color: #999'>faint</p>"), 390)
    assert len(browser.run(FAINT)) == 1
    browser.show(bad("<audio controls src=none.flac></audio>"), 390)
    assert isinstance(browser.run(PLAYED)[0], str)
    browser.complaints.clear()


def _written(path: Path, body: str) -> Path:
    head = "<meta name=viewport content='width=device-width, initial-scale=1'>"
    path.write_text(f"<!doctype html><title>bad</title>{head}{body}", "utf-8")
    return path
