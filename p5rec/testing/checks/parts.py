"""What the parts of towers and of training promise: modalities, fusions, balances and tunings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from p5rec.contracts import Balance, Fusion, Modality, Model, Tuning
from p5rec.data.features import Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.testing.making import drawn, every, fresh, larger, setting, small
from p5rec.testing.sample import sample

WIDTH = 8


def _modality(plug: type[Modality], features: Features) -> Modality:
    with drawn(0):
        made: Modality = plug(small(plug), WIDTH)
    return made


def missing_is_normal(plug: type[Modality]) -> None:
    """It finds its columns, gives finite vectors for all rows, and knows which rows it knows nothing of."""
    features = sample().item_features
    columns = plug.columns(features)
    assert set(columns) <= set(features.columns)
    assert plug.columns(Features(features.count)) == [], "without columns a modality steps aside"
    modality = _modality(plug, features)
    values = modality.read(features.only(columns))
    assert len(values) == features.count
    present = modality.present(values)
    assert present.shape == (features.count,)
    assert present.dtype == torch.bool
    assert present.any()
    vectors = modality.encode(values)
    assert vectors.shape == (features.count, WIDTH)
    assert torch.isfinite(vectors).all()
    if columns and plug.needs_columns:
        assert not present.all(), "rows whose columns are missing are not present"


def same_values_same_vector(plug: type[Modality]) -> None:
    """A row's vector depends on its own values only; after growing, old rows keep theirs."""
    features = sample().item_features
    columns = plug.columns(features)
    modality = _modality(plug, features).eval()
    values = modality.read(features.only(columns))
    with torch.inference_mode():
        vectors = modality.encode(values)
        assert torch.allclose(modality.encode(values[5:9]), vectors[5:9], atol=1e-6)
        grown = modality.read(larger(features, 3).only(columns))
        assert len(grown) == features.count + 3
        assert torch.allclose(modality.encode(grown)[:-3], vectors, atol=1e-6), "old rows changed"
        assert torch.isfinite(modality.encode(grown)).all()


def takes_further_levels(plug: type[Modality]) -> None:
    """A new row may have a category nobody had: old rows keep their vectors, and the grown state can be loaded."""
    features = sample().item_features
    columns = plug.columns(features)
    modality = _modality(plug, features).eval()
    with torch.inference_mode():
        vectors = modality.encode(modality.read(features.only(columns)))
    grown = with_new_level(features)
    values = modality.read(grown.only(columns))
    with torch.inference_mode():
        found = modality.encode(values)
        assert len(found) == features.count + 1
        assert torch.isfinite(found).all()
        assert torch.allclose(found[:-1], vectors, atol=1e-6), "old rows changed"
        again = _modality(plug, grown).eval()
        again.read(grown.only(columns))  # makes room; the values themselves are kept with the tower
        again.load_state_dict(modality.state_dict())
        assert torch.allclose(again.encode(values), found, atol=1e-6), "the grown state cannot be loaded"


def with_new_level(features: Features) -> Features:
    """One more row whose categories are new."""
    longer = larger(features, 1)
    columns = dict(longer.columns)
    for name, column in longer.columns.items():
        values = column.values
        if column.kind == Kind.CATEGORY and isinstance(values, np.ndarray):
            values = np.append(values[:-1], np.int32(len(column.levels)))
        elif column.kind == Kind.LIST:
            values = Ragged.of([*list(values)[:-1], [len(column.levels)]], np.int32)
        else:
            continue
        columns[name] = replace(column, values=values, levels=(*column.levels, "new"))
    return replace(longer, columns=columns)


def gradients_reach_parameters(plug: type[Modality]) -> None:
    """What is open can be learned."""
    features = sample().item_features
    modality = _modality(plug, features)
    values = modality.read(features.only(plug.columns(features)))
    if not any(parameter.requires_grad for parameter in modality.parameters()):
        return
    modality.encode(values).square().sum().backward()
    assert any(p.grad is not None and bool(p.grad.any()) for p in modality.parameters())


