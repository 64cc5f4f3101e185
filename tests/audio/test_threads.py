from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from clara.audio.mel import LogMel, speech
from clara.audio.threads import spread


@pytest.fixture(autouse=True)
def _same_threads_after() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_row_is_worked_on_once(threads: int) -> None:
    torch.set_num_threads(threads)
    shares: list[list[int]] = []
    spread(lambda rows: shares.append(list(rows)), [5, 1, 4, 2, 3, 0])
    assert sorted(row for share in shares for row in share) == list(range(6))
    assert len(shares) == threads
    spread(shares.append, [])


def test_nobody_else_notices() -> None:
    torch.set_num_threads(2)
    inside: list[tuple[int, bool]] = []
    spread(
        lambda _: inside.append((torch.get_num_threads(), torch.is_inference_mode_enabled())),
        [1, 1],
    )
    assert inside == [(1, True), (1, True)]
    assert torch.get_num_threads() == 2
    assert not torch.is_inference_mode_enabled()
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [2]


def test_an_error_comes_out() -> None:
    torch.set_num_threads(2)

    def fail(rows: object) -> None:
        raise KeyError(rows)

    with pytest.raises(KeyError):
        spread(fail, [1, 1, 1])


def features() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    waves = torch.randn(5, 16_000, generator=generator)
    mel, _ = LogMel(speech())(waves, torch.tensor([16_000, 3, 0, 9000, 12_345]))
    return mel


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(features())
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_several_threads_may_ask_at_once() -> None:
    torch.set_num_threads(2)
    expected, got = features(), []
    threads = [threading.Thread(target=lambda: got.append(features())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert all(torch.equal(expected, mel) for mel in got)


def test_results_can_be_used_for_training_and_in_inference_mode() -> None:
    torch.set_num_threads(2)
    weight = torch.ones(80, requires_grad=True)
    (features() * weight[:, None]).sum().backward()
    assert weight.grad is not None
    with torch.inference_mode():
        assert torch.equal(features(), features())
