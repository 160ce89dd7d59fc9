"""The Streamlit surface without a browser: every page of every kind of study, the address, selections, errors."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import pytest
from placed import PlacedTables
from streamlit.testing.v1 import AppTest
from synthetic import HOSTILE, SCRIPT, SyntheticTables, empty

from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.core.selection import Column, Ids, Range, Selection
from pruneviz.views.pictures import OF_ANALYSIS, PICTURES
from pruneviz_apps import streamlit_app
from pruneviz_apps.cli import main
from pruneviz_apps.streamlit_ui import served
from pruneviz_apps.streamlit_ui.bound import as_it_is
from pruneviz_apps.streamlit_ui.drawing import DRAWN
from pruneviz_apps.streamlit_ui.navigation import PAGES

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
Opens = Callable[..., AppTest]


@pytest.fixture
def opened() -> Opens:
    """Opens the surface on a study at an address."""

    def at(tables: Any, **query: str) -> AppTest:
        served.put(tables if isinstance(tables, served.Served) else served.one(lambda: tables))
        app = AppTest.from_file(streamlit_app.SCRIPT, default_timeout=60)
        for key, value in query.items():
            app.query_params[key] = value
        return app.run()

    return at


def pieces(app: AppTest) -> str:
    return "\n".join(piece.proto.body for piece in app.get("html"))


def state(app: AppTest) -> Any:
    return app.session_state["session"].state


def compared(tables: SyntheticTables, count: int) -> str:
    runs = tables.runs
    done = runs[(runs["method"] != "dense") & (runs["status"] == "done")]
    return ",".join(done["run_id"][4 : 4 + count])


class Tags(HTMLParser):
    """Fails on whatever could load or run something."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("img", "script", "iframe", "object", "link", "a")
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]


STUDIES = {
    "hostile": PlacedTables(samples=30, looked_at=30, hostile=True, failed=2, waiting=3, methods=2, replicates=2),
    "of one run": SyntheticTables(replicates=1, methods=0, retrained=False, samples=30),
    "without samples": SyntheticTables(methods=2, samples=0),
    "empty": empty(),
}


@pytest.mark.parametrize("study", STUDIES)
def test_every_page_of_every_study_is_shown(study: str, opened: Opens) -> None:
    tables, drawn = STUDIES[study], set()
    app = opened(tables, models=compared(tables, 3))
    for page in PAGES:
        app.radio(key="page").set_value(page).run()
        assert not app.exception
        said = pieces(app)
        Tags().feed(said)
        assert "could not be shown" not in said
        drawn |= {name for place in app.session_state[DRAWN] for name in place.split("-")}
    if study == "hostile":
        of_analyses = {p for pictures in OF_ANALYSIS.values() for p in pictures}
        assert set(PICTURES) - of_analyses <= drawn
        assert "&lt;img src=x" in said
    if study == "empty":
        assert "pruneviz demo" in pieces(opened(tables))


def test_an_address_is_shown_as_asked_and_written_back(opened: Opens) -> None:
    tables = SyntheticTables(samples=40)
    asked = {"page": "layers", "models": compared(tables, 3), "only.method": "magnitude"}
    app = opened(tables, **asked)
    assert app.query_params == asked
    assert state(app).filters == (("method", ("magnitude",)),)
    app.button(key="none").click().run()
    assert "models" not in app.query_params
    app.button(key="undo").click().run()
    assert app.query_params == asked
    app.query_params["models"] = "nobody"  # by hand
    app.run()
    assert "1 model asked for is not here." in pieces(app)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"page": "prune"}, "The page Prune is in the full explorer alone: pruneviz app STORE."),
        ({"page": "nowhere"}, "There is no page"),
        ({"sort": "size"}, "address sort: got"),
        ({"select": "{"}, "The address could not be understood"),
        ({"view": "mine"}, "got &#x27;mine&#x27;"),
        ({"study": "other"}, "got &#x27;other&#x27;"),
    ],
)
def test_what_an_address_asks_in_vain_is_a_sentence(query: dict[str, str], said: str, opened: Opens) -> None:
    app = opened(SyntheticTables(samples=20, methods=1), **query)
    assert said in pieces(app)
    assert not app.exception


class Told(SyntheticTables):
    """A study that reports can be written of."""

    data: ClassVar[dict[str, Any]] = {}

    def warnings(self) -> dict[str, tuple[str, ...]]:
        return {}

    def select(self, selection: Any) -> tuple[str, ...]:
        return ()


class Writer:
    """A report that is written when the test says so."""

    written, stopped = False, 0

    def __init__(self, workspace: Any, ending: str, models: Any, samples: Any) -> None:
        self.file = Path(f"report{ending}")

    def poll(self) -> bool:
        if Writer.stopped:
            raise PrunevizError("it was stopped")
        return Writer.written

    def stop(self) -> None:
        Writer.stopped += 1


