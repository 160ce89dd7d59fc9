"""Reports for paper: PDF, Markdown and LaTeX tell the same story with the store's numbers, and no name is obeyed."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from pypdf import PdfReader
from reportable import Reportable
from synthetic import HOSTILE

from pruneviz.core.errors import UsageError
from pruneviz.report import Wanted, write_report
from pruneviz.report.compose import compose
from pruneviz.report.content import Note, Pictures, Report, Section, Sentences, Table
from pruneviz.report.latex import latex
from pruneviz.report.markdown import escaped, markdown
from pruneviz.report.paper import Paper, on_paper
from pruneviz.report.pdf import pdf as pdf_of
from pruneviz.report.tex import tex
from pruneviz.report.writing import ENDINGS, write_file
from pruneviz.views.marks import Picture
from pruneviz.views.matplotlib_renderer import PaperFigure

EVIL = "\\input{/etc/passwd} $x$ %comment & #1 _a^b~ {|} `whoami` <b onload=x> [l](javascript:x) @someone ![i](x) | 剪"
PRINTED = [e for e in ENDINGS if e != ".html"]


def hostile_study() -> Reportable:
    more: dict[str, Any] = {"prune": {"methods": ["magnitude"], "sparsities": [0.5], "exclude": [EVIL]}}
    return Reportable(
        hostile=True, methods=2, replicates=1, samples=60, failed=1, warned=(EVIL,), told=(EVIL,), more=more
    )


def flat(text: str) -> str:
    return re.sub(r"[\s\u2060]+", " ", text.replace("\ufffd", ""))


@pytest.fixture(scope="module")
def study() -> Reportable:
    return Reportable(methods=3, replicates=2, samples=120, failed=1, told=("Found out: 12.5 % of it.",))


def printed(study: Reportable, folder: Path, name: str = "r") -> dict[str, Path]:
    """The report in all formats for paper, its pictures drawn once."""
    paper = on_paper(compose(study, Wanted(), ".pdf"))
    files = {f"{name}.pdf": pdf_of(paper), **markdown(paper, f"{name}.md"), **latex(paper, f"{name}.tex")}
    for file, data in files.items():
        write_file(folder / file, data)
    return {e: folder / f"{name}{e}" for e in PRINTED}


@pytest.fixture(scope="module")
def report(study: Reportable) -> Report:
    return compose(study, Wanted(), ".pdf").report


@pytest.fixture(scope="module")
def comparison(report: Report) -> Table:
    return next(b for s in report.sections for b in s.blocks if isinstance(b, Table) and b.name == "comparison")


@pytest.fixture(scope="module")
def written(study: Reportable, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return printed(study, tmp_path_factory.mktemp("reports"), "our report")


@pytest.fixture(scope="module")
def pdf(written: dict[str, Path]) -> PdfReader:
    return PdfReader(written[".pdf"])


def md_rows(text: str) -> list[list[str]]:
    """The cells of a Markdown file's tables, unescaped."""
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[re.sub(r"\\(.)", r"\1", c).replace("**", "").strip() for c in row] for row in rows]


def tex_rows(text: str) -> list[list[str]]:
    """The cells of a LaTeX file's tables, unescaped, each line of a cell by itself."""
    back = {tex(c): c for c in "−×·…★●†‡–%&#_~<>|{}[]*$\u00a0" if tex(c) != c}
    rows = []
    for line in text.splitlines():
        if line.endswith((r" \\", r" \\[2pt]")) and " & " in line:
            line = re.sub(r"\\(textbf|pvbelow)\{(.*?)\}(?= &| \\\\)", r"\2", line)
            for sign, c in sorted(back.items(), key=lambda kv: -len(kv[0])):
                line = line.replace(sign, c) if sign != "~" else line.replace("~", "\u00a0")
            rows.append([c.strip() for c in line.removesuffix(r" \\[2pt]").removesuffix(r" \\").split(" & ")])
    return rows


def test_markdown_holds_the_comparison(written: dict[str, Path], comparison: Table) -> None:
    rows = md_rows(written[".md"].read_text("utf-8"))
    head = rows.index([c.title for c in comparison.columns])
    for row, cells in zip(comparison.rows, rows[head + 1 :], strict=False):
        wanted = [f"{c.text}{c.mark}" + (f"<br><sub>{c.below}</sub>" if c.below else "") for c in row.cells]
        assert cells == wanted


def test_latex_holds_the_comparison(written: dict[str, Path], comparison: Table) -> None:
    rows = tex_rows(written[".tex"].read_text("utf-8"))
    at = rows.index([c.title for c in comparison.columns]) + 1
    for row in comparison.rows:
        assert rows[at] == [c.text for c in row.cells]
        at += 1
        if any(c.below for c in row.cells):
            assert rows[at] == [c.below for c in row.cells]
            at += 1


