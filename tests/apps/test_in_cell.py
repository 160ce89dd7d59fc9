"""The explorer as notebooks have it, without a notebook."""

from __future__ import annotations

import pytest
from synthetic import SyntheticTables

import pruneviz as pv
from pruneviz.core.errors import UsageError
from pruneviz.core.selection import Ids, Selection


def test_what_is_selected_is_read_and_set() -> None:
    explorer = pv.Study.explorer(SyntheticTables(samples=30, replicates=1, methods=1))
    assert explorer.selection is None
    assert explorer.view.page == "overview"
    explorer.selection = ["test:1", "test:4"]
    assert explorer.selection == Selection("samples", Ids(("test:1", "test:4")))
    assert explorer.selected == explorer.view.samples == ("test:1", "test:4")
    for wrong, said in [
        (["test:1", "elsewhere"], "got 'elsewhere'; allowed: ids of the study's samples; 1 of 2"),
        (Selection("runs", Ids(())), "allowed: a selection of samples"),
        ("nothing", "none is saved yet"),
    ]:
        with pytest.raises(UsageError, match=said):
            explorer.selection = wrong
    assert explorer.selected == ("test:1", "test:4")
    explorer.selection = None
    assert explorer.selected == ()


def test_the_notebooks_address_and_keys_are_the_notebooks() -> None:
    explorer = pv.Study.explorer(SyntheticTables(samples=30, replicates=1, methods=1))
    parts = {type(part).__name__ for part in explorer.panel.header}
    assert "BrowserSide" not in parts
    assert explorer._repr_mimebundle_()[0] == {"text/plain": repr(explorer)}
    assert "`pruneviz app STORE`" in repr(explorer)
