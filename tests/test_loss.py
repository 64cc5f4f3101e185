"""The loss against a plain float64 one, and on two real processes against one."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from clara import loss as loss_module
from clara.loss import contrastive_loss

pytestmark = pytest.mark.usefixtures("one_thread")


def unit_rows(size: int, width: int, seed: int) -> Tensor:
    rows = torch.randn(size, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows.double(), dim=1)


def equation_3(audio: Tensor, text: Tensor, scales: Tensor, truths: list[set[int]]) -> Tensor:
    """Equation 3, sum by sum: `truths[n]` are the texts k that are true of recording n.

    With one of each it is the paper's: the negative logarithm of the softmax at the own pair,
    averaged over N and over both directions. With more, the mean over them.
    """
    count = len(audio)
    total = audio.new_zeros(())
    for n in range(count):
        similarities = scales[0] * (text @ audio[n])
        for k in truths[n]:
            total -= (similarities[k] - similarities.logsumexp(0)) / len(truths[n])
        similarities = scales[1] * (audio @ text[n])
        fitting = [k for k in range(count) if n in truths[k]]
        for k in fitting:
            total -= (similarities[k] - similarities.logsumexp(0)) / len(fitting)
    return total / (2 * count)


def batch(size: int, width: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    scales = torch.tensor([9.0, 14.0], dtype=torch.float64)
    return unit_rows(size, width, 0), unit_rows(size, width, 1), scales


def own(ids: Tensor) -> list[set[int]]:
    """The truths of recordings whose texts have these ids, and that have one text each."""
    return [{k for k in range(len(ids)) if ids[k] == ids[n]} for n in range(len(ids))]


IDS = {
    "all texts differ": lambda size: torch.arange(size),
    "every third text is the same": lambda size: torch.arange(size) % max(size // 3, 1),
    "all texts are one": lambda size: torch.full((size,), -(2**62)),
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS.keys())
@pytest.mark.parametrize("size", [1, 5, 12])
@pytest.mark.parametrize("block", [1, 4, 5, 512])
def test_it_is_equation_3_with_its_gradients(
    monkeypatch: pytest.MonkeyPatch, block: int, size: int, ids
) -> None:
    monkeypatch.setattr(loss_module, "ROWS", block)
    monkeypatch.setattr(loss_module, "COLUMNS", block + 2)
    text_ids = ids(size)
    ours, theirs = ([t.clone().requires_grad_() for t in batch(size)] for _ in range(2))
    found = contrastive_loss(*ours, text_ids)
    expected = equation_3(*theirs, own(text_ids))
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    for one, other in zip(
        torch.autograd.grad(3 * found, ours), torch.autograd.grad(3 * expected, theirs), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("size", [511, 1100, 4200])
def test_float32_is_within_1e_6_at_more_rows_than_a_block(size: int) -> None:
    audio, text, scales = batch(size, 32)
    ids = torch.arange(size) % (size - 100)
    single = [tensor.float().requires_grad_() for tensor in (audio, text, scales)]
    double = [tensor.requires_grad_() for tensor in (audio, text, scales)]
    found = contrastive_loss(*single, ids)
    # All at once, since sums one by one take long.
    logits, same = audio @ text.T, (ids[:, None] == ids).double()
    targets = same / same.sum(1, keepdim=True)
    expected = -(
        (targets * (scales[0] * logits).log_softmax(1)).sum()
        + (targets * (scales[1] * logits.T).log_softmax(1)).sum()
    ) / (2 * size)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-7)
    for one, other in zip(
        torch.autograd.grad(found, single), torch.autograd.grad(expected, double), strict=True
    ):
        torch.testing.assert_close(one.double(), other, atol=1e-6, rtol=0)


def test_derivatives_are_those_of_finite_differences() -> None:
    inputs = [tensor.requires_grad_() for tensor in batch(5, 4)]
    ids = torch.tensor([1, 2, 1, 3, 4])
    assert torch.autograd.gradcheck(lambda *rows: contrastive_loss(*rows, ids), inputs)


@pytest.mark.parametrize("block", [2, 512])
def test_texts_that_are_true_of_a_recording_are_positives(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(loss_module, "ROWS", block)
    monkeypatch.setattr(loss_module, "COLUMNS", block)
    text_ids = torch.tensor([10, 20, 30, 10])
    # Recording 1 is also a 30, and 2 also a 10; 99 is the caption of none.
    true_ids = torch.tensor([[10, 10], [20, 30], [30, 10], [10, 99]])
    truths = [{0, 3}, {1, 2}, {2, 0, 3}, {0, 3}]
    ours, theirs = ([t.clone().requires_grad_() for t in batch(4)] for _ in range(2))
    found = contrastive_loss(*ours, text_ids, true_ids)
    expected = equation_3(*theirs, truths)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    for one, other in zip(
        torch.autograd.grad(found, ours), torch.autograd.grad(expected, theirs), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-10)


def test_theory() -> None:
    size = 6
    scales = torch.tensor([20.0, 20.0])
    same = torch.eye(size)[:1].expand(size, size)
    ids = torch.arange(size)
    # Rows that say nothing cost the entropy of a guess, and perfect ones next to nothing.
    assert abs(float(contrastive_loss(same, same, scales, ids)) - math.log(size)) < 1e-6
    assert contrastive_loss(torch.eye(size), torch.eye(size), 5 * scales, ids) < 1e-6
    # Equal texts leave at least the entropy of not knowing which.
    twins = ids // 2
    rows = torch.eye(size)[twins]
    assert abs(float(contrastive_loss(rows, rows, 5 * scales, twins)) - math.log(2)) < 1e-5


def test_order_does_not_matter_and_directions_have_their_own_scale() -> None:
    audio, text, scales = batch(7)
    ids = torch.tensor([0, 1, 2, 2, 3, 4, 5])
    value = contrastive_loss(audio, text, scales, ids)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(0))
    again = contrastive_loss(audio[order], text[order], scales, ids[order])
    torch.testing.assert_close(again, value)
    torch.testing.assert_close(contrastive_loss(text, audio, scales.flip(0), ids), value)
    assert not contrastive_loss(audio, text, scales.flip(0), ids).isclose(value)


def test_memory_is_that_of_a_block() -> None:
    """No tensor of N x N is kept for the way back."""
    audio, text, scales = (tensor.requires_grad_() for tensor in batch(1500, 4))
    kept = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        contrastive_loss(audio, text, scales, torch.arange(1500)).backward()
    assert max(kept) <= 1500 * 4


WORKER = """
import sys
from datetime import timedelta
import torch, torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch.nn.parallel import DistributedDataParallel
from clara.audio.mel import MelConfig
from clara.loss import contrastive_loss
from clara.model import AudioConfig, ClaraModel, ModelConfig, TextConfig

rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)
store = f"file://{folder}/store{world}"
dist.init_process_group(
    "gloo", init_method=store, rank=rank, world_size=world, timeout=timedelta(seconds=120)
)
data = load_file(f"{folder}/data.safetensors")
mine = {name: tensor[rank::world] for name, tensor in data.items() if name != "scales"}

inputs = {name: mine[name].requires_grad_() for name in ("audio", "text")}
scales = data["scales"].requires_grad_()
loss = contrastive_loss(inputs["audio"], inputs["text"], scales, mine["ids"], mine["truths"])
loss.backward()
out = {"loss": loss.detach(), "to_scales": scales.grad}
out |= {f"to_{name}": tensor.grad for name, tensor in inputs.items()}

mel = MelConfig(rate=4000, fft=256, window=256, hop=128, bands=20, high=2000.0)
audio = AudioConfig(mel, width=16, latents=4, latent_width=16, layers=1, heads=2, cross_heads=1,
                    head_width=8, keep=1.0)
text = TextConfig(vocab=300, width=16, layers=1, heads=2, hidden=16, dropout=0.0)
torch.manual_seed(0)
model = ClaraModel(ModelConfig(audio, text, dim=8))
wrapped = DistributedDataParallel(model)
for part in (0, 1):  # two batches, added up
    waves, tokens = mine["waves"], mine["tokens"].roll(part, 1)
    full = torch.full((len(waves),), waves.shape[1]), torch.full((len(tokens),), tokens.shape[1])
    with wrapped.no_sync() if part == 0 else torch.enable_grad():
        rows = wrapped(waves, full[0], tokens, full[1])
        contrastive_loss(*rows, mine["ids"], mine["truths"]).backward()
out |= {f"model.{name}": parameter.grad for name, parameter in model.named_parameters()}
save_file({k: v.contiguous() for k, v in out.items()}, f"{folder}/out{rank}of{world}.safetensors")
dist.barrier()
dist.destroy_process_group()
"""


def on_processes(world: int, folder: Path) -> list[dict[str, Tensor]]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(rank), str(world), str(folder)], env=environment
        )
        for rank in range(world)
    ]
    for process in processes:
        assert process.wait(timeout=240) == 0
    return [load_file(folder / f"out{rank}of{world}.safetensors") for rank in range(world)]


@pytest.mark.slow
def test_two_processes_are_as_one(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    audio, text, scales = batch(10)
    ids = torch.tensor([0, 1, 2, 3, 0, 1, 4, 5, 6, 0])
    truths = torch.stack([ids, (ids + 3) % 8], dim=1)
    generator = torch.Generator().manual_seed(0)
    data = {"audio": audio.float(), "text": text.float(), "scales": scales.float(), "ids": ids}
    data["truths"] = truths
    data["waves"] = 0.1 * torch.randn(10, 1200, generator=generator)
    data["tokens"] = torch.randint(3, 300, (10, 6), generator=generator)
    save_file(data, tmp_path / "data.safetensors")
    (whole,) = on_processes(1, tmp_path)
    halves = on_processes(2, tmp_path)

    expected = contrastive_loss(audio.float(), text.float(), scales.float(), ids, truths)
    torch.testing.assert_close(whole["loss"], expected)
    assert not halves[0]["loss"].isclose(halves[1]["loss"])
    close = {"atol": 1e-5, "rtol": 0}
    mean = (halves[0]["loss"] + halves[1]["loss"]) / 2
    torch.testing.assert_close(mean, whole["loss"], **close)
    scale_gradient = (halves[0]["to_scales"] + halves[1]["to_scales"]) / 2
    torch.testing.assert_close(scale_gradient, whole["to_scales"], **close)
    for name in ("to_audio", "to_text"):
        joined = torch.stack([halves[0][name], halves[1][name]], dim=1).flatten(0, 1) / 2
        torch.testing.assert_close(joined, whole[name], **close)
    trained = [name for name in whole if name.startswith("model.")]
    assert len(trained) > 30
    for name in trained:
        torch.testing.assert_close(halves[0][name], whole[name], **close)
        assert halves[0][name].equal(halves[1][name])
