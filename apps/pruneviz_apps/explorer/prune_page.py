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
from pruneviz_apps.explorer.toolkit import html, side_by_side, stack, toolkit
from pruneviz_apps.jobs import Estimate, Job, Jobs, also_toml, extended

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from pruneviz.core.spec import StudySpec

POLL_MS = 700
_LEAD = "Choose, see what it takes, and let it run in the background: the new runs join this study as they are done."
_NO_STORE = "These runs are not in a store, so nothing can be added to them."
_TYPICAL = "magnitude"


class PrunePage:
    """A form, an estimate, and a job."""

    def __init__(self, session: Session) -> None:
        pn, pmui = toolkit()
        self.session = session
        study = session.tables.study
        self.jobs = Jobs(study, session.tables.trust) if isinstance(study, Study) else None
        self._filling = False
        self._estimate: Estimate | None = None
        self._estimated: StudySpec | None = None  # what the button Prune would run
        self._asked: StudySpec | None = None
        self._job: Job | None = None
        self._before: set[str] = set()
        self._reason = ""  # why nothing can be pruned here
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
        self.said, self.cost, self.code, self.wrong = html(), html(), html(), html()
        self.more = pmui.Toggle(label="Parts and options", size="small", variant="outlined", margin=0)
        self.detail = stack(
            html(fragments.note("Parts of the method")), self.parts.panel,
            html(fragments.note("Its options")), self.options.panel, gap=8, visible=False,
        )  # fmt: skip
        self.ask = pmui.Button(label="See what it takes", variant="outlined", margin=0, on_click=lambda e: self._look())
        self.stop = pmui.Button(label="Cancel", variant="text", margin=0, on_click=lambda e: self._changed())
        self.go = pmui.Button(label="Prune now", variant="contained", margin=0, on_click=lambda e: self._start())
        self.working = pmui.LinearProgress(value=0, margin=(8, 0), visible=False, **{"sizing_mode": "stretch_width"})
        self.told = html()
        self.cancel = pmui.Button(label="Cancel", variant="outlined", margin=0, on_click=lambda e: self._cancel())
        self.compare = pmui.Button(label="Compare the new runs", variant="text", margin=0, visible=False)
        self.compare.on_click(lambda e: self._compare_new())
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
            side_by_side(self.ask, self.go, self.stop),
            self.wrong,
            self.cost,
            self.code,
        )
        self.job_panel = stack(self.told, self.working, side_by_side(self.cancel, self.compare), gap=8, visible=False)
        self.panel: Viewable = stack(
            html(fragments.heading("Prune", _LEAD)), self.hindered, self.job_panel, self.form, gap=20
        )
        self._begin_with()
        if self.jobs is not None and pn.state.curdoc is not None:
            pn.state.curdoc.add_periodic_callback(self._poll, POLL_MS)

    def show(self) -> None:
        """Bring the page up to date."""
        self._reason = self.jobs.hindrance if self.jobs is not None else _NO_STORE
        self.hindered.object = fragments.notice(self._reason) if self._reason else ""
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
        self._poll()

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
            self._changed()
            self.wrong.object = fragments.notice(str(e), "error")
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
        """What was estimated is no longer what is chosen."""
        if not self._filling:
            if self._estimate is not None:
                self._estimate.stop()
            self._estimate = self._estimated = None
            self.cost.object = self.code.object = self.wrong.object = ""
            self._enable()

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

    def _look(self) -> None:
        assert self.jobs is not None
        self._changed()
        try:
            self._asked = extended(self.session.tables.spec, self._wish())
            self._estimate = self.jobs.estimate(self._asked)
        except PrunevizError as e:
            self.wrong.object = fragments.notice(str(e), "error")
            return
        self.cost.object = fragments.note("Building the models and timing a batch, to see what it takes …")
        self._enable()

    def _start(self) -> None:
        if self.jobs is None or self._estimated is None:
            return
        self._before = set(self.session.tables.runs["run_id"])
        try:
            self.jobs.start(self._estimated, self._what())
        except PrunevizError as e:
            self.wrong.object = fragments.notice(str(e), "error")
        self._estimated = None
        self._poll()

    def _what(self) -> str:
        recovery = "" if self.recovery.disabled or self.recovery.value == "none" else f" with {self.recovery.value}"
        return f"{self.method.value} at {listed(t.strip() for t in self.targets.value.split(','))}{recovery}"

    def _cancel(self) -> None:
        if self.jobs is not None:
            self.cancel.disabled, self.cancel.label = True, "Stopping …"
            try:
                self.jobs.cancel()
            except PrunevizError as e:
                self.session.say(str(e))

    def _compare_new(self) -> None:
        runs = self.session.tables.runs
        new = runs[~runs["run_id"].isin(self._before) & (runs["status"] == "done")]
        self.session.compare(tuple(str(r) for r in new["run_id"]))
        self.session.change(page="compare")

    def _poll(self) -> None:
        """Look how the estimate and the job stand; nothing is sent where nothing has changed."""
        if self._estimate is not None:
            self._show_estimate(self._estimate)
        job = self.jobs.job if self.jobs is not None else None
        if job != self._job:
            self._job = job
            self._show_job(job)
        self._enable()

    def _show_estimate(self, estimate: Estimate) -> None:
        try:
            plan = estimate.poll()
        except PrunevizError as e:
            self._estimate, self.cost.object = None, ""
            self.wrong.object = fragments.notice(str(e), "error")
            return
        if plan is None or self._asked is None:
            return
        self._estimate = None
        left = plan["steps"] - plan["done"]
        if left:
            self._estimated = self._asked
            known = {str(n) for n in self.session.tables.runs["name"]}
            self.cost.object = fragments.tiles(wishes.takes(plan, known))
        else:
            self.cost.object = fragments.notice("All of these runs are in the study already.")
        summary = "The same in the study file and on the command line"
        line = f"pruneviz run STUDY.toml --store {self.session.tables.study.workspace.store.root}"
        template = "<details class='pv-folded'><summary>{summary}</summary><pre class='pv-code'>{code}</pre></details>"
        self.code.object = fragments.fill(template, summary=summary, code=f"{also_toml(self._asked)}\n\n# {line}")

    def _show_job(self, job: Job | None) -> None:
        self.job_panel.visible = job is not None
        if job is None:
            return
        bad = job.state in ("failed", "lost") or bool(job.failures)
        failed = fragments.sentences(job.failures[:10], "failed")
        self.told.object = fragments.notice(wishes.told(job), "error" if bad else "info") + failed
        self.working.visible = self.cancel.visible = job.runs
        self.working.value = round(100 * job.done / job.total) if job.total else -1
        if job.runs and job.state == "starting":
            self.cancel.label, self.cancel.disabled = "Cancel", False
        self.compare.visible = job.state == "done" and bool(self._before)

    def _enable(self) -> None:
        busy = self._job is not None and self._job.runs
        self.go.disabled = self._estimated is None or busy
        self.stop.visible = self._estimate is not None
        self.ask.disabled = self._estimate is not None or bool(self._reason)
