"""What is said twice agrees: versions, dependencies and their pins."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import pruneviz

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=!~ ;]", requirement)[0].lower().replace("_", "-")


def pins() -> dict[str, str]:
    lines = (line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name_of(name): version for name, version in pairs}


def test_one_version() -> None:
    assert PROJECT["version"] == pruneviz.__version__ == metadata.version("pruneviz")
    assert f"version: {pruneviz.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_dependency_is_pinned() -> None:
    named = [*PROJECT["dependencies"], *(r for extra in PROJECT["optional-dependencies"].values() for r in extra)]
    own_way = {"pruneviz", "mlflow"}  # mlflow asks for an older pyarrow than the pinned one: installed without the pins
    assert {name_of(r) for r in named} - own_way <= pins().keys()


def test_no_pin_names_a_build() -> None:
    assert [v for v in pins().values() if "+" in v] == []


@pytest.mark.parametrize("name", sorted({name_of(r) for r in PROJECT["dependencies"]}))
def test_what_runs_here_is_what_is_pinned(name: str) -> None:
    assert metadata.version(name).partition("+")[0] == pins()[name]


def test_the_packages_carry_their_types() -> None:
    assert (Path(pruneviz.__file__).parent / "py.typed").is_file()
