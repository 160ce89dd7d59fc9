"""What a reader has to cite: every paper once, with a BibTeX entry that holds it."""

from __future__ import annotations

import re

import pytest
from reportable import Reportable

from pruneviz.pruning import RECIPES
from pruneviz.report.references import published, sources
from pruneviz.report.tex import tex


def test_methods_recoveries_analyses_and_the_software_each_once() -> None:
    study = Reportable(methods=5, replicates=1, samples=20, more={"analyses": {"prediction_changes": {}}})
    found = sources(study, {"prediction_changes": "Hooker et al., arXiv 1911.05248, 2019.", "other": "Not asked for."})
    labels = [s.label for s in found]
    wanted = {r.reference.label for n in ("magnitude", "taylor", "snip") if (r := RECIPES[n]).reference is not None}
    assert wanted <= set(labels)
    assert len(labels) == len(set(labels))
    assert "Hooker et al., arXiv 1911.05248, 2019." in labels
    assert "Not asked for." not in labels
    assert labels[-1] == "The pruneviz developers. pruneviz, version 0.1.0"
    keys = [s.key for s in found]
    assert len(keys) == len(set(keys))
    for source in found:
        assert source.bibtex.startswith(f"@misc{{{source.key},\n")


@pytest.mark.parametrize("name", [n for n, r in RECIPES.items() if r.reference is not None])
def test_every_paper_has_an_entry_that_bibtex_can_read(name: str) -> None:
    reference = RECIPES[name].reference
    assert reference is not None
    source = published(reference)
    assert re.fullmatch("[a-z0-9]+", source.key)
    assert str(reference.year) in source.key
    assert f"year = {{{reference.year}}}" in source.bibtex
    assert f"title = {{{{{tex(reference.title)}}}}}" in source.bibtex
    bare = source.bibtex.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert len(re.findall("^  author = ", source.bibtex, re.M)) == 1
