"""Analyses whose amount of work is given as a time: how much fits is found out once, and then an option like others.

Timings differ from machine to machine and from hour to hour, so they may decide nothing silently: what was found is
kept with the study, shown by ``--dry-run`` and said by the analysis, and the keys of steps hold it, not the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from pruneviz.core.analysis import Analysis, Fitting
from pruneviz.core.errors import StoreError
from pruneviz.core.keys import digest
from pruneviz.core.options import build, to_plain
from pruneviz.core.spec import TrainSpec
from pruneviz.study import inputs
from pruneviz.study.plan import Plan
from pruneviz.study.store import Store


def fitted(
    made: Plan,
    analyses: Sequence[Analysis],
    store: Store | None,
    live: Mapping[str, Any],
    workers: int,
    device: Callable[[], str],
) -> tuple[Analysis, ...]:
    """The analyses with every time turned into an amount, which is noted in the plan.

    Args:
        made: the plan, without observations.
        analyses: as asked.
        store: where the study is kept, if it is; what was found there before stays, as long as the same is asked of
            the same models and data.
        live: objects given in Python, by name.
        workers: processes that will share the work.
        device: names where models run, should anything have to be timed.
    """
    before = _before(store, made.spec.name)
    spec = made.spec
    of = digest({"models": to_plain(spec.models), "trains": to_plain(spec.trains), "data": made.data_digest})
    clock = StopClock(made, live, workers, device)
    out = []
    for analysis in analyses:
        now = analysis
        if isinstance(analysis, Fitting):
            asked, known = to_plain(analysis), before.get(analysis.name, {})
            if known.get("asked") == asked and known.get("of") == of:
                now = build(cast("type[Analysis]", type(analysis)), known["options"], f"[analyses] {analysis.name}")
            else:
                now = analysis.fitted(clock)
            if now is not analysis:  # equal or not: what a timing gave must stay
                made.fitted[analysis.name] = {"asked": asked, "of": of, "options": to_plain(now)}
        out.append(now)
    return tuple(out)


def _before(store: Store | None, name: str) -> Mapping[str, Any]:
    try:
        return dict(store.read_study(name).get("fitted", {})) if store is not None else {}
    except StoreError:  # the study is new, or its record is damaged
        return {}


def told(made: Plan) -> tuple[str, ...]:
    """What was fitted, in words."""
    lines = []
    for name, found in made.fitted.items():
        asked, now = found["asked"], found["options"]
        changed = ", ".join(f"{key} = {value}" for key, value in now.items() if value != asked[key])
        lines.append(f"{name}: {changed or 'the options as they are'}, fitted to the time given")
    return tuple(lines)


@dataclass(frozen=True)
class StopClock:
    """Times training on this machine; see :class:`pruneviz.core.analysis.Clock`."""

    made: Plan
    live: Mapping[str, Any]
    workers: int
    device: Callable[[], str]

    @cached_property
    def dense_models(self) -> dict[str, int]:
        """How many dense models there are, by the model's label."""
        spec = self.made.spec
        return {m.label: m.replicates * len(spec.trains) for m in spec.models}

    def epoch(self, train: Mapping[str, Any]) -> dict[str, float]:
        """Seconds of one epoch of training with these values, by the model's label, on one thread."""
        import torch

        from pruneviz import models, training

        data = inputs.images(self.made.spec.data, self.made.data_digest, self.live)
        if data.train is None:  # nothing can be trained, which is refused elsewhere
            return {}
        settings = TrainSpec(**{**train, "epochs": 1})
        seconds, threads = {}, torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            for model in self.made.spec.models:
                make = models.build if models.has_weights(model) else models.build_fresh
                net = make(model, model.first, self.live)
                started = time.perf_counter()
                training.train(net, replace(data, val=None), settings, seed=0, device=self.device())
                seconds[model.label] = time.perf_counter() - started
        finally:
            torch.set_num_threads(threads)
        return seconds
