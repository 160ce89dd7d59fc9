from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from featured import SIDE, data, net, seen, trained
from references import geometry_slow as slow
from torch import nn

from pruneviz.core.errors import Unsupported
from pruneviz.data.corruptions import corrupt
from pruneviz.models.heads import find_head
from pruneviz_analyses.arrays import spread_order
from pruneviz_analyses.feature_geometry import FeatureGeometry

ON = data()
RUN = pd.DataFrame({"run_id": ["r"], "name": ["r"]})


def looked(given, on=ON, told=lambda *at: None, **options):
    analysis = FeatureGeometry(**options)
    return analysis.observe([seen(given, on)], analysis.observations(RUN)[0].part, told)


# -- what is written of one run


def test_every_sample_agrees_with_the_definition_and_its_sign_with_the_networks_decision():
    given, told = trained(net(), ON, 15), []
    found = looked(given, told=lambda *at: told.append(at), traced=7)
    samples, w = found["feature_geometry_samples"], given[3].weight.detach().double().tolist()
    b = given[3].bias.detach().double().tolist()
    with torch.no_grad():
        x = ON.preprocess(ON.test.images)
        features, logits = given[:3](x).double().tolist(), given(x)
    by_id = samples.set_index("sample_id")
    for i, (sample, y) in enumerate(zip(ON.test.ids, ON.test.labels, strict=True)):
        row = by_id.loc[sample]
        expected, rival = slow.margin(features[i], w, b, y)
        assert row["angle"] == pytest.approx(slow.angle(features[i], w[y]), abs=1e-6)
        assert row["norm"] == pytest.approx(slow.length(features[i]))
        assert (row["margin"], row["rival"]) == pytest.approx((expected, rival), abs=1e-6)
        assert (row["margin"] > 0) == (int(logits[i].argmax()) == y) == (row["prediction"] == row["label"])
    row = found["feature_geometry_seen"].iloc[0]
    assert row["margin_scaled"] == pytest.approx(samples["margin"].mean() / samples["norm"].mean())
    assert (row["features"], row["dimensions"], row["undefined"]) == ("input of 3", 12, 0)
    assert row["between_share"] == pytest.approx(slow.share_between(features, ON.test.labels.tolist()))
    each = found["feature_geometry_classes"].set_index("label")
    for k in range(4):
        own = slow.own_of(features, ON.test.labels.tolist(), k)
        assert each.loc[k, "spread"] == pytest.approx(slow.spread(own))
        assert each.loc[k, "margin"] == pytest.approx(samples.loc[samples["label"] == k, "margin"].mean())
    pairs = found["feature_geometry_pairs"].set_index(["label", "class"])
    expected = np.mean([slow.angle(v, w[3]) for v, y in zip(features, ON.test.labels, strict=True) if y == 1])
    assert pairs.loc[(1, 3), "angle"] == pytest.approx(expected)
    assert pairs["predicted"].sum() == 60
    angles = found["feature_geometry_angles"]
    assert len(angles) == 7 * 4
    i = ON.test.ids.tolist().index(angles["sample_id"].iloc[0])
    assert angles["angle"].iloc[2] == pytest.approx(slow.angle(features[i], w[2]), abs=1e-6)
    assert [d for d, _ in told] == sorted(d for d, _ in told)
    assert told[-1][0] <= told[-1][1]


def test_corrupted_images_are_those_of_corrupt_and_the_same_for_every_run():
    given = trained(net(), ON, 15)
    found = looked(given, corruptions=("contrast",), severities=(2, 4), seed=3)["feature_geometry_samples"]
    assert found["condition"].unique().tolist() == ["clean", "contrast 2", "contrast 4"]
    images = corrupt(ON.test.images, "contrast", 4, sample_ids=ON.test.ids, seed=3)
    with torch.no_grad():
        norm = given[:3](ON.preprocess(images)).norm(dim=1).numpy()
    own = found[found["condition"] == "contrast 4"].set_index("sample_id").loc[ON.test.ids]
    assert own["norm"].to_numpy() == pytest.approx(norm, rel=1e-5)


def test_of_many_classes_only_the_nearest_angles_are_kept_and_the_true_one():
    on = data(n=60, classes=30)
    found = looked(net(30), on, top=3, traced=10)
    assert len(found["feature_geometry_pairs"]) == 30 * 4
    angles = found["feature_geometry_angles"]
    assert len(angles) == 10 * 4
    assert angles.groupby("sample_id")[["label", "class"]].apply(lambda f: (f["label"] == f["class"]).any()).all()


def test_fewer_samples_are_spread_over_the_classes():
    on = data(n=60, classes=4)
    found = looked(net(), on, samples=10)["feature_geometry_samples"]
    assert sorted(found["label"].value_counts().tolist()) == [2, 2, 3, 3]
    order = spread_order(on.test.labels, 0)
    assert sorted(order) == list(range(60))
    assert set(found["sample_id"]) == {f"test:{i}" for i in order[:10]}
    assert spread_order(on.test.labels, 1).tolist() != order.tolist()
    uneven = np.array([2, 0, 0, 0, 2])
    assert sorted(uneven[spread_order(uneven, 0)][:4]) == [0, 0, 2, 2]


# -- features that are not there


def test_features_that_do_not_vary_are_named():
    given = trained(net(), ON, 15)
    with torch.no_grad():
        given[1].weight[:5] = 0
        given[1].bias[:5] = 1
    row = looked(given)["feature_geometry_seen"].iloc[0]
    assert (row["constant_features"], row["constant_metrics"], row["undefined"]) == (5, "", 0)
    with torch.no_grad():
        given[1].weight[:] = 0
        given[1].bias[:] = 1
    row = looked(given)["feature_geometry_seen"].iloc[0]
    assert row["constant_features"] == 12
    assert "norm" in row["constant_metrics"]
    assert np.isnan(row["between_share"])


