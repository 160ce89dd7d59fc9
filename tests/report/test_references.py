"""What a reader has to cite: every paper once, with a BibTeX entry that holds it."""

from __future__ import annotations

import re

import pytest
from reportable import Reportable

from pruneviz.pruning import RECIPES
from pruneviz.pruning.recipe import Reference
from pruneviz.report import Wanted
from pruneviz.report.compose import compose
from pruneviz.report.content import References, Source
from pruneviz.report.references import cited, published, sources
from pruneviz.report.tex import tex
from pruneviz.training.recoveries import RECOVERIES
from pruneviz_analyses import ANALYSES

NAMED = {**{n: a.reference for n, a in ANALYSES.items()}, **{n: r.reference for n, r in RECOVERIES.items()}}


def test_methods_recoveries_analyses_and_the_software_each_once() -> None:
    study = Reportable(methods=5, replicates=1, samples=20, more={"analyses": {"prediction_changes": {}}})
    texts = {"prediction_changes": "Hooker et al., arXiv 1911.05248, 2019.", "other": "Not asked for."}
    found = sources(study, texts)
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


def test_analyses_that_came_by_themselves_are_cited_too() -> None:
    study = Reportable(methods=1, replicates=1, samples=20, analysed={"calibration": ("A sentence.",)})
    texts = {"calibration": "Guo et al. 2017, On Calibration of Modern Neural Networks (ICML)", "other": "Not done."}
    sections = compose(study, Wanted(analyses=texts), ".html").report.sections
    (cites,) = (b for s in sections for b in s.blocks if isinstance(b, References))
    labels = [s.label for s in cites.sources]
    assert "Guo et al. (2017). On Calibration of Modern Neural Networks. ICML" in labels
    assert "Not done." not in labels


@pytest.mark.parametrize("name", [n for n, text in NAMED.items() if text])
def test_what_recoveries_and_analyses_rest_on_are_papers_with_authors_and_titles(name: str) -> None:
    for paper in cited(name, NAMED[name]):
        assert isinstance(paper, Reference), f"{name}: {NAMED[name]!r} is not 'Authors year, Title (Venue, arXiv …)'"
        bibtex = published(paper).bibtex
        assert "author = {{" in bibtex
        assert f"title = {{{{{tex(paper.title)}}}}}" in bibtex


def test_a_paper_of_a_method_a_recovery_and_an_analysis_is_listed_once() -> None:
    study = Reportable(methods=5, replicates=1, samples=20, recoveries=("finetune",), more={"analyses": {"a": {}}})
    text = "Han et al. 2015, Learning both Weights and Connections for Efficient Neural Networks (NeurIPS, figure 6)"
    found = [s for s in sources(study, {"a": text}) if "earning both" in s.label]
    assert [s.key for s in found] == ["han2015learning"]
    assert "{Han} and {Pool}" in found[0].bibtex


def test_a_text_that_is_no_list_of_papers_is_its_own_title() -> None:
    (source,) = cited("own", "Our wiki, 2020; see page 3 {here}")
    assert isinstance(source, Source)
    assert source.label == "Our wiki, 2020; see page 3 {here}"
    assert r"title = {{Our wiki, 2020; see page 3 \{here\}}}" in source.bibtex
