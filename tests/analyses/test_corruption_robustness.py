from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from corrupted import SEVERITIES, SHIFTS, N, analysis, make
from references import robustness_slow as slow

from pruneviz.api import read_study
from pruneviz.core.errors import DataError
from pruneviz.measures.changes import paired_interval
from pruneviz.measures.statistics import hierarchical_bootstrap, resampled_means
from pruneviz.shipped import find_study
from pruneviz_analyses.corruption_robustness import CorruptionRobustness
from pruneviz_analyses.corruption_robustness.schemas import CELLS

FAITHFUL = [n for n in SHIFTS if n != "frost"]


def said(study):
    return study.options.findings(study, study.options.measure(study))


@pytest.fixture(scope="module")
def study():
    return make(6).analysed()


# -- the tables


def test_every_cell_is_beside_its_dense_model_on_the_same_images(study) -> None:
    cells = study.frames[CELLS.name].set_index(["run_id", "corruption", "severity"])
    assert len(cells) == 4 * 6 * (1 + 5 * SEVERITIES)
    own, other = (study.right[r]["fog"][1] for r in ("p00", "d0"))
    row = cells.loc[("p00", "fog", 2)]
    lost, gained = int((other & ~own).sum()), int((own & ~other).sum())
    low, high = paired_interval(lost, gained, N)
    assert row["accuracy"] == pytest.approx(own.mean())
    assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
    got = row[["difference", "difference_low", "difference_high"]].to_numpy(float)
    assert got == pytest.approx([own.mean() - other.mean(), float(low), float(high)])
    assert (row["reference_run_id"], row["family"], row["faithful"]) == ("d0", "weather", True)
    assert not cells.loc[("p00", "frost", 1), "faithful"]
    assert pd.isna(cells.loc[("d0", "fog", 1), "difference"])
    assert pd.isna(cells.loc[("d0", "clean", 0), "family"])


def test_errors_are_those_of_their_definitions(study) -> None:
    runs = study.frames["corruption_robustness_runs"].set_index(["run_id", "corruption"])
    for run, dense in (("p00", "d0"), ("r30", "d3")):
        each: dict[str, list[float]] = {"error": [], "relative_error": []}
        for name in FAITHFUL:
            own, other = study.right[run], study.right[dense]
            expected = slow.corruption_error(own[name].tolist(), other[name].tolist())
            clean = own["clean"][0].tolist(), other["clean"][0].tolist()
            relative = slow.relative_corruption_error(own[name].tolist(), clean[0], other[name].tolist(), clean[1])
            row = runs.loc[(run, name)]
            assert row["error"] == pytest.approx(expected)
            assert row["relative_error"] == pytest.approx(relative)
            assert row["relative_error_low"] < relative < row["relative_error_high"]
            each["error"].append(expected)
            each["relative_error"].append(relative)
        mean = runs.loc[(run, "mean")]
        assert mean["error"] == pytest.approx(np.mean(each["error"]))
        assert mean["relative_error"] == pytest.approx(np.mean(each["relative_error"]))
        assert (mean["corruptions"], mean["relative_left_out"]) == (4, 0)  # frost is apart
    noise = runs.loc[("p00", "noise")]
    assert noise["accuracy"] == pytest.approx(np.mean([study.right["p00"][n].mean() for n in FAITHFUL[2:]]))
    assert noise["drop"] == pytest.approx(noise["clean_accuracy"] - noise["accuracy"])
    assert pd.isna(runs.loc[("d0", "mean"), "error"])


def test_a_ratio_is_left_out_where_the_dense_models_lose_too_little() -> None:
    study = make(5)
    for run in study.right.values():
        run["contrast"] = np.repeat(run["clean"], SEVERITIES, axis=0)
    frames = study.analysed().frames
    runs = frames["corruption_robustness_runs"].set_index(["run_id", "corruption"])
    assert np.isnan(runs.loc[("p00", "contrast"), "relative_error"])
    mean = runs.loc[("p00", "mean")]
    kept = [runs.loc[("p00", n), "relative_error"] for n in FAITHFUL if n != "contrast"]
    assert mean["relative_left_out"] == 1
    assert mean["relative_error"] == pytest.approx(np.mean(kept))
    words = analysis.findings(study, frames)
    assert any("1 corruption left out in which the dense models lose too little to divide by" in w for w in words)


