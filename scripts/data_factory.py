"""Makes the pictures of docs/data_factory.md: figures 1 and 2 of the paper, with what comes out.

    python scripts/data_factory.py [FOLDER]

Everything in them is made by the steps of the data factory as it is shown: a text is spoken by
espeak-ng, cut and described. The sound of rain is noise, and what a video would show is said by
hand, as no model is at hand that would say it.
"""

from __future__ import annotations

import argparse
import base64
import struct
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from clara import pictures
from clara.audio import io
from clara.audio.mel import LogMel, MelConfig
from clara.augment.mix import Mix
from clara.backends import Word
from clara.backends.aligner.espeak import EspeakAligner
from clara.backends.rewriter import Case
from clara.backends.rewriter.rules import Rules
from clara.backends.speaker.espeak import Espeak
from clara.prepare.desk import PROVENANCE, Desk
from clara.prepare.steps.describe import Describe
from clara.prepare.steps.segment import Segment
from clara.prepare.steps.synthesise import Synthesise
from clara.prepare.steps.visual import Visual
from clara.records import Entry, Sample, Unspoken, Wave
from clara.text import words as wording
from clara.text.facts import facts_of

PAGE = Path(__file__).parents[1] / "docs" / "pictures"
WIDE, EDGE = 960, 28
RATE = 16_000
MEL = MelConfig(rate=RATE, fft=512, window=400, hop=320, bands=48)
SPOKEN = (
    "Good morning, and welcome to the market. The bread is still warm, the apples come from the "
    "hills, and the fish was caught at dawn. Would you like to taste the cheese? Take your time, "
    "nobody is in a hurry here. Listen: the bells of the old church are ringing, so it must be "
    "noon."
)
WRITTEN = "Guten Tag, Dr. Weber! Der Zug fährt um 8.30 Uhr. Wir treffen uns am 3. Mai in Köln."
RAIN, SEEN = "rain", ("a woman waving from a balcony", "children dancing in a street")
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; fill: var(--ink) }
.head { font-size: 19px; font-weight: 650 } .muted { fill: var(--muted) }
.small { font-size: 11.5px } .tiny { font-size: 10.5px } .strong { font-weight: 650 }
.page { fill: var(--page); stroke: var(--edge) } .card { fill: var(--card); stroke: var(--edge) }
.edge { stroke: var(--edge) } .cut { stroke: var(--bad); stroke-width: 2 }
.word { stroke: #fff; stroke-opacity: .6 } .arrow { stroke: var(--muted); fill: none }
.t0 { fill: var(--t0) } .t1 { fill: var(--t1) } .t2 { fill: var(--t2) } .t3 { fill: var(--t3) }
.soft { opacity: .14 } .wave { opacity: .85 } image { image-rendering: auto }
"""
# From silent to loud; they are seen on light and on dark.
SCALE = ((20, 22, 48), (44, 60, 122), (38, 120, 140), (122, 182, 106), (250, 226, 120))


def main() -> None:
    """Makes all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=PAGE)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for draw in (segmented, spoken, described):
        with tempfile.TemporaryDirectory() as work:
            path = folder / f"{draw.__name__}.svg"
            path.write_text(draw(Path(work)), encoding="utf-8")
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


# ------------------------------------------------------------------------- figure 1a: pieces


def segmented(work: Path) -> str:
    """A long recording, its words as the aligner finds them, and its pieces."""
    whole, rate = Espeak().speak(SPOKEN, language="en", voice="f3", speed=135)
    wave = io.resample(whole, rate, RATE)
    wave += np.random.default_rng(0).normal(0, 0.002, len(wave)).astype(np.float32)
    path = work / "market.flac"
    path.write_bytes(io.encode_flac(wave, RATE))
    entry = Entry("market", path, language="en", transcript=SPOKEN)
    pieces = list(Segment()([entry], Desk(work)))
    words = EspeakAligner().align(wave, RATE, wording.split(SPOKEN), language="en")
    seconds = len(wave) / RATE
    parts = list(_recording(wave, words, pieces))
    top = 398.0
    for number, piece in enumerate(pieces):
        left, right = (_across(time, seconds) for time in (piece.start, piece.end or seconds))
        parts += _card(left + 3, top, right - left - 6, 112, f"t{number % 4}")
        told = f"{piece.start:.2f} to {piece.end:.2f} s"
        parts += [_text(left + 17, top + 26, piece.key, "strong"), _text(right - 17, top + 26, told,
                  "small muted", "end")]  # fmt: skip
        lines = _wrapped(f"“{piece.transcript}”", right - left - 34, 13)
        parts += [_text(left + 17, top + 50 + 18 * n, line) for n, line in enumerate(lines)]
    title = "Figure 1a · A long recording becomes pieces, each with its own words"
    note = f"segment: {seconds:.1f} s of speech, cut in silences between words"
    return _sheet(title, note, parts, 538)


