"""What people change: named selections and saved views, kept with a store and apart from what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pruneviz.core.errors import PrunevizError, SpecError, StoreError, unknown
from pruneviz.core.selection import Named, Selection, walk
from pruneviz.core.viewstate import ViewState
from pruneviz.study.disk import told, write_atomically
from pruneviz.study.store import Store

LONGEST_NAME = 80


class _Plain(Protocol):
    def to_plain(self) -> dict[str, Any]: ...


Kept = TypeVar("Kept", bound=_Plain)


class Workspace:
    """The selections and views saved with one study of a store.

    Several processes may work in one store: each change reads what is there first, under a lock. What is overwritten
    or deleted is kept in an ``earlier`` folder.
    """

    def __init__(self, store: Store, study: str) -> None:
        self.store, self.study = store, study
        self.folder: Path = store.root / "workspace" / study

    @property
    def selections(self) -> dict[str, Selection]:
        """The named selections, in the order of their names.

        Raises:
            StoreError: the file is damaged.
        """
        return self._read("selections", Selection.from_plain)

    @property
    def views(self) -> dict[str, ViewState]:
        """The saved views, in the order of their names.

        Raises:
            StoreError: the file is damaged.
        """
        return self._read("views", ViewState.from_plain)

    def save_selection(self, name: str, selection: Selection) -> None:
        """Keep a selection under a name; an older one of that name is replaced.

        Raises:
            SpecError: the name is empty or too long, or the selection would refer to itself.
            StoreError: the store cannot be written.
        """
        name = checked_name(name)

        def put(kept: dict[str, Selection]) -> dict[str, Selection]:
            found = {**kept, name: selection}
            if _refers(name, selection, found):
                remedy = "Freeze it to the samples that it means now, or give it another name."
                raise SpecError("selection", name, "a name that the selection itself does not refer to", remedy)
            return found

        self._change("selections", Selection.from_plain, put)

    def save_view(self, name: str, view: ViewState) -> None:
        """Keep a view under a name; an older one of that name is replaced.

        Raises:
            SpecError: the name is empty or too long.
            StoreError: the store cannot be written.
        """
        name = checked_name(name)

        def put(kept: dict[str, ViewState]) -> dict[str, ViewState]:
            return {**kept, name: view}

        self._change("views", ViewState.from_plain, put)

    def delete_selection(self, name: str) -> None:
        """Delete a named selection.

        Raises:
            SpecError: there is none of that name, or others refer to it.
            StoreError: the store cannot be written.
        """

        def drop(kept: dict[str, Selection]) -> dict[str, Selection]:
            users = sorted(n for n, s in kept.items() if n != name and name in s.rule.names)
            if users:
                raise SpecError("selection", name, f"one that no other refers to; {', '.join(users)} do")
            return _without(kept, name, "selection")

        self._change("selections", Selection.from_plain, drop)

    def delete_view(self, name: str) -> None:
        """Delete a saved view.

        Raises:
            SpecError: there is none of that name.
            StoreError: the store cannot be written.
        """

        def drop(kept: dict[str, ViewState]) -> dict[str, ViewState]:
            return _without(kept, name, "view")

        self._change("views", ViewState.from_plain, drop)

    def _path(self, what: str) -> Path:
        return self.folder / f"{what}.json"

    def _read(self, what: str, parse: Callable[[Any, str], Kept]) -> dict[str, Kept]:
        path = self._path(what)
        try:
            plain = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as e:
            raise StoreError(f"{path}: cannot be read ({e}). Move it away to begin anew.") from None
        if not isinstance(plain, Mapping):
            raise StoreError(f"{path}: is not a table of {what}. Move it away to begin anew.")
        try:
            return {str(name): parse(value, f"{path}: {name}") for name, value in sorted(plain.items())}
        except PrunevizError as e:
            raise StoreError(f"{e} Mend the file or move it away.") from None

    def _change(
        self, what: str, parse: Callable[[Any, str], Kept], change: Callable[[dict[str, Kept]], dict[str, Kept]]
    ) -> None:
        path = self._path(what)
        with told(self.store.root):
            (self.store.root / "leases").mkdir(exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
        with self.store.lease(f"workspace-{self.study}", wait=True):
            changed = change(self._read(what, parse))
            plain = {name: value.to_plain() for name, value in sorted(changed.items())}
            with told(self.store.root):
                if path.exists():
                    before = path.read_text("utf-8")
                    earlier = self.folder / "earlier"
                    earlier.mkdir(exist_ok=True)
                    number = sum(1 for _ in earlier.glob(f"{what}.*.json")) + 1
                    write_atomically(earlier / f"{what}.{number}.json", before)
                write_atomically(path, json.dumps(plain, indent=1, ensure_ascii=False))


class Saved(MutableMapping[str, Kept]):
    """What people have saved with a study, by name: read and written as one does with a dictionary.

    It is read anew whenever it is asked for, so what the explorer saves is seen here.
    """

    def __init__(
        self,
        kind: type[Kept],
        read: Callable[[], dict[str, Kept]],
        save: Callable[[str, Kept], None],
        delete: Callable[[str], None],
    ) -> None:
        self._kind, self._read, self._save, self._delete = kind, read, save, delete

    @property
    def _what(self) -> str:
        return "selection" if self._kind is Selection else "view"

    def __getitem__(self, name: str) -> Kept:
        """The one of that name.

        Raises:
            SpecError: there is none.
        """
        found = self._read()
        if name not in found:
            raise unknown(f"saved {self._what}", name, found)
        return found[name]

    def __setitem__(self, name: str, value: Kept) -> None:
        """Save it under that name; an older one is replaced, and kept in an ``earlier`` folder.

        Raises:
            SpecError: the name is empty or too long, the value is of another kind or would refer to itself.
            StoreError: the store cannot be written.
        """
        if not isinstance(value, self._kind):
            raise SpecError(f"saved {self._what} {name!r}", value, f"a pv.{self._kind.__name__}")
        self._save(name, value)

    def __delitem__(self, name: str) -> None:
        """Delete it.

        Raises:
            SpecError: there is none of that name, or others refer to it.
            StoreError: the store cannot be written.
        """
        self._delete(name)

    def __contains__(self, name: object) -> bool:
        return name in self._read()

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def get(self, name: str, default: Any = None) -> Any:
        """The one of that name, or something else where there is none."""
        return self._read().get(name, default)

    def __repr__(self) -> str:
        """Each with its name, selections in words."""
        lines = (f"  {name}: {_words(value)}" for name, value in self.items())
        return "\n".join([f"<{len(self)} saved {self._what}s>", *lines])


def _words(value: object) -> str:
    if isinstance(value, Selection):
        return value.text
    return (value.to_query() if isinstance(value, ViewState) else "") or "as it is by default"


def checked_name(name: str) -> str:
    """A name for a selection or a view, without spaces around it.

    Raises:
        SpecError: it is empty, too long, or holds control characters.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise SpecError("name", name, f"1 to {LONGEST_NAME} printable characters")
    return name


def _without(kept: dict[str, Kept], name: str, what: str) -> dict[str, Kept]:
    if name not in kept:
        raise unknown(what, name, kept)
    return {k: v for k, v in kept.items() if k != name}


def _refers(name: str, selection: Selection, saved: Mapping[str, Selection], seen: tuple[str, ...] = ()) -> bool:
    """Whether a selection comes back to a name through those that it refers to."""
    for rule in walk(selection.rule):
        if isinstance(rule, Named) and rule.name not in seen:
            if rule.name == name:
                return True
            if rule.name in saved and _refers(name, saved[rule.name], saved, (*seen, rule.name)):
                return True
    return False
