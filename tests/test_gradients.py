"""Gradients in pieces against those of the whole batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from clara import gradients
from clara.audio.mel import MelConfig
from clara.loss import contrastive_loss
from clara.model import AudioConfig, ClaraModel, ModelConfig, TextConfig

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS = 11


def network(**dice: float) -> ClaraModel:
    mel = MelConfig(rate=4000, fft=256, window=256, hop=128, bands=20, high=2000.0)
    audio = AudioConfig(
        mel, width=16, latents=4, latent_width=16, layers=1, heads=2, cross_heads=1, head_width=8
    )
    text = TextConfig(vocab=300, width=16, layers=1, heads=2, hidden=16, dropout=0.0)
    audio = replace(audio, keep=dice.get("keep", 1.0))
    text = replace(text, dropout=dice.get("dropout", 0.0))
    torch.manual_seed(0)
    return ClaraModel(ModelConfig(audio, text, dim=8)).train()


@pytest.fixture
def inputs() -> gradients.Inputs:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(700, 2400, (ROWS,), generator=generator)
    token_lengths = torch.randint(1, 9, (ROWS,), generator=generator)
    waves = 0.1 * torch.randn(ROWS, int(lengths.max()), generator=generator)
    tokens = torch.randint(3, 300, (ROWS, int(token_lengths.max())), generator=generator)
    ids = torch.arange(ROWS) % 7
    for row in range(ROWS):
        waves[row, lengths[row] :] = 0
        tokens[row, token_lengths[row] :] = 0
    return gradients.Inputs(
        waves, lengths, tokens, token_lengths, ids, torch.stack([ids, (ids + 3) % 9], 1)
    )


def of(model: ClaraModel, inputs: gradients.Inputs, pieces: int) -> dict[str, Tensor]:
    model.zero_grad()
    torch.manual_seed(1)
    found = gradients.add(model, inputs, Tensor.backward, pieces=pieces)
    grads = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return {**grads, "loss": found.loss, "audio": found.audio, "text": found.text}


@pytest.mark.parametrize("pieces", [2, 3, 4, ROWS, 100])
def test_pieces_have_the_gradients_of_the_whole(inputs: gradients.Inputs, pieces: int) -> None:
    model = network()
    whole, found = of(model, inputs, 1), of(model, inputs, pieces)
    assert len(whole) > 30
    for name in whole:
        torch.testing.assert_close(found[name], whole[name], atol=1e-5, rtol=1e-4)
    assert max(float(whole[name].abs().max()) for name in whole if "weight" in name) > 1e-2


def test_the_second_way_forward_meets_the_same_dice(inputs: gradients.Inputs) -> None:
    """With other dice, gradients would be those of a network that the loss never saw."""
    model = network(keep=0.5, dropout=0.5)
    found = of(model, inputs, 3)
    # By hand: one graph over three pieces, with the dice where `add` has them.
    model.zero_grad()
    torch.manual_seed(1)
    rows = [model(*part) for part in inputs.pieces(3)]
    audio, text = (torch.cat([row[side] for row in rows]) for side in (0, 1))
    contrastive_loss(audio, text, rows[0][2], inputs.text_ids, inputs.true_ids).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, atol=1e-5, rtol=1e-4)


def test_what_is_remembered_is_that_of_a_piece(inputs: gradients.Inputs) -> None:
    model = network()

    def remembered(pieces: int) -> int:
        alive: dict[int, int] = {}
        most = 0

        class Memory:
            def __init__(self, tensor: Tensor) -> None:
                nonlocal most
                self.tensor = tensor
                alive[id(self)] = tensor.numel()
                most = max(most, sum(alive.values()))

            def __del__(self) -> None:
                del alive[id(self)]

        with torch.autograd.graph.saved_tensors_hooks(Memory, lambda memory: memory.tensor):
            of(model, inputs, pieces)
        return most

    assert remembered(ROWS) < remembered(1) / 4


def test_a_loss_that_is_no_number_leaves_no_gradients(inputs: gradients.Inputs) -> None:
    model = network()
    spoilt = inputs._replace(waves=inputs.waves.clone())
    spoilt.waves[4] = torch.nan
    for pieces in (1, 3):
        model.zero_grad()
        found = gradients.add(model, spoilt, Tensor.backward, pieces=pieces)
        assert not found.loss.isfinite()
        assert not found.audio[4].isfinite().all()
        assert found.audio[3].isfinite().all()
        assert all(p.grad is None for p in model.parameters())
