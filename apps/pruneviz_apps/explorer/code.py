"""Show me the code: the Python and the command line that make what a page shows."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from pprint import pformat

from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import ViewState
from pruneviz.study.workspace import Workspace
from pruneviz.views.catalogue import find
from pruneviz.views.pictures import SEVERAL
from pruneviz.views.text import plain
from pruneviz_apps.explorer.taking_away import pictures_at, seen

LONGEST = 100_000  # characters of one argument that every system's shell hands on
_LINE = 100


@dataclass(frozen=True)
class Code:
    """What makes a page.

    Attributes:
        python: a program of its own.
        command: lines for a shell.
    """

    python: str
    command: str


def code(tables: Tables, state: ViewState, workspace: Workspace) -> Code:
    """The Python and the command line that make the pictures of the page that a state names.

    Args:
        tables: the study.
        state: what is seen.
        workspace: where the study is kept.
    """
    state = seen(state)
    names = shown(tables, state)
    store = _place(workspace.store.root)
    opened = f"study = pv.open({store!r}, {workspace.study!r})"
    if not names:
        return _without_pictures(state, store, workspace.study, opened)
    view = state.drawn
    imports = ["from dataclasses import replace", ""] if state.selection is not None else []
    imports += ["import pruneviz as pv"]
    if state.page == "diff":
        imports += ["from pruneviz.views.differences import differences"]
    if state.page == "runs" and state.filters:
        imports += ["from pruneviz.views.runs import filtered"]
    python = [*imports, "", opened, *_view(tables, view)]
    if state.selection is not None:
        python += ["view = replace(view, samples=study.select(view.selection))  # the ids of the images that it means"]
    if state.page == "diff":
        python += ["for one in differences(study, view).said:", '    print(f"{one.about}: {one.text}")']
    python += [*_runs(state), *_pictures(names)]
    commands = _commands(names, state, store, workspace.study)
    if state.page == "runs":
        table = ["pruneviz", "export", store, "runs", "-o", "runs.csv", "--study", workspace.study]
        every = "# All runs: a table is filtered in Python.\n" if state.filters else ""
        commands = f"{every}{shlex.join(table)}\n{commands}"
    return Code("\n".join(python) + "\n", commands)


def shown(tables: Tables, state: ViewState) -> tuple[str, ...]:
    """The names of the pictures that the page shows, those left out that have nothing to show."""
    names = pictures_at(tables, state)
    return tuple(n for n in names if not find(n, "picture")(tables, seen(state)).empty)


def _place(root: Path) -> str:
    """The store's folder as one types it here."""
    there, here = root.resolve(), Path.cwd()
    return os.fspath(there.relative_to(here) if there.is_relative_to(here) and there != here else there)


def _view(tables: Tables, view: ViewState) -> Iterator[str]:
    """The view as a Python value: whatever is not as it is by default."""
    given = [f for f in fields(view) if getattr(view, f.name) != f.default]
    if view.selection is not None:
        given = [f for f in given if f.name != "samples"]  # they follow from it
    if not given:
        yield "view = pv.ViewState()"
        return
    yield "view = pv.ViewState("
    for f in given:
        yield from _field(tables, view, f.name)
    yield ")"


def _field(tables: Tables, view: ViewState, name: str) -> Iterator[str]:
    value = getattr(view, name)
    if name == "models":
        names = dict(zip(tables.runs["run_id"], tables.runs["name"], strict=True))
        yield "    models=["
        yield from (f"        {r!r},  # {plain(names.get(r, 'not here'))}" for r in value)
        yield "    ],"
        return
    text = repr(value)
    if name == "selection":
        text = f"pv.Selection.from_plain({pformat(value.to_plain(), width=_LINE, compact=True, sort_dicts=False)})"
    elif name == "filters":
        text = repr({k: list(v) for k, v in value})
    elif name == "samples":
        text = pformat(list(value), width=_LINE, compact=True)
    first, *more = f"    {name}={text},".split("\n")
    yield first
    yield from (f"    {line}" for line in more)


def _runs(state: ViewState) -> list[str]:
    """What prints the table of runs, on its page."""
    if state.page != "runs":
        return []
    return [
        "runs = filtered(study.runs, view)" if state.filters else "runs = study.runs",
        'print(runs[["name", "density", "accuracy"]])',
    ]


def _pictures(names: tuple[str, ...]) -> Iterator[str]:
    yield f"for name in {list(names)!r}:"
    if SEVERAL.keys().isdisjoint(names):
        yield "    figure = pv.figure(study, name, view=view, columns=2)"
        yield '    figure.save(f"{name}.pdf")'
        return
    yield "    # Of some pictures there is one for each model."
    yield "    for i, figure in enumerate(pv.figures(study, name, view=view, columns=2), 1):"
    yield '        figure.save(f"{name}_{i}.pdf")'


def _commands(names: tuple[str, ...], state: ViewState, store: str, study: str) -> str:
    """One line a picture; the view goes along as the address of the page."""
    address = state.drawn.to_query(most=LONGEST) or "?page=overview"
    if not state.drawn.fits(LONGEST):
        return "# So many images do not fit into a command line. Save the view: its name stands for it.\n"
    given = ["--columns", "2", "--study", study, "--view", address]
    return "".join(f"{shlex.join(['pruneviz', 'figure', store, n, '-o', f'{n}.pdf', *given])}\n" for n in names)


def _without_pictures(state: ViewState, store: str, study: str, opened: str) -> Code:
    own = _runs(replace(state, filters=())) or ["study.explorer()  # in a notebook"]
    python = ["import pruneviz as pv", "", opened, *own]
    line = ["pruneviz", "app", store, "--study", study]
    if state.page == "methods":
        line = ["pruneviz", "methods", *([state.method] if state.method else [])]
    return Code("\n".join(python) + "\n", f"{shlex.join(line)}\n")
