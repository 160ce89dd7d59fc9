from __future__ import annotations

import time
from contextlib import suppress

import pytest

from pruneviz.core.errors import Cancelled
from pruneviz_analyses.meanwhile import telling


def test_a_long_call_that_tells_nothing_is_told_of_and_can_be_cancelled():
    told = []

    def tell():
        told.append(time.monotonic())
        if len(told) in (2, 3):
            raise Cancelled("stopped")

    def long_call():
        end = time.monotonic() + 30
        with telling(tell):
            with suppress(Cancelled):  # as a compiler may
                while time.monotonic() < end:
                    time.sleep(0.01)
            while time.monotonic() < end:
                time.sleep(0.01)

    with pytest.raises(Cancelled):
        long_call()
    assert len(told) == 3
    with telling(tell):  # nothing is left over for what comes later
        time.sleep(0.7)
    assert len(told) == 4
