"""A training step of `clara_100m` beside the same network written plainly, as its authors did.

The plain one has einsum attention, learned positions and no masks, and runs in float32. That both
compute the same from the same weights is checked before the clock starts. Run
`python -m bench.step`, or `python -m bench.step --json` for all figures.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from bench._timing import Report, machine, main, take_turns
from clara.audio.mel import LogMel
from clara.loss import contrastive_loss
from clara.model import ClaraModel, FeedForward, ModelConfig, sinusoids
from clara.optim import make_optimizer
from clara.recipes import clara_100m

THREADS = 2
CLIPS = 8
SECONDS = 10
TOKENS = 32
POSITIONS = 4096
RECIPE = clara_100m()
OURS = "CLARA, bf16"

Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


class PlainAttention(nn.Module):
    """Attention by two einsums, with all weights of all heads in memory."""

    def __init__(self, width: int, context_width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, heads * head_width, bias=False)
        self.key_value = nn.Linear(context_width, 2 * heads * head_width, bias=False)
        self.out = nn.Linear(heads * head_width, width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Rows `[B, Q, D]` attend to `[B, S, C]`."""
        query = self.query(x).unflatten(-1, (self.heads, -1))
        key, value = self.key_value(context).unflatten(-1, (2, self.heads, -1)).unbind(2)
        weights = torch.einsum("bqhd,bkhd->bhqk", query, key) * query.shape[-1] ** -0.5
        mixed = torch.einsum("bhqk,bkhd->bqhd", weights.softmax(-1), value)
        return self.out(mixed.flatten(2))


class PlainBlock(nn.Module):
    """A pre-norm block."""

    def __init__(
        self, attention: PlainAttention, hidden: int, gated: bool, crossed: int, dropout: float
    ) -> None:
        super().__init__()
        width = attention.out.out_features
        self.attention = attention
        self.feed_forward = FeedForward(width, hidden, gated)
        self.norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.context_norm = nn.LayerNorm(crossed) if crossed else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """`[B, Q, D]` to `[B, Q, D]`."""
        normed = self.norm(x)
        context = self.context_norm(context) if self.context_norm else normed
        x = x + self.dropout(self.attention(normed, context))
        return x + self.dropout(self.feed_forward(self.feed_norm(x)))