def test_a_model_that_has_collapsed_has_nothing_to_lose(study) -> None:
    arms = study.frames["corruption_robustness_arms"].set_index(["arm", "corruption"])
    row = arms.loc[("net · random · finetune · 0.9", "mean")]
    assert (row["collapsed"], row["runs"], row["kind"]) == (6, 6, "control")
    assert np.isnan(row["relative_error"])
    assert row["error"] > 1
    assert arms.loc[("net · magnitude · finetune · 0.9", "mean"), "collapsed"] == 0


def test_intervals_are_over_dense_models_seeds_and_images() -> None:
    study = make(5, seeds=2).analysed()
    table = study.frames["corruption_robustness_differences"]
    table = table.set_index(["arm", "corruption", "metric", "against"])
    order = sorted(range(N), key=lambda i: f"test:{i}")
    runs = sorted(r for r in study.right if r.startswith("p"))

    def drop(run: str, draws: bool) -> np.ndarray:
        clean = ~study.right[run]["clean"][0][order]
        wrong = np.stack([(~study.right[run][n]).sum(axis=0)[order] for n in FAITHFUL]).astype(np.uint8)
        if draws:
            return resampled_means(wrong, 300, 0).mean(axis=0) / SEVERITIES - resampled_means(clean[None], 300, 0)[0]
        return wrong.mean() / SEVERITIES - clean.mean()

    references = {"dense": "d", "retrained": "r", "control": "c"}
    for against, letter in references.items():
        others = [f"{letter}{r[1]}" if letter == "d" else letter + r[1:] for r in runs]
        each = [drop(a, False) - drop(b, False) for a, b in zip(runs, others, strict=True)]
        drawn = np.stack([drop(a, True) - drop(b, True) for a, b in zip(runs, others, strict=True)])
        expected = hierarchical_bootstrap(each, [r[1] for r in runs], resampled=drawn, seed=0)
        row = table.loc[("net · magnitude · finetune · 0.9", "mean", "drop", against)]
        got = row[["difference", "low", "high"]].to_numpy(float)
        assert got == pytest.approx([expected.mean, expected.low, expected.high], abs=1e-9)
        assert (row["runs"], row["dense_models"], row["images"]) == (10, 5, N)
    squared = table.loc[("net · magnitude · finetune · 0.9", "mean", "squared_error", "dense")]
    assert squared["low"] < squared["difference"] < squared["high"]


def test_few_dense_models_give_no_interval() -> None:
    study = make(3).analysed()
    table = study.frames["corruption_robustness_differences"]
    assert table["low"].isna().all()
    assert study.frames["corruption_robustness_arms"]["relative_error_low"].isna().all()
    assert any("fewer than 5 dense models give no interval" in w for w in said(study))


def test_corruptions_that_fail_the_same_images_are_found(study) -> None:
    corruptions = study.frames["corruption_robustness_corruptions"].set_index("corruption")
    pairs = study.frames["corruption_robustness_pairs"]
    images = pairs[pairs["over"] == "images"].set_index(["corruption", "other"])
    assert len(images) == 10
    each = []
    for m in range(6):
        right = study.right[f"d{m}"]
        kept = right["clean"][0]
        fog, contrast = ((~right[n]).sum(axis=0)[kept].tolist() for n in ("fog", "contrast"))
        each.append(slow.pearson(fog, contrast))
    # The catalogue's order: fog before contrast.
    row = images.loc[("fog", "contrast")]
    assert row["correlation"] == pytest.approx(np.mean(each))
    assert row["low"] < row["correlation"] < row["high"]
    assert row["n"] == min(int(study.right[f"d{m}"]["clean"].sum()) for m in range(6))
    assert corruptions.loc["fog", "nearest"] == "contrast"
    assert corruptions.loc["fog", "cluster"] == corruptions.loc["contrast", "cluster"]
    assert corruptions.loc["fog", "cluster"] != corruptions.loc["gaussian_noise", "cluster"]
    assert abs(corruptions.loc["fog", "place"] - corruptions.loc["contrast", "place"]) == 1
    assert sorted(corruptions["place"]) == [0, 1, 2, 3, 4]


