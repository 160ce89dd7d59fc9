"""What somebody is looking at: one frozen value that every surface can hold, save and put into an address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from pruneviz.core.errors import SpecError
from pruneviz.core.options import build, option, to_plain
from pruneviz.core.selection import Ids, Named, Selection

MOST_MODELS = 16  # how many models are compared at once: more cannot be told apart
MOST_ADDRESS = 2000  # characters of an address that every browser and proxy carries

Filters = tuple[tuple[str, tuple[str, ...]], ...]


def _models(value: Any, where: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(_texts(value, where)))
    if len(found) > MOST_MODELS:
        raise SpecError(where, len(found), f"at most {MOST_MODELS} models to compare at once", "Leave some out.")
    return found


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise SpecError(where, value, "a list of texts")


def _filters(value: Any, where: str) -> Filters:
    pairs = value.items() if isinstance(value, Mapping) else value
    if not isinstance(value, (Mapping, list, tuple)) or not all(
        isinstance(p, (list, tuple)) and len(p) == 2 and isinstance(p[0], str) for p in pairs
    ):
        raise SpecError(where, value, 'columns with the values to show, such as {method = ["magnitude", "random"]}')
    return tuple(sorted((name, _texts(values, f"{where} {name}")) for name, values in pairs if values))


def _selection(value: Any, where: str) -> Selection | None:
    if value is None or isinstance(value, Selection):
        return value
    return Selection.from_plain(value, where)


@dataclass(frozen=True)
class ViewState:
    """What is compared with what, what is selected, and how it is shown.

    Names of runs and samples that a study does not have are not an error here: whoever reads the state leaves
    them out and says so, since the study may have changed since the state was saved.
    """

    page: str = option("overview", "the page of the app")
    models: tuple[str, ...] = option((), "ids of the runs compared, 16 at most", parse=_models)
    reference: str = option("", "id of the run they are compared with; empty: the first dense model")
    focus: str = option("", "of the runs compared, the one that the page Diff is about; empty: the first")
    samples: tuple[str, ...] = option((), "ids of the selected test samples; empty: none", parse=_texts)
    selection: Selection | None = option(None, "the rule by which those samples were selected", parse=_selection)
    filters: tuple[tuple[str, tuple[str, ...]], ...] = option(
        (), "columns of the runs table with the values shown", parse=_filters
    )
    x: str = option("compression", "metric on the trade-off chart's horizontal axis")
    y: str = option("accuracy", "metric on its vertical axis")
    log_x: bool = option(True, "whether the horizontal axis is logarithmic")
    log_y: bool = option(False, "whether the vertical axis is logarithmic")
    size: str = option("parameters_nonzero", "metric by which the smallest model is the smallest")
    target: str = option("", "the target whose layers are shown where nothing is compared; empty: the middle one")
    layer: str = option("", "the layer whose weights are shown; empty: the first")
    analysis: str = option("", "the analysis that is shown; empty: the first")
    method: str = option("", "the method of the catalogue that is shown in full, and that the page Prune offers")
    sample_metric: str = option("margin", "what is plotted for each sample", choices=("margin", "confidence", "loss"))
    colour: str = option(
        "outcome",
        "what the colours of projected samples mean",
        choices=("outcome", "class", "prediction", "margin", "confidence", "loss", "change"),
    )
    all_points: bool = option(False, "whether samples that are many are drawn one by one, and not counted in cells")
    sort: str = option(
        "disagreement",
        "by what the images are sorted",
        choices=("disagreement", "margin", "confidence", "loss", "change"),
    )
    sort_of: str = option("", "id of the run whose number that is; empty: the first compared")
    descending: bool = option(True, "whether the largest come first")
    shown_sample: str = option("", "id of the test sample shown in detail; empty: none")
    first_sample: int = option(0, "number of the first sample shown among those that qualify", ge=0)
    theme: str = option("light", "colours", choices=("light", "dark"))
    picture: str = option("", "the picture that the page Diff shows; empty: the first")
    sidebar: bool = option(True, "whether the side of the page is open")
    refining: bool = option(False, "whether what refines the selection is in sight")

    def __post_init__(self) -> None:
        """Bring lists into their canonical form, so that equal views are equal values.

        Raises:
            SpecError: more than 16 models, or a value of the wrong kind.
        """
        object.__setattr__(self, "models", _models(self.models, "view: models"))
        object.__setattr__(self, "filters", _filters(self.filters, "view: filters"))

    @property
    def compared(self) -> tuple[str, ...]:
        """The runs compared, without the reference."""
        return tuple(m for m in self.models if m != self.reference)

    def filter(self, column: str) -> tuple[str, ...]:
        """The values shown of a column; empty: all."""
        return dict(self.filters).get(column, ())

    def with_filter(self, column: str, values: tuple[str, ...]) -> ViewState:
        """The same view showing only these values of a column; none: all of them."""
        kept = {k: v for k, v in self.filters if k != column}
        return replace(self, filters=_filters({**kept, column: values}, "view: filters"))

    @property
    def narrowed(self) -> bool:
        """Whether it is about the selected test samples alone, also where the selection holds none of them."""
        return bool(self.samples) or (self.selection is not None and self.selection.kind == "samples")

    @property
    def everything(self) -> ViewState:
        """The same about all test samples."""
        return replace(self, samples=(), selection=None)

    @property
    def drawn(self) -> ViewState:
        """The same without what pictures do not depend on: the page, its layout, and its colours."""
        return replace(self, page="overview", theme="light", picture="", sidebar=True, refining=False)

    def to_plain(self) -> dict[str, Any]:
        """As dictionaries, lists and scalars, all fields included."""
        plain = {f.name: to_plain(getattr(self, f.name)) for f in fields(self)}
        return {**plain, "filters": {k: list(v) for k, v in self.filters}}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any], where: str = "view") -> ViewState:
        """The state that :meth:`to_plain` wrote; absent fields have their defaults.

        Raises:
            SpecError: an unknown field or a value that is not allowed.
        """
        return build(cls, values, where)

    def to_query(self, most: int = MOST_ADDRESS) -> str:
        """As the query of an address (with its ``?``; empty for the default view).

        Only what differs from the default stands in it. A selection stands there as its saved name, else as its
        rule, else as its samples; one that would make the address too long for browsers is left out, as :meth:`fits`
        tells.

        Args:
            most: characters that it may have with the selection.
        """
        return self._query() if self.fits(most) else self.everything._query()

    def fits(self, most: int = MOST_ADDRESS) -> bool:
        """Whether an address has room for the selection.

        Args:
            most: characters that its query may have.
        """
        rule = self.selection.rule if self.selection is not None else Ids(self.samples)
        short = not isinstance(rule, Ids) or len(rule.ids) < most  # else it need not be written to be known
        return not self.narrowed or (short and len(self._query()) <= most)

    def _query(self) -> str:
        pairs: list[tuple[str, str]] = []
        for f in fields(self):
            value = getattr(self, f.name)
            if value == f.default or f.name in ("samples", "selection"):
                continue
            if f.name == "filters":
                pairs += [(f"only.{column}", v) for column, values in value for v in values]
            elif isinstance(value, tuple):
                pairs.append((f.name, ",".join(value)))
            else:
                pairs.append((f.name, str(int(value)) if isinstance(value, bool) else str(value)))
        pairs += self._selected_pairs()
        return "?" + urlencode(pairs, safe=",:/") if pairs else ""

    def _selected_pairs(self) -> list[tuple[str, str]]:
        if self.selection is None:
            return [("sample", s) for s in self.samples]
        if isinstance(self.selection.rule, Named) and self.selection.kind == "samples":
            return [("selection", self.selection.rule.name)]
        return [("select", json.dumps(self.selection.to_plain(), separators=(",", ":"), ensure_ascii=False))]

    @classmethod
    def from_query(cls, query: str) -> ViewState:
        """The state in an address's query; keys that are not ours are left alone.

        Raises:
            SpecError: a value that is not allowed.
        """
        by_name = {f.name: f for f in fields(cls)}
        values: dict[str, Any] = {}
        filters: dict[str, list[str]] = {}
        for key, text in parse_qsl(query.removeprefix("?"), keep_blank_values=True):
            if key == "sample":
                values.setdefault("samples", []).append(text)
            elif key.startswith("only."):
                filters.setdefault(key.removeprefix("only."), []).append(text)
            elif key == "selection":
                values[key] = Selection("samples", Named(text))
            elif key == "select":
                values["selection"] = _read_rule(text)
            elif key == "models":
                values[key] = [m for m in text.split(",") if m]
            elif key in by_name and key not in ("samples", "filters", "selection"):
                values[key] = _parsed(text, by_name[key].default)
        return cls.from_plain({**values, **({"filters": filters} if filters else {})}, "address")


def _read_rule(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text  # to be complained of


def _parsed(text: str, default: Any) -> Any:
    """A query's text in the type of the field's default; left as text where it does not fit, to be complained of."""
    if isinstance(default, bool):
        return {"1": True, "0": False, "true": True, "false": False}.get(text.lower(), text)
    if isinstance(default, int):
        return int(text) if text.isdecimal() else text
    return text
