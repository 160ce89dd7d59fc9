"""Things that a user names as ``package.module:attribute``: found without executing them, then imported."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from pruneviz.core.errors import ModelError, SpecError, nearest
from pruneviz.core.keys import digest, file_digest


def split(source: str, where: str, kinds: Iterable[str] = ()) -> tuple[str, str]:
    """Module and attribute of ``package.module:attribute``.

    Args:
        source: the text.
        where: the place it came from, for messages.
        kinds: the other forms ``KIND:NAME`` that are allowed in that place.

    Raises:
        SpecError: it is not of that form.
    """
    module, _, attribute = source.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")]):
        others = [f'"{kind}:NAME"' for kind in kinds]
        raise SpecError(where, source, " or ".join([*others, '"package.module:name"']), nearest(module, kinds))
    return module, attribute


def module_file(module: str, where: str, kinds: Iterable[str] = ()) -> Path:
    """The file of a module, found without executing it or its packages.

    Args:
        module: its full name.
        where: the place it was named in, for messages.
        kinds: what else it may have been meant to be, for messages.

    Raises:
        ModelError: there is no such module, or it has no file.
    """
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for i, part in enumerate(parts):
        full = ".".join(parts[: i + 1])
        spec = _find(full, path)
        if spec is None:
            there = [m.name for m in pkgutil.iter_modules(path or [p or "." for p in sys.path[:3]])]
            near = nearest(part, [*there, *(kinds if len(parts) == 1 else ())])
            within = f"in {', '.join(path)}" if path else "on Python's path"
            remedy = "Run from the folder that holds it, install it, or add its folder to PYTHONPATH."
            raise ModelError(" ".join(filter(None, [f"{where}: there is no module {full!r} {within}.", near, remedy])))
        path = spec.submodule_search_locations
        if path is None and i < len(parts) - 1:
            raise ModelError(f"{where}: {full!r} is a module, not a package: it holds no module {parts[i + 1]!r}.")
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ModelError(
            f"{where}: module {module!r} has no file, so a change of it could not be noticed. "
            'Put it into a file, or give the object itself with "memory:NAME".'
        )
    return Path(spec.origin)


def source_digest(source: str, options: Mapping[str, Any], where: str, kinds: Iterable[str] = ()) -> str:
    """Digest of the file that holds the named thing, its name, and options.

    What that file imports is not looked into: a change there needs another name or option to be noticed.

    Raises:
        ModelError: the module cannot be found.
        SpecError: an option is not plain data.
    """
    module, attribute = split(source, where)
    file = file_digest(module_file(module, where, kinds))
    try:
        return digest({"file": file, "attribute": attribute, "options": options})
    except (TypeError, ValueError):
        raise SpecError(f"{where}: options", dict(options), "numbers, texts, lists and tables") from None


def load(source: str, where: str) -> Any:
    """Import the module and give what is named; see :func:`refresh` for files that change.

    Raises:
        ModelError: it cannot be imported, or holds no such name.
    """
    module, attribute = split(source, where)
    file = module_file(module, where)  # its errors are clearer than those of the import
    if module not in _IMPORTED:
        _IMPORTED[module] = file_digest(file)
    found = _executed(module, where, importlib.import_module)
    for name in attribute.split("."):
        if not hasattr(found, name):
            near = nearest(name, [n for n in vars(found) if not n.startswith("_")])
            raise ModelError(f"{where}: module {module!r} has no {attribute!r}. {near}".rstrip())
        found = getattr(found, name)
    return found


def refresh(source: str, where: str) -> None:
    """Execute a module again if its file has changed since this process did; to be called as a study begins.

    What that file imports is not looked into: a change there needs a new process.

    Raises:
        ModelError: it cannot be imported.
    """
    module, _ = split(source, where)
    now = file_digest(module_file(module, where))
    if _IMPORTED.get(module, now) != now:
        _IMPORTED[module] = now
        if module in sys.modules:
            _executed(module, where, lambda name: importlib.reload(sys.modules[name]))


def _executed(module: str, where: str, how: Callable[[str], Any]) -> Any:
    try:
        return how(module)
    except (Exception, SystemExit) as e:
        _IMPORTED.pop(module, None)
        remedy = 'Put what the file does as a script under `if __name__ == "__main__":`.'
        text = f"{where}: importing {module!r} failed: {said(e)}."
        raise ModelError(f"{text} {remedy}" if isinstance(e, SystemExit) else text) from e


_IMPORTED: dict[str, str] = {}  # digest of the file that a module was executed from, by its name


def said(e: BaseException) -> str:
    """An exception's type and text, for the middle of a sentence."""
    return f"{type(e).__name__}: {e}".rstrip(". ")


def _find(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Like ``importlib.util.find_spec``, which would import the packages above."""
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__spec__ is not None:
        return loaded.__spec__
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path) if hasattr(finder, "find_spec") else None
        if spec is not None:
            return spec
    return None
