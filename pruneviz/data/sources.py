"""The catalogue of sources, and which reader a source means."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruneviz.core.errors import SpecError, unknown
from pruneviz.core.options import OptionInfo, describe
from pruneviz.core.spec import DataSpec
from pruneviz.data.fetching import HOMES
from pruneviz.data.raw import Raw, Request
from pruneviz.data.readers import cifar, folder, idx, npz, objects, samples


@dataclass(frozen=True)
class SourceInfo:
    """A source as a person needs to know it.

    Attributes:
        name: its name in the catalogue.
        form: what to write as ``source``.
        summary: one clause.
        options: what else can be said about it, under ``[data]``.
        reference: where it is described.
        licence: of the data, where it is one data set.
        home: where it comes from, where it is one data set.
        fetch: whether ``fetch`` knows it by its name.
    """

    name: str
    form: str
    summary: str
    options: tuple[OptionInfo, ...]
    reference: str = ""
    licence: str = ""
    home: str = ""
    fetch: bool = False


@dataclass(frozen=True)
class Reader:
    """A kind of source.

    Attributes:
        read: reads it.
        fingerprint: what identifies its content without decoding it; None: only reading it tells.
    """

    form: str
    summary: str
    read: Callable[[Request], Raw]
    fingerprint: Callable[[Request], Any] | None
    reference: str = ""


FUNCTION = "function"
READERS: Mapping[str, Reader] = {
    "sample": Reader("sample:NAME", "data that ships", samples.read, samples.fingerprint),
    "cifar": Reader(
        "cifar:DIR",
        "the binary version of CIFAR-10 or CIFAR-100",
        cifar.read,
        cifar.fingerprint,
        "Krizhevsky: Learning Multiple Layers of Features from Tiny Images (2009)",
    ),
    "folder": Reader(
        "folder:DIR",
        "image files: DIR/train/<class>/…, DIR/test/<class>/… (and DIR/val/…), or DIR/<class>/… to compare only",
        folder.read,
        folder.fingerprint,
    ),
    "npz": Reader("npz:FILE", f"a NumPy archive with {npz.FORM}", npz.read, npz.fingerprint),
    "idx": Reader("idx:DIR", "files in the format of MNIST, compressed or not", idx.read, idx.fingerprint),
    "hf": Reader("hf:NAME", "a Hugging Face data set (pip install 'pruneviz[hf]')", objects.read_hf, None),
    "memory": Reader("memory:NAME", f"objects given in Python: {objects.FORM}", objects.read_memory, None),
    FUNCTION: Reader(
        "package.module:function", f"what a function of your own returns: {objects.FORM}", objects.read_function, None
    ),
}


def reader_of(source: str) -> tuple[str, Reader, str]:
    """The kind of a source, its reader and what follows the colon.

    Raises:
        SpecError: the source is of no kind.
    """
    kind, sign, rest = source.partition(":")
    forms = [r.form for r in READERS.values()]
    if not sign:
        allowed, remedy = ", ".join(forms), ""
        if source in samples.cards():
            remedy = f'Write "sample:{source}".'
        elif Path(source).expanduser().is_dir():
            remedy = f'Write "folder:{source}", "cifar:{source}" or "idx:{source}".'
        elif Path(source).suffix == ".npz":
            remedy = f'Write "npz:{source}".'
        raise SpecError("data source", source, allowed, remedy)
    if kind in READERS and kind != FUNCTION:
        return kind, READERS[kind], rest
    if all(part.isidentifier() for part in kind.split(".")) and _may_be_module(kind):
        return FUNCTION, READERS[FUNCTION], rest
    raise unknown(f"data source {source!r}: kind", kind, [*(k for k in READERS if k != FUNCTION), "package.module"])


def _may_be_module(name: str) -> bool:
    """A dotted name is always taken for a module; a plain one only where there is such a module."""
    return "." in name or importlib.util.find_spec(name) is not None


def catalogue() -> tuple[SourceInfo, ...]:
    """What data there is: the data sets that ship, the kinds of sources, the public data that can be fetched."""
    options = tuple(o for o in describe(DataSpec) if o.name != "source")
    shipped = [
        SourceInfo(f"sample:{name}", f"sample:{name}", c["summary"], options, c["reference"], c["licence"], c["home"])
        for name, c in samples.cards().items()
    ]
    kinds = [SourceInfo(k, r.form, r.summary, options, r.reference) for k, r in READERS.items() if k != "sample"]
    public = [
        SourceInfo(name, f"{h.kind}:FOLDER/{h.folder}", h.summary, options, h.reference, h.licence, h.base, fetch=True)
        for name, h in HOMES.items()
    ]
    return (*shipped, *kinds, *public)
