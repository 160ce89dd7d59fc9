"""Which runs a view is about, and what they are called there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.core.viewstate import ViewState
from pruneviz.views.palette import method_inks
from pruneviz.views.text import plain, short_percent

if TYPE_CHECKING:
    import pandas as pd

DENSE = "dense"


def filtered(runs: pd.DataFrame, state: ViewState) -> pd.DataFrame:
    """The runs that the view's filters show; dense models always stay, as what everything is measured against."""
    shown = runs
    for column, values in state.filters:
        if column in runs:
            keep = shown[column].astype("string").isin(list(values)).fillna(False)
            shown = shown[keep.astype(bool) | is_dense(shown) if column != "model" else keep.astype(bool)]
    return shown


def is_dense(runs: pd.DataFrame) -> pd.Series[bool]:
    """Where nothing was pruned, retrained dense models included."""
    return (runs["method"] == DENSE).fillna(False).astype(bool)


def is_original(runs: pd.DataFrame) -> pd.Series[bool]:
    """Where a run is a dense model as it was trained, and nothing was done to it since."""
    return is_dense(runs) & (runs["run_id"] == runs["dense_run_id"]).fillna(False).astype(bool)


def controls(runs: pd.DataFrame) -> set[str]:
    """The methods that are random controls: so named, or made to be one."""
    named = {m for m in runs["method"].dropna().unique() if str(m).partition("(")[0] == "random"}
    made = runs.loc[runs["run_id"].isin(runs["control_run_id"].dropna().unique()), "method"]
    return named | set(made.dropna())


def inks(runs: pd.DataFrame) -> dict[str, str]:
    """The ink of each method; ``runs`` is the whole table, so that every picture agrees."""
    return method_inks([str(m) for m in runs["method"].dropna()], controls(runs))


def reference(done: pd.DataFrame, state: ViewState) -> str:
    """The id of the run to compare with: the one chosen, else the first dense model; empty where there is none."""
    ids = list(done["run_id"])
    if state.reference in ids:
        return state.reference
    dense = done[is_original(done)]
    return str(dense["run_id"].iloc[0]) if len(dense) else ""


def compared(done: pd.DataFrame, state: ViewState) -> tuple[str, ...]:
    """The ids compared that are there and done, without the reference, in the order chosen."""
    ids, against = set(done["run_id"]), reference(done, state)
    return tuple(m for m in state.models if m in ids and m != against)


def controls_of(done: pd.DataFrame, compared: Iterable[str]) -> dict[str, str]:
    """The random control of each of these runs that has one and is done: of the same dense model, recovery and seed."""
    made = dict(zip(done["run_id"], done["control_run_id"], strict=True))
    there = set(done["run_id"])
    return {r: str(made[r]) for r in compared if made.get(r) in there}


def beside(controls: Mapping[str, str], compared: Sequence[str]) -> tuple[str, ...]:
    """The random controls that stand beside these runs, each once; not those that are compared themselves."""
    return tuple(dict.fromkeys(controls[r] for r in compared if r in controls and controls[r] not in compared))


def as_control(label: str) -> str:
    """What a random control is called that stands beside what is compared."""
    return f"control: {label}"


def target_text(target: object, sparsity: float | None = None) -> str:
    """A target as people read it: ``90 %``, ``20×``, ``50 % of macs``; nothing for models that came as they are."""
    if not missing(sparsity) and sparsity is not None:
        return short_percent(float(sparsity))
    text = "" if target == AS_GIVEN else str(target)
    if text.endswith("x"):
        return f"{text[:-1]}×"
    kind, sign, kept = text.partition("=")
    return f"{short_percent(float(kept))} of {kind}" if sign else text


def at_target(target: object, sparsity: float | None = None) -> str:
    """The same as it goes on in a sentence, after a method: ``at 90 %``, or nothing."""
    text = target_text(target, sparsity)
    return f"at {text}" if text else ""


