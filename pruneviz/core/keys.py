"""Content keys: equal things have equal names, and a changed default, file or algorithm never reuses an old result."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

from pruneviz.core.options import to_plain

KEY_LENGTH = 32  # hex digits of a step's key (128 bits)


def canonical(value: Any) -> str:
    """The one JSON text of a value: all fields, sorted keys, no spaces; NaN and infinities are refused.

    Floats that are whole numbers are written as floats (``1.0``), so that ``1`` and ``1.0`` differ only
    where their types do; options are converted to their declared type before they get here.
    """
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """Hex BLAKE2b digest (128 bits) of a value's canonical text."""
    return hashlib.blake2b(canonical(value).encode(), digest_size=KEY_LENGTH // 2).hexdigest()


def bytes_digest(*chunks: bytes | memoryview) -> str:
    """Hex BLAKE2b digest (128 bits) of bytes, each chunk preceded by its length."""
    h = hashlib.blake2b(digest_size=KEY_LENGTH // 2)
    for chunk in chunks:
        h.update(str(len(chunk)).encode() + b":")
        h.update(chunk)
    return h.hexdigest()


def file_digest(path: str | os.PathLike[str]) -> str:
    """Hex BLAKE2b digest (128 bits) of a file's content, read in pieces of 1 MiB."""
    h = hashlib.blake2b(digest_size=KEY_LENGTH // 2)
    with Path(path).open("rb") as f:
        while piece := f.read(1 << 20):
            h.update(piece)
    return h.hexdigest()


def is_finite_number(value: object) -> bool:
    """Whether a value is an int or float that JSON can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
