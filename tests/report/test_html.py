"""The page: one file, safe with any name, the same bytes every time, and small."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reportable import Reportable, with_analysis
from synthetic import HOSTILE, SCRIPT

import pruneviz.report.html as html
from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.core.tables import SAMPLES
from pruneviz.report import Wanted, write_report
from pruneviz.report.figures import figures
from pruneviz.report.html import _data
from pruneviz.report.imagery import imagery, packed, thumbnails
from pruneviz.views.choosing import choose
from pruneviz.views.once import Once
from pruneviz.views.pictures.images import images_info

from .conftest import Page, rendered

EVIL = "</script><script>alert(3)</script><!-- \u2028 & 'q' \"d\""


@pytest.fixture(scope="module")
def hostile() -> html.Rendered:
    study = Reportable(
        hostile=True,
        models=2,
        methods=3,
        replicates=2,
        samples=60,
        failed=2,
        warned=(EVIL,),
        told=(EVIL, SCRIPT),
        processors=(EVIL, HOSTILE),
        more={"prune": {"methods": ["magnitude"], "sparsities": [0.5], "exclude": [EVIL]}},
    )
    return rendered(study)


def test_hostile_names_stay_text(hostile: html.Rendered) -> None:
    page = Page(hostile.html)
    scripts = [text for attributes, text in page.scripts if attributes.get("type") != "application/json"]
    assert len(scripts) == 2
    assert not [a for _, found in page.elements for a in found if a.startswith("on")]
    assert not [tag for tag, found in page.elements if tag in ("img", "iframe", "object", "base", "form", "link")]
    assert hostile.html.count("<script") == hostile.html.count("</script>") == len(page.scripts)
    outside = re.sub(r"<script.*?</script>", "", hostile.html, flags=re.S)
    assert "alert(1)&gt;" in outside  # it was there, and is shown
    assert "<!--" not in outside
    assert not [text for _, text in page.scripts if "\u2028" in text]


def test_data_blocks_hold_nothing_that_could_end_them(hostile: html.Rendered) -> None:
    blocks = [text for attributes, text in Page(hostile.html).scripts if attributes.get("type") == "application/json"]
    assert len(blocks) == 3
    for text in blocks:
        assert not set("<>&\u2028\u2029") & set(text)
    images = json.loads(blocks[1])
    assert images["classes"][0] == HOSTILE
    assert any(HOSTILE in n for n in images["names"])
    assert json.loads(str(_data({"a": EVIL}))) == {"a": EVIL}


def test_the_policy_allows_just_the_two_scripts_and_no_network(page: Page) -> None:
    policies = [f["content"] for tag, f in page.elements if f.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    rules = dict(part.split(" ", 1) for part in str(policies[0]).split("; "))
    scripts = [text for attributes, text in page.scripts if "type" not in attributes]
    digests = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert rules["script-src"].split() == [f"'sha256-{d}'" for d in digests]
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert "eval" not in str(policies[0])


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    for tag, found in page.elements:
        assert "src" not in found, tag
        assert (found.get("href") or "#").startswith("#")


def test_the_story_is_told_in_order(page: Page) -> None:
    sections = [str(f["id"]) for tag, f in page.elements if tag == "section"]
    wanted = [
        "answer",
        "analyses",
        "comparison",
        "cost",
        "predictions",
        "images",
        "layers",
        "trouble",
        "run",
        "numbers",
    ]
    assert [s for s in sections if s != "left-out"] == wanted
    ids = [f["id"] for _, f in page.elements if "id" in f]
    assert len(ids) == len(set(ids))


def test_analyses_show_the_pictures_that_have_something_to_draw() -> None:
    made = rendered(with_analysis(methods=2, replicates=2, samples=60))
    text = made.html[made.html.index('id="analyses"') : made.html.index('id="comparison"')]
    drawings = re.findall(r'id="figure-(\d+)" data-picture="(\w+)"', text)
    assert [int(n) for n, _ in drawings] == [0, 1]  # in the order of the document's figures
    assert [name for _, name in drawings] == ["retrain_tau", "retrain_scatters"]
    assert text.index("conv1 at 0.2: none detected.") < text.index("figure-0")
    assert "retrain_rankings" not in [p.name for p in made.report.pictures]  # nothing to draw: no place for it
    assert [p.name for p in made.report.pictures].count("flips") == 1
    assert "Its pictures stand under Which predictions change." in text


def test_an_analysis_of_anybody_s_is_told_in_words() -> None:
    text = rendered(Reportable(methods=1, replicates=1, samples=30, analysed={"my_own": ("Seven.",), "mute": ()})).html
    part = text[text.index('id="analyses"') : text.index('id="comparison"')]
    assert "<h3>Analysis: my own</h3>" in part
    assert "mute" not in part
    assert "data-picture" not in part


PROGRAM = """
import sys
from pathlib import Path
from reportable import Reportable, with_analysis
from pruneviz.report import Wanted, write_report
study = Reportable(methods=2, replicates=2, samples=60, hostile=True, warned=("a", "b"), failed=1)
if sys.argv[2] == "again":
    import bokeh.models
    [bokeh.models.Range1d() for _ in range(7)]  # so that Bokeh has numbered models before
