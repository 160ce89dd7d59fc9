"""Pictures of samples: classes, flips, scatters, images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pictured import check_mark
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import counting
from pruneviz.views import marks as m
from pruneviz.views.matplotlib_letters import Letters
from pruneviz.views.pictures import images
from pruneviz.views.pictures.class_changes import class_changes_info
from pruneviz.views.pictures.flips import flips_info
from pruneviz.views.pictures.images import ROWS, images_info
from pruneviz.views.pictures.sample_scatter import MOST_POINTS, sample_scatters
from pruneviz.views.samples import aligned


@pytest.fixture(scope="module")
def tables() -> SyntheticTables:
    return SyntheticTables(samples=600)


def run(tables: SyntheticTables, method: str, target: str, recovery: str = "none", replicate: int = 0) -> str:
    r = tables.runs
    at = (r["method"] == method) & (r["target"] == target) & (r["recovery"] == recovery) & (r["replicate"] == replicate)
    return str(r.loc[at, "run_id"].iloc[0])


@pytest.fixture(scope="module")
def state(tables: SyntheticTables) -> ViewState:
    return ViewState(models=(run(tables, "magnitude", "0.9"), run(tables, "random", "0.95")))


def plain_flips(tables: SyntheticTables, before: str, after: str, ids: set[str] | None = None) -> dict[str, int]:
    a, b = (tables.table("samples", [r]).set_index("sample_id") for r in (before, after))
    found = {"lost": 0, "gained": 0, "other": 0, "n": 0}
    for i in a.index:
        if ids is None or i in ids:
            y, p, q = a.at[i, "label"], a.at[i, "prediction"], b.at[i, "prediction"]
            found["n"] += 1
            found["lost"] += p == y != q
            found["gained"] += p != y == q
            found["other"] += y not in (p, q) and p != q
    return found


def test_flips_are_counted_as_defined_and_follow_the_selection(tables: SyntheticTables, state: ViewState) -> None:
    reference = str(tables.runs["run_id"].iloc[0])
    some = frozenset(tables.table("samples", [reference])["sample_id"].iloc[100:300])
    for samples in (frozenset(), some):
        picture = flips_info(tables, replace(state, samples=tuple(sorted(samples))))
        bars = [k for k in picture.marks if isinstance(k, m.Bars)]
        control = run(tables, "random", "0.9")
        for row, model in enumerate((control, *state.models), 2):
            expected = plain_flips(tables, reference, model, set(samples) or None)
            own = [(b, list(b.y).index(row)) for b in bars if row in b.y]
            shares = [float(b.right[i] - b.left[i]) for b, i in own]
            assert shares == pytest.approx([100 * expected[k] / expected["n"] for k in ("lost", "gained", "other")])
            assert {b.alpha < 1 for b, _ in own} == {model == control}
        assert len(picture.y.categories) == 2 + 1 + 2
    assert "200 selected images of 600" in picture.subtitle


def test_the_churn_of_dense_models_stands_beside_it(tables: SyntheticTables, state: ViewState) -> None:
    picture = flips_info(tables, state)
    assert picture.y.categories[:2] == ("dense, other seed (n = 2)", "dense, trained on (n = 3)")
    (pairs,) = [k for k in picture.marks if isinstance(k, m.Points)]
    assert len(pairs.x) == 2 + 3
    runs = tables.runs
    dense = [str(r) for r in runs.loc[runs["run_id"] == runs["dense_run_id"], "run_id"]]
    expected = [plain_flips(tables, dense[0], d) for d in dense[1:]]
    assert sorted(pairs.x[:2]) == pytest.approx(
        sorted(100 * (e["lost"] + e["gained"] + e["other"]) / 600 for e in expected)
    )
    alone = SyntheticTables(replicates=1, retrained=False, samples=60)
    lonely = flips_info(alone, ViewState(models=(run(alone, "random", "0.5"),)))
    assert "not known" in lonely.subtitle


def test_findings_are_about_pruned_methods_and_the_random_control_is_their_yardstick(tables: SyntheticTables) -> None:
    blind, magnitude = (run(tables, m, "0.9", "finetune") for m in ("random", "magnitude"))
    dense = str(tables.runs["run_id"].iloc[0])
    churn = 100 * sum(plain_flips(tables, dense, blind)[k] for k in ("lost", "gained", "other")) / 600
    for models in ((magnitude,), (blind, magnitude)):  # chosen or not
        flips, classes = (make(tables, ViewState(models=models)) for make in (flips_info, class_changes_info))
        said = flips.sentences[0].replace("\xa0", " ")
        assert said.startswith("magnitude 90 % finetune flips ")
        assert f"Random pruning of as much flips {churn:.1f} %." in said
        assert "of the 1 compared" in said
        assert "with magnitude" in classes.sentences[0]
        assert "over 10 tests" in classes.sentences[1]
    assert flips_info(tables, ViewState(models=(blind,))).sentences[0].startswith("random")
    lonely = SyntheticTables(methods=3, samples=60, unmeasured=("control_run_id",))
    without = flips_info(lonely, ViewState(models=(run(lonely, "magnitude", "0.9"),)))
    assert without.subtitle.endswith("No random pruning of as much has been measured here.")


def test_few_models_show_intervals_and_many_a_table(tables: SyntheticTables, state: ViewState) -> None:
    few = class_changes_info(tables, state)
    assert len([k for k in few.marks if isinstance(k, m.Intervals)]) == 2 + 1
    runs = tables.runs
    many = tuple(str(r) for r in runs.loc[runs["method"] != "dense", "run_id"][:16])
    table = class_changes_info(tables, replace(state, models=many))
    (cells,) = [k for k in table.marks if isinstance(k, m.Cells)]
    assert len(cells.x) == (16 + 1) * 10
    assert table.x.categories[0] == "dense, largest of 5 pairs"


def test_class_changes_are_differences_of_accuracies(tables: SyntheticTables, state: ViewState) -> None:
    picture = class_changes_info(tables, state)
    points = [k for k in picture.marks if isinstance(k, m.Points)]
    reference = str(tables.runs["run_id"].iloc[0])
    for mark, model in zip(points, (*state.models, run(tables, "random", "0.9")), strict=True):
        both = [tables.table("samples", [r]) for r in (reference, model)]
        accuracy = [(t["label"] == t["prediction"]).groupby(t["label"]).mean().to_numpy(float) for t in both]
        assert mark.x == pytest.approx(100 * (accuracy[1] - accuracy[0]))
    intervals = [k for k in picture.marks if isinstance(k, m.Intervals)]
    assert all((i.low <= p.x).all() and (p.x <= i.high).all() for i, p in zip(intervals, points, strict=True))
    assert [p.filled for p in points] == [True, True, False]
    worst = int(np.argmin(points[0].x))  # the other model is a random control, as the third is
    said = picture.sentences[0].replace("\xa0", " ")
    assert said.startswith(f"The largest fall is {picture.y.categories[worst]} with magnitude 90 %: −")
    assert f"random pruning of as much: {points[2].x[worst]:.1f} points.".replace("-", "−") in said


def test_of_very_many_classes_those_that_changed_most() -> None:
    tables = SyntheticTables(class_count=1000, samples=12_000, replicates=2, methods=2)
    picture = class_changes_info(tables, ViewState(models=(run(tables, "random", "0.95"),)))
    assert len(picture.y.categories) == 30
    assert picture.notes[0] == "30 of 1000 classes shown: those whose accuracy changed most."


def test_scatters_share_one_frame_keyed_by_sample(tables: SyntheticTables, state: ViewState) -> None:
    ids = tuple(f"test:{i}" for i in (3, 5))
    pictures = sample_scatters(tables, replace(state, samples=ids))
    assert [p.title.replace("\xa0", " ").partition(" over")[0] for p in pictures] == [
        "magnitude 90 %",
        "random 95 %",
        "control: random 90 %",
    ]
    frames = {f.name: f for p in pictures for f in p.frames}
    assert list(frames) == ["samples"]
    assert frames["samples"].selected == ids
    assert frames["samples"].keys == tuple(f"test:{i}" for i in range(600))
    for p in pictures:
        linked = [k for k in p.marks if isinstance(k, m.LinkedPoints)]
        assert {k.where[1] for k in linked} == {0, 1, 2, 3, 4}
        assert len({(k.marker, k.filled) for k in linked}) == 5


def test_too_many_points_are_counted_or_thinned_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = SyntheticTables(samples=MOST_POINTS + 5000, replicates=1, methods=1, sparsities=(0.5,))
    state = ViewState(models=(run(tables, "random", "0.5"),))
    (picture,) = sample_scatters(tables, state)
    for mark in picture.marks:
        check_mark(mark, picture)
    assert picture.frames[0].counted
    assert picture.notes[0].startswith("25,000 images, counted in cells, 240 by 160")
    assert {c.name for c in picture.plane} == {"margin"}

    monkeypatch.setattr(counting.each, "__defaults__", (20_000,))
    (picture,) = sample_scatters(tables, replace(state, all_points=True))
    (frame,) = picture.frames
    assert len(frame.keys) == 20_000
    assert picture.notes[0].startswith("20,000 of 25,000 images drawn: all that flipped")
    codes = frame.columns[f"outcome {run(tables, 'random', '0.5')}"]
    assert int((codes >= 2).sum()) == sum(
        plain_flips(tables, str(tables.runs["run_id"].iloc[0]), run(tables, "random", "0.5"))[k]
        for k in ("lost", "gained", "other")
    )


def test_images_begin_with_those_that_most_models_see_differently(tables: SyntheticTables, state: ViewState) -> None:
    picture = images_info(tables, state)
    boxes = next(k for k in picture.marks if isinstance(k, m.Boxes))
    assert len(boxes.left) == ROWS * (3 + 1)
    assert boxes.hover["which is"][:3] == ["right", "wrong", "wrong"]
    assert boxes.hover["model"][3].startswith("control: random")
    assert set(boxes.ink) <= {"right-fill", "wrong-fill"}
    signs = [t[0] for k in picture.marks if isinstance(k, m.Text) for t in k.text if t.startswith(("✓", "✗"))]
    assert len(signs) == len(boxes.left)
    chosen = images_info(tables, replace(state, samples=("test:7",)))
    assert "1 selected image of 600" in chosen.subtitle
    (image,) = [k for k in chosen.marks if isinstance(k, m.Images)]
    assert (image.pixels == tables.pictures(["test:7"])).all()


def test_pages_of_images_do_not_overlap_and_end(tables: SyntheticTables, state: ViewState) -> None:
    seen: list[str] = []
    for first in range(0, 600, ROWS):
        page = images_info(tables, replace(state, first_sample=first))
        seen += next(k for k in page.marks if isinstance(k, m.Images)).hover["image"]
    assert len(seen) == len(set(seen)) == 600
    beyond = images_info(tables, replace(state, first_sample=10_000))
    assert "Images 591 to 600" in beyond.subtitle


def test_samples_are_matched_by_id_and_missing_ones_counted(tables: SyntheticTables) -> None:
    class Shuffled(SyntheticTables):
        def table(self, name: str, run_ids=None) -> pd.DataFrame:
            frame = super().table(name, run_ids)
            if name != "samples":
                return frame
            places = {r: i for i, r in enumerate(self.runs["run_id"][:3])}
            groups = frame.groupby("run_id", observed=True)
            parts = [g.sample(frac=1, random_state=places[r]).iloc[places[r] :] for r, g in groups]
            return pd.concat(parts, ignore_index=True)

    other = Shuffled(samples=600)
    ids = [str(r) for r in tables.runs["run_id"][:3]]
    found, expected = aligned(other, ids), aligned(tables, ids)
    assert found.left_out == 3
    at = {s: i for i, s in enumerate(expected.ids)}
    order = np.array([at[s] for s in found.ids])
    assert len(order) == 597
    for r in ids:
        assert (found.prediction[r] == expected.prediction[r][order]).all()
        assert found.margin[r] == pytest.approx(expected.margin[r][order])


def test_a_stale_selection_is_said(tables: SyntheticTables, state: ViewState) -> None:
    picture = flips_info(tables, replace(state, samples=("gone",)))
    assert picture.empty == "The selection holds none of this study's test images. Change or clear it."


@pytest.mark.parametrize("models", [5, 6])
def test_headings_of_long_names_stay_in_their_columns(models: int) -> None:
    names = ["another model with a long name, 90", "finetuned by somebody else (v2)", "magnitude-uniform-plus 90 %"]
    cell = images._cell(("a run",) * models)
    for name in names:
        first, second = images._two_lines(name, 16 if models == 5 else 13)
        assert Letters().width(first, 11.5, True) < cell - 4
        assert Letters().width(second, 11.5) < cell - 4
