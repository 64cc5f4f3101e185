"""What all tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from clara.train import Recipe


# Programs that are started in the background are often told to ignore Ctrl-C, and tell so those
# that they start; here all are to stop as at a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test finds what another run has kept in the user's cache, or leaves anything there."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings in official layouts, or a skip where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("CLARA_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set CLARA_DATA to a folder of corpora")
    return folder


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a real S3 server on this machine."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    pytest.importorskip("s3fs")
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a new bucket, to which this process and those it starts have the rights."""
    import fsspec

    from clara.remote import stores

    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    stores.connect.cache_clear()
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}"


PITCHES = {"low": 200, "middle": 500, "high": 1200, "shrill": 2800}


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of 48 training, 16 validation and 16 test clips: tones that are called by their pitch.

    They are of 0.2 to 0.6 s at 8 kHz, of corpus "folder", with the label "sound".
    """
    from clara.audio import io
    from clara.prepare.run import prepare

    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    lines = ["path,text,label.sound,split"]
    for number in range(80):
        name, pitch = list(PITCHES.items())[number % 4]
        time = np.arange(int(8000 * rng.uniform(0.2, 0.6))) / 8000
        wave = rng.uniform(0.1, 0.5) * np.sin(2 * np.pi * pitch * rng.uniform(0.9, 1.1) * time)
        (folder / f"{number}.flac").write_bytes(io.encode_flac(wave.astype(np.float32), 8000))
        split = "train" if number < 48 else "valid" if number < 64 else "test"
        lines.append(f"{number}.flac,a {name} tone,{name},{split}")
    (folder / "manifest.csv").write_text("\n".join(lines))
    prepare("folder", folder, folder / "shards", name="folder", rate=8000, shard_size=16, workers=1)
    return folder / "shards"


@pytest.fixture(scope="session")
def toy(tones: Path) -> Recipe:
    """A recipe for `tones` that makes about two hundred steps in a second on one thread."""
    from tiny_model import TINY

    from clara.batches import DataConfig
    from clara.optim import OptimConfig
    from clara.train import Recipe, TrainConfig

    return Recipe(
        name="toy",
        model=TINY,
        data=DataConfig(folders=(str(tones),), batch=12),
        optim=OptimConfig(rate=3e-3, warmup=20),
        train=TrainConfig(steps=200, precision="32-true", log_every=10, save_every=20),
    )


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small products are slower on two threads, much so where others are at work."""
    from clara.audio.threads import one_core

    with one_core():
        yield


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system in memory with the options given; skips where that is not allowed."""
    point = tmp_path / "mounted"
    point.mkdir()

    def mounted(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(point)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root may mount a file system")
        return point

    yield mounted
    subprocess.run(["umount", str(point)], check=False, capture_output=True)


@pytest.fixture(scope="session")
def tiny_llm() -> Iterator[str]:
    """The address of a chat server in a process of its own, with tiny models (`tiny_llm.py`)."""
    program = [sys.executable, str(Path(__file__).parent / "helpers" / "tiny_llm.py")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.kill()


@pytest.fixture(scope="session")
def blip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BLIP of two small layers, saved as transformers saves one."""
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("PIL")
    import torch

    folder = tmp_path_factory.mktemp("blip")
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] [DEC] [ENC] a dog cat room the of in on with man sea"
    count = len(words.split())
    (folder / "vocab.txt").write_text(words.replace(" ", "\n"))
    special = {"bos_token_id": 5, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0}
    size = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    config = transformers.BlipConfig(
        text_config={
            **size,
            **special,
            "vocab_size": count,
            "encoder_hidden_size": 32,
            "num_hidden_layers": 2,
            "max_position_embeddings": 64,
            "initializer_range": 0.5,
        },
        vision_config={
            **size,
            "num_hidden_layers": 2,
            "image_size": 32,
            "patch_size": 8,
            "initializer_range": 0.5,
        },
        projection_dim=32,
        initializer_range=0.5,
    )
    torch.manual_seed(1)
    transformers.BlipForConditionalGeneration(config).save_pretrained(folder)
    tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"))
    processor = transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    transformers.BlipProcessor(processor, tokenizer).save_pretrained(folder)
    return folder
