"""What something would take, and the job that does it: the lower part of every form that adds to the study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError
from pruneviz_apps.explorer import fragments, wishes
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, side_by_side, stack, toolkit
from pruneviz_apps.jobs import Estimate, Job, Jobs

if TYPE_CHECKING:
    from pruneviz.core.spec import StudySpec

POLL_MS = 700
_NO_LOOK = "No model has to be looked at again: it is worked out from what is measured already."
_LOOKING = "Building the models and timing a batch, to see what it takes …"


@dataclass(frozen=True)
class Wished:
    """What somebody wishes.

    Attributes:
        spec: the study with it.
        what: it in words, for the job.
        lines: what it is in a study file.
        nothing: what is said where nothing is left to do.
        only: the analysis that is wished; empty for runs.
    """

    spec: StudySpec
    what: str
    lines: str
    nothing: str
    only: str = ""


class Work:
    """Buttons that estimate and begin, and what is said of both.

    Attributes:
        asking: the buttons, what it takes, what is wrong.
        job: how the job stands.
        own: whether a job was begun here.

    Args:
        session: the tab's.
        jobs: of its store; None where the study is in none.
        wish: what the form says; raises :class:`~pruneviz.core.errors.PrunevizError` where that is not allowed.
        go: what the button says that begins.
        beside: what stands beside the job's own button.
        always: whether a job is shown that was not begun here.
        told: called with the job whenever that has changed.
    """

    def __init__(
        self,
        session: Session,
        jobs: Jobs | None,
        wish: Callable[[], Wished],
        go: str,
        *,
        beside: tuple[Any, ...] = (),
        always: bool = False,
        told: Callable[[Job | None], None] = lambda job: None,
    ) -> None:
        pn, pmui = toolkit()
        self.session, self.jobs, self.always = session, jobs, always
        self._wish, self._heard = wish, told
        self._estimate: Estimate | None = None
        self._asked: Wished | None = None
        self._estimated: Wished | None = None  # what the button would begin
        self._job: Job | None = None
        self.own = False
        self._reason = ""
        self.cost, self.code, self.wrong, self.said = html(), html(), html(), html()
        plain: dict[str, Any] = {"margin": 0}
        self.ask = pmui.Button(label="See what it takes", variant="outlined", on_click=lambda e: self._look(), **plain)
        self.stop = pmui.Button(label="Cancel", variant="text", on_click=lambda e: self.changed(), **plain)
        self.go = pmui.Button(label=go, variant="contained", on_click=lambda e: self._start(), **plain)
        self.working = pmui.LinearProgress(value=0, margin=(8, 0), visible=False, **{"sizing_mode": "stretch_width"})
        self.cancel = pmui.Button(label="Cancel", variant="outlined", on_click=lambda e: self._cancel(), **plain)
        self.asking = stack(side_by_side(self.ask, self.go, self.stop), self.wrong, self.cost, self.code)
        self.job = stack(self.said, self.working, side_by_side(self.cancel, *beside), gap=8, visible=False)
        if jobs is not None and pn.state.curdoc is not None:
            pn.state.curdoc.add_periodic_callback(self.poll, POLL_MS)

    def show(self, reason: str) -> None:
        """Bring it up to date.

        Args:
            reason: why nothing can be begun; empty where it can.
        """
        self._reason = reason
        self.poll()

    def changed(self) -> None:
        """What was estimated is no longer what is chosen."""
        if self._estimate is not None:
            self._estimate.stop()
        self._estimate = self._estimated = None
        self.cost.object = self.code.object = self.wrong.object = ""
        self._enable()

    def complain(self, text: str) -> None:
        """Say what is wrong with what is chosen."""
        self.changed()
        self.wrong.object = fragments.notice(text, "error")

    def poll(self) -> None:
        """Look how the estimate and the job stand; nothing is sent where nothing has changed."""
        if self._estimate is not None:
            self._show_estimate(self._estimate)
        job = self.jobs.job if self.jobs is not None else None
        if job != self._job:
            self._job = job
            self._show_job(job)
        self._enable()

    def _look(self) -> None:
        assert self.jobs is not None
        self.changed()
        try:
            self._asked = self._wish()
            self._estimate = self.jobs.estimate(self._asked.spec, self._asked.only)
        except PrunevizError as e:
            self.complain(str(e))
            return
        self.cost.object = fragments.note(_LOOKING)
        self._enable()

    def _start(self) -> None:
        if self.jobs is None or self._estimated is None:
            return
        begun = self._estimated
        self.changed()
        try:
            self.jobs.start(begun.spec, begun.what, begun.only)
            self.own = True
        except PrunevizError as e:
            self.complain(str(e))
        self.poll()

    def _cancel(self) -> None:
        if self.jobs is not None:
            self.cancel.disabled, self.cancel.label = True, "Stopping …"
            try:
                self.jobs.cancel()
            except PrunevizError as e:
                self.session.say(str(e))

    def _show_estimate(self, estimate: Estimate) -> None:
        try:
            plan = estimate.poll()
        except PrunevizError as e:
            self.complain(str(e))
            return
        if plan is None or self._asked is None:
            return
        self._estimate, asked = None, self._asked
        left, unmeasured = plan["steps"] > plan["done"], asked.only in plan["unmeasured"]
        if left:
            known = {str(n) for n in self.session.tables.runs["name"]}
            self.cost.object = fragments.tiles(wishes.takes(plan, known))
        else:
            self.cost.object = fragments.notice(_NO_LOOK if unmeasured else asked.nothing)
        self.cost.object += fragments.note(" ".join(plan["notes"])) if plan["notes"] else ""
        self._estimated = asked if left or unmeasured else None
        summary = "The same in the study file and on the command line"
        line = f"pruneviz run STUDY.toml --store {self.session.tables.study.workspace.store.root}"
        template = "<details class='pv-folded'><summary>{summary}</summary><pre class='pv-code'>{code}</pre></details>"
        self.code.object = fragments.fill(template, summary=summary, code=f"{asked.lines}\n\n# {line}")

    def _show_job(self, job: Job | None) -> None:
        self.job.visible = job is not None and (self.always or self.own or job.runs)
        if job is not None:
            bad = job.state in ("failed", "lost") or bool(job.failures)
            failed = fragments.sentences(job.failures[:10], "failed")
            self.said.object = fragments.notice(wishes.told(job), "error" if bad else "info") + failed
            self.working.visible = self.cancel.visible = job.runs
            self.working.value = round(100 * job.done / job.total) if job.total else -1
            if job.runs and job.state == "starting":
                self.cancel.label, self.cancel.disabled = "Cancel", False
        self._heard(job)

    def _enable(self) -> None:
        busy = self._job is not None and self._job.runs
        self.go.disabled = self._estimated is None or busy
        self.stop.visible = self._estimate is not None
        self.ask.disabled = self._estimate is not None or bool(self._reason)
