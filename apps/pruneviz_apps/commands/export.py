"""``pruneviz export``: one table of a study as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pruneviz.core.errors import PrunevizError, UsageError, unknown

if TYPE_CHECKING:
    import argparse

    import pandas as pd

ENDINGS = (".csv", ".parquet", ".json")


def export(arguments: argparse.Namespace) -> int:
    """Write the table."""
    from pruneviz.study import open_study

    path = output_file(arguments.output, ENDINGS)
    study = open_study(Path(arguments.store), arguments.study)
    if arguments.table not in study.table_names():
        raise unknown(f"{arguments.store}: table", arguments.table, study.table_names())
    frame = study.table(arguments.table)
    write(frame, path)
    print(f"{path}: {len(frame)} rows of {arguments.table}")
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


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a table by its file's ending; a file that is there is replaced whole.

    CSV and JSON are UTF-8; JSON is a list of objects, missing values are null (empty in CSV). Lists of numbers are
    JSON in CSV, too.

    Raises:
        PrunevizError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        if path.suffix.lower() == ".csv":
            _with_lists_written(frame).to_csv(temporary, index=False)
        elif path.suffix.lower() == ".parquet":
            frame.to_parquet(temporary, index=False)
        else:
            frame.to_json(temporary, orient="records", indent=1, force_ascii=False, double_precision=15)
        temporary.replace(path)
    except OSError as e:
        raise PrunevizError(f"{path}: cannot be written ({e.strerror or e}). Name another file.") from e
    finally:
        temporary.unlink(missing_ok=True)


def _with_lists_written(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its lists of numbers as texts: an array's own text leaves out what is in the middle."""
    lists = [name for name in frame.columns if len(frame) and hasattr(frame[name].iloc[0], "tolist")]
    lists = [name for name in lists if frame[name].iloc[0].ndim]
    return frame.assign(**{name: [json.dumps(values.tolist()) for values in frame[name]] for name in lists})