def test_a_report_that_is_being_written_can_be_given_up(opened: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pruneviz_apps.streamlit_ui.taking.ReportProcess", Writer)
    app = opened(Told(samples=20))
    app.button(key="take-report.html").click().run()
    assert "Writing report.html …" in pieces(app)
    app.button(key="report-cancel").click().run()
    assert Writer.stopped == 1
    assert "Writing" not in pieces(app)
    assert "could not be written" not in pieces(app)
    Writer.stopped = 0
    app.button(key="take-report.pdf").click().run()
    Writer.written = True
    assert "Writing" not in pieces(app.run())
    assert [b.proto.label for b in app.get("download_button") if "report" in b.proto.label] == ["Download report.pdf"]


def test_selections_are_taken_up_refined_saved_and_given_back(opened: Opens) -> None:
    tables = SyntheticTables(samples=40)
    tables.workspace.save_selection("two", Selection("samples", Ids(("test:1", "test:2"))))
    app = opened(tables, page="samples")
    app.selectbox(key="kept").set_value("two").run()
    assert state(app).samples == ("test:1", "test:2")
    assert app.query_params["selection"] == "two"
    app.button(key="invert").click().run()
    assert len(state(app).samples) == 38
    app.button(key="clear").click().run()
    app.selectbox(key="rule-column").set_value("margin").run()
    app.text_input(key="rule-high").set_value("much").run()
    app.button(key="rule-apply").click().run()
    assert "to: got &#x27;much&#x27;; allowed: a number" in pieces(app)
    app.text_input(key="rule-high").set_value("0").run()
    app.button(key="rule-apply").click().run()
    run_id = str(tables.runs["run_id"][0])  # the reference
    assert state(app).selection == Selection("samples", Range(Column("margin", run_id), None, 0.0))
    wrong = tables.table("samples", [run_id]).query("margin <= 0")["sample_id"]
    assert set(state(app).samples) == set(wrong)
    app.text_input(key="kept-name").set_value("wrong ones").run()
    app.button(key="kept-save").click().run()
    assert set(tables.workspace.selections) == {"two", "wrong ones"}
    app.text_input(key="view-name").set_value("mine").run()
    app.button(key="save-view").click().run()
    assert app.query_params == {"view": "mine"}
    assert state(opened(tables, view="mine")).samples == state(app).samples


def test_figures_are_the_same_objects_until_what_they_show_changes(opened: Opens) -> None:
    tables = SyntheticTables(samples=40, methods=2)
    app = opened(tables, page="compare", models=compared(tables, 1))
    before = {place: d.root for place, d in app.session_state[DRAWN].items()}
    app.button(key="images-on").click().run()
    after = {place: d.root for place, d in app.session_state[DRAWN].items()}
    assert {place for place in before if after[place] is before[place]} == set(before) - {"images"}


def test_runs_that_land_are_shown(opened: Opens) -> None:
    tables = SyntheticTables(samples=20, replicates=1, methods=1, landed=3)
    app = opened(tables)
    assert "3 of 10 runs measured" in pieces(app)
    tables.land(10)
    assert "10 runs" in pieces(app.run())


def test_each_study_of_a_store_can_be_chosen(opened: Opens) -> None:
    studies = {name: SyntheticTables(samples=20, methods=1, study=name) for name in ("new", "old")}
    app = opened(served.Served(lambda: list(studies), studies.__getitem__, "new"), page="runs")
    app.selectbox(key="study").set_value("old").run()
    assert app.session_state["session"].tables.name == "old"
    assert app.query_params == {"study": "old"}


def test_the_code_of_a_page_is_shown(opened: Opens) -> None:
    app = opened(SyntheticTables(samples=20, methods=1), page="tradeoff")
    app.button(key="code").click().run()
    assert [c.language for c in app.code] == ["python", "bash"]
    assert "tradeoff" in app.code[0].value


def test_foreign_text_on_a_button_is_not_typeset() -> None:
    assert as_it_is("a *b* [c](http://d)") == r"a \*b\* \[c\]\(http\:" + "\u2060" + r"\/\/d\)"
    assert HOSTILE.isascii()
    assert "\\<" in as_it_is(HOSTILE)
    assert "\\$" in as_it_is(SCRIPT)


def test_it_is_served_on_this_machine_alone_and_tells_nobody() -> None:
    found = streamlit_app.settings(5006)
    assert found["server.address"] == "127.0.0.1"
    assert set(found["server.allowedHosts"]) == {"127.0.0.1", "localhost"}
    assert found["browser.gatherUsageStats"] is False
    assert "http:" not in streamlit_app.POLICY
    assert "https:" not in streamlit_app.POLICY


def test_without_streamlit_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = streamlit_app.importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "streamlit_bokeh" else found(name))
    with pytest.raises(UsageError, match="streamlit-bokeh is not installed"):
        streamlit_app.needed()
    assert main(["app", "nowhere", "--ui", "streamlit"]) == 2
    assert "pip install 'pruneviz[streamlit]'" in capsys.readouterr().err
