"""``sample:NAME``: the data that ships, with its card."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import pruneviz_samples
from pruneviz.core.errors import unknown
from pruneviz.core.keys import bytes_digest
from pruneviz.data.dataset import Array
from pruneviz.data.raw import Part, Raw, Request

FOLDER = "data"


def cards() -> dict[str, dict[str, Any]]:
    """The card of each shipped data set, by name: what it is, provenance, licence and digests."""
    found = (json.loads(p.read_text(encoding="utf-8")) for p in sorted(pruneviz_samples.path(FOLDER).glob("*.json")))
    return {card["name"]: card for card in found}


def _card(request: Request) -> dict[str, Any]:
    known = cards()
    if request.rest not in known:
        raise unknown("data source 'sample:…'", request.rest, known)
    return known[request.rest]


def fingerprint(request: Request) -> Any:
    """The digest that the card promises; :func:`read` checks it."""
    card = _card(request)
    return [card["content_blake2b_128"], card["classes"]]


def read(request: Request) -> Raw:
    """Read a shipped data set.

    Raises:
        SpecError: there is none of this name.
        DataError: its file is missing or not the one that its card describes.
    """
    card = _card(request)
    path = pruneviz_samples.path(FOLDER, card["file"])
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays: dict[str, Array] = {key: archive[key] for key in archive}
    except Exception as e:  # a damaged archive raises zip, zlib, value and file errors
        raise request.error(f"the shipped file {path} cannot be read ({e})", "Install pruneviz again.") from None
    chunks: list[bytes | memoryview] = []
    for key, a in arrays.items():
        chunks += [f"{key} {a.dtype} {a.shape}".encode(), a.data.cast("B")]
    if bytes_digest(*chunks) != card["content_blake2b_128"]:
        raise request.error(f"the shipped file {path} is not what its card describes", "Install pruneviz again.")
    return Raw(_part(arrays, "train"), None, _part(arrays, "test"), tuple(card["classes"]))


def _part(arrays: dict[str, Array], split: str) -> Part:
    part = Part.of(arrays[f"x_{split}"][..., None], arrays[f"y_{split}"].astype(np.int64), split)
    ids = np.array([f"{split}:{i}" for i in arrays[f"i_{split}"]], dtype=np.str_)
    return Part(part.labels, ids, part.images)
