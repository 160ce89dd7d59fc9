"""The explorer in a window of its own, with a stand-in for pywebview: no screen is needed."""

from __future__ import annotations

import sys
import types
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from synthetic import SyntheticTables

from pruneviz.core.errors import UsageError
from pruneviz_apps import window
from pruneviz_apps.cli import main

Elsewhere = Callable[[Callable[[], Any]], Any]


class Stand(types.ModuleType):
    """What of pywebview is used: closing the window at once, after a look at what it shows."""

    class WebViewException(Exception):  # pywebview's name
        pass

    def __init__(self, broken: bool = False) -> None:
        super().__init__("webview")
        self.settings: dict[str, Any] = {}
        self.broken = broken
        self.shown: list[str] = []
        self.address = ""

    def create_window(self, title: str, url: str, **size: Any) -> None:
        assert title == "pruneviz"
        self.address = url

    def start(self) -> None:
        if self.broken:
            raise self.WebViewException("You must have either QT or GTK")
        with urllib.request.urlopen(self.address, timeout=60) as page:
            self.shown.append(page.read().decode())


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    found = Stand()
    monkeypatch.setitem(sys.modules, "webview", found)
    monkeypatch.setenv("DISPLAY", ":0")
    return found


def test_the_window_shows_the_explorer_and_its_end_is_the_servers(
    stand: Stand, capsys: pytest.CaptureFixture[str], elsewhere: Elsewhere
) -> None:
    elsewhere(lambda: window.serve(lambda: SyntheticTables(samples=20, replicates=1, methods=1), port=0))
    assert "<title>" in stand.shown[0]
    assert stand.address.startswith("http://127.0.0.1:")
    assert stand.address in capsys.readouterr().out
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(stand.address, timeout=5)


def test_without_pywebview_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "webview", None)
    assert main(["app", "nowhere", "--window"]) == 2
    assert "pip install 'pruneviz[window]'" in capsys.readouterr().err


def test_without_a_screen_or_a_toolkit_it_says_so(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], elsewhere: Elsewhere
) -> None:
    stand.broken = True
    with pytest.raises(UsageError, match="cannot open a window: You must have either QT or GTK"):
        elsewhere(lambda: window.serve(lambda: SyntheticTables(samples=20, replicates=1, methods=1), port=0))
    assert main(["app", "nowhere", "--window", "--ui", "streamlit"]) == 2
    assert "--window: got --ui streamlit beside it" in capsys.readouterr().err
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["app", "nowhere", "--window"]) == 2
    assert "there is no screen here" in capsys.readouterr().err