class PlainAudio(nn.Module):
    """Log-mel, two convolutions, latents that read once, blocks over them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        audio = config.audio
        width, hidden = audio.latent_width, audio.expand * audio.latent_width
        self.mel = LogMel(audio.mel)
        self.stem = nn.ModuleDict(
            {
                "first": nn.Conv1d(audio.mel.bands, audio.width, 3, padding=1),
                "second": nn.Conv1d(audio.width, audio.width, 3, stride=2, padding=1),
            }
        )
        self.positions = nn.Parameter(sinusoids(POSITIONS, audio.width, torch.device("cpu")))
        self.latents = nn.Parameter(torch.empty(audio.latents, width))
        self.keep = audio.keep
        cross = PlainAttention(width, audio.width, audio.cross_heads, audio.head_width)
        self.read = PlainBlock(cross, hidden, True, audio.width, 0.0)
        self.blocks = nn.ModuleList(
            PlainBlock(
                PlainAttention(width, width, audio.heads, audio.head_width), hidden, True, 0, 0.0
            )
            for _ in range(audio.layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """Waves `[B, T]` to features `[B, D]`."""
        mel, _ = self.mel(waves, lengths)
        rows = nnf.gelu(self.stem["second"](nnf.gelu(self.stem["first"](mel)))).transpose(1, 2)
        rows = rows + self.positions[: rows.shape[1]]
        if self.training:
            count = int(self.keep * rows.shape[1])
            kept = torch.rand(rows.shape[:2]).topk(count).indices
            rows = rows.gather(1, kept[..., None].expand(-1, -1, rows.shape[2]))
        x = self.read(self.latents.expand(len(rows), -1, -1), rows)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return x.mean(1) + x.amax(1)


class PlainText(nn.Module):
    """Tokens, learned positions, blocks."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        text = config.text
        self.table = nn.Embedding(text.vocab, text.width)
        self.positions = nn.Parameter(sinusoids(POSITIONS, text.width, torch.device("cpu")))
        self.blocks = nn.ModuleList(
            PlainBlock(
                PlainAttention(text.width, text.width, text.heads, text.width // text.heads),
                text.hidden,
                False,
                0,
                text.dropout,
            )
            for _ in range(text.layers)
        )
        self.norm = nn.LayerNorm(text.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens `[B, L]` to features `[B, D]`."""
        x = self.table(tokens) + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return x.mean(1) + x.amax(1)


class PlainHead(nn.Module):
    """A residual MLP to unit rows."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.linear, self.residual = nn.Linear(width, dim), nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Features `[B, W]` to unit rows `[B, D]`."""
        x = self.linear(x)
        return nnf.normalize(self.norm(x + self.residual(nnf.gelu(x))), dim=-1)


class PlainModel(nn.Module):
    """Both towers and the loss."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.audio, self.text = PlainAudio(config), PlainText(config)
        self.audio_head = PlainHead(config.audio.latent_width, config.dim)
        self.text_head = PlainHead(config.text.width, config.dim)
        self.log_scales = nn.Parameter(torch.empty(2))

    def forward(self, inputs: Inputs) -> Tensor:
        """The loss of equation 3, from the whole matrix of similarities."""
        waves, lengths, tokens, _ = inputs
        audio = self.audio_head(self.audio(waves, lengths))
        text = self.text_head(self.text(tokens))
        similarities = audio @ text.T
        own = torch.arange(len(audio))
        to_text, to_audio = self.log_scales.exp()
        return (
            nnf.cross_entropy(to_text * similarities, own)
            + nnf.cross_entropy(to_audio * similarities.T, own)
        ) / 2


def loss_of(model: ClaraModel, inputs: Inputs, half: bool = False) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        audio, text, scales = model(*inputs)
    return contrastive_loss(audio, text, scales, torch.arange(len(audio)))


def check(ours: ClaraModel, plain: PlainModel, inputs: Inputs) -> None:
    """Refuses to compare what is not the same."""
    missing, extra = plain.load_state_dict(ours.state_dict(), strict=False)
    assert sorted(missing) == ["audio.positions", "text.positions"], missing
    assert not extra, extra
    few = tuple(tensor[:2] for tensor in inputs)
    with torch.inference_mode():
        difference = loss_of(ours.eval(), few) - plain.eval()(few)
    assert abs(float(difference)) < 1e-5, f"the losses differ by {difference}"


def stepping(
    loss: Callable[[], Tensor], optimizer: torch.optim.Optimizer, count: int
) -> Callable[[], int]:
    """A training step on so many pairs."""

    def run() -> int:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return count

    return run


def noise(config: ModelConfig, count: int) -> Inputs:
    """As many whole clips and texts without meaning."""
    samples = SECONDS * config.audio.mel.rate
    return (
        0.1 * torch.randn(count, samples),
        torch.full((count,), samples),
        torch.randint(3, config.text.vocab, (count, TOKENS)),
        torch.full((count,), TOKENS),
    )


def report(rounds: int) -> Report:
    """Measures pairs per second."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    inputs = noise(RECIPE.model, CLIPS)
    ours, plain = ClaraModel(RECIPE.model), PlainModel(RECIPE.model)
    check(ours, plain, inputs)
    ours.train()
    plain.train()
    optimizer = make_optimizer(ours, RECIPE.optim)
    plain_optimizer = torch.optim.AdamW(plain.parameters(), lr=RECIPE.optim.rate)
    speeds = take_turns(
        {
            OURS: stepping(lambda: loss_of(ours, inputs, half=True), optimizer, CLIPS),
            "CLARA, fp32": stepping(lambda: loss_of(ours, inputs), optimizer, CLIPS),
            "plain einsum attention, fp32": stepping(lambda: plain(inputs), plain_optimizer, CLIPS),
        },
        rounds,
    )
    counts = [sum(p.numel() for p in model.parameters()) / 1e6 for model in (ours, plain)]
    return Report(
        title="A training step",
        text=(
            f"`clara_100m` ({counts[0]:.1f} million parameters): waves to log-mel, forward, "
            f"backward and AdamW, for {CLIPS} pairs of {SECONDS} s at 48 kHz and {TOKENS} tokens, "
            f"on {THREADS} threads. The plain network ({counts[1]:.1f} million, "
            "since its positions are learned) is the same, written as its authors wrote theirs: "
            "einsum attention, no masks, the whole matrix of similarities. From the same weights "
            "both give the same loss to 0.00001, of features from the same code. "
            f"{machine('torch')}"
        ),
        unit="pairs/s",
        ours=OURS,
        speeds=speeds,
    )


if __name__ == "__main__":
    main(report)
