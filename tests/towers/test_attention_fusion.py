"""Attention over parts: begins as the sum of what is known, ignores what is not, and learns what to listen to."""

import pytest
import torch

from p5rec.testing.making import FOLDERS

PLUG = FOLDERS["fusion"].load("attention")
NAMES = ["id", "text", "image"]


def some(rows: int = 64, seed: int = 0) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    parts = {name: torch.randn(rows, 8, generator=generator) for name in NAMES}
    present = {name: torch.rand(rows, generator=generator) < 0.6 for name in NAMES}
    return parts, present


def test_begins_as_the_sum_of_what_is_known() -> None:
    parts, present = some()
    fused = PLUG(PLUG.Config(), NAMES, 8)(parts, present)
    known = sum(parts[name] * present[name].unsqueeze(1) for name in NAMES)
    some_known = torch.stack(list(present.values())).any(0)
    assert torch.allclose(fused[some_known], known[some_known], atol=1e-5)
    assert torch.allclose(fused[~some_known], sum(parts.values())[~some_known], atol=1e-5)


def test_unknown_parts_can_be_counted_too() -> None:
    parts, present = some()
    fused = PLUG(PLUG.Config(unknown=True), NAMES, 8)(parts, present)
    assert torch.allclose(fused, sum(parts.values()), atol=1e-5)


@pytest.mark.parametrize(("asked", "heads"), [(4, 4), (3, 2), (6, 4), (7, 8), (64, 8)])
def test_heads_are_the_nearest_divisor_of_the_width(asked: int, heads: int) -> None:
    fusion = PLUG(PLUG.Config(heads=asked), NAMES, 8)
    assert fusion.heads == heads
    assert fusion(*some()).shape == (64, 8)


def test_a_hidden_part_changes_nothing() -> None:
    parts, present = some()
    fusion = PLUG(PLUG.Config(), NAMES, 8)
    with torch.no_grad():
        fusion.query.weight.normal_()
    present["id"][:] = True
    present["text"][:] = False
    before = fusion(parts, present)
    assert torch.equal(before, fusion({**parts, "text": parts["text"] + 100}, present))


def test_learns_which_part_to_listen_to() -> None:
    """Wanted is twice the text where the text is loud, else twice the id: no fixed weights can."""
    torch.manual_seed(0)
    fusion = PLUG(PLUG.Config(heads=2), ["id", "text"], 8)
    optimiser = torch.optim.Adam(fusion.parameters(), lr=0.02)
    known = {name: torch.ones(256, dtype=torch.bool) for name in ("id", "text")}
    losses = []
    for _ in range(120):
        parts = {name: torch.randn(256, 8) for name in known}
        loud = parts["text"][:, 0] > 0
        wanted = 2 * torch.where(loud.unsqueeze(1), parts["text"], parts["id"])
        loss = (fusion(parts, known) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0], (losses[0], losses[-1])
