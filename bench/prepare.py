"""`clara prepare` beside ffmpeg and tar, on the same recordings and as many processes.

Both make 48 kHz mono FLAC in a tar; ours also resamples in higher quality, checks every recording,
and writes JSON, index and statistics. Run `python -m bench.prepare`, or with `--json`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from bench._timing import Report, figure, machine, main, take_turns
from clara.errors import UsageError

CORES = 2
CLIPS = 480
RATE, SECONDS = 44_100, 10
OURS = "`clara prepare`"
FFMPEG = "ffmpeg, a process for each clip, and tar"
MANY = "ffmpeg, a process for 20 clips, and tar"


def corpus(folder: Path) -> None:
    """Stereo clips of tones in coloured noise, as one records them, with a manifest."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    time = np.arange(RATE * SECONDS) / RATE
    lines = ["path,text"]
    for number in range(CLIPS):
        shape = np.arange(1, RATE * SECONDS // 2 + 2) ** -0.7
        noise = np.fft.irfft(shape * np.fft.rfft(rng.standard_normal((2, len(time)))))
        tone = np.sin(2 * np.pi * rng.uniform(100, 2000) * time) * np.exp(-time % 1 * 3)
        wave = 0.1 * noise / noise.std() + 0.2 * tone
        soundfile.write(folder / f"{number:04d}.wav", wave.T.clip(-1, 1), RATE)
        lines.append(f"{number:04d}.wav,a sound of number {number}")
    (folder / "manifest.csv").write_text("\n".join(lines))


def by_clara(source: Path, out: Path) -> None:
    words = ["prepare", "folder", str(source), str(out), "--workers", str(CORES)]
    subprocess.run(
        [sys.executable, "-m", "clara.cli", *words, "--shard-size", str(CLIPS // 12)],
        check=True,
        capture_output=True,
    )


def by_ffmpeg(source: Path, out: Path, together: int) -> None:
    """As one writes it in a shell: xargs hands the clips to ffmpeg, tar packs what comes out."""
    out.mkdir()
    # Each clip is an input and an output of its own, on one thread: xargs makes the processes.
    script = (
        'set -e; inputs=; outputs=; n=0; for f in "$@"; do '
        'inputs="$inputs -threads 1 -i $f"; '
        f'outputs="$outputs -map $n -ac 1 -ar 48000 -c:a flac {out}/$(basename $f .wav).flac"; '
        "n=$((n+1)); done; exec ffmpeg -nostdin -loglevel error $inputs -threads 1 $outputs"
    )
    files = "\n".join(str(path) for path in sorted(source.glob("*.wav")))
    subprocess.run(
        ["xargs", "-P", str(CORES), "-n", str(together), "sh", "-c", script, "sh"],
        input=files,
        text=True,
        check=True,
    )
    subprocess.run(["tar", "cf", f"{out}.tar", "-C", str(out), "."], check=True)


def report(rounds: int) -> Report:
    """Measures hours of audio in a minute on each core."""
    if shutil.which("ffmpeg") is None:
        raise UsageError("Expected ffmpeg to compare with but found none; install it.")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus(folder / "in")

        def counted(work: Callable[[Path], None]) -> Callable[[], float]:
            def run() -> float:
                out = folder / "out"
                work(out)
                for made in (out, folder / "out.tar"):
                    shutil.rmtree(made) if made.is_dir() else made.unlink(missing_ok=True)
                return CLIPS * SECONDS / 3600 * 60 / CORES

            return run

        check(folder)
        speeds = take_turns(
            {
                OURS: counted(lambda out: by_clara(folder / "in", out)),
                FFMPEG: counted(lambda out: by_ffmpeg(folder / "in", out, 1)),
                MANY: counted(lambda out: by_ffmpeg(folder / "in", out, 20)),
            },
            rounds,
        )
    return Report(
        title="Preparing a corpus",
        text=(
            f"{CLIPS} stereo clips of {SECONDS} s at {RATE / 1000:g} kHz to mono FLAC at 48 kHz "
            f"in tars, on {CORES} cores, starting of all processes included. "
            "`clara prepare` resamples with soxr in high quality where ffmpeg has its default, and "
            "also checks every clip, writes JSON, index and statistics, and can be taken up again. "
            f"{version()}. {machine('soundfile', 'soxr')}"
        ),
        unit="hours of audio a minute on a core",
        ours=OURS,
        speeds=speeds,
        notes=[
            f"An hour of audio takes {figure(60 / statistics.median(speeds[OURS]))} s on a core."
        ],
    )


def check(folder: Path) -> None:
    """Refuses to compare what is not the same, but for what the filters of resamplers differ in."""
    few = folder / "few"
    few.mkdir()
    for path in sorted((folder / "in").glob("*.wav"))[:2]:
        shutil.copy(path, few)
    by_ffmpeg(few, folder / "check", 2)
    from clara.audio import io

    for path in few.glob("*.wav"):
        theirs, rate = io.load(folder / "check" / f"{path.stem}.flac")
        ours, _ = io.load(path, rate=48_000)
        assert rate == 48_000
        assert abs(len(theirs) - len(ours)) < 100
        middle = slice(48_000, 5 * 48_000)
        likeness = np.corrcoef(theirs[middle], ours[middle])[0, 1]
        assert likeness > 0.99, f"the sounds correlate by {likeness} only"


def version() -> str:
    said = subprocess.check_output(["ffmpeg", "-version"], text=True)
    return " ".join(said.split()[:3])


if __name__ == "__main__":
    main(report)