def _fusion(plug: type[Fusion], names: list[str]) -> Fusion:
    with drawn(0):
        made: Fusion = plug(small(plug), names, WIDTH).eval()
    return made


def _parts(names: list[str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parts of nine rows, each row with another set of known parts, the first with none."""
    generator = torch.Generator().manual_seed(0)
    parts = {name: torch.randn(9, WIDTH, generator=generator) for name in names}
    present = {name: torch.rand(9, generator=generator) < 0.6 for name in names}
    for known in present.values():
        known[0], known[1] = False, True
    return parts, present


def fuses_any_parts(plug: type[Fusion]) -> None:
    """(N, D) finite for any set of known parts, row by row; gradients reach the parts."""
    for names in (["id"], ["id", "category", "text"]):
        fusion = _fusion(plug, names)
        parts, present = _parts(names)
        for part in parts.values():
            part.requires_grad_()
        fused = fusion(parts, present)
        assert fused.shape == (9, WIDTH)
        assert torch.isfinite(fused).all()
        alone = fusion({n: p[3:4] for n, p in parts.items()}, {n: p[3:4] for n, p in present.items()})
        assert torch.allclose(alone, fused[3:4], atol=1e-5), "a row depends on its company"
        fused.sum().backward()
        assert all(part.grad is not None and bool(part.grad.any()) for part in parts.values())


def balances_descend(plug: type[Balance]) -> None:
    """After `backward` the parameters hold finite gradients along which the weighted loss falls."""
    parameter = nn.Parameter(torch.tensor([1.0, -2.0]))
    weights = {"first": 1.0, "second": 0.5}
    balance = plug(small(plug), weights)  # type: ignore[call-arg]

    def losses() -> dict[str, Tensor]:
        return {"first": (parameter[0] - 3) ** 2, "second": (parameter**2).sum()}

    def total() -> float:
        return float(sum(weights[name] * loss.detach() for name, loss in losses().items()))

    before = total()
    balance.backward(losses(), [parameter])
    assert parameter.grad is not None
    assert torch.isfinite(parameter.grad).all()
    own = list(balance.parameters()) if isinstance(balance, nn.Module) else []
    assert all(part.grad is not None and torch.isfinite(part.grad).all() for part in own), "its own cannot be trained"
    assert set(balance.counted()) <= set(weights)
    with torch.no_grad():
        parameter.sub_(0.01 * parameter.grad)
    assert total() < before
    parameter.grad = None
    alone = plug(small(plug), {"second": 1.0})  # type: ignore[call-arg]
    alone.backward({"second": (parameter**2).sum()}, [parameter])
    assert parameter.grad is not None
    assert torch.nn.functional.cosine_similarity(parameter.grad, 2 * parameter.detach(), dim=0) > 0.999


def tunings_say_what_is_open(plug: type[Tuning]) -> None:
    """Every parameter is decided, none is changed by that; closed again, a model has the parameters it had."""
    dataset = sample()
    learners: list[type[Model]] = [model for _, model in every("model") if model.learns]
    assert learners, "there is no model to tune"
    for learner in learners:
        model = fresh(learner, setting(dataset))
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        tuning: Tuning = plug(small(plug))  # type: ignore[call-arg]
        tuning.open(model)
        kept = dict(model.named_parameters())
        assert all(torch.equal(kept[name], value) for name, value in before.items() if name in kept)
        tuning.close(model)
        after = dict(model.named_parameters())
        assert list(after) == list(before), "the finished model is no plain one"
        assert all(torch.equal(after[name], value) for name, value in before.items()), "opening changed the model"


MODALITY = (missing_is_normal, same_values_same_vector, takes_further_levels, gradients_reach_parameters)
FUSION = (fuses_any_parts,)
BALANCE = (balances_descend,)
TUNING = (tunings_say_what_is_open,)
