"""The signature experiments: each module lists some as ``EXPERIMENTS``; one that is put here is run."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from science.experiment import Experiment


def found() -> dict[str, Experiment]:
    """All experiments by name, in the order of modules and of their lists."""
    modules = [import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]
    experiments = [e for m in sorted(modules, key=lambda m: m.__name__) for e in getattr(m, "EXPERIMENTS", ())]
    by_name = {e.name: e for e in experiments}
    assert len(by_name) == len(experiments), "two signature experiments have the same name"
    return by_name
