"""Which swept value of the dense training is the temperature, and which way is hotter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.options import build
from pruneviz.core.spec import DataSpec, ModelSpec, StudySpec, TrainSpec

WHERE = "[analyses] three_regime"
FEWER = ("epochs", "steps", "stop_epochs", "batch_size")  # hotter with smaller values
MORE = ("lr", "sam_rho")  # hotter with larger ones
ANNEALED, CHECKPOINT = "annealed", "checkpoint"
_SYMBOLS = {"sam_rho": "ρ of SAM", "lr": "learning rate", "batch_size": "batch size", "stop_epochs": "epochs"}


@dataclass(frozen=True)
class Place:
    """Where a dense model stands: its model with the other swept values, and its temperature's value."""

    family: str
    value: float


@dataclass(frozen=True)
class Temperature:
    """The temperature of a study.

    Attributes:
        name: the value of ``[train]``.
        hotter: 1 where larger values are hotter, −1 where smaller ones are.
        places: where each kind of dense model stands, by its label.
    """

    name: str
    hotter: int
    places: Mapping[str, Place]

    @property
    def words(self) -> str:
        """How people call the value."""
        return _SYMBOLS.get(self.name, self.name)

    @property
    def mode(self) -> str:
        """``checkpoint`` where dense models are checkpoints of one long training, else ``annealed``."""
        return CHECKPOINT if self.name == "stop_epochs" else ANNEALED

    def towards(self, advice: str) -> str:
        """What raising or lowering the temperature means for the value: ``fewer epochs``."""
        grows = (self.hotter > 0) == (advice == "raise")
        if self.name in ("epochs", "steps", "stop_epochs"):
            return f"{'more' if grows else 'fewer'} {self.words}"
        return f"a {'larger' if grows else 'smaller'} {self.words}"


def temperature_of(spec: StudySpec, asked: str, hotter: str) -> Temperature:
    """The temperature that a study sweeps.

    Args:
        spec: the study.
        asked: its name; empty: the only one that is swept.
        hotter: ``more`` or ``less`` of it; empty: as is known of it.

    Raises:
        Unsupported: nothing is swept.
        SpecError: it is not clear which one is meant, or which way is hotter, or it is no number.
    """
    if not spec.swept:
        raise Unsupported(
            "three_regime: no value of [train] is swept, so there is one temperature. Write a list there, such as "
            "epochs = [2, 8, 32] (each its own whole training), or stop_epochs = [10, 20, 40] (checkpoints of one)."
        )
    if asked and asked not in spec.swept:
        raise SpecError(f"{WHERE} temperature", asked, f"a swept value of [train]: {', '.join(spec.swept)}")
    if not asked and len(spec.swept) > 1:
        raise SpecError(f"{WHERE} temperature", asked, f"the one that is meant: {', '.join(spec.swept)}")
    name = asked or spec.swept[0]
    values = [getattr(t, name) for t in spec.trains]
    wrong = [v for v in values if isinstance(v, bool) or not isinstance(v, (int, float))]
    if wrong:
        raise SpecError(f"[train] {name}", wrong[0], "numbers, since it is the temperature of three_regime")
    if not hotter and name not in (*FEWER, *MORE):
        remedy = 'Write hotter = "more" or "less": whether more of it makes training noisier.'
        raise SpecError(f"{WHERE} hotter", hotter, f"given, since it is not known for {name}", remedy)
    up = hotter == "more" if hotter else name in MORE
    others = tuple(n for n in spec.swept if n != name)
    places = {}
    for model in spec.models:
        for train in spec.trains:
            rest = ", ".join(f"{n}={getattr(train, n)}" for n in others)
            family = f"{model.label} ({rest})" if rest else model.label
            places[spec.dense_label(model, train)] = Place(family, float(getattr(train, name)))
    return Temperature(name, 1 if up else -1, places)


def spec_of(plain: Mapping[str, Any]) -> StudySpec:
    """The part of a stored study's specification that temperatures follow from."""

    def given(values: Mapping[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in values.items() if v is not None}

    return StudySpec(
        str(plain["name"]),
        tuple(build(ModelSpec, given(m), "study: [model]") for m in plain["models"]),
        DataSpec(str(plain["data"]["source"])),
        tuple(build(TrainSpec, given(t), "study: [train]") for t in plain["trains"]),
        tuple(plain["swept"]),
    )


def ranks(values: Sequence[float], hotter: int) -> dict[float, int]:
    """The place of each temperature, 0 the coldest."""
    return {v: i for i, v in enumerate(sorted(set(values), reverse=hotter < 0))}
