"""``pruneviz methods|analyses|studies|models|data``: what exists, its options, its reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError, UsageError, nearest
from pruneviz.core.options import describe, to_plain
from pruneviz.signatures import NONE
from pruneviz.signatures import told as signatures_of
from pruneviz_apps.commands.output import console, print_json, print_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pruneviz.core.options import OptionInfo


@dataclass(frozen=True)
class Entry:
    """One thing of a catalogue.

    Attributes:
        facts: what the table shows beside the name; also in the full view.
        options: by option: doc, type, default, unit, allowed (those that apply).
        more: what only the full view shows.
        section: the part of the catalogue that it stands in, where there are several.
    """

    name: str
    summary: str
    reference: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    section: str = ""


def show(arguments: argparse.Namespace) -> int:
    """Print a catalogue, or one of its entries in full."""
    kind = arguments.kind
    entries = _ENTRIES[kind]()
    for condition in arguments.where or ():
        entries = _matching(entries, condition)
    if arguments.entry is None:
        if arguments.json:
            print_json(entries)
        else:
            _list(kind, entries)
        return 0
    found = next((e for e in entries if e.name == arguments.entry), None)
    if found is None:
        known = [e.name for e in entries]
        hint = nearest(arguments.entry, known)
        raise UsageError(f"{kind}: got {arguments.entry!r}; there are: {', '.join(known) or 'none'}. {hint}".strip())
    if arguments.json:
        print_json(found)
    else:
        _full(found)
    return 0


def _matching(entries: Sequence[Entry], condition: str) -> list[Entry]:
    """The entries of which a fact is, or contains, what is asked for: ``unit=channel``, ``needs=gradients``."""
    key, _, wanted = condition.partition("=")
    known = list(dict.fromkeys(k for e in entries for k in (*e.facts, *e.more)))
    if not wanted or key not in known:
        shown = ", ".join(known)
        raise UsageError(
            f"--where: got {condition!r}; allowed: FACT=TEXT with a fact of {shown}. {nearest(key, known)}"
        )
    return [e for e in entries if wanted.lower() in _text({**e.more, **e.facts}.get(key)).lower()]


def _list(kind: str, entries: Sequence[Entry]) -> None:
    if not entries:
        print(f"There are no such {kind}.")
        return
    sections = list(dict.fromkeys(e.section for e in entries))
    for section in sections:
        shown = [e for e in entries if e.section == section]
        if len(sections) > 1:
            print(f"{'' if section == sections[0] else chr(10)}{section}:")
        facts = list(dict.fromkeys(f for e in shown for f in e.facts))
        rows = [[e.name, *(_text(e.facts.get(f)) for f in facts), e.summary] for e in shown]
        print_table(["name", *facts, "what it is"], rows)
    print(f"\nMore on one: pruneviz {kind} {entries[0].name}")


def _full(entry: Entry) -> None:
    out = console()
    out.print(entry.name, style="bold", markup=False)
    out.print(entry.summary, markup=False)
    for label, value in {**entry.facts, **entry.more, "reference": entry.reference}.items():
        if label == "signature" and not value and entry.reference:
            out.print(f"  {label}: {NONE}", markup=False)
        elif isinstance(value, dict):
            for key, inner in value.items():
                out.print(f"  {label} {key}: {_text(inner)}", markup=False, soft_wrap=True)
        elif value not in (None, "", [], ()):
            out.print(f"  {label}: {_text(value)}", markup=False, soft_wrap=True)
    if entry.options:
        out.print()
        columns = ["option", "default", "allowed", "what it is"]
        rows = [[name, _text(o.get("default")), o.get("allowed"), o.get("doc")] for name, o in entry.options.items()]
        print_table(columns, rows)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(f"{{{_text(v)}}}" if isinstance(v, dict) else _text(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{k} = {_text(v)}" for k, v in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def options_of(options: Sequence[OptionInfo]) -> dict[str, dict[str, Any]]:
    """Options as plain data, by name."""
    return {
        o.name: {
            "doc": o.doc,
            "type": o.type,
            "default": to_plain(o.default),
            "required": o.required,
            "unit": o.unit,
            "allowed": o.allowed,
        }
        for o in options
    }


def _methods() -> list[Entry]:
    """The pruning methods, then the recoveries, which a study crosses them with."""
    from pruneviz.pruning import RECIPES
    from pruneviz.pruning import describe as described
    from pruneviz.training.recoveries import RECOVERIES

    found = []
    for recipe in RECIPES.values():
        told = described(recipe)
        facts = {key: told.pop(key) for key in ("unit", "when", "score", "allocation", "schedule", "needs")}
        told["may have"] = told.pop("replaceable")
        texts = {key: told.pop(key) for key in ("name", "summary", "reference")}
        found.append(Entry(**texts, facts=facts, options=told.pop("options"), more=told, section="methods"))
    found += [Entry(name, why, section="methods") for name, why in RECIPES.faults.items()]
    for name, cls in RECOVERIES.items():
        options = options_of(describe(cls))
        more = {"signature": dict(signatures_of(name))}
        found.append(Entry(name, cls.summary, cls.reference, options=options, more=more, section="recoveries"))
    return found


def _analyses() -> list[Entry]:
    import pruneviz_analyses

    found = []
    for name in pruneviz_analyses.names():
        try:
            cls = pruneviz_analyses.find(name, "analyses")
        except PrunevizError as e:  # another package's fault must not hide the others
            found.append(Entry(name, str(e)))
            continue
        facts = {"tables": [s.name for s in cls.schemas]}
        more = {"measures": {"run": "one run", "pair": "a pair of runs"}.get(cls.scope, "the study")}
        found.append(Entry(name, cls.summary, cls.reference, facts, options_of(describe(cls)), more))
    return found


def _studies() -> list[Entry]:
    from pruneviz.core.spec import read_toml
    from pruneviz.shipped import studies

    found = []
    for study in studies():
        table = read_toml(study.path)
        more = {"detail": study.detail, "file": str(study.path), "quick variant": "quick" in table}
        more |= {f"[{k}]": v for k, v in table.items() if k not in ("name", "quick")}
        found.append(Entry(study.name, study.summary, facts={"time": study.time}, more=more))
    return found


def _models() -> list[Entry]:
    from pruneviz import models

    found = []
    for m in models.catalogue():
        options = {name: {"doc": doc} for name, doc in m.options.items()}
        found.append(Entry(m.name, m.summary, m.reference, {"written": m.form}, options, m.details))
    return found


def _data() -> list[Entry]:
    from pruneviz import data

    found = []
    for d in data.catalogue():
        more = {"licence": d.licence, "fetched from": d.home}
        found.append(Entry(d.name, d.summary, d.reference, {"written": d.form}, options_of(d.options), more))
    return found


_ENTRIES = {
    "methods": _methods,
    "analyses": _analyses,
    "studies": _studies,
    "models": _models,
    "data": _data,
}