write_report(study, sys.argv[1])
"""


def test_two_reports_of_one_store_are_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for seed, how in (("1", "once"), ("77", "again")):
        path = tmp_path / f"{seed}.html"
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])}
        subprocess.run([sys.executable, "-c", PROGRAM, str(path), how], env=env, check=True, timeout=100)
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_sixteen_models_and_ten_thousand_images_go_into_a_mail(tmp_path: Path) -> None:
    study = Reportable(samples=10_000, methods=3, replicates=2, retrained=False)
    runs = study.runs
    named = list(runs.loc[(runs["method"] != "dense") & (runs["replicate"] == 0), "run_id"][:16])
    written = write_report(study, tmp_path / "r.html", Wanted(models=named))
    assert len(written.compared) == 17
    assert written.bytes == (tmp_path / "r.html").stat().st_size <= 5_000_000
    assert any(re.search(r"Thumbnails of [\d,]+ of 10,000 images", t) for t in written.left_out)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    written = write_report(Reportable(methods=10, samples=50, replicates=1), tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "10 of 80 pruned models are compared image by image" in written.left_out[0]
    assert "10 of 80 pruned models are compared image by image" in page
    assert "first 4 of the 10 models" in page


@pytest.mark.parametrize(
    "study",
    [
        Reportable(replicates=0, samples=0, methods=0),
        Reportable(methods=0, samples=30),
        Reportable(methods=0, samples=30, retrained=False, replicates=1),
        Reportable(methods=2, samples=30, landed=0),
        Reportable(methods=2, samples=30, landed=1),
        Reportable(methods=2, replicates=1, samples=30, unmeasured=("val_accuracy", "val_loss")),
        Reportable(methods=1, samples=60, long_names=True, models=2, replicates=1, class_count=40),
    ],
    ids=["empty", "dense", "one dense", "nothing done", "one done", "no validation", "long names"],
)
def test_any_study_has_a_report(study: Reportable) -> None:
    page = Page(rendered(study).html)
    assert "run" in [f.get("id") for tag, f in page.elements if tag == "section"]


def test_unfinished_failed_and_mixed_studies_say_so_first() -> None:
    text = rendered(Reportable(methods=2, samples=30, failed=2, waiting=3, processors=("one", "two"))).html
    main = text[text.index("<main") :]
    assert "2 runs of 54 failed" in main[: main.index("<h3")]
    assert "3 runs of 54 not done yet" in main[: main.index("<h3")]
    assert "Mixed environments: finished runs come from 2 environments, which differ in processor" in text


def test_what_was_run_is_there() -> None:
    text = rendered(Reportable(methods=4, replicates=1, samples=200, retrained=False)).html
    for words in (
        "68c16895a47d4432ed131c1816ca4936",
        "Molchanov, Tyree, Karras, Aila, Kautz (2017)",
        "python -m pip install pruneviz==0.1.0 torch==2.13.0 numpy==2.4.6",
        "pruneviz run synthetic.toml --store runs/synthetic",
        "source = &#34;my_pkg.nets:lenet5&#34;",
        "200 to report (test)",
    ):
        assert words in text


def test_images_come_in_the_order_of_the_pictures() -> None:
    """The page's first images are those of the app's first page."""
    tables = Once(Reportable(methods=6, samples=300))
    choice = choose(tables, None)
    keys = tuple(tables.table("samples", [choice.reference])["sample_id"])
    ours = imagery(tables, choice, keys).order[:10]
    texts = next(m.text for m in images_info(tables, choice.state).marks if getattr(m, "size", 0) == 11)
    assert list(ours) == list(texts)


def test_what_models_say_is_what_the_samples_say() -> None:
    tables = Once(Reportable(methods=2, samples=120))
    choice = choose(tables, None)
    keys = tuple(tables.table("samples", [choice.reference])["sample_id"])[::3]
    found = imagery(tables, choice, keys).plain
    for run_id, model in zip((choice.reference, *choice.compared), found["models"], strict=True):
        samples = tables.table("samples", [run_id]).set_index("sample_id").loc[list(keys)]
        assert _unpacked(model["says"]).tolist() == samples["prediction"].tolist()
        assert _unpacked(model["sure"]).tolist() == [round(100 * c) for c in samples["confidence"]]
    assert _unpacked(found["labels"]).tolist() == samples["label"].tolist()


def _unpacked(value: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(value["data"]), f"<u{value['bits'] // 8}")


@pytest.mark.parametrize("values", [[0, 255], [256, 1], [70_000], [], [0.0, float("nan"), 3.0]])
def test_packed_numbers_come_back(values: list[float]) -> None:
    assert _unpacked(packed(values)).tolist() == [int(v) if v == v else 0 for v in values]


def test_thumbnails_stop_where_their_room_ends() -> None:
    tables = Once(Reportable(samples=600))
    ids = tuple(f"test:{i}" for i in range(600))
    whole = thumbnails(tables, ids, 10**9)
    assert whole.plain["count"] == 600
    assert not whole.left_out
    first = len(whole.plain["sheets"][0])
    some = thumbnails(tables, ids, first + 10)
    assert some.plain["count"] == 256
    assert some.plain["sheets"] == whole.plain["sheets"][:1]
    assert "256 of 600" in some.left_out


def test_shared_columns_are_written_once_and_linked() -> None:
    from pruneviz.views.pictures.sample_scatter import sample_scatters

    tables = Once(Reportable(methods=4, samples=400))
    choice = choose(tables, None)
    pictures = sample_scatters(tables, choice.state)
    drawn = figures(pictures, pictures[0].frames[0].columns["sample"])
    text = json.dumps(drawn.document)
    assert len(drawn.roots) == len(pictures) == 4
    assert text.count('"outcome ') >= 4
    assert '"type": "names"' in text
    assert text.count('"test:17"') == 0
    models = re.findall(r'"name": "ColumnDataSource", "id": "(m\d+)"', text)
    assert drawn.frames["samples"] in models


def test_files_are_written_whole_where_they_can_be(tmp_path: Path) -> None:
    study = Reportable(methods=1, samples=20, replicates=1)
    path = tmp_path / "new" / "folder" / "r.html"
    assert write_report(study, path).path == path
    assert [p.name for p in path.parent.iterdir()] == ["r.html"]
    for wrong, words in [("x.doc", "allowed endings: .html"), ("", "is a folder"), ("new", "report.html")]:
        with pytest.raises(UsageError, match=words):
            write_report(study, tmp_path / wrong)
    (tmp_path / "file").write_text("x")
    with pytest.raises(PrunevizError, match="cannot be written"):
        write_report(study, tmp_path / "file" / "r.html")


def test_samples_that_differ_between_runs_are_left_out() -> None:
    class Fewer(Reportable):
        def table(self, name: str, run_ids: Any = None) -> pd.DataFrame:
            found = super().table(name, run_ids)
            if name != SAMPLES.name:
                return found
            second = found["run_id"].astype(str) != str(self.runs["run_id"].iloc[0])
            return found[~(second & (found["sample_id"].astype(str) == "test:3"))].reset_index(drop=True)

    text = rendered(Fewer(methods=1, samples=30)).html
    assert "all 29 test images (1 that not every model has seen left out)" in text
