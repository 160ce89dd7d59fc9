"""Options: what can be built from plain data, what is refused, and how they are described."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pruneviz.core.errors import PrunevizError, SpecError, nearest, unknown
from pruneviz.core.options import build, describe, option, to_plain


@dataclass(frozen=True)
class Sample:
    epochs: int = option(10, "passes", unit="epochs", ge=0)
    lr: float = option(0.1, "rate", gt=0, lt=1)
    kind: str = option("sgd", "rule", choices=("sgd", "adam"))
    flag: bool = option(False, "a switch")
    sizes: tuple[int, ...] = option((), "sizes", ge=1)
    limit: int | None = option(None, "a limit", ge=1)


@dataclass(frozen=True)
class Needy:
    source: str = option(doc="where from")


def test_defaults_build_the_plain_dataclass() -> None:
    assert build(Sample, {}, "x") == Sample()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"epochs": 3}, Sample(epochs=3)),
        ({"epochs": 3.0}, Sample(epochs=3)),
        ({"sizes": [1, 2]}, Sample(sizes=(1, 2))),
        ({"limit": None}, Sample(limit=None)),
        ({"limit": 5}, Sample(limit=5)),
        ({"flag": True}, Sample(flag=True)),
        ({"kind": "adam"}, Sample(kind="adam")),
    ],
)
def test_allowed_values(values: dict[str, Any], expected: Sample) -> None:
    built = build(Sample, values, "x")
    assert built == expected
    assert type(built.epochs) is int
    assert type(built.lr) is float


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epochs": -1}, ["x epochs", "-1", "≥ 0", "epochs"]),
        ({"epochs": 2.5}, ["x epochs", "2.5", "whole number"]),
        ({"epochs": True}, ["x epochs", "True", "whole number"]),
        ({"epochs": "3"}, ["x epochs", "'3'", "whole number"]),
        ({"lr": 0}, ["x lr", "> 0"]),
        ({"lr": 1}, ["x lr", "< 1"]),
        ({"lr": float("nan")}, ["x lr", "nan"]),
        ({"kind": "sdg"}, ["x kind", "'sdg'", "adam, sgd", "Did you mean 'sgd'"]),
        ({"flag": 1}, ["x flag", "true or false"]),
        ({"sizes": 3}, ["x sizes", "list of whole number", "[3]"]),
        ({"sizes": [1, "a"]}, ["x sizes[1]", "'a'"]),
        ({"sizes": [0]}, ["x sizes", "0", "≥ 1"]),
        ({"epoch": 3}, ["x: key", "'epoch'", "Did you mean 'epochs'"]),
        ([1], ["x", "a table of options"]),
    ],
)
def test_refusals_name_place_value_and_what_is_allowed(values: Any, words: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        build(Sample, values, "x")
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_required_option_is_asked_for_by_name() -> None:
    with pytest.raises(SpecError, match=r"'source'.*where from"):
        build(Needy, {}, "[model]")


def test_descriptions_carry_what_widgets_and_catalogues_need() -> None:
    by_name = {o.name: o for o in describe(Sample)}
    assert list(by_name) == ["epochs", "lr", "kind", "flag", "sizes", "limit"]
    assert (by_name["epochs"].unit, by_name["epochs"].low, by_name["epochs"].default) == ("epochs", 0, 10)
    assert (by_name["lr"].low, by_name["lr"].high) == (0, 1)
    assert by_name["kind"].choices == ("sgd", "adam")
    assert not by_name["epochs"].required
    assert describe(Needy)[0].required


def test_to_plain_writes_every_field() -> None:
    assert to_plain(Sample(sizes=(1, 2))) == {
        "epochs": 10,
        "lr": 0.1,
        "kind": "sgd",
        "flag": False,
        "sizes": [1, 2],
        "limit": None,
    }
    assert to_plain({"a": {3, 1}, "b": frozenset({"y", "x"})}) == {"a": [1, 3], "b": ["x", "y"]}


def test_building_what_was_written_gives_the_same() -> None:
    sample = Sample(epochs=3, lr=0.5, kind="adam", flag=True, sizes=(4,), limit=2)
    assert build(Sample, to_plain(sample), "x") == sample


def test_nearest_names() -> None:
    assert "magnitude" in nearest("magnitud", ["magnitude", "random"])
    assert nearest("zzz", ["magnitude", "random"]) == ""
    assert isinstance(unknown("x", "magnitud", ["magnitude"]), PrunevizError)


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    import numpy as np

    made = build(Sample, {"epochs": np.int64(3)}, "here")
    assert made.epochs == 3
    assert type(made.epochs) is int
