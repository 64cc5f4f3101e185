"""Every engine does the same; Ray does it on a cluster of two nodes on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clara import rooms
from clara.errors import DataError, LayoutError, MissingExtraError, UnknownNameError, UsageError
from clara.prepare import engines
from clara.prepare.engines import Tick
from clara.prepare.make import make
from clara.prepare.run import prepare
from clara.shards import Index

pytestmark = [
    # Ray leaves sockets and files to the end of the process.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray", "ignore::DeprecationWarning:ray"),
]
Files = Callable[[Path], dict[str, bytes]]
SETTINGS: dict[str, Any] = {"rate": 48_000, "shard_size": 5}
NAMES = rooms.names("prepare.engines")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two nodes with a core each."""
    pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    room = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**room, "include_dashboard": False})
    cluster.second = cluster.add_node(**room)
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")  # once for all tests
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def joined(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the commands that a test starts join the cluster too."""
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)


def command(corpus: Path, out: Path, *options: str) -> list[str]:
    words = ["prepare", "folder", str(corpus), str(out), "--rate", "48000", "--shard-size", "5"]
    return [sys.executable, "-m", "clara.cli", *words, *options]


# ---------------------------------------------------------------------------------- jobs for tests


def double(job: int, tick: Tick) -> int:
    for _ in range(3):
        tick()
    return 2 * job


def meet(folder: Path, tick: Tick) -> str:
    """Waits until a job on another node has come, too."""
    import ray

    node = str(ray.get_runtime_context().get_node_id())
    (folder / node).touch()
    deadline = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    return node


def fail(job: int, tick: Tick) -> None:
    if job == 2:
        raise LayoutError("Expected a job that works, but found this one.")


def stumble(job: int, tick: Tick) -> None:
    raise ZeroDivisionError("a fault of ours")


def crash(job: int, tick: Tick) -> None:
    if job == 2:
        os._exit(1)


def mark_and_wait(job: tuple[Path, int], tick: Tick) -> None:
    folder, number = job
    (folder / f"begun-{number}").touch()
    try:
        for _ in range(600):
            tick()
            time.sleep(0.1)
    finally:
        (folder / f"ended-{number}").touch()


# ----------------------------------------------------------------------------------- each of them


@pytest.mark.usefixtures("joined")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("workers", [None, 1])
def test_every_job_is_done_once(name: str, workers: int | None) -> None:
    told: list[int] = []
    results = engines.get(name, workers).run(double, range(30), advance=told.append)
    assert sorted(results) == list(range(0, 60, 2))
    assert 0 <= sum(told) <= 90
    assert list(engines.get(name, workers).run(double, [], advance=told.append)) == []


@pytest.mark.usefixtures("joined")
@pytest.mark.parametrize("name", NAMES)
def test_what_fails_in_a_job_fails_here(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clara.prepare.engines.ray._RETRIES", 1)

    def run(function: Callable[..., None]) -> None:
        list(engines.get(name, 2).run(function, range(4), advance=lambda count: None))

    with pytest.raises(LayoutError, match="Expected a job that works, but found this one"):
        run(fail)
    with pytest.raises(ZeroDivisionError, match="a fault of ours"):
        run(stumble)
    with pytest.raises(DataError, match=r"for want of memory.* run the same command again"):
        run(crash)


@pytest.mark.usefixtures("joined")
@pytest.mark.parametrize("name", NAMES)
def test_jobs_end_when_they_are_given_up(name: str, tmp_path: Path) -> None:
    jobs = [(tmp_path, number) for number in range(3)]
    results = engines.get(name, 2).run(mark_and_wait, jobs, advance=lambda count: None)

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    def watch() -> None:
        while not list(tmp_path.iterdir()):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, interrupt)
    threading.Thread(target=watch).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            next(results)
    finally:
        signal.signal(signal.SIGALRM, before)
    told = sorted(tmp_path.iterdir())
    begun = [path.name.removeprefix("begun-") for path in told if path.name.startswith("begun")]
    ended = [path.name.removeprefix("ended-") for path in told if path.name.startswith("ended")]
    assert begun == ended != []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("workers", [0, -3])
def test_no_workers(name: str, workers: int) -> None:
    with pytest.raises(UsageError, match="at least 1 worker"):
        engines.get(name, workers)


def test_an_engine_that_is_none(big: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no engine named 'rai'; did you mean 'ray'"):
        prepare("folder", big, tmp_path / "out", engine="rai")
    assert not (tmp_path / "out").exists()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[ray\]"):
        engines.get("ray", None)


# ------------------------------------------------------------------------------------------ on Ray


@pytest.mark.usefixtures("joined")
def test_both_nodes_work(tmp_path: Path) -> None:
    results = engines.get("ray", None).run(meet, [tmp_path] * 8, advance=lambda count: None)
    assert len(set(results)) == 2


@pytest.mark.usefixtures("joined")
def test_the_same_bytes(
    big: Path, reference: dict[str, bytes], tmp_path: Path, files: Files
) -> None:
    report = prepare("folder", big, tmp_path / "out", engine="ray", **SETTINGS)
    assert files(tmp_path / "out") == reference
    assert len(Index.open(report.out)) == 60


@pytest.mark.usefixtures("joined")
@pytest.mark.parametrize(("first", "second"), [("local", "ray"), ("ray", "local")])
def test_begun_on_one_and_finished_on_another(
    big: Path,
    reference: dict[str, bytes],
    tmp_path: Path,
    files: Files,
    first: str,
    second: str,
) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(big, out, "--engine", first, "--workers", "2"),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while len(list(out.glob(".work/*/*.parquet"))) < 3:
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=120)
    assert process.returncode == 130
    assert complaint.count(b"\n") == 1, complaint
    assert not list(out.rglob("*.part"))
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*/*.tar")}
    prepare("folder", big, out, engine=second, workers=2, **SETTINGS)
    assert files(out) == reference
    again = [path for path, at in kept.items() if path.stat().st_mtime_ns == at]
    assert len(again) >= 3, "finished shards were made again"


@pytest.mark.usefixtures("joined")
def test_a_node_that_cannot_see_the_files(tmp_path: Path) -> None:
    results = engines.get("ray", None).run(
        double, range(4), advance=lambda count: None, needs=[tmp_path, tmp_path / "elsewhere"]
    )
    with pytest.raises(UsageError, match=r"every node of the Ray cluster to see .*elsewhere but"):
        list(results)


def test_a_cluster_that_is_none(big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "nonsense://127.0.0.1:9")
    done = subprocess.run(
        command(big, tmp_path / "out", "--engine", "ray"), capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: Expected a Ray cluster at RAY_ADDRESS=nonsense")
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("joined")
def test_chains_of_steps_run_on_ray_as_here(big: Path, tmp_path: Path, files: Files) -> None:
    recipe = tmp_path / "recipe.toml"
    steps = '[[step]]\ndo = "augment"\nchain = ["gain 1"]\n[[step]]\ndo = "describe"\n'
    recipe.write_text(f'name = "a"\n[[source]]\ncorpus = "folder"\npath = "{big}"\n{steps}')
    make(recipe, tmp_path / "here", workers=1)
    make(recipe, tmp_path / "there", engine="ray")
    assert files(tmp_path / "here") == files(tmp_path / "there")


@pytest.mark.usefixtures("joined")
def test_a_node_is_lost(
    cluster: Any, big: Path, reference: dict[str, bytes], tmp_path: Path, files: Files
) -> None:
    """The last test on the cluster: it takes a node away."""
    out = tmp_path / "out"
    process = subprocess.Popen(command(big, out, "--engine", "ray"))
    while len(list(out.glob(".work/*/*.parquet"))) < 3:
        assert process.poll() is None, "it ended before a node was lost"
        time.sleep(0.005)
    cluster.remove_node(cluster.second, allow_graceful=False)
    assert process.wait(timeout=120) == 0
    assert files(out) == reference


def test_a_cluster_of_its_own(
    big: Path,
    reference: dict[str, bytes],
    tmp_path: Path,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    out = tmp_path / "out"
    done = subprocess.run(
        command(big, out, "--engine", "ray", "--workers", "2"), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert files(out) == reference


def threads(job: int, tick: Tick) -> int:
    """How many cores a model would take in a job."""
    import torch

    return torch.get_num_threads()


def test_models_in_processes_beside_each_other_share_the_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    run = engines.get("local", 2).run(threads, [0, 1], advance=lambda _: None)
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert list(run) == [share, share]
