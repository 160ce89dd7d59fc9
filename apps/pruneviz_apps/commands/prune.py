"""``pruneviz prune``: one model, pruned once, as a file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz_apps.commands.export import output_file
from pruneviz_apps.commands.output import print_json
from pruneviz_apps.commands.run import carry_out, importable

if TYPE_CHECKING:
    import argparse

    from pruneviz.api import Asked

ENDINGS = (".safetensors",)


def prune(arguments: argparse.Namespace) -> int:
    """Prune, measure, write, and say how to load it."""
    from pruneviz import models
    from pruneviz.progress import size
    from pruneviz.study.saved import save_run

    importable(Path.cwd())
    path = new_file(arguments.output, ENDINGS, arguments.force)
    asked = _asked(arguments)
    model = asked.spec.models[0]
    if not models.has_weights(model):
        raise UsageError(
            f"prune: got {arguments.model!r} without weights; allowed: sample:NAME, or package.module:factory@FILE. To "
            "train one first, write a study file and `pruneviz run` it."
        )
    store = Path(arguments.store or f"runs/prune-{model.label}")
    result = carry_out(asked, store, executor="inline", device=arguments.device)
    runs = result.study.runs
    wanted = runs[runs["method"] != "dense"].iloc[-1]  # the recovered one comes last
    if wanted["status"] != "done":
        raise PrunevizError(f"{wanted['name']}: {wanted['reason']}")
    dense = runs[runs["run_id"] == wanted["dense_run_id"]].iloc[0]
    facts = ("method", "target", "recovery", "sparsity_achieved", "accuracy")
    about = {name: wanted[name] if isinstance(wanted[name], str) else float(wanted[name]) for name in facts}
    about |= {"data": asked.spec.data.source, "accuracy_dense": float(dense["accuracy"])}
    saved = save_run(asked.spec, result.study.store, wanted["run_id"], path, masked=arguments.masked, about=about)
    lines = load_lines(path, model.source)
    if arguments.json:
        print_json({"file": path, "bytes": saved.bytes, "cut": saved.cut, **saved.head, "load": lines})
        return 0
    what = "channels cut" if saved.cut else "removed weights set to zero"
    kept = f"{int(wanted['parameters_nonzero']):,} of {int(wanted['parameters']):,} parameters kept"
    print(f"{path}: {size(saved.bytes)}, {what}, {kept}.")
    print(
        f"Accuracy {wanted['accuracy']:.4f} on {asked.spec.data.source}'s test images; before, {dense['accuracy']:.4f}."
    )
    for warning in result.study.warnings().get(wanted["run_id"], ()):
        print(f"  warning: {warning}")
    print("Load it:\n" + "\n".join(f"    {line}" for line in lines))
    return 0


def new_file(text: str, endings: tuple[str, ...], force: bool) -> Path:
    """The path of a file to write, which is not there yet unless ``--force`` says so.

    Raises:
        UsageError: it is there, its ending is not allowed, or its folder does not exist.
    """
    path = output_file(text, endings)
    if path.exists() and not force:
        raise UsageError(f"-o: {text!r} is there already. Name another file, or add --force to replace it.")
    return path


def load_lines(path: Path, source: str) -> list[str]:
    """The two lines of Python that load the file."""
    own = "" if source.startswith("sample:") else f", {source!r}"
    return ["import pruneviz as pv", f"net = pv.load({str(path)!r}{own})"]


def _asked(given: argparse.Namespace) -> Asked:
    """The study of one run that the arguments mean."""
    from pruneviz.api import Asked
    from pruneviz.comparing import source_of
    from pruneviz.core.spec import merge, parse_setting, study_from_plain

    model = source_of("prune", given.model, None) if "@" in given.model else {"source": given.model}
    table: dict[str, Any] = {
        "name": "prune",
        "model": model,
        "data": {"source": given.data},
        "prune": {"methods": [_choice(given.method, "--method")], "sparsities": [_sparsity(given.sparsity)]},
        "recover": {"recoveries": [_choice(given.recovery, "--recovery")]},
        "measure": {"latency": False},
    }
    for text in given.settings:
        table = merge(table, parse_setting(text))
    if table["prune"].get("seeds", 1) != 1 or table["model"].get("replicates", 1) != 1:
        raise UsageError("prune: writes one model; for seeds and replicates write a study file and `pruneviz run` it.")
    table["prune"] |= {"controls": False, "retrained": False}  # one model is wanted, and none beside it
    return Asked(study_from_plain(table, "pruneviz prune"), origin="pruneviz prune")


def _choice(text: str, where: str) -> Any:
    """A name, or a table of TOML."""
    if not text.strip().startswith("{"):
        return text
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError as e:
        raise UsageError(
            f"{where}: {text!r} is no table of TOML: {e}. Write '{{name = \"taylor\", option = 3}}'."
        ) from None


def _sparsity(text: str) -> Any:
    """``macs=0.5`` is a table; everything else is as in a study file."""
    kind, sign, value = text.partition("=")
    if not sign:
        return text
    try:
        return {kind.strip(): float(value)}
    except ValueError:
        raise UsageError(f"--sparsity: got {text!r}; allowed: 0.9, 90%, 20x, macs=0.5 or parameters=0.1.") from None
