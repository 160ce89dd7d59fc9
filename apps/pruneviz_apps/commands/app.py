"""``pruneviz app``: the explorer on a store, or on a dense model without any study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import UsageError
from pruneviz_apps.trust import NOBODY, Trust

if TYPE_CHECKING:
    import argparse


def app(arguments: argparse.Namespace) -> int:
    """Serve it until interrupted."""
    given = arguments
    if given.ui == "streamlit":
        from pruneviz_apps.streamlit_app import needed

        needed()
    if given.window:
        from pruneviz_apps.window import needed as needs_window

        if given.ui != "panel":
            raise UsageError(f"--window: got --ui {given.ui} beside it, which opens in the browser. Leave one out.")
        needs_window()
    if given.data is not None and given.model is None:
        raise UsageError('--data: needs a model to look at them with. Add --model "package.module:factory".')
    if given.checkpoint is not None and given.model is None:
        raise UsageError('--checkpoint: needs the model that it belongs to. Add --model "package.module:factory".')
    if given.settings and given.data is None:
        raise UsageError(f"--set: got {given.settings[0]!r} without --model and --data, which it would belong to.")
    if given.data is not None:
        store = _measured(given)
    elif given.store is not None:
        store = Path(given.store)
    else:
        raise UsageError("app: name a store, or give --model and --data to explore a model without a study.")
    named = frozenset(source for source in (given.model, given.data) if source is not None)
    trust = Trust(everything=given.trust, sources=named)
    study = None if given.data is not None else given.study
    if given.ui == "streamlit":
        from pruneviz_apps.streamlit_app import serve as serve_streamlit

        serve_streamlit(store, study=study, port=given.port, open_browser=not given.no_browser)
    else:
        serve(store, given.port, not given.no_browser, study, trust, given.window)
    return 0


def serve(
    store: Path,
    port: int | None,
    browser: bool,
    study: str | None = None,
    trust: Trust = NOBODY,
    window: bool = False,
) -> None:
    """Serve a store's explorer on 127.0.0.1 until interrupted; of its latest study when none is named."""
    from pruneviz.study import open_study
    from pruneviz_apps.panel_app import serve as serve_panel

    opened = store if study is None else lambda: open_study(store, study)
    if window:
        from pruneviz_apps.window import serve as serve_window

        serve_window(opened, port=port, trust=trust)
        return
    serve_panel(opened, port=port, open_browser=browser, trust=trust)


def _measured(given: argparse.Namespace) -> Path:
    """The store in which the dense model is measured: one run, no pruning."""
    from pruneviz import models
    from pruneviz.api import Asked
    from pruneviz.core.spec import merge, parse_setting, study_from_plain
    from pruneviz_apps.commands.run import carry_out, importable

    importable(Path.cwd())
    model: dict[str, Any] = {"source": given.model}
    if given.checkpoint is not None:
        model["checkpoint"] = given.checkpoint
    table: dict[str, Any] = {"name": "explore", "model": model, "data": {"source": given.data}}
    for text in given.settings:
        table = merge(table, parse_setting(text))
    spec = study_from_plain(table, "pruneviz app")
    if not models.has_weights(spec.models[0]):
        raise UsageError(
            f"--model: got {given.model!r} without weights; allowed: a model with --checkpoint FILE, or a sample. "
            "To train one, write a study file and `pruneviz run` it."
        )
    store = Path(given.store or f"runs/explore-{spec.models[0].label}")
    result = carry_out(Asked(spec, origin="pruneviz app"), store, workers=1, executor="inline")
    for title, reason in result.failed.items():
        raise UsageError(f"{title}: {reason}")
    return store
