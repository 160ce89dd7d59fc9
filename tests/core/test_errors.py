"""Errors: what they say, and where."""

from __future__ import annotations

import pytest

from pruneviz.core.errors import ModelError, SpecError, located


def test_a_place_is_put_before_the_text_once() -> None:
    with pytest.raises(ModelError) as caught, located("mine.toml"), located("model 'a'"), located("model 'a'"):
        raise ModelError("it fails")
    assert str(caught.value) == "mine.toml: model 'a': it fails"


def test_the_place_of_a_value_follows_and_nothing_else_is_touched() -> None:
    with pytest.raises(SpecError) as caught, located("mine.toml"):
        raise SpecError("[train] lr", -1, "number > 0", "Raise it.")
    assert str(caught.value) == "mine.toml: [train] lr: got -1; allowed: number > 0. Raise it."
    assert caught.value.where == "mine.toml: [train] lr"
    with pytest.raises(ValueError, match=r"^mine$"), located("mine.toml"):
        raise ValueError("mine")
    with pytest.raises(ModelError, match=r"^it fails$"), located(""):
        raise ModelError("it fails")
