"""Which analyses the models of a comparison can have, and why they cannot have the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pruneviz.core.analysis import Analysis, Observing, Subject
from pruneviz.core.errors import PrunevizError, located
from pruneviz.core.spec import StudySpec
from pruneviz.core.tables import RUNS
from pruneviz.study import inputs
from pruneviz.study.given import read_given
from pruneviz.study.observe import SeenModel
from pruneviz.study.plan import plan

MOST_LOOKS = 20  # times that each model may look at the test images before an analysis waits to be asked for


def suited(
    spec: StudySpec, live: Mapping[str, Any], analyses: Sequence[Analysis]
) -> tuple[tuple[Analysis, ...], dict[str, str]]:
    """Ask each analysis whether it can be carried out on the models that are compared.

    Args:
        spec: a study with ``[compare]``.
        live: objects given in Python, by name.
        analyses: all there are, with their defaults.

    Returns:
        Those that can be, and do not take long; the others' reasons by name.

    Raises:
        PrunevizError: the models cannot be compared at all.
    """
    made = plan(spec, live)
    data = inputs.images(spec.data, made.data_digest, live)
    example = data.preprocess(data.test.images[:1])
    seen = {}
    for model in spec.models:
        with located(f"model {model.label!r}"):
            found = read_given(model, model.first, live, example, len(data.classes))
        seen[model.label] = SeenModel("", found.net, None, found.info, data, example, "cpu")
    subject = Subject(spec, data.classes, len(data.test.labels), seen)
    runs = RUNS.frame([dict(r.row) for r in made.runs.values()])
    fit, unfit = [], {}
    for analysis in analyses:
        try:
            analysis.check(subject)
            reason = _too_long(analysis, runs, len(data.test.labels))
        except PrunevizError as e:
            first, sign, _ = str(e).removeprefix(f"{analysis.name}: ").partition(". ")
            reason = f"{first}." if sign else first  # the remedies are for studies that prune
        if reason:
            unfit[analysis.name] = reason
        else:
            fit.append(analysis)
    return tuple(fit), unfit


def _too_long(analysis: Analysis, runs: Any, samples: int) -> str:
    """Why an analysis that could be carried out waits to be asked for; empty where it need not."""
    if not isinstance(analysis, Observing):
        return ""
    planned = analysis.observations(runs)
    ask = f"ask for it by name: --analysis {analysis.name}, or {analysis.name} = {{}} under [analyses]"
    if any(o.trained or o.epochs for o in planned):
        return f"it trains models; {ask}."
    looks = sum(o.evaluated for o in planned) / (samples * len(runs))
    return f"it looks at the test images {looks:.0f} times for each model; {ask}." if looks > MOST_LOOKS else ""