def test_corruptions_that_fail_too_few_images_are_not_compared() -> None:
    study = make(5)
    for run in study.right.values():
        run["contrast"] = np.repeat(run["clean"], SEVERITIES, axis=0)
        run["contrast"][:, :9] = False
    frames = study.analysed().frames
    pairs = frames["corruption_robustness_pairs"]
    own = pairs[(pairs["over"] == "images") & ((pairs["corruption"] == "contrast") | (pairs["other"] == "contrast"))]
    assert own["correlation"].isna().all()
    assert (own["dense_models"] == 0).all()
    row = frames["corruption_robustness_corruptions"].set_index("corruption").loc["contrast"]
    assert pd.isna(row["nearest"])
    assert row["cluster_size"] == 1
    words = analysis.findings(study, frames)
    assert "Too few images fail to compare contrast: fewer than 10 in each dense model." in words


def test_corruptions_are_compared_over_the_models_of_each_dense_model() -> None:
    study = make(6, seeds=2).analysed()
    pairs = study.frames["corruption_robustness_pairs"]
    models = pairs[pairs["over"] == "models"].set_index(["corruption", "other"])
    assert len(models) == 15  # with the clean images
    each = []
    for m in range(6):  # without the random controls, which are worst under everything
        ids = [f"d{m}", *(f"{kind}{m}{s}" for kind in "rp" for s in range(2))]
        a, b = ([float(study.right[r][n].mean()) for r in ids] for n in ("gaussian_noise", "clean"))
        each.append(slow.pearson(slow.ranks(a), slow.ranks(b)))
    row = models.loc[("gaussian_noise", "clean")]
    assert row["correlation"] == pytest.approx(np.mean(each))
    assert (row["n"], row["dense_models"]) == (5, 6)
    few = make(5, retrained=False).analysed().frames["corruption_robustness_pairs"]
    assert set(few["over"]) == {"images"}  # two models of one dense model are not ranked


def test_images_are_told_by_how_much_they_survive(study) -> None:
    images = study.frames["corruption_robustness_images"].set_index(["kind", "sample_id"])
    assert len(images) == 4 * N
    row = images.loc[("pruned", "test:7")]
    share = {n: np.mean([study.right[f"p{m}0"][n][:, 7].mean() for m in range(6)]) for n in FAITHFUL}
    assert row["survival"] == pytest.approx(np.mean(list(share.values())))
    assert row["worst_survival"] == pytest.approx(min(share.values()))
    assert share[row["worst"]] == pytest.approx(min(share.values()))
    assert row["clean"] == pytest.approx(np.mean([study.right[f"p{m}0"]["clean"][0, 7] for m in range(6)]))


def test_the_order_of_runs_says_nothing() -> None:
    one, other = make(5), make(5)
    other.rows, other.right = other.rows[::-1], dict(reversed(list(other.right.items())))
    got = analysis.measure(other)
    for name, frame in analysis.measure(one).items():
        key = [
            c for c in ("arm", "run_id", "corruption", "other", "over", "severity", "metric", "against") if c in frame
        ]
        key += [c for c in ("kind", "sample_id") if c in frame]
        left, right = (f.sort_values(key, ignore_index=True) for f in (frame, got[name]))
        pd.testing.assert_frame_equal(left, right)


def test_what_was_not_looked_at_is_left_out_and_counted() -> None:
    study = make(2)
    del study.right["p10"]["fog"]
    study.rows.append({**study.rows[-1], "run_id": "x", "name": "x", "status": "failed"})
    frames = analysis.measure(study)
    assert "p10" not in set(frames[CELLS.name]["run_id"])
    words = analysis.findings(study, frames)
    assert "1 run is left out: failed." in words
    assert any(w.startswith("1 run left out: not looked at under every corruption") for w in words)


def test_nothing_seen_gives_empty_tables() -> None:
    study = make(1)
    study.right = {}
    frames = analysis.measure(study)
    assert all(f.empty for f in frames.values())
    assert analysis.findings(study, frames)


def test_a_sample_seen_twice_is_named() -> None:
    study = make(1)
    once = study.table
    study.table = lambda name, run_ids=None: pd.concat([once(name), once(name)])  # type: ignore[method-assign]
    with pytest.raises(DataError, match="holds an image of a run twice"):
        analysis.measure(study)


def test_one_corruption_alone_is_enough() -> None:
    study = make(5)
    study.right = {r: {n: own[n] for n in ("clean", "frost")} for r, own in study.right.items()}
    frames = study.analysed().frames
    assert set(frames["corruption_robustness_arms"]["scope"]) == {"corruption"}
    assert frames["corruption_robustness_images"].empty  # frost alone tells nothing of images
    assert "under frost" in said(study)[0]