def test_dead_features_have_no_angle_and_that_is_counted():
    given = trained(net(), ON, 15)
    with torch.no_grad():
        given[1].bias[:] = -1e6
    found = looked(given)
    row = found["feature_geometry_seen"].iloc[0]
    assert row["undefined"] == 60
    assert np.isnan(row["angle"])
    assert row["norm"] == 0
    assert found["feature_geometry_samples"]["angle"].isna().all()
    assert found["feature_geometry_samples"]["margin"].notna().all()  # the biases decide
    assert found["feature_geometry_angles"].empty


def test_features_that_are_no_numbers_are_named_and_left_out_of_means():
    x = ON.preprocess(ON.test.images).flatten(1)
    pixel = int((x.argmax(dim=0) > 10).nonzero()[0])
    second, most = x[:, pixel].sort().values[-2:]

    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(64, 4)

        def forward(self, x):
            x = x.flatten(1)
            bad = x[:, pixel : pixel + 1] > (second + most) / 2
            return self.head(torch.where(bad, torch.full_like(x, float("nan")), x))

    torch.manual_seed(0)
    found = looked(Sometimes())
    row, samples = found["feature_geometry_seen"].iloc[0], found["feature_geometry_samples"].set_index("sample_id")
    assert row["undefined"] == 1
    assert np.isfinite([row["angle"], row["norm"], row["margin"], row["between_share"]]).all()
    bad = samples.loc[f"test:{int(x[:, pixel].argmax())}"]
    assert bad[["angle", "norm", "margin", "rival"]].isna().all()
    assert bad["prediction"] == -1


def test_classes_that_have_lost_their_weights_are_counted():
    given = trained(net(), ON, 15)
    with torch.no_grad():
        given[3].weight[:2] = 0
        given[3].bias[:2] = torch.tensor([0.5, 0.0])
    found = looked(given, images=("test:0", "test:1"))
    row, samples = found["feature_geometry_seen"].iloc[0], found["feature_geometry_samples"]
    assert (row["dead_classes"], row["undefined"]) == (2, 30)
    assert samples.loc[samples["label"] < 2, "angle"].isna().all()
    assert samples.loc[samples["label"] == 1, "margin"].isna().all()  # never taken for what it is: no way leads there
    first = samples[samples["label"] == 0]
    assert ((first["margin"] > 0) == (first["prediction"] == 0)).all()
    sensitivity = found["feature_geometry_sensitivity"].groupby("sample_id")["value"]
    assert sensitivity.count().to_dict() == {"test:0": 64 + 64, "test:1": 0}


def test_a_classifier_without_any_weight_is_looked_at_and_refused_only_before_anything_starts():
    given = trained(net(), ON, 15)
    with torch.no_grad():
        given[3].weight[:] = 0
    row = looked(given)["feature_geometry_seen"].iloc[0]
    assert (row["dead_classes"], row["undefined"]) == (4, 60)
    with pytest.raises(Unsupported, match="does not change the logits"):
        find_head(seen(given, ON))


def test_where_all_features_are_nan_that_is_said():
    given = net()
    model = seen(given, ON)
    with torch.no_grad():
        given[1].weight[:] = float("nan")
    analysis = FeatureGeometry()
    with pytest.raises(Unsupported, match="is NaN or infinite for each of the first 6 test images"):
        analysis.observe([model], analysis.observations(RUN)[0].part, lambda *at: None)


# -- what a metric depends on


@pytest.mark.parametrize("metric", ["angle", "norm", "margin"])
def test_gradients_agree_with_small_steps(metric):
    given = trained(net(), ON, 15)
    found = looked(given, attributed=2, sensitivity=metric)["feature_geometry_sensitivity"]
    own = found[found["kind"] == "gradient"]
    assert (own.groupby("sample_id").size() == SIDE * SIDE).all()
    sample = own["sample_id"].iloc[0]
    i = ON.test.ids.tolist().index(sample)
    exact, y = copy.deepcopy(given).double(), int(ON.test.labels[i])
    w, b = exact[3].weight.tolist(), exact[3].bias.tolist()
    image = ON.preprocess(ON.test.images[i : i + 1]).double()

    def value(x):
        features = exact[:3](x)[0].tolist()
        angle, norm = slow.angle(features, w[y]), slow.length(features)
        return {"angle": angle, "norm": norm, "margin": slow.margin(features, w, b, y)[0]}[metric]

    mine = own[own["sample_id"] == sample].set_index(["row", "column"])["value"]
    for place in ((0, 0), (3, 2), (7, 7)):
        step = torch.zeros_like(image)
        step[0, 0, place[0], place[1]] = 1e-5
        slope = (value(image + step) - value(image - step)) / 2e-5
        assert mine[place] == pytest.approx(abs(slope), abs=1e-4, rel=1e-3)


def test_hiding_a_square_is_what_it_says():
    given = trained(net(), ON, 15)
    found = looked(given, attributed=0, images=("test:7",), patch=0.25, grid=4, sensitivity="norm")
    own = found["feature_geometry_sensitivity"]
    own = own[own["kind"] == "occlusion"].set_index(["row", "column"])
    assert len(own) == 16
    assert set(own["sample_id"]) == {"test:7"}
    assert (own[["height", "width"]] == 2).to_numpy().all()
    image = ON.preprocess(ON.test.images[7:8])
    with torch.no_grad():
        whole = float(given[:3](image).norm())
        image[0, 0, 2:4, 4:6] = 0
        assert own.loc[(2, 4), "value"] == pytest.approx(whole - float(given[:3](image).norm()), abs=1e-5)
