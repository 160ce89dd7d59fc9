"""The selection of images without any widget: what it is in words, how a rule is asked for, its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pruneviz.core.selection import OUTCOMES, AllOf, Became, Column, Contains, Ids, Range, Rule, Values
from pruneviz.core.tables import SAMPLES
from pruneviz.study.workspace import checked_name
from pruneviz.views import runs as on
from pruneviz.views.embedded import CHANGE
from pruneviz.views.metrics import measured
from pruneviz.views.text import elide, listed, plain, several
from pruneviz.views.voted import EXEMPLAR
from pruneviz_apps.explorer.session import LONGEST, Session

if TYPE_CHECKING:
    import pandas as pd

LABEL, PREDICTED, OUTCOME, CORRECT = "true class", "predicted class", "what became of it", "correct"
NAME = "the image's name"
OF_NO_MODEL = (LABEL, NAME)
NUMBERS = (*(c.name for c in SAMPLES.columns if c.type == "float"), CHANGE)
FIELDS = (LABEL, PREDICTED, OUTCOME, CORRECT, EXEMPLAR, NAME, *NUMBERS)  # by which images can be asked for
WAYS = {"and": "narrow down", "or": "widen", "and not": "take away", "only": "begin anew"}


def words(session: Session) -> str:
    """The selection in a sentence."""
    n, selection = len(session.state.samples), session.state.selection
    if not session.state.narrowed:
        return "No selection: everything is about all test images."
    said = f"{several(n, 'image')} selected"
    if selection is not None and not isinstance(selection.rule, Ids):
        said += f": {elide(text(session), LONGEST)}"
    said = f"{said}."
    if out := session.undecided:
        said += f" Neither in this nor in its inverse: {several(out, 'image')} without a value that it reads."
    if session.outgrown:
        said += " The address has no room for them: save the selection, or the view, under a name."
    return said


def text(session: Session) -> str:
    """The rule in words, with the models' names in place of their ids; empty where there is none."""
    return session.words(session.state.selection.rule) if session.state.selection is not None else ""


def in_sight(session: Session) -> tuple[str, ...]:
    """The reference, if there is one, and the models compared with it: labels tell these apart."""
    compared = on.compared(measured(session.tables), session.state)
    return tuple(r for r in (session.reference, *compared) if r)


def choices(session: Session, column: str) -> list[str]:
    """The values that a field has; none for numbers."""
    classes = [plain(c) for c in session.tables.classes]
    either = ["yes", "no"]
    options = {LABEL: classes, PREDICTED: classes, OUTCOME: list(OUTCOMES), CORRECT: either, EXEMPLAR: either}
    return options.get(column, [])


def wanted(session: Session, column: str, run: str, values: tuple[str, ...], low: str, high: str) -> Rule | str:
    """The rule that somebody asks for, or what is wrong with it.

    Args:
        session: whose study it is.
        column: one of :data:`FIELDS`.
        run: id of the model whose column it is.
        values: those allowed, of :func:`choices`.
        low, high: as typed; nothing for any. A search has what is sought in ``low``.
    """
    if column == NAME:
        return Contains(Column("sample_id"), low) if low else "Type a part of an image's name."
    if column != LABEL and not run:
        return "There is no model to read it of: compare some first."
    if column in NUMBERS:
        limits = []
        for name, typed in (("from", low), ("to", high)):
            try:
                limits.append(float(typed) if typed else None)
            except ValueError:
                return f"{name}: got {typed!r}; allowed: a number, or nothing for any."
        return Range(Column(column, run), *limits)
    if not values:
        return f"Choose one or more values of {column}."
    if column in (LABEL, PREDICTED):
        names = {plain(c): c for c in session.tables.classes}
        of = Column("label") if column == LABEL else Column("prediction", run)
        return Values(of, tuple(names[v] for v in values))
    if column == OUTCOME:
        return Became(run, session.reference, values)
    return Values(Column(column, run), values)


def refine(session: Session, rule: Rule, way: str) -> None:
    """Select by a rule, combined with the selection that there is in one of :data:`WAYS`."""
    now = session.state.selection
    before = now.rule if now is not None else None
    ways = {
        "and": rule if before is None else before & rule,
        "or": rule if before is None else before | rule,
        "and not": (before if before is not None else AllOf(())) & ~rule,
        "only": rule,
    }
    session.select(ways[way])


def save(session: Session, name: str, asked: str) -> str:
    """Keep the selection under a name; where the name is taken, ask first.

    Args:
        session: whose selection it is.
        name: as typed.
        asked: what the last call gave: the name that was asked about.

    Returns:
        The name that is asked about: the next call with it replaces what it meant. Empty once it is saved.

    Raises:
        PrunevizError: it cannot be saved under that name.
    """
    name = checked_name(name)
    taken = session.tables.workspace.selections.get(name)
    was = elide(session.words(taken.rule), LONGEST) if taken is not None else ""
    if was and name != asked:
        session.say(f"{name!r} is taken by: {was}. Save again to replace it, or choose another name.")
        return name
    said = elide(text(session), LONGEST)
    session.save_selection(name)
    session.say(f"Saved as {name!r}: {said}." + (f" It was: {was}." if was else ""))
    return ""


def portable(session: Session) -> Rule | None:
    """What the selection means, saved ones in it spelt out, if it is about a model, so that it can be carried."""
    selection = session.state.selection
    rule = selection.rule.spelt_out(session.tables.workspace.selections) if selection is not None else None
    return rule if rule is not None and rule.runs else None


def carry(session: Session, to: str) -> None:
    """Let the selection's rule be about another model.

    What it says of the reference beside a model stays. A rule that sets two models against each other is about both,
    and is not carried: with one model in the place of two it would say something else.
    """
    rule = portable(session)
    if rule is None:
        return
    about = [r for r in rule.runs if r != session.reference] or [session.reference]
    if len(about) > 1:
        done = measured(session.tables)
        names = on.labels(done, [r for r in about if r in set(done["run_id"])])
        session.say(
            f"The selection is about {several(len(about), 'model')}: {listed(map(plain, names.values()))}. One that is "
            "about a single model can be carried to another."
        )
        return
    session.select(rule.carried({about[0]: to}))


def rows(session: Session) -> pd.DataFrame:
    """The selected images (else all) as the models in sight see them, with names in place of numbers."""
    frame = session.tables.table("samples", in_sight(session))
    if session.state.narrowed:
        frame = frame[frame["sample_id"].astype(str).isin(set(session.state.samples))]
    frame = frame.copy()
    names = dict(zip(session.tables.runs["run_id"], session.tables.runs["name"], strict=True))
    frame.insert(1, "run", [names[r] for r in frame["run_id"]])
    classes = session.tables.classes
    for column in ("label", "prediction"):
        frame[column] = [classes[k] if 0 <= k < len(classes) else str(k) for k in frame[column]]
    return frame
