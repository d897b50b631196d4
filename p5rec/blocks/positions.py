"""Where a thing stands in its row: learned vectors, rotations, or a learned bias by distance."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def rotated(x: Tensor, places: Tensor | None = None, base: float = 10_000.0) -> Tensor:
    """Rotary positions (Su et al. 2021): turn pairs of (…, L, D) by angles that grow with the position.

    Dot products of two rotated vectors depend on the distance of their positions only. D must be even. The positions
    are 0 … L - 1 unless `places` (…, L) says otherwise.
    """
    length, width = x.shape[-2:]
    speed = base ** (-torch.arange(0, width, 2, device=x.device, dtype=torch.float32) / width)
    places = torch.arange(length, device=x.device) if places is None else places
    angle = places.to(torch.float32).unsqueeze(-1) * speed
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    first, second = x[..., : width // 2], x[..., width // 2 :]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class DistanceBias(nn.Module):
    """One learned number for each head and distance between two positions, added before the softmax."""

    def __init__(self, heads: int, farthest: int, causal: bool) -> None:
        super().__init__()
        self.farthest, self.causal = farthest, causal
        self.bias = nn.Parameter(torch.zeros(heads, farthest + 1 if causal else 2 * farthest + 1))

    def forward(self, length: int) -> Tensor:
        """(H, L, L); -inf above the diagonal where it is causal."""
        place = torch.arange(length, device=self.bias.device)
        distance = place.unsqueeze(1) - place
        if not self.causal:
            return self.bias[:, distance.clamp(-self.farthest, self.farthest) + self.farthest]
        bias = self.bias[:, distance.clamp(0, self.farthest)]
        return bias.masked_fill(distance < 0, float("-inf"))
