"""A compiled network: the same loss and gradients, and the same checkpoint."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch
from tiny_model import TINY

from clara.loss import contrastive_loss
from clara.model import ClaraModel, compile_parts

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles with a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # torch's own, on what it compiles
def test_a_compiled_step_is_the_same_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch._dynamo.config, "recompile_limit", 8)
    config = replace(
        TINY,
        # Dropout draws other dice where it is compiled. Each kind of block takes seconds.
        audio=replace(TINY.audio, stem="conv1d", dropout=0.0, layers=0),
        text=replace(TINY.text, dropout=0.0),
    )
    torch.manual_seed(0)
    plain, compiled = ClaraModel(config), ClaraModel(config)
    compiled.load_state_dict(plain.state_dict())
    compile_parts(compiled)
    assert list(compiled.state_dict()) == list(plain.state_dict())

    inputs = (
        0.1 * torch.randn(3, 4000),
        torch.tensor([4000, 3000, 900]),
        torch.randint(3, 300, (3, 9)),
        torch.tensor([9, 4, 2]),
    )
    for model in (plain, compiled):
        torch.manual_seed(1)
        audio, text, scales = model.train()(*inputs)
        contrastive_loss(audio, text, scales, torch.arange(3)).backward()
    for (name, one), other in zip(plain.named_parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, atol=1e-5, rtol=1e-4, msg=name)