def test_the_pdf_holds_the_comparison_as_text_that_can_be_searched(pdf: PdfReader, comparison: Table) -> None:
    text = flat(" ".join(p.extract_text() for p in pdf.pages))
    for row in comparison.rows:
        for cell in row.cells:
            assert flat(cell.text) in text
            assert flat(cell.below) in text
    first = flat(" ".join(f"{c.text} {c.below}" for c in comparison.rows[0].cells[5:7]))
    assert first.strip() in text  # beside each other, as in the table


def test_shown_numbers_are_the_stores(study: Reportable, comparison: Table) -> None:
    """What stands in every format is the text of the one table; its numbers are means of the runs table."""
    runs = study.runs
    accuracy = [c.title for c in comparison.columns].index("Accuracy")
    assert [r.strong for r in comparison.rows] == [True, *[False] * (len(comparison.rows) - 1)]
    for row in comparison.rows[1:]:
        method, recovery = row.cells[0].text, row.cells[0].below.replace("no recovery", "none")
        own = runs[(runs["method"] == method) & (runs["recovery"] == recovery) & (runs["status"] == "done")]
        if row.cells[1].text != "–":
            own = own[own["sparsity_target"].map("{:.0%}".format) == row.cells[1].text.replace("\u00a0", "")]
        mean = own.groupby("dense_run_id")["accuracy"].mean().mean()
        assert row.cells[accuracy].text == f"{100 * mean:.2f}\u00a0%"


def test_the_story_is_the_same_everywhere(report: Report, written: dict[str, Path], pdf: PdfReader) -> None:
    md, source = written[".md"].read_text("utf-8"), written[".tex"].read_text("utf-8")
    titles = [s.title for s in report.sections]
    assert re.findall("^## (.*)$", md, re.M)[: len(titles)] == titles
    assert re.findall(r"^\\section\{(.*)\}$", source, re.M)[: len(titles)] == titles
    assert [o.title for o in pdf.outline][: len(titles)] == titles
    for text in (re.sub(r"\\(.)", r"\1", md), source.replace("~", " "), " ".join(p.extract_text() for p in pdf.pages)):
        for words in ("What does pruning cost", "Found out: 12.5", "68c16895a47d4432ed131c1816ca4936", "pip install"):
            assert words in flat(text)
        assert "23 columns" in flat(text)  # what is left out
    assert "@misc{han2015learning," in md
    assert r"\cite{han2015learning}" in source


def test_pictures_of_the_pdf_are_vectors(pdf: PdfReader) -> None:
    images = [i for p in pdf.pages for i in p.images]
    assert len(images) == 10  # the thumbnails of the table of images, and nothing else
    text = " ".join(p.extract_text() for p in pdf.pages)
    assert "higher is better" in flat(text)  # words of a picture's axis
    assert sum(len(p.get_contents().get_data()) for p in pdf.pages) > 50_000
    fonts = {f.get_object()["/BaseFont"] for p in pdf.pages for f in p["/Resources"]["/Font"].values()}
    assert all("+DejaVu" in f for f in fonts if "Helvetica" not in f)
    assert pdf.metadata.title == "synthetic"


def test_files_beside_are_those_referred_to(written: dict[str, Path]) -> None:
    folder = written[".md"].parent / "our-report_files"
    text = written[".md"].read_text("utf-8")
    named = set(re.findall(r"\]\((our-report_files/[^)]*\.svg)\)", text))
    assert named == {f"{folder.name}/{p.name}" for p in folder.glob("*.svg")}
    assert all((folder.parent / n).read_text("utf-8").startswith("<?xml") for n in named)
    source = written[".tex"].read_text("utf-8")
    shown = set(re.findall(r"\\includegraphics\[[^]]*\]\{([^}]*)\}", source))
    assert {p.name for p in folder.glob("*.pdf")} == {Path(s).name for s in shown}
    bib = (folder / "references.bib").read_text("utf-8")
    keys = re.findall(r"@misc\{([a-z0-9-]+),", bib)
    assert len(keys) == len(set(keys))
    assert set(re.findall(r"\\cite\{([^}]*)\}", source)) <= set(keys)
    assert bib.count("{") == bib.count("}")


@pytest.fixture(scope="module")
def odd() -> Reportable:
    return hostile_study()


