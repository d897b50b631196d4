"""sasrec as one would write it in an afternoon: plain torch, no framework, fed ready tensors.

The yardstick of `sasrec_speed.py`: the same net (pre-norm blocks, learned positions, tied item vectors, cosine
scores with a learned factor), the same loss (softmax over all items of the next few items, later ones weighing less),
optimiser, precision and clipping, with batches that are already tensors in memory. It shares no code with p5rec.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        q, k, v = self.qkv(self.first(x)).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(rows, length, width)
        x = x + self.dropout(self.out(mixed))
        return x + self.dropout(self.down(self.dropout(F.gelu(self.up(self.second(x))))))


class Net(nn.Module):
    """Items 0 … V-1; row V of the table is the start of a history."""

    def __init__(self, items: int, width: int, blocks: int, heads: int, length: int, dropout: float) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(15.0).log())
        self.start = nn.Parameter(torch.randn(width) * 0.02)
        self.items = nn.Parameter(torch.randn(items, width) * 0.02)
        self.places = nn.Parameter(torch.randn(length, width) * 0.02)
        self.layers = nn.ModuleList(Layer(width, heads, dropout) for _ in range(blocks))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)

    def forward(self, history: Tensor) -> Tensor:
        """(B, L) item numbers → (B, L + 1, D): the state before each of them, and behind the last."""
        vectors = F.normalize(F.embedding(history, self.items), dim=-1) * (self.items.shape[1] ** 0.5 / 2)
        x = torch.cat([self.start.expand(len(history), 1, -1), vectors], dim=1)
        x = self.dropout(x + self.places[: x.shape[1]])
        for layer in self.layers:
            x = layer(x)
        return F.normalize(self.norm(x), dim=-1) * self.sharpness.exp()


class FullSoftmax(torch.autograd.Function):
    """Cross-entropy of (N, D) states against all (V, D) items, gradient made in the forward pass.

    Targets (N, K) and their weights (N, K), which sum to 1.
    """

    @staticmethod
    def forward(ctx, states, items, targets, weights):  # type: ignore[no-untyped-def]
        logits = states @ items.T
        chosen = (weights * logits.gather(1, targets)).sum()
        top = logits.amax(1, keepdim=True)
        logits.sub_(top).exp_()
        total = (logits @ torch.ones(logits.shape[1], 1, dtype=logits.dtype)).float()
        row = weights.sum(1, keepdim=True)
        loss = (row * (total.log() + top.float())).sum() - chosen
        logits.mul_((row / total).to(logits.dtype))
        pull = weights.unsqueeze(-1)
        to_items = (logits.T @ states).float()
        to_items.index_add_(0, targets.flatten(), -(pull * states.unsqueeze(1)).flatten(0, 1).float())
        ctx.save_for_backward(logits @ items - (pull * items[targets]).sum(1), to_items)
        return loss

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        states, items = ctx.saved_tensors
        return states * grad, items * grad, None, None


Batch = tuple[Tensor, Tensor, Tensor, Tensor]  # history (B, L), real (B, L), targets (N, K), weights (N, K)


def train(net: Net, batches: list[Batch], low: bool, fused: bool, rate: float = 1e-3) -> list[float]:
    """One step for each ready batch. Returns the losses."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    net.train()
    found = []
    for history, real, targets, weights in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            states, items = net(history)[:, :-1][real], F.normalize(net.items, dim=-1)
            if fused and low:
                loss = FullSoftmax.apply(states.bfloat16(), items.bfloat16(), targets, weights)
            else:
                shares = F.log_softmax((states @ items.T).float(), dim=1)
                loss = -(weights * shares.gather(1, targets)).sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        found.append(loss.item())
    return found