def _recording(wave: Wave, words: Sequence[Word], pieces: Sequence[Entry]) -> Iterator[str]:
    seconds = len(wave) / RATE
    for number, piece in enumerate(pieces):
        left, right = (_across(time, seconds) for time in (piece.start, piece.end or seconds))
        yield _rect(left, 84, right - left, 72, f"t{number % 4} soft")
        first, last = (round(time * RATE) for time in (piece.start, piece.end or seconds))
        yield _envelope(wave[first:last], left, 84, right - left, 72, f"t{number % 4} wave")
    yield _image(_mel(wave), _across(0, seconds), 164, _across(seconds, seconds) - EDGE, 132)
    middle = 0.0
    for word in words:
        x = _across(word.start, seconds)
        yield _line(x, 164, x, 296, "word")
        # Short words would stand in each other's place.
        middle = max(_across((word.start + word.end) / 2, seconds), middle + 10)
        yield (
            f'<text class="tiny" text-anchor="end" transform="translate({middle + 4:.1f} 306) '
            f'rotate(-66)">{escape(word.text)}</text>'
        )
    for piece in pieces[1:]:
        x = _across(piece.start, seconds)
        yield _line(x, 78, x, 302, "cut")
    for second in range(0, int(seconds) + 1, 2):
        x = _across(second, seconds)
        yield _line(x, 364, x, 369, "edge")
        yield _text(x, 383, f"{second} s", "tiny muted", "middle")
    yield _line(EDGE, 364, WIDE - EDGE, 364, "edge")


# ---------------------------------------------------------------------- figure 1b: sentences


