"""What a reader has to cite: the methods' papers, what recoveries and analyses rest on, and the software, as BibTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pruneviz.report.content import Source
from pruneviz.report.provenance import recipes_of
from pruneviz.report.tex import tex
from pruneviz.views import runs as on
from pruneviz.views.text import plain

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables
    from pruneviz.pruning.recipe import Reference

_SMALL = {"a", "an", "the", "of", "on", "for", "what", "is", "to", "in", "how", "are"}


def sources(tables: Tables, analyses: Mapping[str, str]) -> tuple[Source, ...]:
    """Everything that the study's methods, recoveries and analyses rest on, each once; the software last.

    Args:
        tables: the study.
        analyses: where each analysis is defined, by its name; those that the study did not ask for are left out.
    """
    found: dict[str, Source] = {}
    for source in _all(tables, analyses):
        if source.label not in {s.label for s in found.values()}:
            key = source.key
            while key in found:
                key = _next(key)
            entry = source.bibtex.replace(f"{{{source.key},", f"{{{key},", 1)
            found[key] = Source(key, source.label, entry)
    return tuple(found.values())


def _next(key: str) -> str:
    """``key`` → ``keyb`` → ``keyc``: as authors tell two of a year apart."""
    return f"{key[:-1]}{chr(ord(key[-1]) + 1)}" if key[-1:].isalpha() and key[-2:-1] == "-" else f"{key}-b"


def _all(tables: Tables, analyses: Mapping[str, str]) -> Iterator[Source]:
    from pruneviz.training.recoveries import RECOVERIES

    runs = tables.runs
    used = set(on.unique(runs.loc[~on.is_dense(runs), "method"]))
    for name, recipe in recipes_of(tables.spec).items():
        if name in used and recipe.reference is not None:
            yield published(recipe.reference)
    for recovery in on.unique(runs["recovery"]):
        kind = recovery.partition("(")[0]
        if kind in RECOVERIES and RECOVERIES[kind].reference:
            yield _noted(kind, RECOVERIES[kind].reference)
    for asked in tables.spec.get("analyses", ()):
        if text := analyses.get(asked["name"], ""):
            yield _noted(asked["name"], text)
    yield _software(str(dict(tables.environment.get("versions", {})).get("pruneviz", "")))


def published(reference: Reference) -> Source:
    """A paper with its BibTeX entry."""
    authors = [a.strip() for a in reference.authors.removesuffix(" et al.").split(",")]
    names = " and ".join([*(f"{{{tex(a)}}}" for a in authors), *(["others"] if "et al" in reference.authors else [])])
    word = next((w for w in re.findall(r"[A-Za-z]+", _ascii(reference.title)) if w.lower() not in _SMALL), "paper")
    key = re.sub(r"[^a-z0-9]", "", f"{_ascii(authors[0].split()[-1])}{reference.year}{word}".lower())
    fields = {
        "author": names,
        "title": f"{{{tex(reference.title)}}}",
        "year": str(reference.year),
        "howpublished": tex(reference.venue),
        **({"eprint": reference.arxiv, "archiveprefix": "arXiv"} if reference.arxiv else {}),
    }
    return Source(key, reference.label, _entry("misc", key, fields))


def _noted(name: str, text: str) -> Source:
    """A reference that is known as one text only."""
    years = re.findall(r"\b(?:19|20)\d\d\b", text)
    key = re.sub(r"[^a-z0-9]", "", plain(name).lower())
    year = {"year": years[-1]} if years else {}
    fields = {"title": tex(plain(name).replace("_", " ")), "note": tex(plain(text)), **year}
    return Source(key, plain(text), _entry("misc", key, fields))


def _software(version: str) -> Source:
    label = f"The pruneviz developers. pruneviz{f', version {version}' if version else ''}"
    fields = {"author": "{The pruneviz developers}", "title": "pruneviz", **({"version": version} if version else {})}
    return Source("pruneviz", label, _entry("misc", "pruneviz", fields))


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    return "\n".join([f"@{kind}{{{key},", *(f"  {name} = {{{value}}}," for name, value in fields.items()), "}", ""])


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
