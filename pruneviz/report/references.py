"""What a reader has to cite: the methods' papers, what recoveries and analyses rest on, and the software, as BibTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pruneviz.report.content import Source
from pruneviz.report.provenance import recipes_of
from pruneviz.report.tex import tex
from pruneviz.views import runs as on
from pruneviz.views.text import plain

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables
    from pruneviz.pruning.recipe import Reference

_PAPER = re.compile(  # as recoveries and analyses name theirs: "Zhu & Gupta 2017, A title (A venue, arXiv 1710.01878)"
    r"(?P<authors>[^;]+?) (?P<year>(?:19|20)\d\d), (?P<title>.+?) \((?P<venue>[^()]+)\)(?:, for .+)?"
)
_SMALL = {"a", "an", "the", "of", "on", "for", "what", "is", "to", "in", "how", "are"}


def sources(tables: Tables, analyses: Mapping[str, str], done: Iterable[str] = ()) -> tuple[Source, ...]:
    """Everything that the study's methods, recoveries and analyses rest on, each paper once; the software last.

    Args:
        tables: the study.
        analyses: where each analysis is defined, by its name; only those are taken that the study names or that are
            done.
        done: names of the analyses that were carried out: in comparisons, without being asked for.
    """
    found: dict[str, Source] = {}
    seen: list[Reference] = []
    for each in _all(tables, analyses, done):
        if isinstance(each, Source):
            source = each
        elif any(_same(each, known) for known in seen):
            continue
        else:
            seen.append(each)
            source = published(each)
        if source.label not in {s.label for s in found.values()}:
            key = source.key
            while key in found:
                key = _next(key)
            entry = source.bibtex.replace(f"{{{source.key},", f"{{{key},", 1)
            found[key] = Source(key, source.label, entry)
    return tuple(found.values())


def _same(a: Reference, b: Reference) -> bool:
    """Whether two are of one paper, of which one may name fewer authors, no subtitle, or write its title otherwise."""
    (first, one), (second, other) = ((_letters(r.authors.split(",")[0]), _letters(r.title)) for r in (a, b))
    return a.year == b.year and first == second and (one.startswith(other) or other.startswith(one))


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _ascii(text.removesuffix(" et al.")).lower())


def _next(key: str) -> str:
    """``key`` → ``keyb`` → ``keyc``: as authors tell two of a year apart."""
    return f"{key[:-1]}{chr(ord(key[-1]) + 1)}" if key[-1:].isalpha() and key[-2:-1] == "-" else f"{key}-b"


def _all(tables: Tables, analyses: Mapping[str, str], done: Iterable[str]) -> Iterator[Source | Reference]:
    from pruneviz.training.recoveries import RECOVERIES

    runs = tables.runs
    used = set(on.unique(runs.loc[~on.is_dense(runs), "method"]))
    for name, recipe in recipes_of(tables.spec).items():
        if name in used and recipe.reference is not None:
            yield recipe.reference
    for recovery in on.unique(runs["recovery"]):
        kind = recovery.partition("(")[0]
        if kind in RECOVERIES and RECOVERIES[kind].reference:
            yield from cited(kind, RECOVERIES[kind].reference)
    for name in dict.fromkeys([*(a["name"] for a in tables.spec.get("analyses", ())), *done]):
        if text := analyses.get(name, ""):
            yield from cited(name, text)
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


def cited(name: str, text: str) -> Iterator[Source | Reference]:
    """The papers that a recovery or an analysis names.

    Args:
        name: of the recovery or analysis.
        text: ``Authors year, Title (Venue, arXiv number)``, several apart by semicolons, each perhaps with ``, for …``
            at its end. A text that is none of that is one source, as it stands.
    """
    from pruneviz.pruning.recipe import Reference

    papers = [_PAPER.fullmatch(part) for part in plain(text).split("; ")]
    if not all(papers):
        yield _noted(name, text)
        return
    for paper in filter(None, papers):
        parts = [p for p in paper["venue"].split(", ") if not re.match("(figure|section) ", p)]
        arxiv = [p for p in parts if re.match("arXiv", p)]
        venue = ", ".join(p for p in parts if p not in arxiv) or "preprint"
        authors = paper["authors"].replace(" & ", ", ")
        number = re.sub("^arXiv[: ]", "", arxiv[0]) if arxiv else ""
        yield Reference(authors, int(paper["year"]), paper["title"], venue, number)


def _noted(name: str, text: str) -> Source:
    """A reference that is known as one text only."""
    years = re.findall(r"\b(?:19|20)\d\d\b", text)
    key = re.sub(r"[^a-z0-9]", "", plain(name).lower())
    year = {"year": years[-1]} if years else {}
    return Source(key, plain(text), _entry("misc", key, {"title": f"{{{tex(plain(text))}}}", **year}))


def _software(version: str) -> Source:
    label = f"The pruneviz developers. pruneviz{f', version {version}' if version else ''}"
    fields = {"author": "{The pruneviz developers}", "title": "pruneviz", **({"version": version} if version else {})}
    return Source("pruneviz", label, _entry("misc", "pruneviz", fields))


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    return "\n".join([f"@{kind}{{{key},", *(f"  {name} = {{{value}}}," for name, value in fields.items()), "}", ""])


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
