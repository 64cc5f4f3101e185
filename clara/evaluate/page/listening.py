"""Retrieval to listen to: some queries, both ways, with their nearest answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from clara.evaluate.examples import EACH, SECONDS, Clip
from clara.evaluate.figures import title
from clara.pictures.html import foreign
from clara.records import Scores

READING = (
    "Nobody picked these. The queries of each direction are put in the order of a hash of what "
    f"they ask, the same for every model; shown are the first {EACH} whose nearest answer is "
    f"right and the first {EACH} whose nearest answer is wrong, as far as there are such. A clip "
    f"holds the first {SECONDS:g} seconds of its recording."
)
CLIPS = "clips"
_WAYS = {
    "text_to_audio": "A sentence looks for recordings",
    "audio_to_text": "A recording looks for sentences",
}


def blocks(scores: Sequence[Scores], clips: Mapping[str, Clip]) -> str:
    """A block for each score of retrieval; the first is open."""
    there = [each for each in scores if each.detail.get("examples")]
    made = []
    for number, each in enumerate(there):
        ways = ""
        for way, words in _WAYS.items():
            mine = [one for one in each.detail["examples"] if one["way"] == way]
            parts = "".join(_example(one, clips) for one in mine)
            ways += f'<div class="way"><h4>{words}</h4>{parts}</div>' if mine else ""
        heading = f"{foreign(each.task)} · {foreign(each.encoder)}, {escape(title(each))}"
        opened = "" if number else " open"
        made.append(
            f'<details{opened}><summary>{heading}</summary><div class="ways">{ways}</div></details>'
        )
    return "".join(made)


def _example(example: Mapping[str, Any], clips: Mapping[str, Clip]) -> str:
    answers = "".join(f"<li>{_answer(each, clips)}</li>" for each in example["answers"])
    rank, size = int(example["rank"]), int(example["gallery"])
    found = "" if rank == 1 else f"The nearest right answer is at rank {rank:,} of {size:,}."
    wanted = ""
    if "wanted" in example:
        wanted = f'<div class="wanted">{_answer(example["wanted"], clips)}</div>'
    rest = f'<p class="small muted">{found}</p>{wanted}' if found else ""
    query = _member(example["query"], clips, "ask")
    return f'<div class="example">{query}<ol>{answers}</ol>{rest}</div>'


def _answer(answer: Mapping[str, Any], clips: Mapping[str, Clip]) -> str:
    kind, sign = ("hit", "✓ right") if answer["right"] else ("miss", "✗ wrong")
    told = f'<span class="{kind}">{sign}</span> <span class="muted">{answer["likeness"]:.2f}</span>'
    return f'<div class="small">{told}</div>{_member(answer, clips, "said")}'


def _member(member: Mapping[str, Any], clips: Mapping[str, Clip], kind: str) -> str:
    """A sentence, or a recording with what is written of it."""
    if "text" in member:
        return f'<p class="{kind}" dir="auto">{escape(str(member["text"]))}</p>'
    key = str(member["recording"])
    written = " / ".join(map(str, member["texts"])) or "no text"
    clip = clips.get(key)
    if clip:
        name = escape(f"Recording {key}: {written}"[:200])
        player = (
            f'<audio controls preload="none" src="{CLIPS}/{escape(clip.name)}" '
            f'aria-label="{name}"></audio>'
        )
        licence = f" · licence: {foreign(clip.licence)}" if clip.licence else ""
        about = f"{foreign(key)} · {clip.seconds:.1f} s{licence}"
    else:
        player, about = "", f"{foreign(key)} · not kept as a clip"
    return (
        f'<div class="{kind}">{player}<p dir="auto">{escape(written)}</p>'
        f'<p class="small muted">{about}</p></div>'
    )
