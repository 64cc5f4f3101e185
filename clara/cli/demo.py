"""The command that makes the corpus of the quickstart."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

__all__ = ["demo"]


def demo(out: Positional[Path], seed: int = 0) -> None:
    """Make a small real corpus: words spoken in ten languages, and sounds.

    Args:
        out: The folder to make; ready for `clara prepare folder`.
        seed: Another seed gives other drawings of the same kinds.
    """
    from clara.demo import make_corpus

    count = make_corpus(out, seed=seed)
    print(f"{count} recordings with a manifest in {out}")
    print(f"next: clara prepare folder {out} shards")
