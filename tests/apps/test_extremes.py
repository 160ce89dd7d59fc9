"""Studies of next to nothing and of too much: every page shows them without a fault, and offers nothing in vain."""

from __future__ import annotations

from typing import Any

import pytest
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views.findings import found, holdings
from pruneviz.views.metrics import measured
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.shell import Shell
from pruneviz_apps.explorer.sidebar import PAGES
from pruneviz_apps.explorer.telling import FEW, tiles, was_found

# Bokeh's own use of pandas, which the newest pandas is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
ONE: dict[str, Any] = {"replicates": 1, "methods": 0, "retrained": False, "samples": 60}
STUDIES: dict[str, dict[str, Any]] = {
    "nothing": {"replicates": 0, "samples": 0},
    "no samples": {"replicates": 1, "methods": 2, "samples": 0, "sparsities": (0.5,)},
    "all pruning failed": {"replicates": 1, "methods": 1, "samples": 60, "failed": 9, "hostile": True},
}


@pytest.mark.parametrize("name", STUDIES)
def test_every_page_shows_it_without_a_fault(name: str, caplog: pytest.LogCaptureFixture) -> None:
    tables = CachedTables(SyntheticTables(**STUDIES[name]))
    shell = Shell(tables)
    pruned = [str(r) for r in measured(tables)["run_id"]][1:4]
    for page, _, _ in PAGES:
        shell.session.change(page=page, models=tuple(pruned))
        assert shell.session.notice == ""
    assert [r.message for r in caplog.records] == []  # what a picture fails with is logged
    compare, samples = shell._pages["compare"], shell._pages["samples"]
    assert ("Fewer than two models" in compare.hint.object) == (not pruned)
    assert shell.sidebar.add.disabled == (not pruned)
    images = name == "all pruning failed"
    assert samples.bar.visible == samples.images.visible == images  # nothing to select and sort among none
    assert compare.more.visible is False


def test_a_run_that_is_not_measured_cannot_be_ticked() -> None:
    shell = Shell(CachedTables(SyntheticTables(replicates=1, methods=2, samples=60, failed=2)), "?page=runs")
    page, runs = shell._pages["runs"], shell.session.tables.runs
    failed = [i for i, status in enumerate(runs["status"]) if status == "failed"]
    page.table.selection = [3, failed[0]]
    assert shell.session.state.models == (str(runs["run_id"].iloc[3]),)
    assert page.table.selection == [3]
    assert "cannot be compared" in shell.session.notice


def test_one_is_not_many_and_dozens_of_findings_open_on_a_click() -> None:
    assert tiles(holdings(SyntheticTables(**ONE)))[0][:2] == ("1", "run measured")
    waiting = SyntheticTables(**{**ONE, "landed": 0})
    assert tiles(holdings(waiting))[0][:2] == ("0", "of 1 run measured")
    many = SyntheticTables(models=16, replicates=1, methods=2, sparsities=(0.5,), samples=60)
    own = found(many, ViewState())
    said = was_found(own, {"calibration": ("An analysis found this.",)})
    sight, folded = said.split("<details")
    assert sight.count("<li>") == FEW + 1
    assert "An analysis found this." in sight
    assert f"{len(own) - FEW} more findings" in folded
    assert folded.count("<li>") == len(own) - FEW
