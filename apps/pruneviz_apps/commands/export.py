"""``pruneviz export``: one table of a study as a file, or its runs for a tracker of experiments."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError, UsageError, unknown
from pruneviz.views.text import several

if TYPE_CHECKING:
    import argparse

    import pandas as pd

ENDINGS = (".csv", ".parquet", ".json", ".tex")
MANY = 12  # columns beside each other that no page has room for


def export(arguments: argparse.Namespace) -> int:
    """Write the table, or the runs."""
    from pruneviz.study import open_study

    given = arguments
    if given.to is not None:
        return _track(given)
    if given.table is None:
        raise UsageError("export: names no table. Name one, such as runs, or a tracker: --to tensorboard.")
    path = output_file(given.output, ENDINGS)
    if given.digits is not None and path.suffix.lower() != ".tex":
        raise UsageError(f"--digits: got {given.digits} with {path.name}; allowed: with .tex alone. Leave it out.")
    study = open_study(Path(given.store), given.study)
    if given.table not in study.table_names():
        raise unknown(f"{given.store}: table", given.table, study.table_names())
    frame = study.table(given.table)
    if given.columns is not None:
        for name in given.columns:
            if name not in frame:
                raise unknown(f"--columns: {given.table}", name, [str(c) for c in frame.columns])
        frame = frame[given.columns]
    write(frame, path, given.digits)
    print(f"{path}: {len(frame)} rows of {given.table}")
    status = study.runs["status"]
    if given.table != "runs" and len(left := status[status != "done"]):
        how = ", ".join(f"{n} {state}" for state, n in left.value_counts().items())
        print(f"  {len(left)} of {several(len(status), 'run')} are not in it: {how}.")
    if path.suffix.lower() == ".tex" and len(frame.columns) > MANY:
        print(f"  {len(frame.columns)} columns are more than a page is wide: choose some with --columns.")
    return 0


def _track(given: argparse.Namespace) -> int:
    """Write the runs for a tracker."""
    from pruneviz.report.trackers import TRACKERS, track
    from pruneviz.study import open_study

    if given.table is not None or given.columns is not None or given.digits is not None:
        raise UsageError("--to: writes all done runs with all their numbers. Leave TABLE, --columns and --digits out.")
    folder = Path(given.output)
    count = track(open_study(Path(given.store), given.study), given.to, folder)
    print(f"{folder}: {several(count, 'run')} for {given.to}. To look at them: {TRACKERS[given.to].look(folder)}")
    return 0


def output_file(text: str, endings: tuple[str, ...]) -> Path:
    """The path of a file to write.

    Raises:
        UsageError: its ending is not one of those, or its folder does not exist.
    """
    path = Path(text)
    if path.is_dir():
        raise UsageError(f"-o: got {text!r}, a folder; allowed: a file with the ending {', '.join(endings)}.")
    if path.suffix.lower() not in endings:
        remedy = f"Write {path.with_suffix(endings[0]).name}, for instance." if path.name else ""
        raise UsageError(f"-o: got {text!r}; allowed endings: {', '.join(endings)}. {remedy}")
    if not path.parent.is_dir():
        raise UsageError(f"-o: got {text!r}, but there is no folder {str(path.parent)!r}. Make it first.")
    return path


def write(frame: pd.DataFrame, path: Path, digits: int | None = None) -> None:
    """Write a table by its file's ending; a file that is there is replaced whole.

    CSV, JSON and LaTeX are UTF-8, their numbers those of the table to the last digit. JSON is a list of objects;
    missing values are null (empty in CSV and LaTeX). Lists of numbers are JSON in CSV and LaTeX, too.

    Args:
        frame: the table.
        path: the file.
        digits: in LaTeX, significant digits of numbers that are not whole; all when absent.

    Raises:
        PrunevizError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        if path.suffix.lower() == ".csv":
            _with_lists_written(frame).to_csv(temporary, index=False)
        elif path.suffix.lower() == ".parquet":
            frame.to_parquet(temporary, index=False)
        elif path.suffix.lower() == ".tex":
            temporary.write_text(_tex(_with_lists_written(frame), digits), "utf-8")
        else:
            _write_json(frame, temporary)
        temporary.replace(path)
    except OSError as e:
        raise PrunevizError(f"{path}: cannot be written ({e.strerror or e}). Name another file.") from e
    finally:
        temporary.unlink(missing_ok=True)


def _write_json(frame: pd.DataFrame, path: Path) -> None:
    """A list of objects, one to a line; pandas' own writer rounds to 15 digits, which is not the number."""
    columns = [[_plain(v) for v in frame[name]] for name in frame.columns]
    names = [str(name) for name in frame.columns]
    rows = (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in zip(*columns, strict=True))
    with path.open("w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(rows) + "\n]\n")


def _plain(value: Any) -> Any:
    """A table's value as JSON has it; no number that is not finite, since JSON has none."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if value is None or value is _missing() or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _missing() -> Any:
    import pandas as pd

    return pd.NA


def _tex(frame: pd.DataFrame, digits: int | None) -> str:
    """A longtable with booktabs' rules, which breaks over pages; numbers to the right."""
    from pruneviz.report.tex import tex

    kinds = "".join("r" if frame[name].dtype.kind in "iuf" else "l" for name in frame.columns)
    head = " & ".join(rf"\textbf{{{tex(str(name))}}}" for name in frame.columns)
    lines = [
        r"% \usepackage{booktabs,longtable}",
        r'% \newcommand{\pvchar}[1]{\char"#1\relax} for characters beyond Latin ones',
        rf"\begin{{longtable}}{{@{{}}{kinds}@{{}}}}",
        *(r"\toprule", rf"{head} \\", r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot"),
    ]
    columns = [[_tex_cell(_plain(v), digits) for v in frame[name]] for name in frame.columns]
    lines += [" & ".join(row) + r" \\" for row in zip(*columns, strict=True)]
    return "\n".join([*lines, r"\end{longtable}", ""])


def _tex_cell(value: Any, digits: int | None) -> str:
    from pruneviz.report.tex import tex

    if value is None:
        return ""
    if isinstance(value, float):
        return tex((repr(value) if digits is None else f"{value:.{digits}g}").replace("-", "\u2212"))
    return tex(str(value))


def _with_lists_written(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its lists of numbers as texts: an array's own text leaves out what is in the middle."""
    lists = [name for name in frame.columns if len(frame) and hasattr(frame[name].iloc[0], "tolist")]
    lists = [name for name in lists if frame[name].iloc[0].ndim]
    return frame.assign(**{name: [json.dumps(values.tolist()) for values in frame[name]] for name in lists})
