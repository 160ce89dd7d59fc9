"""``pruneviz status``: what a store holds and how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz_apps.commands.output import print_json

if TYPE_CHECKING:
    import argparse

    from pruneviz.study import Store


def status(arguments: argparse.Namespace) -> int:
    """Print it."""
    from pruneviz.study import Store

    store = Store(arguments.store)
    found = {
        "store": str(store.root),
        "bytes": _disk(store.root),
        "studies": [_study(store, name) for name in store.studies()],
    }
    if arguments.json:
        print_json(found)
    else:
        _say(found)
    return 0


def _disk(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def _study(store: Store, name: str) -> dict[str, Any]:
    from pruneviz.study import Study

    study = Study(store, name)
    runs = study.runs
    names = dict(zip(runs["run_id"], runs["name"], strict=True))
    counts = runs["status"].value_counts().to_dict()
    failed = study.failed
    environment = study.environment
    return {
        "name": name,
        "runs": len(runs),
        **{state: int(counts.get(state, 0)) for state in ("done", "failed", "waiting")},
        "tables": study.table_names(),
        "failures": [{"run_id": r, "name": names[r], "reason": reason} for r, reason in failed.items()],
        "warnings": [
            {"run_id": r, "name": names[r], "warning": text} for r, texts in study.warnings().items() for text in texts
        ],
        "mixed_environments": bool(environment.get("mixed")),
    }


def _say(found: dict[str, Any]) -> None:
    from pruneviz.progress import size

    count = len(found["studies"])
    print(f"{found['store']}: {size(found['bytes'])}, {count} {'study' if count == 1 else 'studies'}")
    for study in found["studies"]:
        parts = [f"{study[s]} {s}" for s in ("done", "failed", "waiting") if study[s]]
        print(f"\n{study['name']}: {study['runs']} runs ({', '.join(parts)})")
        print(f"  tables: {', '.join(study['tables'])}")
        for failure in study["failures"]:
            print(f"  failed: {failure['name']}: {failure['reason']}")
        for warning in study["warnings"]:
            print(f"  warning: {warning['name']}: {warning['warning']}")
        if study["mixed_environments"]:
            print("  warning: its runs come from different environments (versions, device or threads)")
        if study["waiting"]:
            print("  Not finished: the same command again goes on where it was.")
