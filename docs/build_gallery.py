"""Writes docs/gallery.md and its images: ``python docs/build_gallery.py``. A test holds the page to the catalogue.

It opens the stores of the shipped studies in ``--stores`` (``runs`` where absent) and runs those that are not there:
all of them take about an hour and a half on 2 cores, with ``--quick`` about five minutes. ``--page`` writes the page
alone, without a study.
"""

from __future__ import annotations

import argparse
import inspect
import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruneviz.core.errors import StoreError
from pruneviz.views.matplotlib_renderer import INCH, TWO_COLUMNS
from pruneviz.views.pictures import PICTURES, SEVERAL
from pruneviz_analyses import ANALYSES

HERE = Path(__file__).parent
PAGE, IMAGES = HERE / "gallery.md", HERE / "gallery"
WIDTH = 700  # pixels of two columns of paper
DPI = (300, 300)  # of what is saved, where it does not say
COLOURS = (64, 96, 128, 192, 256)  # the fewest that keep the picture's own, pale greys as well
NEAR, FAR = 8, 0.002  # steps of 255 that are not seen, and the share of pixels that may be further off
LINE = 120  # characters of a line
BESIDE = 2  # of pictures that come for each model, as many as stand side by side

INTRO = """\
# Gallery

<!-- Written by docs/build_gallery.py, which runs the lines shown; edit that, not this page. -->

Every picture that there is, with the lines that make it. They are meant for a notebook, where a picture can be brushed
and its selection read and set ([notebook.md](notebook.md)); here they are as `.save("NAME.png")` writes them. Each
needs the store of a study; the ones here ship, and `pruneviz run NAME` makes them. The explorer shows the same
pictures, and `pruneviz figure STORE NAME -o NAME.pdf` draws any of them for paper.

What they show is what came out, on LeNet-5 and a part of Fashion-MNIST: examples of pictures, not claims about methods.
"""


@dataclass(frozen=True)
class Section:
    """Pictures of one study.

    Attributes:
        title: what they are about.
        study: the shipped study.
        pictures: the line for each picture, by its name.
        quick: whether the images here are of its quick variant.
        more: what else there is to see, below them.
    """

    title: str
    study: str
    pictures: dict[str, str]
    quick: bool = False
    more: str = ""

    @property
    def opening(self) -> str:
        """The line that opens it, and the one that runs it: beside it where there is room."""
        quick = " --quick" if self.quick else ""
        line = f'study = pv.open("runs/{self.study}")'
        run = f"pruneviz run {self.study}{quick} --store runs/{self.study}"
        return f"{line}  # {run}" if len(line) + len(run) <= LINE - 4 else f"# {run}\n{line}"


def _plain(*names: str) -> dict[str, str]:
    return {name: f"pv.views.{name}(study)" for name in names}


def _of(analysis: str, *names: str, quick: bool = False) -> Section:
    return Section(analysis, analysis, _plain(*names), quick)


_TWO = 'models=["magnitude 90 % finetune #0", "taylor 90 % finetune #0"]'

SECTIONS = (
    Section(
        "What pruning costs",
        "demo",
        _plain("tradeoff", "smallest", "lineage", "density_map"),
    ),
    Section(
        "Layer by layer",
        "similarity",
        {
            "layer_weights": f"pv.views.layer_weights(study, {_TWO})",
            "layer_activations": f"pv.views.layer_activations(study, {_TWO})",
            "layer_mask": f'pv.views.layer_mask(study, {_TWO}, layer="conv2.weight")',
        },
        quick=True,
    ),
    Section(
        "Which predictions change",
        "demo",
        {
            **_plain("flips", "class_changes", "sample_scatter", "images"),
            "sample_grid": 'pv.views.sample_grid(study, selection={"column": "label", "values": ["Shirt"]})',
        },
    ),
    Section("prediction_changes", "prediction_changes_exemplars", _plain("exemplars")),
    Section(
        "embeddings",
        "embeddings",
        {
            "projection": 'pv.views.projection(study, colour="class")',
            "sample_detail": 'pv.views.sample_detail(study, shown_sample="test:19")',
        },
    ),
    _of("calibration", "reliability", "calibration", quick=True),
    _of("attributions", "attribution_similarity", "attribution_maps"),
    _of("corruption_robustness", "robustness", "corruption_errors", "redundancy", "fragile_images"),
    _of("similarity", "similarity_layers", "similarity_matrix", "similarity_masks"),
    Section("Criteria of pruning", "similarity", _plain("similarity_criteria", "similarity_turnover")),
    _of(
        "feature_geometry",
        "geometry_margins",
        "geometry_layout",
        "geometry_classes",
        "geometry_spread",
        "geometry_confusion",
        "geometry_sensitivity",
    ),
    _of("pq_index", "pq_index", "pq_index_layers"),
    _of("retrain_correlation", "retrain_tau", "retrain_scatters", "retrain_rankings", quick=True),
    Section(
        "three_regime",
        "three_regime",
        _plain("three_regime", "three_regime_lines"),
        more="LeNet-5 hardly shows a barrier; a narrow ResNet-8 with batch norm does (`three_regime_barrier`):"
        "\n\n![three_regime_barrier](images/three_regime.png)",
    ),
    _of("layer_sensitivity", "layer_sensitivity"),
    _of("effective_sparsity", "effective_sparsity"),
    _of("mask_checks", "mask_checks"),
    _of("tournament", "tournament"),
)


