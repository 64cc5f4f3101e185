"""Frames at their times, upright and exact; and those at which the scene changes, no others."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clara import visual
from clara.errors import AudioError, MissingExtraError

av = pytest.importorskip("av")

GREYS = np.linspace(20, 235, 40).round()


def flat(level: float, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), level)


def scene(seed: int, height: int = 240, width: int = 320) -> np.ndarray:
    """Rectangles of random colours: no two seeds look alike."""
    rng = np.random.default_rng(seed)
    image = np.empty((height, width, 3))
    image[:] = rng.integers(0, 256, 3)
    for _ in range(12):
        top, left = rng.integers(0, height), rng.integers(0, width)
        down, right = rng.integers(height // 12, height // 2), rng.integers(width // 16, width // 2)
        image[top : top + down, left : left + right] = rng.integers(0, 256, 3)
    return image


def write(
    path: Path,
    images: Sequence[np.ndarray],
    *,
    fps: Fraction | int = 10,
    times: Sequence[Fraction] = (),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    sound: Fraction | None = None,
    **options: Any,
) -> Path:
    """A video of images, at a fixed rate or at `times`, with sound from `sound` on."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options.pop("options", {}))
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        if options.get("rotation"):
            stream.set_display_rotation(options["rotation"])
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        tone = container.add_stream("aac", rate=16_000) if sound is not None else None
        for number, image in enumerate(images):
            levels = np.clip(image, 0, 255).round().astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(levels, format="rgb24")
            if times:
                frame.pts, frame.time_base = int(times[number] * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        if tone is not None:
            for block in range(20):
                chunk = np.zeros((1, 1024), np.float32)
                frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="mono")
                frame.sample_rate, frame.time_base = 16_000, Fraction(1, 16_000)
                frame.pts = block * 1024 + int(sound * 16_000)
                container.mux(tone.encode(frame))
            container.mux(tone.encode())
        container.mux(stream.encode())
    return path


def level(image: np.ndarray) -> float:
    return float(image.mean())


def numbers(path: Path, **options: Any) -> list[int]:
    """Which of `GREYS` each frame shows."""
    shown = visual.frames(path, **options)
    return [int(np.abs(GREYS - level(frame.image)).argmin()) for frame in shown]


@pytest.fixture(scope="module")
def greys(tmp_path_factory):
    """Four seconds at 10 frames a second, each frame in a grey of its own."""
    path = tmp_path_factory.mktemp("video") / "greys.mp4"
    return write(path, [flat(grey) for grey in GREYS], options={"crf": "1"})