def test_retraining_is_seldom_called_different_from_retraining() -> None:
    """20 studies in one, each with a model of its own: the pruned models are drawn as the retrained ones are."""
    study = make(5, nets=20, harm=0.0, options=CorruptionRobustness(resamples=200))
    frames = study.analysed().frames
    table = frames["corruption_robustness_differences"]
    table = table[
        (table["method"] == "magnitude") & (table["against"] == "retrained") & (table["corruption"] == "mean")
    ]
    assert len(table) == 20 * 3
    limit = 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 20)
    wrong = (table["low"] > 0) | (table["high"] < 0)
    assert wrong.groupby(table["metric"]).mean().max() <= limit
    arms = frames["corruption_robustness_arms"]
    arms = arms[(arms["kind"] == "retrained") & (arms["corruption"] == "mean")]
    away = (arms["relative_error_low"] > 1) | (arms["relative_error_high"] < 1)
    assert away.mean() <= limit


# -- the sentences


def test_what_corruption_takes_is_told_with_what_varied(study) -> None:
    words = said(study)
    assert words[0].startswith("net · dense: ")
    assert "of 240 images right uncorrupted" in words[0]
    assert "under 4 corruptions, mean over severities (6 models); worst fog (63.7 %), mildest" in words[0]
    arm = next(w for w in words if w.startswith("net · magnitude · finetune · 0.9"))
    assert "(6 runs of 6 dense models). Against dense: accuracy −" in arm
    assert "relative corruption error 1." in arm
    assert "not told from 1" not in arm
    assert "Retraining alone set aside, loss to corruption +" in arm
    assert "Squared calibration error under corruption +0." in arm
    assert "Against random pruning, accuracy +" in arm
    retrained = next(w for w in words if w.startswith("net · dense · finetune"))
    assert "none detected" in retrained
    assert any(w.startswith("Frost stands apart") for w in words)
    alike = next(w for w in words if "by the images that they fail" in w)
    assert "these are alike, with a mean correlation of 0.6 or more" in alike
    images = next(w for w in words if "images are right in every one of 6 dense models" in w)
    assert "the most fragile tenth survives" in images


def test_a_single_run_has_its_own_intervals() -> None:
    study = make(1).analysed()
    arm = next(w for w in said(study) if w.startswith("net · magnitude"))
    assert "Against dense over test images, for these models alone: accuracy −" in arm
    runs = study.frames["corruption_robustness_runs"].set_index(["run_id", "corruption"])
    row = runs.loc[("p00", "mean")]
    assert row["accuracy_difference_low"] < row["accuracy_difference"] < row["accuracy_difference_high"] < 0
    assert row["drop_difference"] == pytest.approx(row["drop"] - runs.loc[("d0", "mean"), "drop"])
    assert row["drop_difference_low"] < row["drop_difference"] < row["drop_difference_high"]
    assert "fewer than 5 dense models give no interval" in arm  # beyond retraining alone


def test_tables_read_back_from_a_store_say_the_same(study) -> None:
    back = {
        s.name: pa.Table.from_pandas(study.frames[s.name], schema=s.arrow(), preserve_index=False).to_pandas()
        for s in analysis.schemas
    }
    assert analysis.findings(study, back) == analysis.findings(study, study.frames)


# -- from end to end


def test_the_quick_study_from_end_to_end(tmp_path) -> None:
    result = read_study(find_study("corruption_robustness"), quick=True).result(
        tmp_path / "s", executor="inline", device="cpu"
    )
    assert not result.failed
    cells = result.study.table(CELLS.name)
    assert len(cells) == 4 * (1 + 19 * 5)
    assert (cells["images"] == 250).all()
    clean = cells[cells["severity"] == 0].set_index("run_id")["accuracy"]
    samples = result.study.table("samples")
    chosen = set(result.study.table("corruption_robustness_images")["sample_id"])
    own = samples[samples["sample_id"].isin(chosen)]
    expected = (own["label"] == own["prediction"]).groupby(own["run_id"], observed=True).mean()
    assert clean.to_dict() == pytest.approx(expected.to_dict())
    assert "of 250 images right uncorrupted" in result.study.findings()["corruption_robustness"][0]