def page() -> str:
    """The whole page."""
    return "\n".join([INTRO, *(line for section in SECTIONS for line in _section(section))])


def _section(section: Section) -> Iterator[str]:
    known = section.title in ANALYSES
    yield f"## {section.title}\n"
    if known:
        summary = ANALYSES[section.title].summary
        yield f"{summary[0].upper()}{summary[1:]} ([{section.title}](analyses/{section.title}.md)).\n"
    yield f"```python\nimport pruneviz as pv\n\n{section.opening}\n```\n"
    for name, line in section.pictures.items():
        yield f"### {name}\n\n{_said(name)}\n\n```python\n{line}\n```\n\n![{name}](gallery/{name}.png)\n"
    if section.more:
        yield f"{section.more}\n"


def _said(name: str) -> str:
    """The first paragraph of what is said of a picture."""
    return (inspect.getdoc(SEVERAL.get(name) or PICTURES[name]) or "").partition("\n\n")[0].replace("``", "`")


def made(section: Section, stores: Path, quick: bool) -> Any:
    """The section's study, run where it is not there."""
    import pruneviz as pv

    store = stores / section.study
    try:
        study = pv.open(store, section.study)  # a store may hold others besides
    except StoreError:
        way = ["--quick"] if quick or section.quick else []
        command = ["run", section.study, "--store", str(store), *way]
        subprocess.run([sys.executable, "-m", "pruneviz_apps.cli", *command], check=True)
        study = pv.open(store, section.study)
    return study


def draw(shown: Any, target: Path) -> None:
    """Save a picture as small as a page needs it, with those beside it that come for other models."""
    import numpy as np
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        files = shown.save(Path(folder) / "a.png")[:BESIDE]
        parts = [Image.open(io.BytesIO(f.read_bytes())).convert("RGB") for f in files]
    scale = WIDTH / (TWO_COLUMNS / INCH * parts[0].info.get("dpi", DPI)[0])
    whole = Image.new("RGB", (sum(p.width for p in parts), max(p.height for p in parts)), "white")
    for i, part in enumerate(parts):  # the first has the legend above it
        whole.paste(part, (sum(p.width for p in parts[:i]), whole.height - part.height))
    whole = whole.resize((round(whole.width * scale), round(whole.height * scale)), Image.Resampling.LANCZOS)
    for few in COLOURS:
        small = whole.quantize(few, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        off = np.abs(np.asarray(small.convert("RGB"), np.int16) - np.asarray(whole, np.int16)).max(axis=2)
        if (off > NEAR).mean() < FAR:
            break
    small.save(target, optimize=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", type=Path, default=Path("runs"), help="where the studies' stores are or are made")
    parser.add_argument("--quick", action="store_true", help="run the quick variants of studies that are not there")
    parser.add_argument("--only", action="append", help="this picture alone; repeat")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    given = parser.parse_args(argv)
    PAGE.write_text(page(), encoding="utf-8")
    IMAGES.mkdir(exist_ok=True)
    for section in () if given.page else SECTIONS:
        wanted = {k: v for k, v in section.pictures.items() if not given.only or k in given.only}
        if not wanted:
            continue
        import pruneviz as pv

        names = {"pv": pv, "study": made(section, given.stores, given.quick)}
        for name, line in wanted.items():
            target = IMAGES / f"{name}.png"
            draw(eval(line, names), target)  # the line that the page shows
            print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
