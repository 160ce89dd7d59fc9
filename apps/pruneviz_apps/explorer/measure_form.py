"""Measure this, too: an analysis that the study lacks, or with other options, estimated and done in the background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pruneviz.core.errors import PrunevizError
from pruneviz.study import Study
from pruneviz.views.text import count, plain
from pruneviz_analyses import find, names
from pruneviz_apps.explorer import fragments, wishes
from pruneviz_apps.explorer.option_fields import OptionFields
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, stack, toolkit
from pruneviz_apps.explorer.work import Wished, Work
from pruneviz_apps.jobs import Jobs, analysis_toml, measuring

_THERE = "The study has this already, with these options."
_REPLACES = "The study has {name} already; with other options it takes the place of what is shown now, once it is done."
_SHOWN, _ALL = "shown", "all"
_WRAP: dict[str, Any] = {"gap": "14px", "margin": 0, "sizing_mode": "stretch_width"}


class MeasureForm:
    """A button that opens a form: which analysis, its options, of which models; what that takes; and the job.

    Args:
        session: the tab's.
        label: what the button says.
        only: the analysis that it is about; any may be chosen when empty.
    """

    def __init__(self, session: Session, label: str, only: str = "") -> None:
        _, pmui = toolkit()
        self.session, self.only = session, only
        self.open = pmui.Toggle(label=label, icon="add", size="small", variant="outlined", margin=0)
        self.open.param.watch(lambda e: self.show(), "value")
        self.panel: Any = stack(gap=12, visible=False)
        self._made = False

    def show(self) -> None:
        """Bring it up to date; what it needs is made when it is first opened."""
        if self.open.value and not self._made:
            self._make()
        self.panel.visible = self.open.value
        if self._made:
            self._fill()

    def _make(self) -> None:
        pn, pmui = toolkit()
        self._made = True
        study = self.session.tables.study
        self.jobs = Jobs(study, self.session.tables.trust) if isinstance(study, Study) else None
        self._named: tuple[str, ...] = ()
        small: dict[str, Any] = {"size": "small", "margin": 0}
        offered = {plain(n): n for n in names()}
        self.analysis = pmui.Select(label="Analysis", options=offered, width=230, visible=not self.only, **small)
        self.of = pmui.Select(label="Of", options={}, width=400, visible=False, **small)
        self.options = OptionFields(self._changed)
        self.hindered, self.about, self.has = html(), html(), html()
        self.work = Work(self.session, self.jobs, self._wished, "Measure now")
        self.analysis.value = self.only or self._first()
        self.analysis.param.watch(lambda e: self._chosen(), "value")
        self.of.param.watch(lambda e: self._changed(), "value")
        choices = pn.FlexBox(self.analysis, self.of, **_WRAP)
        self.panel.objects = [
            self.hindered, self.work.job, choices, self.about, self.options.panel, self.has, self.work.asking
        ]  # fmt: skip
        self._chosen()

    def _first(self) -> str:
        """An analysis that the study has not yet."""
        there = self.session.tables.findings()
        return next((n for n in names() if n not in there), names()[0])

    def _fill(self) -> None:
        """What the rest of the page decides: the models in sight, and what the study has."""
        reason = self.jobs.out_of_reach if self.jobs is not None else wishes.NO_STORE
        self.hindered.object = fragments.notice(reason) if reason else ""
        has = self.analysis.value in self.session.tables.findings()
        self.has.object = fragments.note(_REPLACES.format(name=plain(self.analysis.value))) if has else ""
        named = wishes.named_runs(self.session.tables, self.session.state)
        shown = f"the models shown ({count(len(named))}) and what stands beside them"
        options = {shown: _SHOWN, f"all {count(len(self.session.tables.runs))} models": _ALL}
        if self.of.options != options:
            self.of.options = options
            self.of.value = self.of.value or _SHOWN
        if named != self._named and self.of.value == _SHOWN:
            self.work.changed()
        self._named = named
        self.work.show(reason)

    def _chosen(self) -> None:
        name = self.analysis.value
        try:
            cls: Any = find(name, "analyses")
        except PrunevizError as e:  # another package's
            self.options.offer({})
            self.about.object = ""
            self.work.complain(str(e))
            return
        self.about.object = fragments.sentences(
            [f"{cls.summary[:1].upper()}{cls.summary[1:]}.", *([cls.reference] if cls.reference else [])], "failed"
        )
        self.options.offer(wishes.analysis_options(name), self._asked(name) or {})
        self.of.visible = wishes.RUNS in {f.name for f in cls.__dataclass_fields__.values()}
        self._changed()
        self._fill()

    def _asked(self, name: str) -> Mapping[str, Any] | None:
        """The options with which the study asks for it; None where it does not."""
        of_it = (c["options"] for c in self.session.tables.spec.get("analyses", ()) if c["name"] == name)
        return next(of_it, None)

    def _changed(self) -> None:
        self.work.changed()

    def _wished(self) -> Wished:
        name, before = self.analysis.value, self._asked(self.analysis.value)
        options = self.options.given()
        if self.of.visible and self.of.value == _SHOWN:
            same = before is not None and {k: v for k, v in before.items() if k != wishes.RUNS} == options
            known = before.get(wishes.RUNS, ()) if before is not None and same else ()
            if known or not same:  # else all are looked at already
                options[wishes.RUNS] = list(dict.fromkeys([*known, *self._named]))
        tables = self.session.tables
        spec = measuring(tables.spec, tables.trust, name, options)
        told = ", ".join(f"{k}={plain(v)}" for k, v in options.items() if k != wishes.RUNS)
        what = f"{name} ({told})" if told else name
        return Wished(spec, what, analysis_toml(spec, name), _THERE, name)
