"""A report that a process of its own writes, so that everybody else goes on and it can be given up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

from pruneviz.core.errors import PrunevizError
from pruneviz.report.study_file import toml_value
from pruneviz.study.workspace import Workspace


class ReportProcess:
    """What ``pruneviz report`` writes.

    Attributes:
        file: where it will be.
        stop: gives it up, or throws it away.
    """

    def __init__(self, workspace: Workspace, ending: str, models: Sequence[str], samples: Sequence[str]) -> None:
        """Begin.

        Args:
            workspace: the study and its store.
            ending: of the file, with its dot: the format.
            models: ids of the runs compared; none to have them chosen.
            samples: ids of the images that it is about; none for all.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="pruneviz-"))
        self.file = self._folder / f"report{ending}"
        layout = self._folder / "layout.toml"
        layout.write_text(f"selection = {toml_value(list(samples))}\n" if samples else "", "utf-8")
        self._said = self._folder / "said.txt"
        # -P: nothing is imported from the folder in which the app was started, which may be the store.
        command = [
            sys.executable,
            "-P",
            "-m",
            "pruneviz_apps.cli",
            "report",
            os.fspath(workspace.store.root.absolute()),
        ]
        command += ["--study", workspace.study, "--layout", os.fspath(layout), "-o", os.fspath(self.file)]
        command += ["--models", *models] if models else []
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, cwd=self._folder
            )
        self.stop = weakref.finalize(self, _ended, self._process, self._folder)  # whoever asked may just go away

    def poll(self) -> bool:
        """Whether it is written.

        Raises:
            PrunevizError: it could not be.
        """
        code = self._process.poll()
        if code:
            said = self._said.read_text("utf-8", "replace").strip().splitlines()
            raise PrunevizError(said[-1] if said else f"The report could not be written (exit code {code}).")
        return code == 0


def _ended(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Give it up, or throw it away."""
    if process.poll() is None:
        process.terminate()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
