"""A user's model factory, ``package.module:factory``: found without executing it, then imported and called."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import ModelError, SpecError, nearest
from pruneviz.core.keys import digest, file_digest

if TYPE_CHECKING:
    from torch import nn

WHERE = "[model] source"


def split(source: str) -> tuple[str, str]:
    """Module and attribute of ``package.module:factory``.

    Raises:
        SpecError: it is not of that form.
    """
    module, _, attribute = source.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")]):
        allowed = '"sample:NAME", "timm:NAME", "memory:NAME" or "package.module:factory"'
        raise SpecError(WHERE, source, allowed, nearest(module, ("sample", "timm", "memory")))
    return module, attribute


def module_file(module: str) -> Path:
    """The file of a module, found without executing it or its packages.

    Raises:
        ModelError: there is no such module, or it has no file.
    """
    path: Sequence[str] | None = None
    spec = None
    parts = module.split(".")
    for i in range(len(parts)):
        full = ".".join(parts[: i + 1])
        spec = _find(full, path)
        if spec is None:
            near = nearest(parts[i], [m.name for m in pkgutil.iter_modules(path or [p or "." for p in sys.path[:1]])])
            within = f"in {', '.join(path)}" if path else "on Python's path"
            remedy = "Run from the folder that holds it, install it, or add its folder to PYTHONPATH."
            raise ModelError(f"{WHERE}: there is no module {full!r} {within}. {near} {remedy}".replace("  ", " "))
        path = spec.submodule_search_locations
        if path is None and i < len(parts) - 1:
            raise ModelError(f"{WHERE}: {full!r} is a module, not a package: it holds no module {parts[i + 1]!r}.")
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ModelError(
            f"{WHERE}: module {module!r} has no file, so a change of it could not be noticed. "
            'Put the factory into a file, or give the module itself with "memory:NAME".'
        )
    return Path(spec.origin)


def source_digest(source: str, options: Mapping[str, Any]) -> str:
    """Digest of the factory's file and options.

    What that file imports is not looked into: a change there needs another name, option or store.

    Raises:
        ModelError: the module cannot be found.
        SpecError: an option is not plain data.
    """
    module, attribute = split(source)
    try:
        return digest({"file": file_digest(module_file(module)), "attribute": attribute, "options": options})
    except (TypeError, ValueError):
        raise SpecError("[model] options", dict(options), "numbers, texts, lists and tables") from None


def call(source: str, options: Mapping[str, Any]) -> nn.Module:
    """Import the factory's module and call the factory.

    Raises:
        ModelError: it cannot be imported or found, raises, or returns something else than a module.
    """
    from torch import nn

    module, attribute = split(source)
    module_file(module)  # its errors are clearer than those of the import
    try:
        found: Any = importlib.import_module(module)
    except Exception as e:
        raise ModelError(f"{WHERE}: importing {module!r} failed: {_said(e)}.") from e
    for name in attribute.split("."):
        if not hasattr(found, name):
            near = nearest(name, [n for n in vars(found) if not n.startswith("_")])
            raise ModelError(f"{WHERE}: module {module!r} has no {attribute!r}. {near}".rstrip())
        found = getattr(found, name)
    if isinstance(found, nn.Module):
        raise ModelError(f"{WHERE}: {source} is a module, not a factory. Write a function that makes and returns it.")
    if not callable(found):
        raise ModelError(
            f"{WHERE}: {source} is {type(found).__name__}, allowed: a callable that returns a torch module."
        )
    try:
        net = found(**options)
    except Exception as e:
        given = ", ".join(f"{k}={v!r}" for k, v in options.items())
        raise ModelError(f"{WHERE}: {source}({given}) raised {_said(e)}.") from e
    if not isinstance(net, nn.Module):
        raise ModelError(f"{WHERE}: {source} returned {type(net).__name__}, allowed: a torch.nn.Module.")
    return net


def _said(e: Exception) -> str:
    return f"{type(e).__name__}: {e}".rstrip(". ")


def _find(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__spec__ is not None:
        return loaded.__spec__
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path) if hasattr(finder, "find_spec") else None
        if spec is not None:
            return spec
    return None
