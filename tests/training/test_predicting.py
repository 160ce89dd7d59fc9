"""Outputs of a network."""

from __future__ import annotations

import numpy as np
import own_models
import pytest
import torch
from small_images import small

from pruneviz.training import predict

DATA = small()


@pytest.mark.parametrize("batch_size", [1, 4, 15, 500])
def test_logits_are_those_of_the_network_whatever_the_batch(batch_size: int) -> None:
    net = own_models.tiny(norm=True).eval()
    logits = predict(net, DATA.test.images, DATA.preprocess, batch_size=batch_size)
    with torch.no_grad():
        expected = net(DATA.preprocess(DATA.test.images))
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


def test_the_network_is_left_as_it_was() -> None:
    net = own_models.tiny(norm=True).train()
    net[1].eval()
    before = {k: t.clone() for k, t in net.state_dict().items()}
    predict(net, DATA.test.images, DATA.preprocess)
    assert [m.training for m in net][:3] == [True, False, True]
    assert all(torch.equal(t, before[k]) for k, t in net.state_dict().items())
    net(DATA.preprocess(DATA.test.images)).sum().backward()  # its weights are no inference tensors


def test_dropout_is_off() -> None:
    net = torch.nn.Sequential(torch.nn.Dropout(0.9), own_models.tiny()).train()
    first = predict(net, DATA.test.images, DATA.preprocess)
    assert np.array_equal(first, predict(net, DATA.test.images, DATA.preprocess))