@pytest.mark.parametrize("rate", [1.0, 2.0, 4.0, 10.0, 3.0, 25.0, 0.3])
@pytest.mark.parametrize(("start", "end"), [(0.0, None), (0.55, None), (1.0, 2.0), (3.25, 99.0)])
def test_each_time_has_the_picture_shown_then(greys, rate, start, end):
    found = list(visual.frames(greys, rate=rate, start=start, end=end))
    stop = min(4.0, end or 4.0)
    times = [start + n / rate for n in range(200) if start + n / rate < stop - 0.001]
    assert [frame.seconds for frame in found] == pytest.approx(times)
    wanted = [min(39, int((time + 0.001) * 10)) for time in times]
    assert numbers(greys, rate=rate, start=start, end=end) == wanted


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mkv", "libx264", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.mov", "mpeg4", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.mkv", "ffv1", "bgr0"),
        ("a.mpg", "mpeg2video", "yuv420p"),
    ],
)
def test_containers_and_codecs(tmp_path, name, codec, pixels):
    fps = 25 if name == "a.mpg" else 10
    images = [flat(grey) for grey in GREYS for _ in range(fps // 10 + (fps == 25))]
    path = write(tmp_path / name, images, fps=fps, codec=codec, pixels=pixels)
    shown = numbers(path, rate=2.0)
    step = 5 if fps == 10 else 12.5 / 3
    assert shown == pytest.approx([n * step for n in range(len(shown))], abs=1.01)
    assert len(shown) == round(len(images) / fps * 2)
    seek = numbers(path, rate=2.0, start=2.5)
    assert seek == shown[5:]


def test_a_slice_deep_inside_is_that_of_the_whole(tmp_path):
    images = [flat(GREYS[n // 10 % 40]) for n in range(400)]
    for name in ("a.mp4", "a.mkv", "a.avi"):
        codec = "libx264" if name != "a.avi" else "mpeg4"
        path = write(tmp_path / name, images, codec=codec)
        whole = numbers(path, rate=1.0)
        assert whole == list(range(40))
        for start in (3.0, 17.0, 38.0):
            assert numbers(path, rate=1.0, start=start) == whole[int(start) :], name


def test_frames_of_any_duration(tmp_path):
    """Shown at 0, 0.3, 2.5, 2.6 and 7 s: what lies between is what was shown last."""
    times = [Fraction(0), Fraction(3, 10), Fraction(5, 2), Fraction(13, 5), Fraction(7)]
    path = write(tmp_path / "a.mkv", [flat(GREYS[n]) for n in range(0, 40, 8)], times=times)
    assert numbers(path, rate=1.0, end=7.5) == [0, 8, 8, 24, 24, 24, 24, 32]


def test_pictures_that_begin_after_the_sound(tmp_path):
    times = [Fraction(2) + Fraction(n, 10) for n in range(20)]
    images = [flat(GREYS[2 * n]) for n in range(20)]
    path = write(tmp_path / "a.mkv", images, times=times, sound=Fraction(0))
    shown = numbers(path, rate=2.0)
    assert shown == [0, 0, 0, 0, 0, 10, 20, 30]


def test_pictures_are_upright(tmp_path):
    image = flat(128.0, 60, 100)
    image[:30, :50] = (255, 0, 0)
    for rotation, corner, size in (
        (0, (0, 0), (60, 100)),
        (90, (-1, 0), (100, 60)),
        (180, (-1, -1), (60, 100)),
        (-90, (0, -1), (100, 60)),
    ):
        path = write(tmp_path / f"{rotation}.mp4", [image] * 3, rotation=rotation)
        frame = next(visual.frames(path))
        assert frame.image.shape == (*size, 3)
        assert frame.image.flags.c_contiguous
        row, column = corner
        red = frame.image[row * 4 or 4, column * 4 or 4]
        assert red[0] > 200 > 60 > red[1], rotation


@pytest.mark.parametrize(("height", "width"), [(241, 319), (17, 33), (1, 1), (2, 900)])
def test_odd_sizes(tmp_path, height, width):
    path = write(tmp_path / "a.mkv", [flat(100.0, height, width)] * 3, codec="ffv1", pixels="bgr0")
    image = next(visual.frames(path)).image
    assert image.dtype == np.uint8
    assert max(image.shape) <= 640
    assert level(image) == pytest.approx(100, abs=1)
    assert len(list(visual.changed(visual.frames(path, rate=10.0)))) == 1


def test_large_pictures_are_made_smaller(tmp_path):
    path = write(tmp_path / "a.mp4", [flat(50.0, 1080, 1920)] * 2)
    assert next(visual.frames(path)).image.shape == (360, 640, 3)


def test_sound_alone_has_no_frames(tmp_path):
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48_000)
        chunk = np.zeros((1, 960), np.float32)
        for number in range(50):
            frame = av.AudioFrame.from_ndarray(chunk, format="flt", layout="mono")
            frame.sample_rate, frame.pts = 48_000, number * 960
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert list(visual.frames(path)) == []


def test_a_cover_is_no_video(tmp_path):
    cover = write(tmp_path / "cover.mkv", [flat(9.0)], codec="mjpeg", pixels="yuvj420p")
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as out, av.open(str(cover)) as picture:
        tone = out.add_stream("aac", rate=16_000)
        still = out.add_stream_from_template(picture.streams.video[0])
        still.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 16_000, 0
        for packet in picture.demux(picture.streams.video[0]):
            if packet.dts is not None:
                packet.stream = still
                out.mux(packet)
        out.mux(tone.encode(frame))
        out.mux(tone.encode())
    assert list(visual.frames(path)) == []


@pytest.mark.parametrize("content", [b"", b"no video at all" * 99, None])
def test_what_is_no_video_says_so(tmp_path, greys, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(greys.read_bytes()[:2000] if content is None else content)
    with pytest.raises(AudioError, match=r"its pictures cannot be decoded") as caught:
        list(visual.frames(path))
    assert str(path) not in caught.value.cause
    with pytest.raises(AudioError, match="No such file"):
        list(visual.frames(tmp_path / "absent.mp4"))


def test_a_playlist_reads_no_other_file(tmp_path, greys):
    path = tmp_path / "a.mp4"
    path.write_text(f"#EXTM3U\n#EXTINF:4,\n{greys}\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError):
        list(visual.frames(path))


def test_what_is_broken_on_the_way_gives_what_came_before(tmp_path):
    path = write(tmp_path / "a.mkv", [scene(n) for n in range(60)])
    content = path.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    found = []
    try:
        for frame in visual.frames(tmp_path / "cut.mkv", rate=10.0):
            found.append(frame)
    except AudioError:
        pass
    assert 5 < len(found) < 50


def test_a_picture_that_is_shown_for_centuries_ends(tmp_path):
    times = [Fraction(0), Fraction(1), Fraction(10**8)]
    path = write(tmp_path / "a.mkv", [flat(20.0), flat(120.0), flat(220.0)], times=times)
    assert len(list(visual.frames(path, rate=0.01))) == 864
    assert len(list(visual.changed(visual.frames(path)))) == 2


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "avi", "ts"])
def test_damaged_files_end_in_frames_or_in_an_error(tmp_path, suffix):
    codec = {"webm": "libvpx-vp9", "avi": "mpeg4"}.get(suffix, "libx264")
    whole = write(tmp_path / f"a.{suffix}", [scene(n, 64, 96) for n in range(9)], codec=codec)
    content, rng = whole.read_bytes(), np.random.default_rng(0)
    outcomes = set()
    for number in range(40):
        damaged = bytearray(content)
        for place in rng.integers(0, 600 if number % 2 else len(content), 9):
            damaged[place] = rng.integers(0, 256)
        whole.write_bytes(damaged[: len(content) if number % 3 else rng.integers(1, len(content))])
        try:
            outcomes.add(len(list(visual.frames(whole, rate=1.0))) > 0)
        except AudioError:
            outcomes.add(None)
    assert {True, None} <= outcomes


@pytest.mark.parametrize("start", [1e9, 1e15, 1e300, math.inf, math.nan])
def test_slices_behind_the_end_of_all_videos_have_no_frames(greys, start):
    assert list(visual.frames(greys, start=start)) == []


def test_pictures_beyond_all_size_are_refused(tmp_path, greys, monkeypatch):
    monkeypatch.setattr(visual, "_PIXELS", 100)
    with pytest.raises(AudioError, match="cannot be decoded"):
        list(visual.frames(greys))


def test_without_pyav_it_says_what_to_install(greys, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[video\]"):
        list(visual.frames(greys))


def test_similarity_is_that_of_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(0)
    for height, width in ((11, 11), (64, 64), (40, 97)):
        first = rng.uniform(0, 255, (height, width))
        for second in (
            rng.uniform(0, 255, (height, width)),
            first + rng.normal(0, 20, first.shape),
        ):
            wanted = metrics.structural_similarity(
                first,
                second,
                data_range=255,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            assert visual.ssim(first, second) == pytest.approx(wanted, abs=1e-10)


def test_similarity_against_theory():
    rng = np.random.default_rng(1)
    image = rng.uniform(0, 255, (32, 32))
    assert visual.ssim(image, image) == pytest.approx(1)
    other = rng.uniform(0, 255, (32, 32))
    assert visual.ssim(image, other) == pytest.approx(visual.ssim(other, image))
    # Of two flat pictures only the term of luminance is left.
    constant = (0.01 * 255) ** 2
    luminance = (2 * 100 * 150 + constant) / (100**2 + 150**2 + constant)
    found = visual.ssim(np.full((20, 20), 100.0), np.full((20, 20), 150.0))
    assert found == pytest.approx(luminance)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 192), (240, 321), (30, 50), (1, 1)])
def test_reducing_keeps_the_mean_and_halves_exactly(height, width):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    small = visual.reduced(image)
    grey = image @ [0.299, 0.587, 0.114]
    assert small.shape == (64, 64)
    assert small.mean() == pytest.approx(grey.mean())
    if (height, width) == (128, 192):
        assert small == pytest.approx(grey.reshape(64, 2, 64, 3).mean((1, 3)))


@pytest.mark.parametrize("noise", [0.0, 10.0, 25.0])
def test_hard_cuts_are_found_all_and_alone(tmp_path, noise):
    """Known cuts, sensor noise and compression: recall and precision of kept frames are 1."""
    rng = np.random.default_rng(3)
    lengths = [2, 1, 3, 1, 2]  # seconds
    images, cuts = [], []
    for number, length in enumerate(lengths):
        cuts.append(len(images) / 5)
        for _ in range(5 * length):
            images.append(scene(number) + rng.normal(0, noise, (240, 320, 3)))
    path = write(tmp_path / "a.mp4", images, fps=5)
    for rate in (1.0, 4.0):
        kept = [frame.seconds for frame in visual.changed(visual.frames(path, rate=rate))]
        assert kept == cuts, rate


def test_a_slow_pan_is_kept_as_far_as_it_changes_the_scene(tmp_path):
    wide = scene(5, 240, 1600)
    trembling = [wide[:, 4 + n % 3 : 324 + n % 3] for n in range(50)]
    path = write(tmp_path / "still.mp4", trembling, fps=5)
    assert len(list(visual.changed(visual.frames(path)))) == 1
    panning = [wide[:, 16 * n : 320 + 16 * n] for n in range(80)]  # 80 pixels a second, 4 pictures
    path = write(tmp_path / "pan.mp4", panning, fps=5)
    kept = list(visual.changed(visual.frames(path)))
    assert 4 <= len(kept) <= 13
    for earlier, later in pairwise(kept):
        assert visual.ssim(visual.reduced(earlier.image), visual.reduced(later.image)) < 0.6


def test_a_fade_is_kept_once_it_is_another_scene(tmp_path):
    first, last = scene(1), scene(2)
    fade = [first] * 10 + [first + (last - first) * n / 20 for n in range(20)] + [last] * 15
    path = write(tmp_path / "fade.mp4", fade, fps=5)
    kept = list(visual.changed(visual.frames(path)))
    assert kept[0].seconds == 0
    assert 2 <= len(kept) <= 3
    end = visual.reduced(last.astype(np.uint8))
    assert visual.ssim(visual.reduced(kept[-1].image), end) > 0.5
    dark = [scene(1) * (10 - n) / 10 for n in range(11)]
    blink = write(tmp_path / "blink.mp4", [first] * 5 + dark + dark[::-1] + [first] * 5, fps=5)
    assert 2 <= len(list(visual.changed(visual.frames(blink)))) <= 3


def test_the_threshold_goes_from_one_frame_to_all(tmp_path):
    frames = [visual.Frame(float(n), scene(n).astype(np.uint8)) for n in range(5)]
    assert list(visual.changed(frames, -1.0)) == frames[:1]
    assert list(visual.changed(frames, 1.0)) == frames
    assert list(visual.changed([frames[0]] * 3, 1.0)) == frames[:1]
    assert list(visual.changed([])) == []


def test_a_change_of_size_is_no_change_of_scene():
    small, large = scene(1, 120, 160), np.repeat(np.repeat(scene(1, 120, 160), 3, 0), 3, 1)
    frames = [visual.Frame(float(n), i.astype(np.uint8)) for n, i in enumerate((small, large))]
    assert len(list(visual.changed(frames))) == 1
