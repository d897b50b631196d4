"""Next item from one view: what is not looked at changes nothing."""

import pytest
import torch

from p5rec.core.errors import InputError
from p5rec.models.p5 import P5
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.testing.making import fitted, setting
from p5rec.testing.sample import sample
from p5rec.towers.tower import FeatureTower


@pytest.mark.parametrize(("views", "other"), [(("text",), "id"), (("id",), "text")])
def test_a_view_not_looked_at_changes_nothing(views: tuple[str, ...], other: str) -> None:
    dataset = sample()
    made_for = setting(dataset, ["id", "text"])
    model = fitted(P5, dataset, made_for)
    single, whole = (NextItem(NextItemConfig(positions=64, views=v), made_for) for v in (views, ()))
    single.begin(model)
    batch = single.batch(dataset, model, 0, 0)

    def losses() -> tuple[float, float]:
        return tuple(float(task.loss(model, *batch).detach()) for task in (single, whole))  # type: ignore[return-value]

    before = losses()
    with torch.no_grad():
        for tower in model.modules():
            if isinstance(tower, FeatureTower):
                for parameter in tower.views[other].parameters():
                    if parameter is not model.net.lexicon.weight:
                        parameter.add_(torch.randn_like(parameter))
    after = losses()
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_the_towers_see_everything_again_afterwards_even_after_a_fault() -> None:
    dataset = sample()
    made_for = setting(dataset, ["id", "text"])
    model, task = fitted(P5, dataset, made_for), NextItem(NextItemConfig(positions=64, views=("id",)), made_for)
    stream, target = task.batch(dataset, model, 0, 0)
    task.loss(model, stream, target)
    with pytest.raises(AttributeError):
        task.loss(model, None, target)  # type: ignore[arg-type]
    assert model.items.only is None


def test_a_view_that_no_tower_reads_is_a_sentence() -> None:
    made_for = setting(sample())
    task = NextItem(NextItemConfig(views=("text",)), made_for)
    with pytest.raises(InputError, match="P5 does not read text; it reads id; add it to the modalities of the items"):
        task.begin(fitted(P5, sample(), made_for))
