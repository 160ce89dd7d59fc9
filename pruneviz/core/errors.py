"""What can go wrong by a user's doing, said so that the user can mend it.

Every error that a user can cause is a :class:`PrunevizError`; surfaces show its text and never a traceback.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator
from typing import Self


class PrunevizError(Exception):
    """Something that the user can mend; the text says what was found, what is allowed and the remedy.

    ``exit_code`` is what the command line returns: 1 for a job that failed, 2 for wrong usage.
    """

    exit_code = 1

    def at(self, where: str) -> Self:
        """The same error, its text beginning with a place, such as the study's file."""
        if where and not str(self).startswith(where):
            self.args = (f"{where}: {self}",)
        return self


class UsageError(PrunevizError):
    """What was asked for makes no sense as written (command line, study file, arguments)."""

    exit_code = 2


class SpecError(UsageError):
    """A value in a study, with the place where it stands.

    Args:
        where: the place, such as ``my.toml: [prune] sparsities[2]``.
        got: the value received, shown by its ``repr``.
        allowed: what is allowed there, as a clause.
        remedy: what to write instead, as a sentence; may be empty.
    """

    def __init__(self, where: str, got: object, allowed: str, remedy: str = "") -> None:
        self.where, self.got, self.allowed, self.remedy = where, got, allowed, remedy
        text = f"{where}: got {got!r}; allowed: {allowed}."
        super().__init__(f"{text} {remedy}" if remedy else text)

    def at(self, where: str) -> Self:
        """The same error, its text and its place beginning with a place."""
        if where and not self.where.startswith(where):
            self.where = f"{where}: {self.where}"
        return super().at(where)


class DataError(PrunevizError):
    """A data set that cannot be used, naming the source, the sample and the remedy."""


class ModelError(PrunevizError):
    """A model that cannot be used, naming the module or parameter and the remedy."""


class CheckpointError(ModelError):
    """A checkpoint file that cannot be read safely or does not fit its model."""


class StoreError(PrunevizError):
    """A store that cannot be opened, read or written."""


class Unsupported(PrunevizError):
    """A method or analysis that this model or data set cannot support, said before it starts."""


class Diverged(PrunevizError):
    """Training whose loss became NaN or infinite."""


class Cancelled(PrunevizError):
    """The user asked to stop; what was finished is kept."""


@contextlib.contextmanager
def located(where: str) -> Iterator[None]:
    """Give the errors of a block their place."""
    try:
        yield
    except PrunevizError as e:
        raise e.at(where)  # noqa: B904  # it is the same error


def nearest(name: str, options: Iterable[str]) -> str:
    """A hint naming the closest of ``options``, or an empty string where none is close."""
    close = difflib.get_close_matches(name.lower(), list(options), n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""


def unknown(where: str, name: object, options: Iterable[str]) -> SpecError:
    """The error for a name that is in no catalogue, with the nearest names."""
    known = sorted(options)
    return SpecError(where, name, ", ".join(known) or "nothing here", nearest(str(name), known))
