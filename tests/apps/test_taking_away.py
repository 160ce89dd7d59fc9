"""What the explorer's buttons download is what the tab shows."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from pypdf import PdfReader
from reportable import Reportable
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.sidebar import PAGES
from pruneviz_apps.explorer.taking_away import TakingAway, pictures_of, report_of, view_pdf

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")


@pytest.fixture
def session() -> Session:
    study = Reportable(methods=2, replicates=2, samples=40)
    runs = study.runs
    models = tuple(str(r) for r in runs.loc[runs["method"] != "dense", "run_id"][:2])
    return Session(CachedTables(study), ViewState(page="tradeoff", models=models, samples=("test:3",), y="loss"))


def test_the_pages_pictures_come_as_they_are_shown(session: Session) -> None:
    pages = PdfReader(io.BytesIO(view_pdf(session))).pages
    text = [" ".join(p.extract_text().split()) for p in pages]
    assert len(pages) == len(pictures_of(session)) == 2
    assert "Loss over compression" in text[0]
    for page, _, _ in PAGES:
        session.state = replace(session.state, page=page)
        if pictures_of(session):
            assert view_pdf(session).startswith(b"%PDF")


def test_the_report_is_about_what_is_compared_and_selected(session: Session) -> None:
    page = report_of(session, ".html").decode()
    assert "The models compared were named when the report was made." in page
    assert "1 selected image of 40" in page
    session.state = ViewState()
    assert "The test split had no part in this choice" in report_of(session, ".html").decode()


def test_what_cannot_be_had_is_not_offered(session: Session) -> None:
    offered = TakingAway(session)
    offered.show()
    assert [b.visible for b in offered.reports] == [True, True]
    session.state = ViewState(page="methods")
    offered.show()
    assert offered.view.disabled
    bare = TakingAway(Session(CachedTables(SyntheticTables(samples=20)), ViewState()))
    bare.show()
    assert [b.visible for b in bare.reports] == [False, False]
