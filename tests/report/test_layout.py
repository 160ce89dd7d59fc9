"""What an author decides in a layout, and how mistakes in one are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from reportable import Reportable

from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.report import Layout, Wanted, read_layout, write_report
from pruneviz.report.compose import Composed, compose
from pruneviz.report.content import Note, Pictures
from pruneviz.report.html import render
from pruneviz.report.story import SECTIONS

WHOLE = """
title = "Our paper"
question = "Does it <b>hold</b>?"
models = ["%s"]
selection = ["test:3", "test:5"]
sections = [
    "answer",
    { title = "Setup", text = "One paragraph with `code`.\\n\\nAnother one.", pictures = ["tradeoff"] },
    { name = "cost", title = "What it costs us", text = "See below." },
    "run",
]
"""


@pytest.fixture(scope="module")
def study() -> Reportable:
    return Reportable(methods=2, replicates=2, samples=40)


def composed(study: Reportable, tmp_path: Path, text: str) -> Composed:
    file = tmp_path / "layout.toml"
    file.write_text(text, "utf-8")
    return compose(study, Wanted(layout=read_layout(file), layout_file=file.name), ".pdf")


def test_an_author_decides_words_models_selection_sections_and_order(study: Reportable, tmp_path: Path) -> None:
    name = study.runs["name"].iloc[5]
    found = composed(study, tmp_path, WHOLE % name)
    report = found.report
    assert report.title == "Our paper"
    assert report.question == "Does it <b>hold</b>?"
    assert report.compared == (study.runs["dense_run_id"].iloc[5], study.runs["run_id"].iloc[5])
    assert found.choice.samples == ("test:3", "test:5")
    assert [s.title for s in report.sections] == ["What was found", "Setup", "What it costs us", "What was run"]
    own = report.sections[1].blocks
    assert [b.text for b in own if isinstance(b, Note)] == ["One paragraph with `code`.", "Another one."]
    assert [p.name for b in own if isinstance(b, Pictures) for p in b.pictures] == ["tradeoff"]
    first, *told = report.sections[2].blocks
    assert isinstance(first, Note)
    assert first.text == "See below."
    assert any(isinstance(b, Pictures) for b in told)
    assert any(t.startswith("Left out by the report's author: ") and "models compared" in t for t in report.left_out)
    page = render(found, lambda what: None).html
    assert "Does it &lt;b&gt;hold&lt;/b&gt;?" in page
    assert "--layout layout.toml" in page


def test_a_selection_is_what_the_pictures_are_about(study: Reportable, tmp_path: Path) -> None:
    found = composed(study, tmp_path, 'selection = ["test:3"]')
    flips = next(p for p in found.report.pictures if p.name == "flips")
    assert "1 selected image of 40" in flips.subtitle
    scatter = next(p for p in found.report.pictures if p.name.startswith("sample_scatter"))
    assert scatter.frames[0].selected == ("test:3",)
    rule = '[selection]\nof = "samples"\nrule = { column = "label", values = ["Trouser"] }'
    labels = study.table("samples").drop_duplicates("sample_id").set_index("sample_id")["label"]
    assert set(composed(study, tmp_path, rule).choice.samples) == set(labels.index[labels == 1])


def test_without_a_layout_nothing_changes(study: Reportable, tmp_path: Path) -> None:
    bare, empty = compose(study, Wanted(), ".pdf").report, composed(study, tmp_path, "").report
    assert [s.name for s in bare.sections] == [s.name for s in empty.sections]
    assert {s.name for s in bare.sections} <= set(SECTIONS)
    assert (bare.title, bare.question, bare.left_out) == (empty.title, empty.question, empty.left_out)
    assert Layout() == read_layout(tmp_path / "layout.toml")


def test_sections_without_anything_are_named(tmp_path: Path) -> None:
    found = composed(Reportable(replicates=0, samples=0, methods=0), tmp_path, 'sections = ["images", "run"]')
    assert [s.name for s in found.report.sections] == ["run"]
    assert any("asks for images" in t for t in found.report.left_out)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("titel = 'x'", ["layout.toml", "'titel'", "title"]),
        ("sections = ['anwser']", ["sections[0]", "'anwser'", "Did you mean 'answer'"]),
        ("sections = [{ text = 'x' }]", ["sections[0]", "title of one of your own"]),
        ("sections = ['run', 'run']", ["each section once"]),
        ("sections = []", ["sections", "list of sections"]),
        ("sections = [{ title = 'x', pictures = ['tradeof'] }]", ["pictures", "'tradeof'", "tradeoff"]),
        ("models = 'one'", ["models", "Write ['one']"]),
        ("models = ['nothing']", ["'nothing'", "fits no run"]),
        ("selection = ['test:9999']", ["test:9999", "test samples"]),
        ("selection = 'saved'", ["'saved'"]),
        ("selection = 3", ["selection", "list of sample ids"]),
        ("[selection]\nof = 'runs'\nrule = { ids = ['x'] }", ["selection of test samples"]),
        ("title = ", ["layout.toml", "is not TOML"]),
    ],
)
def test_mistakes_are_told_with_their_place(study: Reportable, tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(PrunevizError) as e:
        composed(study, tmp_path, text)
    assert all(w in str(e.value) for w in words), str(e.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_layout(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"title = '\xe4'")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_layout(tmp_path / "latin.toml")


def test_names_in_own_words_are_escaped(study: Reportable, tmp_path: Path) -> None:
    (tmp_path / "l.toml").write_text('sections = [{ title = "<i>T</i> \\\\cmd #1", text = "50 % & <script>" }]')
    layout = read_layout(tmp_path / "l.toml")
    pages = {
        e: write_report(study, tmp_path / f"r{e}", Wanted(layout=layout)).path.read_text("utf-8")
        for e in (".md", ".tex")
    }
    assert r"\section{\textless{}i\textgreater{}T\textless{}/i\textgreater{} \textbackslash{}cmd \#1}" in pages[".tex"]
    assert r"50 \% \& \textless{}script\textgreater{}" in pages[".tex"]
    assert "&lt;script&gt;" in pages[".md"]
