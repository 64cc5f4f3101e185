"""What pictures are drawn of: SVG elements as text, and names cut to the room that they have.

Nothing here knows a colour: shapes carry classes, and the style sheet of the page (`page.css`)
paints them for light and dark. Every word is escaped, whoever chose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 360
TONES = 8  # how many colours of series the style sheet has
MARKS = ("circle", "square", "triangle")


def picture(width: float, height: float, parts: Sequence[str], words: str, kind: str = "") -> str:
    """A whole picture; without a kind it is as wide as where it stands.

    Args:
        width: In its own units, pixels where it has a kind.
        height: As the width.
        parts: SVG.
        words: What it shows, for those who do not see it.
        kind: Its class.
    """
    size = f' class="{kind}" width="{width:.0f}" height="{height:.0f}"' if kind else ""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}"{size} role="img" '
        f'aria-label="{escape(words)}">{"".join(parts)}</svg>'
    )


def text(
    x: float, y: float, words: str, kind: str, anchor: str = "start", size: int = 0, most: int = 0
) -> str:
    """Words at a place; cut to `most` letters if it is given, then with all of them as a tip."""
    font = f' style="font-size:{size}px"' if size else ""
    shown = cut(words, most) if most else words
    tip = f"<title>{escape(words)}</title>" if shown != words else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{font}>'
        f"{escape(shown)}{tip}</text>"
    )


def rect(x: float, y: float, width: float, height: float, kind: str, *, radius: float = 0) -> str:
    """A box."""
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" '
        f'height="{height:.1f}" rx="{radius}"/>'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def mark(shape: str, x: float, y: float, radius: float, kind: str, tip: str = "") -> str:
    """A small mark at a place: one of `MARKS`, or a "diamond"; all of about the same area.

    Args:
        shape: Which.
        x: Of its middle.
        y: Of its middle.
        radius: Of the circle.
        kind: Its class, or nothing if what is around it has one.
        tip: What is shown to who points at it.
    """
    of = f' class="{kind}"' if kind else ""
    told = f"<title>{escape(tip)}</title>" if tip else ""
    if shape == "circle":
        return f'<circle{of} cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">{told}</circle>'
    if shape == "square":
        half = radius * 0.9
        return (
            f'<rect{of} x="{x - half:.1f}" y="{y - half:.1f}" width="{2 * half:.1f}" '
            f'height="{2 * half:.1f}">{told}</rect>'
        )
    a = radius * 1.3
    corners = {
        "triangle": ((x, y - a), (x + a, y + 0.8 * a), (x - a, y + 0.8 * a)),
        "diamond": ((x, y - a), (x + a, y), (x, y + a), (x - a, y)),
    }[shape]
    places = " ".join(f"{each_x:.1f},{each_y:.1f}" for each_x, each_y in corners)
    return f'<polygon{of} points="{places}">{told}</polygon>'


def legend(
    names: Sequence[str], left: float, top: float, most: int = 40
) -> tuple[list[str], float]:
    """The colours of series below each other, in the order of the tones.

    Returns:
        Its parts, and where it ends.
    """
    parts = []
    for tone, name in enumerate(names):
        parts.append(rect(left, top, 10, 10, f"tone{tone % TONES}", radius=2))
        parts.append(text(left + 16, top + 9, name, "name", most=most))
        top += 20
    return parts, top


def cut(words: str, most: int = 34) -> str:
    """A name that leaves room beside it: so many letters, of wide scripts fewer.

    >>> cut("a sound that nobody knows", 12)
    'a sound tha…'
    """
    room = float(most)
    for place, letter in enumerate(words):
        room -= 1.8 if ord(letter) > 0x2E7F else 1
        if room < 0:
            return f"{words[: max(place - 1, 1)]}…"
    return words


def breadth(words: str) -> float:
    """About how wide a text is, in units of its font size: wide scripts count double."""
    return sum(1.0 if ord(letter) > 0x2E7F else 0.66 for letter in words)
