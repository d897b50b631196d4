"""Losses against the plainest way to write them."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from p5rec.blocks import losses
from p5rec.blocks.negatives import Negatives


def draw(seed: int = 0, rows: int = 33, items: int = 50, width: int = 16) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(rows, width, generator=generator).requires_grad_()
    catalogue = (torch.randn(items, width, generator=generator) * 0.5).requires_grad_()
    return vectors, catalogue, torch.randint(items, (rows,), generator=generator)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_fused_softmax_is_the_plain_one_in_loss_and_gradient(smoothing: float) -> None:
    vectors, catalogue, targets = draw()
    plain = losses.full_softmax(vectors, catalogue, targets, smoothing)
    expected = torch.autograd.grad(3 * plain, (vectors, catalogue))
    with torch.autocast("cpu", torch.bfloat16):
        fused = losses.full_softmax(vectors, catalogue, targets, smoothing)
    found = torch.autograd.grad(3 * fused, (vectors, catalogue))
    assert float(fused.detach()) == pytest.approx(float(plain.detach()), rel=0.01)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        assert F.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.999
        assert float(one.norm()) == pytest.approx(float(other.norm()), rel=0.02)


def test_the_softmax_of_nothing_known_is_log_of_the_catalogue() -> None:
    loss = losses.full_softmax(torch.zeros(5, 4), torch.randn(30, 4), torch.arange(5))
    assert float(loss) == pytest.approx(math.log(30), rel=1e-6)


def test_a_drawn_item_that_is_the_target_does_not_count() -> None:
    right, others = torch.tensor([1.0, 2.0]), torch.tensor([[5.0, 1.0], [3.0, 4.0]])
    logits = losses.sampled_logits(right, others, torch.tensor([7, 8]), torch.tensor([[7, 9], [9, 9]]))
    assert logits.tolist() == [[1.0, losses.NEVER, 1.0], [2.0, 3.0, 4.0]]
    shared = losses.sampled_logits(right, others, torch.tensor([7, 8]), torch.tensor([8, 3]))
    assert shared.tolist() == [[1.0, 5.0, 1.0], [2.0, losses.NEVER, 4.0]]
    assert float(losses.softmax_first(logits)) == pytest.approx(
        float(F.cross_entropy(logits, torch.zeros(2, dtype=torch.long)))
    )


@pytest.mark.parametrize(("negatives", "calibration"), [(4, 0.0), (4, 0.75), (4, 1.0), (99, 1.0)])
def test_gbce_is_that_of_the_paper(negatives: int, calibration: float) -> None:
    """L = -(1/|K|) (log σ(s+)^β + Σ log(1 - σ(s-))), β = α (t (1 - 1/α) + 1/α), α = |K| / (V - 1)."""
    logits = torch.randn(6, 1 + negatives, generator=torch.Generator().manual_seed(1))
    alpha = negatives / 99
    beta = alpha * (calibration * (1 - 1 / alpha) + 1 / alpha)
    right = torch.sigmoid(logits[:, 0].double())
    wrong = torch.sigmoid(logits[:, 1:].double())
    expected = -(right**beta).log() - (1 - wrong).log().sum(1)
    found = losses.gbce(logits, 100, calibration)
    assert float(found) == pytest.approx(float(expected.mean()), rel=1e-5)
    if calibration == 0:
        assert beta == pytest.approx(1.0)


def test_negatives_are_drawn_as_their_weights_say() -> None:
    counts = torch.tensor([0, 1, 3, 0, 12])
    for power, expected in ((0.0, [0, 1 / 3, 1 / 3, 0, 1 / 3]), (1.0, [0, 1 / 16, 3 / 16, 0, 12 / 16])):
        negatives = Negatives(counts, power)
        items = negatives.draw((200, 100), torch.Generator().manual_seed(0))
        shares = torch.bincount(items.flatten(), minlength=5) / 20_000
        assert shares.tolist() == pytest.approx(expected, abs=0.015)
        assert negatives.chances.tolist() == pytest.approx(expected, abs=1e-6)
    odds = Negatives(counts, 1.0).log_odds(torch.tensor([1, 4]))
    assert odds.tolist() == pytest.approx([math.log(5 / 16), math.log(60 / 16)], abs=1e-6)


def test_a_corrected_popular_draw_estimates_the_full_softmax() -> None:
    """With logQ the sampled loss of popular draws is near that of uniform draws; without, it is not."""
    vectors, catalogue, targets = draw(rows=4000, items=50)
    counts = torch.arange(1, 51)
    scores = (vectors @ catalogue.T).detach()

    def sampled(power: float, corrected: bool) -> float:
        negatives = Negatives(counts, power)
        drawn = negatives.draw((4000, 400), torch.Generator().manual_seed(2))
        others = scores.gather(1, drawn) - (negatives.log_odds(drawn) if corrected else 0)
        right = scores.gather(1, targets.unsqueeze(1)).squeeze(1)
        return float(losses.softmax_first(losses.sampled_logits(right, others, targets, drawn)))

    uniform = sampled(0.0, False)
    assert sampled(1.0, True) == pytest.approx(uniform, rel=0.01)
