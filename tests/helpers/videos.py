"""Videos with scenes that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COLOURS = {"red": (200, 40, 30), "green": (30, 180, 60), "blue": (40, 60, 190)}


def video(path: Path, *shown: str, seconds: int = 2) -> Path:
    """So many seconds of a wall of each colour, with a tone; black where a colour is not known."""
    import av

    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        tone = container.add_stream("aac", rate=16_000)
        for name in shown:
            # Walls are of bricks of their own, or they would differ in colour alone.
            bricks = np.kron(rng.uniform(0.3, 1, (8, 12)), np.ones((8, 8)))[:, :, None]
            wall = np.array(COLOURS.get(name, (0, 0, 0))) * bricks
            for _ in range(5 * seconds):
                image = np.clip(wall + rng.normal(0, 4, wall.shape), 0, 255).astype(np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                container.mux(stream.encode(frame))
        wave = 0.1 * np.sin(np.arange(16_000 * seconds * len(shown)) / 20).astype(np.float32)
        for start in range(0, len(wave), 1024):
            block = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "fltp", "mono")
            block.sample_rate, block.pts = 16_000, start
            container.mux(tone.encode(block))
        container.mux(stream.encode())
        container.mux(tone.encode())
    return path