@pytest.fixture(scope="module")
def hostile(odd: Reportable, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return printed(odd, tmp_path_factory.mktemp("hostile"))


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_formats import hostile_study, printed
printed(hostile_study(), Path(sys.argv[1]))
"""


def test_two_reports_of_one_store_are_the_same_bytes(hostile: dict[str, Path], tmp_path: Path) -> None:
    here = Path(__file__).parent
    env = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(here.parent)}
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path), str(here)], env=env, check=True, timeout=110)
    folder = hostile[".pdf"].parent
    files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    assert {p.suffix for p in files} == {".pdf", ".md", ".tex", ".svg", ".bib"}
    for name in files:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_no_name_is_obeyed_by_latex(hostile: dict[str, Path]) -> None:
    text = hostile[".tex"].read_text("utf-8")
    assert r"\input{" not in text
    assert r"\textbackslash{}input\{/etc/passwd\}" in text
    body = text[text.index(r"\begin{document}") :]
    assert not re.search(r"(?<!\\)[#]", body)
    assert not re.search(r"(?<!\\)%", body)
    assert r"\pvchar{526A}" in body
    bare = re.sub(r"\\[{}\\]", "", body)
    assert bare.count("{") == bare.count("}")
    for kind in re.findall(r"\\begin\{(\w+)\}", body):
        assert body.count(rf"\begin{{{kind}}}") == body.count(rf"\end{{{kind}}}")
    bib = (hostile[".tex"].parent / "r_files" / "references.bib").read_text("utf-8")
    assert "input{" not in bib


def test_no_name_is_obeyed_by_markdown(hostile: dict[str, Path]) -> None:
    text = hostile[".md"].read_text("utf-8")
    outside = re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.S | re.M)
    tags = set(re.findall(r"<(/?\w+)", outside))
    assert tags <= {"br", "sub", "/sub", "details", "/details", "summary", "/summary"}
    assert "&lt;img src=x onerror=alert(1)&gt;" in outside
    assert "[l](javascript" not in outside
    assert "@someone" not in outside
    assert not re.search(r"(?<!\\)\$", outside)


def test_no_name_is_obeyed_by_the_pdf(hostile: dict[str, Path]) -> None:
    reader = PdfReader(hostile[".pdf"])
    text = flat(" ".join(p.extract_text() for p in reader.pages))
    assert HOSTILE in text
    assert "javascript:x" in text
    raw = hostile[".pdf"].read_bytes()
    assert b"/JavaScript" not in raw
    assert b"/URI" not in raw


@pytest.mark.parametrize(
    "text", [EVIL, HOSTILE, "- a", "1. b", "=== c", "a\nb", "", "https://x.y/z", "**b** _i_ ~~s~~"]
)
def test_escaping_keeps_the_text(text: str) -> None:
    kept = re.sub(r"\\(.)", r"\1", escaped(text)).replace("\u2060", "")
    kept = kept.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert kept == text.replace("\n", " ")
    assert "\n" not in escaped(text)


@pytest.mark.parametrize(
    "study",
    [
        Reportable(replicates=0, samples=0, methods=0),
        Reportable(methods=0, samples=30, retrained=False, replicates=1),
        Reportable(methods=2, samples=30, landed=1),
        Reportable(methods=1, samples=60, long_names=True, models=2, replicates=1, class_count=40),
    ],
    ids=["empty", "one dense", "one done", "long names"],
)
def test_any_study_can_be_printed(study: Reportable, tmp_path: Path) -> None:
    assert all(path.stat().st_size > 1000 for path in printed(study, tmp_path).values())


def test_latex_compiles(hostile: dict[str, Path], written: dict[str, Path]) -> None:
    engine = next((e for e in ("pdflatex", "lualatex", "xelatex", "tectonic") if shutil.which(e)), None)
    if engine is None:
        pytest.skip("needs TeX: none of pdflatex, lualatex, xelatex and tectonic is installed")
    for report in (hostile[".tex"], written[".tex"]):
        halt = [] if engine == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
        command = [engine, *halt, report.name]
        done = subprocess.run(command, cwd=report.parent, capture_output=True, text=True, timeout=110, check=False)
        assert done.returncode == 0, done.stdout[-3000:]


def test_the_ending_decides_the_format(tmp_path: Path) -> None:
    study = Reportable(methods=1, replicates=1, sparsities=(0.5,), recoveries=("none",), samples=40)
    with pytest.raises(UsageError, match=r"\.html, \.pdf, \.md, \.tex"):
        write_report(study, tmp_path / "r.docx")
    found = write_report(study, tmp_path / "R.PDF")
    assert found.path.read_bytes().startswith(b"%PDF")
    assert found.bytes == found.path.stat().st_size
    beside = write_report(study, tmp_path / "r.md")
    assert beside.bytes == sum(p.stat().st_size for p in (beside.path, *beside.beside))
    assert {p.suffix for p in beside.beside} == {".svg"}


@pytest.mark.parametrize("lines", range(44, 57, 2))
def test_a_title_stands_on_the_page_of_what_it_is_the_title_of(lines: int) -> None:
    common = Picture("common", "Of all of them", subtitle="What they share.")
    block = Pictures((Picture("a", "One", empty="Nothing here.\n" + "word " * 1500),), common=common)
    filling = Section("answer", "Findings", "Filling", (Sentences(("a line",) * lines),))
    led = Section("images", "Images", "The section's title", (Note("What is compared."), block))
    paper = Paper(Report("r", "q", (), (filling, led), (), ()), {"a": cast(PaperFigure, None)})
    pages = [p.extract_text() for p in PdfReader(io.BytesIO(pdf_of(paper))).pages]
    (page,) = (p for p in pages if "The section's title" in p)
    assert "What they share." in page
    assert "Nothing here." in page
