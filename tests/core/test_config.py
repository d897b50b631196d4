from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, ValidationError

from p5rec.core.config import Config, assign, build, read_toml
from p5rec.core.errors import InputError


class Inner(Config):
    rate: float = Field(0.1, gt=0, description="a rate")


class Outer(Config):
    width: int = Field(64, ge=1, description="a width")
    mode: Literal["full", "sampled"] = Field("full", description="a mode")
    inner: Inner = Field(default_factory=Inner, description="more")


def faults(values: dict, where: str = "model.sasrec") -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        build(Outer, values, where)
    return caught.value.faults


def test_defaults_and_values_are_taken() -> None:
    assert build(Outer, {"width": 8, "inner": {"rate": 2}}) == Outer(width=8, inner=Inner(rate=2.0))


def test_a_config_never_changes() -> None:
    with pytest.raises(ValidationError):
        Outer().width = 3  # type: ignore[misc]


def test_an_unknown_key_names_the_nearest() -> None:
    assert faults({"widht": 8}) == ("model.sasrec.widht: there is no such setting; did you mean 'width'?",)


def test_an_unknown_key_below_names_its_own_neighbours() -> None:
    assert faults({"inner": {"rat": 8}}) == ("model.sasrec.inner.rat: there is no such setting; did you mean 'rate'?",)


def test_a_key_like_no_other_lists_all() -> None:
    assert "known are: inner, mode, width" in faults({"zzzzz": 8})[0]


def test_all_faults_come_together_each_with_its_path() -> None:
    found = faults({"width": 0, "mode": "half", "inner": {"rate": "fast"}, "depth": 3})
    assert [fault.split(":")[0] for fault in found] == [
        f"model.sasrec.{key}" for key in ("width", "mode", "inner.rate", "depth")
    ]
    assert "found 0" in found[0]
    assert "found 'half'" in found[1]
    assert "'full' or 'sampled'" in found[1]


def test_a_missing_setting_is_one_sentence() -> None:
    class Needs(Config):
        path: str = Field(description="a path")

    with pytest.raises(InputError, match=r"^data\.path: this setting is required and was not given$"):
        build(Needs, {}, "data")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("a.b=64", 64),
        ("a.b=0.5", 0.5),
        ("a.b=true", True),
        ('a.b="12"', "12"),
        ("a.b=[1, 2]", [1, 2]),
        ("a.b=full", "full"),
        ("a.b=/data/x=y.csv", "/data/x=y.csv"),
        ("a.b=", ""),
        (" a.b =3", 3),
    ],
)
def test_set_reaches_any_key(setting: str, value: object) -> None:
    values: dict = {"a": {"c": 1}}
    assign(values, setting)
    assert values == {"a": {"c": 1, "b": value}}


def test_set_makes_tables_on_its_way() -> None:
    values: dict = {}
    assign(values, "model.sasrec.train.epochs=3")
    assert values == {"model": {"sasrec": {"train": {"epochs": 3}}}}


@pytest.mark.parametrize("setting", ["model.sasrec.width", "=3", " =3"])
def test_set_without_path_or_value_is_a_sentence(setting: str) -> None:
    with pytest.raises(InputError, match=r"expected PATH=VALUE, e.g. model.sasrec.width=64"):
        assign({}, setting)


def test_set_below_a_value_is_a_sentence() -> None:
    with pytest.raises(InputError, match="'seed' is a value, not a table"):
        assign({"seed": 3}, "seed.more=1")


def test_toml_faults_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = [1,\nb = ")
    with pytest.raises(InputError, match=r"bad\.toml: this is not TOML: .*line 2"):
        read_toml(tmp_path / "bad.toml")
    (tmp_path / "noise.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="this is not TOML"):
        read_toml(tmp_path / "noise.toml")