def spoken(work: Path) -> str:
    """A text, its sentences, and each of them in several voices."""
    entry = Entry("note", Unspoken("note"), language="de", transcript=WRITTEN)
    made = list(Synthesise(voices=4)([entry], Desk(work)))
    sentences = list(dict.fromkeys(each.transcript for each in made))
    longest = max(len(io.load(each.path)[0]) / io.load(each.path)[1] for each in made)
    parts = _card(EDGE, 76, WIDE - 2 * EDGE, 44)
    parts.append(_text(EDGE + 18, 103, f"“{WRITTEN}”"))
    parts.append(_text(WIDE - EDGE - 18, 103, "one text, German", "small muted", "end"))
    left, wide, tall, top = 228, 170, 84, 176
    for column, each in enumerate(made[: len(made) // len(sentences)]):
        x = left + column * (wide + 8)
        (gender,) = each.labels["gender"]
        parts.append(_text(x, top - 26, f"{each.speaker.partition(':')[2]}, {gender}", "strong"))
        parts.append(_text(x + wide, top - 26, each.split, "small muted", "end"))
    for row, sentence in enumerate(sentences):
        y = top + row * (tall + 34)
        parts.append(_text(EDGE, y + 18, f"Sentence {row + 1}", "small muted"))
        lines = _wrapped(sentence, left - EDGE - 24, 13)
        parts += [_text(EDGE, y + 40 + 18 * n, line) for n, line in enumerate(lines)]
        for column, each in enumerate([each for each in made if each.transcript == sentence]):
            x = left + column * (wide + 8)
            wave, _ = io.load(each.path, rate=RATE)
            share = len(wave) / RATE / longest
            parts.append(_rect(x, y, wide, tall, "card"))
            parts.append(_image(_mel(wave), x, y, wide * share, tall))
            facts = each.extra[PROVENANCE][-1]
            told = f"{len(wave) / RATE:.1f} s, pitch {facts['pitch']}, speed {facts['speed']}"
            parts.append(_text(x, y + tall + 15, told, "tiny muted"))
    title = "Figure 1b · A text becomes sentences, and each is spoken in several voices"
    note = "synthesise: voices are kept apart by split, pitch and speed are drawn for each"
    return _sheet(title, note, parts, 540)


# ------------------------------------------------------------------- figure 2: descriptions


def described(work: Path) -> str:
    """What is known of a recording, the sentences about it, and the background by its energy."""
    said = "We finally won!"
    labels = {"emotion": ("happy",), "gender": ("woman",)}
    wave, rate = Espeak().speak(said, language="en", voice="f2", pitch=60, speed=140)
    # Soft enough that no mixture is brought down to full scale, which would spoil its energies.
    front = Sample(
        "a", 0.2 * io.resample(wave, rate, RATE), RATE, (f'A woman saying "{said}"',), labels
    )
    entry = Entry("a", work / "a.flac", language="en", transcript=said, labels=labels)
    behind = Entry("b", work / "a.flac", language="en", transcript=said,
                   labels={**labels, "background": (RAIN,)})  # fmt: skip
    rows = [
        ("Facts", "t0", f"happy · woman · English · “{said}”", _sentences(entry, work)),
        ("+ background", "t1", RAIN, _sentences(behind, work)),
        ("+ frames of a video", "t2", " · ".join(SEEN), _fused(entry)),
    ]
    parts: list[str] = []
    for number, (name, tone, known, sentences) in enumerate(rows):
        y = 84 + number * 92
        parts += _card(EDGE, y, 290, 80, tone)
        parts.append(_text(EDGE + 18, y + 25, name, "strong"))
        lines = _wrapped(known, 256, 13)
        parts += [_text(EDGE + 18, y + 47 + 18 * n, line, "muted") for n, line in enumerate(lines)]
        parts.append(f'<path class="arrow" d="M326 {y + 40}h22m-6 -5l6 5l-6 5"/>')
        lines = [line for each in sentences for line in _wrapped(each, WIDE - EDGE - 364, 13.4)]
        first = y + 45 - 10 * (len(lines) - 1)
        parts += [_text(362, first + 20 * n, line) for n, line in enumerate(lines)]
    told = "Mixed: (1 − λ) · speech + λ · rain, of equal energy; the bars are shares of the energy"
    parts.append(_text(EDGE, 390, told, "strong"))
    rain = Sample("b", _rain(len(front.wave)), RATE, (f"The sound of {RAIN}",))
    for number, weight in enumerate((0.05, 0.3, 0.5, 0.8)):
        parts += _mixture(front, rain, weight, EDGE + number * 229, 404)
    title = "Figure 2 · What is known becomes sentences"
    note = "describe, mix and visual, by the rules that need no model"
    return _sheet(title, note, parts, 592)


def _sentences(entry: Entry, work: Path) -> list[str]:
    (told,) = Describe(phrasings=2)([entry], Desk(work))
    return list(told.texts)


def _fused(entry: Entry) -> list[str]:
    """What the step `visual` writes of what is known of the sound and captions of the frames."""
    case = Case(facts_of(entry, seen=SEEN), "a", Visual().phrasings)
    (sentences,) = Rules().rewrite([case])
    return [each.text for each in sentences]


def _rain(length: int) -> Wave:
    rng = np.random.default_rng(3)
    drops = rng.normal(0, 1, length) * (rng.random(length) < 0.004)
    return np.float32(0.04) * (rng.normal(0, 1, length) + 6 * drops).astype(np.float32)


def _mixture(front: Sample, behind: Sample, weight: float, x: float, y: float) -> Iterator[str]:
    """A mixture, and what share of its energy is background, measured."""
    rng = np.random.default_rng(0)
    mixed = Mix(weight, weight)(front, behind, rng)
    alone = Mix(0, 0)(front, behind, rng).wave
    rain = Mix(1, 1)(front, behind, np.random.default_rng(0)).wave
    energies = [float(np.square(part).sum()) for part in ((1 - weight) * alone, weight * rain)]
    share = energies[1] / sum(energies)
    wide = 217.0
    yield from _card(x, y, wide, 160)
    yield _text(x + 14, y + 24, f"λ = {weight:g}", "strong")
    yield _image(_mel(mixed.wave), x + 14, y + 36, wide - 28, 64)
    yield _rect(x + 14, y + 110, (wide - 28) * (1 - share), 12, "t0")
    yield _rect(x + wide - 14 - (wide - 28) * share, y + 110, (wide - 28) * share, 12, "t1")
    yield _text(x + 14, y + 143, f"speech {1 - share:.1%}", "small")
    yield _text(x + wide - 14, y + 143, f"{RAIN} {share:.1%}", "small", "end")


# ---------------------------------------------------------------------------------- drawing


def _across(time: float, seconds: float) -> float:
    return EDGE + (WIDE - 2 * EDGE) * time / seconds


def _mel(wave: Wave) -> np.ndarray:
    """Log-mel levels from 0 to 1, `[M, F]`, the highest band first."""
    levels, _ = LogMel(MEL)(torch.from_numpy(wave)[None], torch.tensor([len(wave)]))
    found = levels[0].numpy()[::-1]
    low, high = np.percentile(found, (10, 99.5))
    return np.clip((found - low) / (high - low), 0, 1)


def _image(levels: np.ndarray, x: float, y: float, wide: float, tall: float) -> str:
    """Levels as a picture of 16 colours, within the SVG."""
    bits = np.round(levels * 15).astype(np.uint8)
    if bits.shape[1] % 2:
        bits = np.pad(bits, ((0, 0), (0, 1)))
    rows = np.concatenate(
        [np.zeros((len(bits), 1), np.uint8), bits[:, ::2] << 4 | bits[:, 1::2]], 1
    )
    stops, tones = np.linspace(0, 1, len(SCALE)), np.transpose(SCALE)
    palette = np.stack([np.interp(np.linspace(0, 1, 16), stops, tone) for tone in tones], 1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", bits.shape[1], len(bits), 4, 3, 0, 0, 0)),
        (b"PLTE", palette.round().astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    packed = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + packed).decode()
    return (
        f'<image x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" '
        f'preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'
    )


def _envelope(wave: Wave, x: float, y: float, wide: float, tall: float, kind: str) -> str:
    columns = np.array_split(wave, max(2, int(wide / 1.5)))
    peak = np.array([np.abs(column).max() for column in columns]) * (tall / 2 - 3)
    xs, middle = np.linspace(x, x + wide, len(columns)), y + tall / 2
    above = " ".join(f"{a:.0f},{middle - b:.1f}" for a, b in zip(xs, peak, strict=True))
    below = " ".join(f"{a:.0f},{middle + b:.1f}" for a, b in zip(xs[::-1], peak[::-1], strict=True))
    return f'<polygon class="{kind}" points="{above} {below}"/>'


def _wrapped(text: str, wide: float, size: float) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(f"{lines[-1]} {word}") * size * 0.5 > wide:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _sheet(title: str, note: str, parts: Sequence[str], tall: float) -> str:
    palette = files(pictures).joinpath("page.css").read_text("utf-8").partition("* {")[0]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {tall:.0f}" '
        f'width="{WIDE}" role="img" aria-label="{escape(title)}"><style>{palette}{STYLE}</style>'
        f'<rect class="page" x=".5" y=".5" width="{WIDE - 1}" height="{tall - 1:.0f}" rx="12"/>'
        + _text(EDGE, 38, title, "head")
        + _text(EDGE, 60, note, "muted")
        + "\n".join(parts)
        + "</svg>\n"
    )


def _card(x: float, y: float, wide: float, tall: float, tone: str = "") -> list[str]:
    card = f'<rect class="card" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall}" rx="8"/>'
    return [card, _rect(x, y + 10, 4, tall - 20, tone)] if tone else [card]


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _rect(x: float, y: float, wide: float, tall: float, kind: str) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" '
        'rx="2"/>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


if __name__ == "__main__":
    main()
