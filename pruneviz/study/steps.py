"""The steps of a study: pure functions of their inputs, named by what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pruneviz.core.keys import digest
from pruneviz.core.options import to_plain

# Raise a number when the step's algorithm changes: old results are then not reused.
VERSIONS = {
    "pictures": 1,
    "dense": 1,
    "given": 2,
    "start": 1,
    "statistics": 2,
    "prune": 1,
    "train": 1,
    "measure": 1,
    "latency": 1,
    "observe": 1,
    "analysis": 1,
}


@dataclass(frozen=True)
class Step:
    """One piece of work.

    Attributes:
        kind: one of :data:`VERSIONS`.
        params: plain values that decide the result; part of the key.
        inputs: key of another step by role; part of the key.
        context: where to find model and data, and the parts as objects; not part of the key (what decides the
            result is in ``params``, as digests and plain values).
        title: what the progress display says.
        alone: whether nothing else may run beside it (timing).
    """

    kind: str
    params: Mapping[str, Any]
    inputs: Mapping[str, str]
    context: Mapping[str, Any]
    title: str
    alone: bool = False

    @cached_property
    def key(self) -> str:
        """The content key: kind, code version, parameters and the keys of the inputs."""
        return digest(self.described)

    @property
    def described(self) -> dict[str, Any]:
        """What the key hashes, as plain data."""
        return {
            "kind": self.kind,
            "version": VERSIONS[self.kind],
            "params": dict(self.params),
            "inputs": dict(self.inputs),
        }


def part(of: Any) -> dict[str, Any]:
    """A part of a method as plain data, with its name, so that equal options of two parts differ."""
    return {**to_plain(of), "name": of.name}


def derived_seed(role: str, seed: int, dense: str) -> int:
    """A seed of 31 bits for one role (``score``, ``order``), repeat and dense model.

    It depends on the dense model, so that replicates draw independently; it does not depend on the method, so that
    methods are compared on the same data order.
    """
    return int(digest({"role": role, "seed": seed, "dense": dense})[:8], 16) & 0x7FFFFFFF
