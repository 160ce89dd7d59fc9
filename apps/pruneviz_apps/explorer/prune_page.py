"""Prune from here: what, how much, with which recovery; what that takes; and the job that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError
from pruneviz.study import Study
from pruneviz.views import runs as on
from pruneviz.views.text import listed, plain
from pruneviz_apps.explorer import fragments, wishes
from pruneviz_apps.explorer.option_fields import OptionFields
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, stack, toolkit
from pruneviz_apps.explorer.work import Wished, Work
from pruneviz_apps.jobs import Job, Jobs, also_toml, extended

if TYPE_CHECKING:
    from panel.viewable import Viewable

_LEAD = "Choose, see what it takes, and let it run in the background: the new runs join this study as they are done."
_ALL_THERE = "All of these runs are in the study already."
_TYPICAL = "magnitude"


class PrunePage:
    """A form, an estimate, and a job."""

    def __init__(self, session: Session) -> None:
        pn, pmui = toolkit()
        self.session = session
        study = session.tables.study
        self.jobs = Jobs(study, session.tables.trust) if isinstance(study, Study) else None
        self._filling = False
        self._before: set[str] = set()
        self.hindered = html()
        small: dict[str, Any] = {"size": "small", "margin": 0}
        self.models = pmui.MultiChoice(label="Models", placeholder="all", options=[], margin=0, width=280)
        self.replicates = pmui.MultiChoice(label="Dense models #", placeholder="all", options=[], margin=0, width=200)
        self.method = pmui.AutocompleteInput(
            label="Method", options=wishes.methods(), restrict=True, min_characters=0, width=280, **small
        )
        self.targets = pmui.TextInput(
            label="How much to remove",
            value="0.8",
            description="One or several: 0.8, 90%, 20x (a twentieth is kept), macs=0.5 (half of the multiply-adds).",
            width=200,
            **small,
        )
        self.recovery = pmui.Select(label="Recovery", options=list(wishes.OFFERED), width=210, **small)
        self.seeds = pmui.TextInput(label="Seeds", value="1", width=90, **small)
        self.controls = pmui.Checkbox(label="with the random control", value=True, margin=(6, 0), width=210)
        self.parts, self.options = OptionFields(self._parts_changed), OptionFields(self._changed)
        self.recovering = OptionFields(self._changed)
        self.said = html()
        self.more = pmui.Toggle(label="Parts and options", size="small", variant="outlined", margin=0)
        self.detail = stack(
            html(fragments.note("Parts of the method")), self.parts.panel,
            html(fragments.note("Its options")), self.options.panel, gap=8, visible=False,
        )  # fmt: skip
        self.compare = pmui.Button(label="Compare the new runs", variant="text", margin=0, visible=False)
        self.compare.on_click(lambda e: self._compare_new())
        self.work = Work(
            session, self.jobs, self._wished, "Prune now", beside=(self.compare,), always=True, told=self._heard
        )
        self.work.go.on_click(lambda e: self._remember())
        for widget in (self.models, self.replicates, self.targets, self.seeds, self.controls):
            widget.param.watch(lambda e: self._changed(), "value")
        self.method.param.watch(lambda e: self._method_chosen(e.new), "value")
        self.recovery.param.watch(lambda e: self._recovery_chosen(), "value")
        self.more.param.watch(lambda e: setattr(self.detail, "visible", e.new), "value")
        wrap: dict[str, Any] = {"gap": "16px", "margin": 0, "sizing_mode": "stretch_width"}
        self.form = stack(
            pn.FlexBox(self.models, self.replicates, self.method, self.targets, **wrap),
            self.said,
            self.more,
            self.detail,
            pn.FlexBox(self.recovery, self.recovering.panel, **wrap),
            pn.FlexBox(self.seeds, self.controls, **wrap),
            self.work.asking,
        )
        self.panel: Viewable = stack(
            html(fragments.heading("Prune", _LEAD)), self.hindered, self.work.job, self.form, gap=20
        )
        self._begin_with()

    def show(self) -> None:
        """Bring the page up to date."""
        reason = self.jobs.hindrance if self.jobs is not None else wishes.NO_STORE
        self.hindered.object = fragments.notice(reason) if reason else ""
        runs = self.session.tables.runs
        dense = runs[on.is_original(runs)]
        self._filling = True
        try:
            labels, numbers = on.unique(dense["model"]), on.unique(dense["replicate"])
            for box, names in ((self.models, labels), (self.replicates, numbers)):
                options = {plain(n) if box is self.models else f"#{n}": n for n in names}
                if box.options != options:
                    box.options = options
                box.visible = len(names) > 1
        finally:
            self._filling = False
        if (wanted := self.session.state.method) in self.method.options and wanted != self.method.value:
            self.method.value = wanted
        self.work.show(reason)

    def _begin_with(self) -> None:
        """The study's own recovery is a good one to begin with, since its runs are what the new ones stand beside."""
        own = self.session.tables.spec.get("recover", {}).get("recoveries", ())
        fit = [r for r in own if r["name"] in wishes.OFFERED]
        first: dict[str, Any] = next(
            (r for r in fit if r["name"] != "none"), fit[0] if fit else {"name": "none", "options": {}}
        )
        self.recovering.offer(wishes.recovery_options(first["name"]), first.get("options", {}))
        self.recovery.value = first["name"]
        self._filling = True  # a page that is being made does not change the state: it would be made again
        try:
            self.method.value = self.session.state.method or _TYPICAL
        finally:
            self._filling = False

    def _method_chosen(self, name: str | None) -> None:
        if name in self.method.options:
            self.parts.offer(wishes.parts_of(str(name)))
            self._parts_changed()
            shown = self.session.state.page == "prune" and not self._filling
            if shown and self.session.state.method != name:
                self.session.change(method=name)

    def _parts_changed(self) -> None:
        try:
            told = wishes.recipe_told(self.method.value, self.parts.given())
        except PrunevizError as e:
            self.work.complain(str(e))
            return
        self.options.offer(told["options"])
        self.said.object = fragments.sentences(wishes.about(told), "failed")
        own = told["recovery"] is not None
        self.recovery.disabled, self.recovering.panel.visible = own, not own
        self._changed()

    def _recovery_chosen(self) -> None:
        self.recovering.offer(wishes.recovery_options(self.recovery.value))
        self._changed()

    def _changed(self) -> None:
        if not self._filling:
            self.work.changed()

    def _wish(self) -> dict[str, Any]:
        options = {**self.parts.given(), **self.options.given()}
        recovery = self.recovery.value if not self.recovery.disabled else "none"
        recovering = self.recovering.given() if not self.recovery.disabled else {}
        wish: dict[str, Any] = {
            "methods": [{"name": self.method.value, **options} if options else self.method.value],
            "sparsities": wishes.targets(self.targets.value),
            "recoveries": [{"name": recovery, **recovering} if recovering else recovery],
            "seeds": int(self.seeds.value) if self.seeds.value.strip().isdecimal() else self.seeds.value,
            "controls": self.controls.value,
        }
        if self.models.value:
            wish["models"] = list(self.models.value)
        if self.replicates.value:
            wish["replicates"] = [int(n) for n in self.replicates.value]
        return wish

    def _wished(self) -> Wished:
        spec = extended(self.session.tables.spec, self._wish())
        return Wished(spec, self._what(), also_toml(spec), _ALL_THERE)

    def _what(self) -> str:
        recovery = "" if self.recovery.disabled or self.recovery.value == "none" else f" with {self.recovery.value}"
        return f"{self.method.value} at {listed(t.strip() for t in self.targets.value.split(','))}{recovery}"

    def _remember(self) -> None:
        """Keep in mind which runs are there when a job is begun: it may have written its own before it is heard of."""
        self._before = set(self.session.tables.runs["run_id"])

    def _heard(self, job: Job | None) -> None:
        """Offer the new runs of a job that was begun here."""
        self.compare.visible = job is not None and job.state == "done" and self.work.own

    def _compare_new(self) -> None:
        self.session.tables.refresh()  # the job may be done before the page has looked for its runs
        runs = self.session.tables.runs
        new = tuple(str(r) for r in runs.loc[~runs["run_id"].isin(self._before) & (runs["status"] == "done"), "run_id"])
        if new:
            self.session.compare(new)
            self.session.change(page="compare")
        else:
            self.session.say("No new run is measured yet.")
