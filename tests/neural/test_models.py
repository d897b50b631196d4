"""sasrec, bert4rec and deepfm where the contract checks do not look."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from p5rec.collate import collate
from p5rec.contracts import Queries
from p5rec.models.bert4rec import Bert4rec, Bert4recConfig
from p5rec.models.deepfm import Deepfm, DeepfmConfig
from p5rec.models.sasrec import Sasrec, SasrecConfig
from p5rec.testing.checks.models import CHECKS as LAWS
from p5rec.testing.making import fresh, setting
from p5rec.testing.sample import sample

LINES: list[dict[str, Any]] = [{"ligr": True}, {"positions": "rotary"}, {"positions": "distance"}, {"blocks": 2}]


@pytest.mark.parametrize("line", LINES, ids=str)
def test_every_line_of_sasrec_keeps_the_laws(line: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Sasrec.__init__

    def build(self: Sasrec, config: SasrecConfig, made_for: Any) -> None:
        plain(self, config.model_copy(update=line), made_for)

    monkeypatch.setattr(Sasrec, "__init__", build)
    for law in LAWS:
        law(Sasrec)


def test_a_cut_history_is_what_training_saw() -> None:
    """Serving a long history is serving its last things."""
    dataset = sample()
    model = fresh(Sasrec, setting(dataset)).eval()
    items = np.random.default_rng(0).integers(dataset.n_items, size=300)
    long, short = collate(Queries.of([items]), model.length), collate(Queries.of([items[-10:]]), model.length)
    assert long.width == model.length
    assert torch.equal(model.score(model.encode(long)), model.score(model.encode(short)))


def test_bert4rec_looks_at_both_sides_of_a_blank() -> None:
    dataset = sample()
    model = Bert4rec(Bert4recConfig(width=16, length=12, dropout=0.0), setting(dataset)).eval()
    stream = collate(Queries.of([[1, 2, 3, 4, 5]]), 12)
    inside = replace(stream, asks=torch.tensor([[3]]))
    other = replace(inside, values=inside.values.clone())
    other.values[0, 5] = 9
    assert not torch.allclose(model.encode(inside), model.encode(other), atol=1e-4)


def test_deepfm_is_the_sum_of_its_parts() -> None:
    """mean + deviation · (Σ w + Σ_{i<j} v_i · v_j + net), written out pair by pair."""
    dataset = sample()
    torch.manual_seed(0)
    model = Deepfm(DeepfmConfig(width=4, hidden=(8, 6)), setting(dataset, ("id", "category"), users=("id", "category")))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    model.bind(dataset)
    model.eval()
    stream = collate(dataset.held_out("test")[0].rows(np.arange(3)), model.length)
    items = torch.tensor([4, 7])
    found = model.estimate(model.encode(stream), items)
    labels = dataset.pairs("train")[2].astype(np.float64)
    assert model.scale.tolist() == pytest.approx([labels.mean(), labels.std()], rel=1e-5)
    for row in range(3):
        user = [part[0] for part in model.users.parts(stream.users[row : row + 1]).values()]
        user.append(model.events(torch.tensor(0)))
        for place, item in enumerate(items):
            fields = user + [part[0] for part in model.items.parts(item.view(1)).values()]
            vectors = [field[:-1] for field in fields]
            pairs = sum(vectors[i] @ vectors[j] for i in range(len(vectors)) for j in range(i))
            deep = model.user_deep(torch.cat(vectors[:3])) + model.item_deep(torch.cat(vectors[3:]))
            total = sum(field[-1] for field in fields) + pairs + model.deep(deep)[0]
            expected = model.scale[0] + model.scale[1] * total
            assert float(found[row, 0, place].detach()) == pytest.approx(float(expected.detach()), rel=1e-4, abs=1e-4)


def test_deepfm_scores_a_catalogue_in_chunks() -> None:
    dataset = sample()
    torch.manual_seed(0)
    model = Deepfm(DeepfmConfig(chunk=7), setting(dataset)).eval()
    state = model.encode(collate(dataset.held_out("test")[0], model.length))
    every = torch.arange(dataset.n_items)
    assert torch.allclose(model.score(state), model.estimate(state, every), atol=1e-6)
