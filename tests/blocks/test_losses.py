"""Losses against the plainest way to write them."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from p5rec.blocks import losses
from p5rec.blocks.negatives import Negatives

CLOSED = 4  # the last items of the catalogue


def draw(seed: int = 0, rows: int = 33, items: int = 50, width: int = 16) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(rows, width, generator=generator).requires_grad_()
    catalogue = (torch.randn(items, width, generator=generator) * 0.5).requires_grad_()
    return vectors, catalogue, torch.randint(items - CLOSED, (rows, 3), generator=generator)


def plain_softmax(vectors: Tensor, catalogue: Tensor, targets: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    logits = vectors @ catalogue[:-CLOSED].T
    each = [F.cross_entropy(logits, row, label_smoothing=smoothing, reduction="none") for row in targets.unbind(1)]
    return (torch.stack(each, dim=1) * weights).sum() / weights.sum()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("low", [True, False])
def test_the_softmax_is_the_plain_one_in_loss_and_gradient(smoothing: float, low: bool) -> None:
    vectors, catalogue, targets = draw()
    weights = torch.rand(33, 3, generator=torch.Generator().manual_seed(2)).round(decimals=1)
    expected = plain_softmax(vectors, catalogue, targets, weights, smoothing)
    slopes = torch.autograd.grad(3 * expected, (vectors, catalogue))
    with torch.autocast("cpu", torch.bfloat16, enabled=low):
        closed = torch.arange(50 - CLOSED, 50)
        loss = losses.full_softmax(vectors, catalogue, targets, weights, smoothing, closed)
    found = torch.autograd.grad(3 * loss, (vectors, catalogue))
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=0.01 if low else 1e-5)
    for one, other in zip(found, slopes, strict=True):
        assert one.dtype == torch.float32
        assert F.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.999
        assert float(one.norm()) == pytest.approx(float(other.norm()), rel=0.02 if low else 1e-4)


def test_the_softmax_of_nothing_known_is_log_of_the_catalogue() -> None:
    targets = torch.arange(5).unsqueeze(1)
    loss = losses.full_softmax(torch.zeros(5, 4), torch.randn(30, 4), targets, torch.ones(5, 1))
    assert float(loss) == pytest.approx(math.log(30), rel=1e-6)


def test_a_drawn_item_that_is_a_target_does_not_count() -> None:
    others = torch.tensor([[5.0, 1.0, 2.0], [3.0, 4.0, 0.5]])
    targets, drawn = torch.tensor([[7, 9], [8, 8]]), torch.tensor([[7, 9, 1], [9, 8, 1]])
    kept = losses.without_targets(others, targets, drawn)
    assert kept.tolist() == [[losses.NEVER, losses.NEVER, 2.0], [3.0, losses.NEVER, 0.5]]


def test_the_sampled_softmax_is_a_choice_of_each_target_against_the_drawn() -> None:
    right, others, weights = torch.randn(6, 2), torch.randn(6, 9), torch.rand(6, 2)
    first = torch.zeros(6, dtype=torch.long)
    each = [F.cross_entropy(torch.cat([right[:, k : k + 1], others], 1), first, reduction="none") for k in range(2)]
    expected = (torch.stack(each, dim=1) * weights).sum() / weights.sum()
    assert float(losses.sampled_softmax(right, others, weights)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(("negatives", "calibration"), [(4, 0.0), (4, 0.75), (4, 1.0), (99, 1.0)])
def test_gbce_is_that_of_the_paper(negatives: int, calibration: float) -> None:
    """-(log σ(s+)^β + Σ log(1 - σ(s-))) with β = α (t (1 - 1/α) + 1/α), α = |K| / (V - 1)."""
    logits = torch.randn(6, 1 + negatives, generator=torch.Generator().manual_seed(1))
    alpha = negatives / 99
    beta = alpha * (calibration * (1 - 1 / alpha) + 1 / alpha)
    right = torch.sigmoid(logits[:, 0].double())
    wrong = torch.sigmoid(logits[:, 1:].double())
    expected = -(right**beta).log() - (1 - wrong).log().sum(1)
    found = losses.gbce(logits[:, :1], logits[:, 1:], torch.ones(6, 1), 100, calibration)
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
        others = losses.without_targets(others, targets, drawn)
        return float(losses.sampled_softmax(scores.gather(1, targets), others, torch.ones(4000, 3)))

    uniform = sampled(0.0, False)
    assert sampled(1.0, True) == pytest.approx(uniform, rel=0.01)
