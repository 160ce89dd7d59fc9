"""The kinds of statistics that scores and updates can ask for, and what each costs. Imports no torch.

A *need* is written as its kind, or as its kind with options: ``relevance(references=10, start=one)``. The text names
the statistic wherever it is kept, so two scores that write the same need share one pass over the images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pruneviz.core.errors import unknown


@dataclass(frozen=True)
class Kind:
    """One kind of statistic.

    Attributes:
        summary: what is gathered.
        cost: of gathering it, in passes over the images, as text.
        options: how to read each option.
    """

    summary: str
    cost: str
    options: Mapping[str, Callable[[str], Any]] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "gradients": Kind(
        "gradients of the loss, image by image: means, means of absolutes and of squares",
        "1 forward and 1 backward pass over the calibration images",
    ),
    "activations": Kind(
        "what channels put out after their activation function, and how much outputs vary compared with inputs",
        "1 forward pass over the calibration images",
    ),
    "inputs": Kind(
        "second moments of every layer's inputs",
        "1 forward pass over the calibration images",
    ),
    "curvature": Kind(
        "diagonal of the loss's Hessian, by Hutchinson's estimator",
        "{probes} × 1 forward and 2 backward passes over the calibration images",
        {"probes": int},
    ),
    "gradient-flow": Kind(
        "product of the loss's Hessian with its gradient",
        "2 forward and 3 backward passes over the calibration images",
        {"temperature": float},
    ),
    "conductance": Kind(
        "how much of the true class's logit runs through every layer's outputs",
        "{steps} + 1 forward and backward passes over the calibration images",
        {"steps": int},
    ),
    "evolution": Kind(
        "at what rise of the loss evolved masks of a layer give its filters up",
        "for each layer about {population} × ({generations} + 1) forward passes over the calibration images",
        {"population": int, "generations": int},
    ),
    "earlier": Kind(
        "the dense model's weights at an earlier step of its training, and nothing gathered",
        "no pass over data, but the dense model's weights of step {step}",
        {"step": int},
    ),
    "relevance": Kind(
        "layer-wise relevance propagated from the true class, for filters and weights",
        "1 forward and 1 backward pass over {references} images of each class",
        {"references": int, "start": str, "convolutions": str},
    ),
}


def step_of(need: str) -> int | None:
    """The step of the dense training whose weights a need asks for; None where it is something to gather."""
    kind, options = read_need(need)
    return options["step"] if kind == "earlier" else None


def write_need(kind: str, **options: Any) -> str:
    """The text of a need."""
    said = ", ".join(f"{k}={f'{v:g}' if isinstance(v, float) else v}" for k, v in sorted(options.items()))
    return f"{kind}({said})" if said else kind


def read_need(need: str) -> tuple[str, dict[str, Any]]:
    """Kind and options of a need.

    Raises:
        SpecError: there is no such kind.
    """
    kind, _, rest = need.partition("(")
    if kind not in KINDS:
        raise unknown("statistics to gather", kind, KINDS)
    pairs = (pair.partition("=") for pair in rest.removesuffix(")").split(", ") if pair)
    return kind, {name: KINDS[kind].options[name](value) for name, _, value in pairs}


def cost_of(need: str) -> str:
    """What gathering a need costs."""
    kind, options = read_need(need)
    return KINDS[kind].cost.format(**options)
