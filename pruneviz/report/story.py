"""The story that a report tells: the question, the answer, the comparison, the pictures, and what was run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.core.viewstate import ViewState
from pruneviz.report import numbers, provenance
from pruneviz.report.analysis_tables import analysis_tables
from pruneviz.report.arms import arms, comparison, everything
from pruneviz.report.content import Block, Images, Note, Pictures, References, Report, Section, Sentences
from pruneviz.report.references import sources
from pruneviz.views import catalogue
from pruneviz.views.findings import Holdings, found, holdings
from pruneviz.views.marks import Picture
from pruneviz.views.paired import TABLE as PAIRED
from pruneviz.views.paired import paired, paired_sentences
from pruneviz.views.pictures.class_changes import class_changes_info
from pruneviz.views.pictures.density_map import density_map_info
from pruneviz.views.pictures.flips import flips_info
from pruneviz.views.pictures.sample_scatter import MOST_SCATTERS, sample_scatters
from pruneviz.views.pictures.smallest import smallest_info
from pruneviz.views.pictures.tradeoff import tradeoff_info
from pruneviz.views.text import listed, plain, several

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables
    from pruneviz.report.reported import Reported
    from pruneviz.views.choosing import Choice

SECTIONS = (
    "answer",
    "analyses",
    "comparison",
    "cost",
    "predictions",
    "images",
    "layers",
    "trouble",
    "run",
    "numbers",
)
MOST_NAMED = 12  # methods named in the question; more are counted
SHOWN_FINDINGS = 3  # sentences of an analysis that are not folded away
PREDICTIONS = "Which predictions change"
SHOWN_THERE = ("flips", "class_changes")  # pictures of an analysis that the section of that title draws


@dataclass(frozen=True)
class Asked:
    """What a report was asked for, so that it can say how to make it again.

    Attributes:
        named: the runs to compare as they were named; empty where they were chosen by rule.
        ending: of the file.
        layout: the name of the layout's file; empty where there is none.
        analyses: where each analysis is defined, by its name.
    """

    named: Sequence[str] = ()
    ending: str = ".html"
    layout: str = ""
    analyses: Mapping[str, str] = field(default_factory=dict)


def tell(tables: Tables, study: Reported, choice: Choice, asked: Asked) -> Report:
    """The whole report of a study.

    Args:
        tables: the study's tables, read once.
        study: where its findings, warnings and data are.
        choice: what is compared with what.
        asked: what the report was asked for.
    """
    held = holdings(tables)
    sections = (
        Section("answer", "Findings", "What was found", tuple(_answer(tables, study, held, choice))),
        Section("analyses", "Analyses", "What the analyses found", tuple(_analyses(tables, study, held, choice))),
        Section("comparison", "Comparison", "The models compared", tuple(_comparison(tables, study, held, choice))),
        Section("cost", "Cost", "What pruning costs", tuple(_cost(tables, choice))),
        Section("predictions", "Predictions", PREDICTIONS, tuple(_predictions(tables, choice))),
        Section("images", "Images", "Image by image", tuple(_images(tables, choice))),
        Section("layers", "Layers", "Where it was removed", tuple(_layers(tables, choice))),
        Section("trouble", "Failures", "Failures and warnings", tuple(_trouble(tables, study, held))),
        Section("run", "Method", "What was run", tuple(_run(tables, study, asked))),
        Section("numbers", "Numbers", "All numbers", tuple(_numbers(tables, choice))),
    )
    return Report(
        title=plain(tables.name),
        question=_question(tables, held),
        facts=tuple(_facts(tables, study, held)),
        sections=tuple(s for s in sections if s.blocks),
        compared=(choice.reference, *choice.compared) if choice.reference else (),
        left_out=tuple(_left_out(tables, choice)),
    )


def _question(tables: Tables, held: Holdings) -> str:
    if not held.models:
        return "This study has no runs yet."
    methods, controls = held.methods, held.controls
    if held.targets == (AS_GIVEN,):
        who = listed(held.methods) if len(held.methods) <= MOST_NAMED else several(len(held.methods), "model")
        return (
            f"What does each of {who} cost, and which predictions differ from the reference's? The models are as they "
            "were given; nothing was pruned here."
        )
    if not methods and not controls:
        return f"How good is {listed(held.models)}, and how much do dense models differ among themselves?"
    ways = several(len(methods), "way") + " of pruning" if methods else "random pruning"
    beside = f", beside {several(len(controls), 'random control')}" if controls and methods else ""
    how = [f"with {r}" if r != "none" else "without recovery" for r in held.recoveries]
    ways = ways[:1].upper() + ways[1:] + (f" ({listed(methods)})" if 0 < len(methods) <= MOST_NAMED else "")
    return (
        f"What does pruning cost {listed(held.models)}, and which of {'its' if len(held.models) == 1 else 'their'} "
        f"predictions change? "
        f"{ways}{beside}, at {listed(held.targets)}, {listed(how)}."
    )


def _facts(tables: Tables, study: Reported, held: Holdings) -> Iterator[tuple[str, str]]:
    given = tables.spec.get("compare") is not None
    originals = ("reference", "references") if given else ("dense model", "dense models")
    yield str(held.dense), originals[held.dense != 1]
    controls = len(held.controls)
    if methods := len(held.methods):
        compared = ("model compared", "models compared") if given else ("method", "methods")
        yield str(methods), compared[methods != 1]
    if controls:
        yield str(controls), "random control" if controls == 1 else "random controls"
    yield f"{held.done:,}", f"of {held.total:,} runs done" if held.done < held.total else "runs"
    if test := dict(study.data.get("counts", {})).get("test"):
        yield f"{test:,}", "test images"


def _answer(tables: Tables, study: Reported, held: Holdings, choice: Choice) -> Iterator[Block]:
    if held.failed:
        yield Note(f"{several(held.failed, 'run')} of {held.total:,} failed; see Failures and warnings.", urgent=True)
    if held.waiting:
        yield Note(f"{several(held.waiting, 'run')} of {held.total:,} not done yet; this is a first look.", urgent=True)
    if not held.done:
        yield Note("No run has been measured yet.")
        return
    told = found(tables, choice.state)
    if _is_paired(tables, study, held):
        told = (*paired_sentences(tables.runs, tables.table(PAIRED)), *told)
    if told:
        yield Sentences(told)


def _is_paired(tables: Tables, study: Reported, held: Holdings) -> bool:
    """Whether it compares models given, one each, so that images are all that can vary."""
    return tables.spec.get("compare") is not None and PAIRED in study.findings() and held.dense == 1


def _analyses(tables: Tables, study: Reported, held: Holdings, choice: Choice) -> Iterator[Block]:
    """The findings of each analysis, and its pictures of the models compared, or its tables where it has no picture.

    Empty pictures are not drawn; those that failed are named, and the tables stand in their place.
    """
    for name, sentences in study.findings().items() if held.done else ():
        own = catalogue.of_analysis(name)
        drawn = [catalogue.find(p, "picture")(tables, choice.state) for p in own if p not in SHOWN_THERE]
        failed = [p.empty for p in drawn if p.failed]
        shown = tuple(p for p in drawn if not p.empty)
        if sentences or shown:
            heading = f"Analysis: {plain(name).replace('_', ' ')}"
            yield Sentences(tuple(plain(s) for s in sentences), heading, SHOWN_FINDINGS)
        if shown:
            yield Pictures(shown)
        for why in failed:
            yield Note(why, urgent=True)
        if len(failed) == len(own):
            yield from analysis_tables(tables, study.tables_of(name))
        if choice.compared and any(p in SHOWN_THERE for p in own):
            yield Note(f"Its {'other ' if shown else ''}pictures stand under {PREDICTIONS}.")
    if unfit := study.unfit():
        reasons = tuple(f"{plain(name)}: {plain(reason)}" for name, reason in unfit.items())
        yield Sentences(reasons, "Analyses that these models do not have, and why", SHOWN_FINDINGS)


def _comparison(tables: Tables, study: Reported, held: Holdings, choice: Choice) -> Iterator[Block]:
    everyone = arms(tables)
    if not everyone:
        return
    if choice.rule:
        yield Note(choice.rule)
    pairs = {r["run_id"]: r for r in paired(tables.table(PAIRED))} if _is_paired(tables, study, held) else {}
    yield comparison(tables, everyone, choice.reference, choice.compared, pairs)
    yield everything(tables, everyone)


def _cost(tables: Tables, choice: Choice) -> Iterator[Block]:
    state = ViewState(reference=choice.reference)
    hint = "Drag over points, or tap one, to select runs: both charts show them, and their numbers appear below."
    yield Pictures((tradeoff_info(tables, state),), linked="runs", hint=hint)
    classes = replace(state, y="worst_class_accuracy")
    yield Pictures((smallest_info(tables, state), tradeoff_info(tables, classes)))


def _predictions(tables: Tables, choice: Choice) -> Iterator[Block]:
    if choice.compared:
        yield Pictures((flips_info(tables, choice.state), class_changes_info(tables, choice.state)))
    else:
        yield Note("Nothing pruned has been measured yet, so there are no predictions to compare.")


def _images(tables: Tables, choice: Choice) -> Iterator[Block]:
    if not choice.compared:
        return
    first, *more = sample_scatters(tables, choice.state)
    if not first.frames:
        yield Pictures((first,))
        return
    common = Picture("scatters", "How sure the models are", subtitle=first.subtitle, legend=first.legend)
    pictures = (replace(first, subtitle="", legend=()), *more)
    if first.frames[0].counted:  # nothing to drag over: no image is a point of its own
        yield Pictures(pictures, 2 if more else 1, common)
        return
    hint = "Drag over points in any of them: the same images light up in the others and are listed below."
    yield Pictures(pictures, 2 if more else 1, common, "samples", hint)
    yield Images("The images")


def _layers(tables: Tables, choice: Choice) -> Iterator[Block]:
    yield Pictures((density_map_info(tables, choice.state),))
    if tables.spec.get("compare") is not None:
        yield numbers.given_table(tables)


def _trouble(tables: Tables, study: Reported, held: Holdings) -> Iterator[Block]:
    failed = numbers.failed_table(tables.runs)
    warned = numbers.warning_table(tables.runs, study.warnings())
    if held.waiting:
        yield Note(f"{several(held.waiting, 'run')} not done yet. The same `pruneviz run` goes on where it was.")
    if failed is not None:
        yield failed
    if warned is not None:
        yield warned
    if failed is None and warned is None:
        yield Note("No run failed, and none warned of anything.")


def _run(tables: Tables, study: Reported, asked: Asked) -> Iterator[Block]:
    yield provenance.data_facts(tables, study.data)
    yield provenance.model_facts(tables)
    yield provenance.method_table(tables)
    yield provenance.seed_facts(tables)
    yield from provenance.environment_blocks(tables)
    yield from provenance.reproduction(tables, asked.named, asked.ending, asked.layout)
    yield References(sources(tables, asked.analyses, study.findings()))


def _numbers(tables: Tables, choice: Choice) -> Iterator[Block]:
    yield numbers.run_table(tables, (choice.reference, *choice.compared))
    yield Note(
        "The store holds more: layers, samples, timings, training histories and the tables of analyses. "
        "`pruneviz export STORE TABLE -o FILE.csv` writes any of them; `pruneviz app STORE` shows them."
    )


def _left_out(tables: Tables, choice: Choice) -> Iterator[str]:
    if choice.left_out:
        yield choice.left_out
    if len(choice.compared) > MOST_SCATTERS:
        yield (
            f"Scatters are drawn for the first {MOST_SCATTERS} of the {len(choice.compared)} models compared; "
            "the table of images shows all of them."
        )
    if (total := len(tables.runs)) > numbers.MOST_RUNS:
        yield f"The table of runs holds the first {numbers.MOST_RUNS:,} of {total:,} runs."


def frame_keys(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """The samples that the scatters draw, in the order of their shared columns."""
    return next((f.keys for p in pictures for f in p.frames if f.name == "samples" and not f.counted), ())
