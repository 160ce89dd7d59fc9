"""Which images survive corruption, and which are lost to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.corruption_robustness.arms import CONTROL, DENSE, Group, weights_of
from pruneviz_analyses.corruption_robustness.reading import Outcomes
from pruneviz_analyses.corruption_robustness.schemas import CLEAN, IMAGES
from pruneviz_analyses.corruption_robustness.shifts import CORRUPTION
from pruneviz_analyses.pairs import PRUNED, RETRAINED

if TYPE_CHECKING:
    import pandas as pd

KINDS = (DENSE, RETRAINED, PRUNED, CONTROL)


def images_frame(outcomes: Outcomes, groups: Sequence[Group]) -> pd.DataFrame:
    """The table of images: corruptions made as published, each of them weighing the same."""
    import pandas as pd

    names = [n for n in outcomes.shifts if outcomes.sorts[n] == CORRUPTION and outcomes.faithful(n)]
    parts = []
    for number, kind in enumerate(KINDS):
        members = [m for g in groups if g.kind == kind for m in g.members]
        if not members or not names:
            continue
        weights = weights_of([m.dense for m in members])
        at = [outcomes.row[m.run_id] for m in members]
        shares = np.stack([weights @ outcomes.right[n][at].mean(axis=1) for n in names])
        worst, count = shares.argmin(axis=0), len(outcomes.labels)
        parts.append(
            frame_of(
                IMAGES,
                {
                    "sample_id": repeated([str(i) for i in outcomes.sample_ids], np.arange(count)),
                    "label": outcomes.labels,
                    "kind": repeated(KINDS, np.full(count, number)),
                    "runs": np.full(count, len(members)),
                    "clean": weights @ outcomes.right[CLEAN][at, 0].astype(np.float64),
                    "survival": shares.mean(axis=0),
                    "worst": repeated(names, worst),
                    "worst_survival": shares[worst, np.arange(count)],
                },
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else IMAGES.frame([])
