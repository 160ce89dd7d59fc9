from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pictured import check_mark
from synthetic import SyntheticTables
from voted import EXEMPLARS, VotedTables

from pruneviz.core.errors import SpecError
from pruneviz.core.selection import Column, Range, Selection, Values
from pruneviz.core.viewstate import ViewState
from pruneviz.views import bokeh_renderer, matplotlib_renderer
from pruneviz.views import marks as m
from pruneviz.views.matplotlib_renderer import TWO_COLUMNS
from pruneviz.views.pictures.exemplars import ON_PAGE, exemplars_info
from pruneviz.views.selecting import chosen, undecided
from pruneviz.views.voted import EXEMPLAR

STUDY = VotedTables().analysed()
RUNS = STUDY.runs
RANKED = sorted(range(EXEMPLARS), key=lambda i: (-min(10 - i // 2, 10 - i % 3), -max(10 - i // 2, 10 - i % 3)))


def run(method: str, recovery: str = "finetune", replicate: int = 3) -> str:
    own = RUNS[(RUNS["method"] == method) & (RUNS["recovery"] == recovery) & (RUNS["replicate"] == replicate)]
    return str(own["run_id"].iloc[0])


def of(picture: m.Picture, kind: type) -> list:
    return [k for k in picture.marks if isinstance(k, kind)]


def shown(picture: m.Picture) -> list[str]:
    return [s for cells in of(picture, m.Cells) for (s,) in cells.keys]


def said(picture: m.Picture) -> list[str]:
    return [t for k in of(picture, m.Text) for t in k.text]


def test_without_the_analysis_or_enough_models_it_says_how_to_get_some() -> None:
    plain = exemplars_info(SyntheticTables(samples=60), ViewState())
    assert "Add prediction_changes = {} under [analyses]" in plain.empty
    nine = exemplars_info(VotedTables(replicates=9).analysed(), ViewState())
    assert "need at least 10 dense models and as many pruned ones; here there are 9. Set replicates = 10" in nine.empty
    alone = exemplars_info(VotedTables(methods=0).analysed(), ViewState())
    assert "Nothing pruned has been compared with its dense model yet." in alone.empty


def test_tables_of_an_earlier_version_are_not_guessed_at() -> None:
    older = VotedTables()
    older.frames = dict(STUDY.frames)
    arms = "prediction_changes_arms"
    older.frames[arms] = older.frames[arms].drop(columns=["retrained_exemplars"])
    assert exemplars_info(older, ViewState()).empty.endswith("Run the study again.")


def test_the_surest_disagreement_comes_first_with_both_votes() -> None:
    picture = exemplars_info(STUDY, ViewState())
    assert shown(picture) == [f"test:{i}" for i in RANKED]
    assert picture.subtitle.startswith("Images 1 to 10 of 10 whose most frequent prediction among 10 pruned models")
    (cells,) = of(picture, m.Cells)
    names = STUDY.classes
    for at, i in enumerate(RANKED):
        assert cells.hover["true class"][at] == names[i]
        assert cells.hover["dense models"][at] == f"{10 - i % 3} of 10 say {names[i]}; 0 {names[(i + 1) % 10]}"
        told = f"{10 - i // 2} of 10 say {names[(i + 1) % 10]}; {i // 2} {names[i]}"
        assert cells.hover["pruned models"][at] == told
        assert cells.hover["retraining alone"][at] == ("an exemplar, too" if i == 0 else "no exemplar")
    assert said(picture).count("retrained too") == 1
    for mark in picture.marks:
        check_mark(mark, picture)


def test_votes_are_as_long_as_they_are_many() -> None:
    bars = [b for b in of(exemplars_info(STUDY, ViewState()), m.Boxes)[1:] if isinstance(b.ink, str)]
    assert [b.ink for b in bars] == ["dense", "faint", "hue-0"] * 2
    long = np.array([b.right - b.left for b in bars])
    assert np.allclose(long[:3].sum(axis=0), long[3:].sum(axis=0))
    each = long / long[:3].sum(axis=0)
    i = np.array(RANKED)
    nothing = np.zeros(len(i))
    assert np.allclose(each, [1 - i % 3 / 10, i % 3 / 10, nothing, i // 2 / 10, nothing, 1 - i // 2 / 10])


def test_ties_are_told() -> None:
    study = VotedTables()
    study.frames = dict(STUDY.frames)
    table = "prediction_changes_exemplars"
    study.frames[table] = study.frames[table].assign(tied=1, dense_tied=2)
    (cells,) = of(exemplars_info(study, ViewState()), m.Cells)
    assert "(as many another class)" in cells.hover["pruned models"][0]
    assert "(as many each of 2 other classes)" in cells.hover["dense models"][0]


def test_they_stand_beside_retraining_alone_random_pruning_and_exchanges() -> None:
    picture = exemplars_info(STUDY, ViewState())
    texts = said(picture)
    assert texts[:4] == [
        "magnitude · 90\u00a0% · finetune",
        "retraining alone",
        "random pruning of as much",
        "dense and pruned exchanged",
    ]
    assert texts[4:7] == ["10 · 16.7\u00a0% of 60 images", "2 · 1 of them the same images", "→ 54"]
    arm = STUDY.table("prediction_changes_arms").set_index("arm").loc["lenet5 · magnitude · finetune · 0.9"]
    assert texts[7].startswith(f"{arm['exemplars_expected']:.0f} on average · p = ")
    bars = of(picture, m.Boxes)[0]
    own, alone, random, expected = bars.right - bars.left
    assert (alone / own, expected / own) == pytest.approx((2 / 10, arm["exemplars_expected"] / 10))
    assert own < random < 1.3 * own  # it reaches beyond, with its number
    bare = said(exemplars_info(STUDY, ViewState(models=(run("magnitude", "none"),))))
    assert "without a recovery nothing is trained on" in bare


@pytest.mark.parametrize(
    ("state", "arm", "rule"),
    [
        (ViewState(), "magnitude · 90\u00a0% · finetune", "compare a model of another, or filter"),
        (ViewState(filters=(("recovery", ("none",)),)), "magnitude · 90\u00a0%", "compare a model"),
        (ViewState(filters=(("method", ("random",)),)), "random · 90\u00a0% · finetune", "compare a model"),
        (ViewState(models=(run("magnitude", "none"), run("magnitude"))), "magnitude · 90\u00a0%", "first pruned"),
        (ViewState(models=(run("dense"), run("magnitude"))), "magnitude · 90\u00a0% · finetune", "first pruned"),
        (ViewState(models=(run("random", "none"),)), "random · 90\u00a0%", "first pruned"),
        (ViewState(models=(run("dense"),)), "magnitude · 90\u00a0% · finetune", "compare a model"),
    ],
)
def test_the_arm_is_that_compared_else_what_filters_leave(state: ViewState, arm: str, rule: str) -> None:
    picture = exemplars_info(STUDY, state)
    assert said(picture)[0] == arm
    assert picture.notes[0].startswith("One of 4 arms: ")
    assert rule in picture.notes[0]


def test_filters_that_leave_nothing_say_so() -> None:
    picture = exemplars_info(STUDY, ViewState(filters=(("recovery", ("scratch",)),)))
    assert "No arm that the filters show has exemplars." in picture.empty


def test_an_arm_without_exemplars_shows_its_counts_alone() -> None:
    study = VotedTables()
    study.frames = dict(STUDY.frames)
    arms, found = "prediction_changes_arms", "prediction_changes_exemplars"
    study.frames[found] = study.frames[found].iloc[:0]
    study.frames[arms] = study.frames[arms].assign(exemplars=study.frames[arms]["exemplars"] * 0)
    picture = exemplars_info(study, ViewState())
    assert picture.subtitle.startswith("There is no image whose most frequent prediction among 10 pruned models")
    assert not of(picture, m.Images)
    assert said(picture)[4] == "0 · 0.0\u00a0% of 60 images"


def test_selected_images_are_shown_alone_and_many_on_pages() -> None:
    picture = exemplars_info(STUDY, ViewState(samples=("test:3", "test:1", "test:40")))
    assert shown(picture) == ["test:1", "test:3"]
    assert "of 2 among 3 selected images whose" in picture.subtitle
    none = exemplars_info(STUDY, ViewState(samples=("test:40",)))
    assert none.empty.startswith("None of the 1 selected image is an exemplar here.")
    random = ViewState(models=(run("random"),))
    pages = [shown(exemplars_info(STUDY, replace(random, first_sample=first))) for first in (0, ON_PAGE, 999)]
    assert [len(p) for p in pages] == [24, 24, 6]
    assert len({s for p in pages for s in p}) == 54


def test_a_click_shows_an_image_in_detail_and_frames_it() -> None:
    before = exemplars_info(STUDY, ViewState())
    assert before.selects == "shown_sample"
    after = exemplars_info(STUDY, ViewState(shown_sample="test:1"))
    assert len(after.marks) == len(before.marks) + 1
    assert len(exemplars_info(STUDY, ViewState(shown_sample="test:40")).marks) == len(before.marks)


def test_a_rule_selects_the_exemplars_of_a_run_s_arm() -> None:
    yes = Values(Column(EXEMPLAR, run("magnitude", replicate=0)), ("yes",))
    assert chosen(Selection("samples", yes), STUDY) == tuple(f"test:{i}" for i in range(EXEMPLARS))
    assert len(chosen(Selection("samples", ~yes), STUDY)) == STUDY.samples - EXEMPLARS
    assert undecided(Selection("samples", yes), STUDY) == 0
    alone = Values(Column(EXEMPLAR, run("dense")), ("yes",))
    assert chosen(Selection("samples", alone), STUDY) == ("test:0", "test:13")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Values(Column(EXEMPLAR, run("dense", "none")), ("yes",)), "of at least 10 dense models"),
        (Values(Column(EXEMPLAR), ("yes",)), "exemplar of pruning of no run"),
        (Range(Column(EXEMPLAR, run("magnitude")), 0.0, 1.0), "this one has yes and no"),
    ],
)
def test_a_rule_that_nothing_is_known_of_says_why(rule: object, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        chosen(Selection("samples", rule), STUDY)


def test_samples_that_were_not_compared_are_neither() -> None:
    study = VotedTables()
    study.frames = dict(STUDY.frames)
    compared = "prediction_changes_samples"
    kept = ~study.frames[compared]["sample_id"].isin(["test:40", "test:41"])
    study.frames[compared] = study.frames[compared][kept]
    assert undecided(Selection("samples", Values(Column(EXEMPLAR, run("magnitude")), ("yes",))), study) == 2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_drawn(theme: str) -> None:
    hostile = VotedTables(hostile=True, methods=1).analysed()
    picture = exemplars_info(hostile, ViewState())
    assert shown(picture)
    assert bokeh_renderer.draw(picture, theme=theme).figure is not None


def test_two_columns_of_paper_are_enough() -> None:
    assert not matplotlib_renderer.draw(exemplars_info(STUDY, ViewState()), width=TWO_COLUMNS).remarks