def row(runs: pd.DataFrame, run_id: str) -> Mapping[str, Any]:
    """The run's row, as a mapping."""
    return _records(runs[runs["run_id"] == run_id])[0]


def short(names: Iterable[object]) -> dict[str, str]:
    """Methods or recoveries as short as tells them apart: no options where there is one of a kind, else their values.

    ``finetune(epochs=1, lr=0.02)`` is ``finetune`` where no other fine-tuning is there, and
    ``magnitude(allocation=uniform)`` beside ``magnitude`` is ``magnitude (uniform)``.
    """
    every = unique(names)
    kinds = [_kind(n) for n in every]
    shown = {}
    for name, kind in zip(every, kinds, strict=True):
        options = name.removeprefix(kind).removeprefix("(").removesuffix(")")
        values = ", ".join(o.partition("=")[2] or o for o in options.split(", "))
        shown[name] = plain(f"{kind} ({values})" if options and kinds.count(kind) > 1 else kind)
    return shown if len(set(shown.values())) == len(every) else {n: plain(n) for n in every}


def _kind(name: str) -> str:
    """What stands before a recipe's options; the name of a model that was given has none, whatever it holds."""
    kind, _, options = name.partition("(")
    of_recipe = bool(kind) and not kind.endswith(" ") and ("=" in options or kind == "custom")
    return kind if of_recipe and options.endswith(")") else name


def labels(runs: pd.DataFrame, run_ids: Sequence[str]) -> dict[str, str]:
    """Short names that tell the given runs apart: method and target always, else only what differs between them.

    Where even that is the same, the study's own names of the runs are taken.
    """
    rows = {str(r["run_id"]): r for r in _records(runs[runs["run_id"].isin(list(run_ids))])}
    methods, recoveries = short(runs["method"]), short(runs["recovery"])
    parts = {r: _parts(rows[r], methods, recoveries) for r in run_ids if r in rows}

    def text(names: list[str]) -> dict[str, str]:
        return {r: " ".join(p[n] for n in _PARTS if n in names and p[n]) for r, p in parts.items()}

    shown = ["method", "target"]
    for name in ("recovery", "model", "replicate", "seed", "level"):
        differs = len({p[name] for p in parts.values()}) > 1
        alike = len(set(text(shown).values())) < len(parts)
        if differs and (alike or name in ("recovery", "model", "replicate")):
            shown.append(name)
    found = text(shown)
    if len(set(found.values())) < len(parts):
        return {r: plain(rows[r]["name"]) for r in parts}
    return found


_PARTS = ("model", "method", "target", "level", "recovery", "replicate", "seed")


def _parts(r: Mapping[str, Any], methods: Mapping[str, str], recoveries: Mapping[str, str]) -> dict[str, str]:
    pruned = r["method"] != DENSE
    known = {k: "" if missing(r.get(k)) else plain(r[k]) for k in _PARTS}
    return {
        **known,
        "target": target_text(r["target"], r.get("sparsity_target")) if pruned and known["target"] else "",
        "level": f"level {known['level']}" if pruned and known["level"] else "",
        "method": methods[str(r["method"])],
        "recovery": recoveries[str(r["recovery"])] if known["recovery"] not in ("", "none") else "",
        "replicate": f"#{known['replicate']}" if known["replicate"] else "",
        "seed": f"seed {known['seed']}" if known["seed"] else "",
    }


def _records(runs: pd.DataFrame) -> list[dict[str, Any]]:
    names = [str(c) for c in runs]
    return [dict(zip(names, row, strict=True)) for row in zip(*(runs[c].tolist() for c in runs), strict=True)]


def missing(value: object) -> bool:
    """Whether a table's value is null: ``None``, NaN or pandas' ``NA``."""
    return value is None or (not isinstance(value, str) and str(value) in ("nan", "<NA>", "NaT"))


def unique(values: Iterable[object]) -> list[str]:
    """The texts that occur, in the order of their first occurrence; nulls left out."""
    return list(dict.fromkeys(str(v) for v in values if not missing(v)))
