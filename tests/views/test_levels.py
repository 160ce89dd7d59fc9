"""Where an analysis was asked for another level than 95 %, its pictures say that one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attributed
import calibrated
import corrupted
import coursed
import looked
import numpy as np
import pytest

from pruneviz.core.viewstate import ViewState
from pruneviz.views import PICTURES
from pruneviz_analyses.attributions import Attributions
from pruneviz_analyses.calibration import Calibration
from pruneviz_analyses.corruption_robustness import CorruptionRobustness
from pruneviz_analyses.effective_sparsity import EffectiveSparsity
from pruneviz_analyses.layer_sensitivity import LayerSensitivity
from pruneviz_analyses.mask_checks import MaskChecks
from pruneviz_analyses.pq_index import PQIndex
from pruneviz_analyses.similarity import Similarity
from pruneviz_analyses.tournament import Tournament


class Asked:
    """Tables that an analysis has made with other options."""

    def __init__(self, tables: Any, analysis: Any) -> None:
        self._tables, self._frames, self._analysis = tables, analysis.measure(tables), analysis

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)

    def options_of(self, analysis: str) -> dict[str, Any]:
        assert analysis == self._analysis.name
        return {"level": self._analysis.level}

    def table(self, name: str, run_ids: Any = None) -> Any:
        return self._frames[name].copy() if name in self._frames else self._tables.table(name, run_ids)


HALF: dict[str, Any] = {"level": 0.8, "resamples": 200}
CASES: dict[str, Callable[[], Asked]] = {
    "attribution_similarity": lambda: Asked(attributed.make(5, images=6), Attributions(**HALF)),
    "calibration": lambda: Asked(calibrated.make(5), Calibration(**HALF)),
    "corruption_errors": lambda: Asked(corrupted.make(5), CorruptionRobustness(**HALF)),
    "effective_sparsity": lambda: Asked(looked.cut_off(), EffectiveSparsity(level=0.8)),
    "layer_sensitivity": lambda: Asked(looked.curves(), LayerSensitivity(level=0.8)),
    "mask_checks": lambda: Asked(looked.checked(), MaskChecks(**HALF)),
    "pq_index": lambda: Asked(coursed.study(5), PQIndex(**HALF)),
    "similarity_layers": lambda: Asked(looked.layered(), Similarity(**HALF)),
    "similarity_masks": lambda: Asked(looked.overlapping(np.random.default_rng(0)), Similarity(**HALF)),
    "tournament": lambda: Asked(looked.contested(), Tournament(level=0.8)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_level_is_that_of_the_intervals_shown(name: str) -> None:
    picture = PICTURES[name](CASES[name](), ViewState())
    said = " ".join((picture.subtitle, *picture.sentences, *picture.notes, *(k.label for k in picture.legend)))
    assert "80 %" in said
    assert "95 %" not in said
