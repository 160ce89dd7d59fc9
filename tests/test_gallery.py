"""The gallery has every picture, with the lines that make it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pruneviz.shipped import find_study
from pruneviz.views.pictures import OF_ANALYSIS, PICTURES

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def gallery() -> Any:
    spec = importlib.util.spec_from_file_location("build_gallery", DOCS / "build_gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # its dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_every_picture_is_there_once_with_its_image(gallery: Any) -> None:
    shown = [name for section in gallery.SECTIONS for name in section.pictures]
    assert sorted(shown) == sorted(PICTURES), "list it in docs/build_gallery.py, and run that"
    for name in shown:
        with Image.open(DOCS / "gallery" / f"{name}.png") as image:
            assert image.width > 300
    assert sum(f.stat().st_size for f in (DOCS / "gallery").glob("*.png")) < 1.6e6


def test_the_page_is_what_the_script_writes(gallery: Any) -> None:
    assert (DOCS / "gallery.md").read_text("utf-8") == gallery.page(), "python docs/build_gallery.py --page"


def test_pictures_stand_with_the_study_that_measures_them(gallery: Any) -> None:
    for section in gallery.SECTIONS:
        assert find_study(section.study).is_file()
        for name, line in section.pictures.items():
            assert line.startswith(f"pv.views.{name}(study")
            analyses = {a for a, names in OF_ANALYSIS.items() if name in names}
            assert all(section.study.startswith(a) for a in analyses) or section.study == "demo"
