"""Corrupted pictures that somebody has: CIFAR-10-C's arrays, or ImageNet-C's folders of images.

``DIR/labels.npy`` with ``DIR/<corruption>.npy``, each the test images five times over, severity by severity, as
CIFAR-10-C and CIFAR-100-C come; or ``DIR/<corruption>/<severity>/<class>/<image>``, as ImageNet-C comes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import DataError
from pruneviz.core.keys import digest, file_digest

if TYPE_CHECKING:
    from pruneviz.data import ImageData

Pictures = npt.NDArray[np.uint8]

SEVERITIES = (1, 2, 3, 4, 5)
LABELS = "labels"
WHERE = "[analyses] corruption_robustness stored"
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


def names(folder: str) -> tuple[str, ...]:
    """The corruptions that a folder holds, by name.

    Raises:
        DataError: there is no such folder, or it holds none.
    """
    base = Path(folder).expanduser()
    if not base.is_dir():
        raise DataError(f"{WHERE}: there is no folder {base.absolute()}. Mend the path, or leave the option out.")
    arrays = sorted(p.stem for p in base.glob("*.npy") if p.stem != LABELS)
    if arrays:
        if not (base / f"{LABELS}.npy").is_file():
            raise DataError(f"{WHERE}: {base} has arrays but no {LABELS}.npy, as CIFAR-10-C comes with. Add it.")
        return tuple(arrays)
    found = sorted(p.name for p in base.iterdir() if p.is_dir() and any((p / str(s)).is_dir() for s in SEVERITIES))
    if not found:
        raise DataError(
            f"{WHERE}: {base} holds no corruptions; allowed: <corruption>.npy with labels.npy (CIFAR-10-C), or "
            "<corruption>/<severity>/<class>/<image> (ImageNet-C). Name the folder that holds them."
        )
    return tuple(found)


def content(folder: str, name: str) -> str:
    """Digest of what one corruption is made of: of arrays their content, of image files their names, sizes and dates.

    An ImageNet-C has a quarter of a million files for each corruption; reading all of them takes longer than looking.
    """
    base = Path(folder).expanduser()
    if (array := base / f"{name}.npy").is_file():
        return digest([_digest(*_stamp(p)) for p in (array, base / f"{LABELS}.npy")])
    files = sorted(p for p in (base / name).rglob("*") if p.suffix.lower() in _SUFFIXES)
    return digest([[p.relative_to(base).as_posix(), *_stamp(p)[1:]] for p in files])


def _stamp(path: Path) -> tuple[str, int, int]:
    about = path.stat()
    return str(path), about.st_size, about.st_mtime_ns


@functools.lru_cache(maxsize=1 << 12)
def _digest(path: str, size: int, mtime_ns: int) -> str:
    return file_digest(path)


@dataclass(frozen=True, eq=False)
class Stored:
    """The pictures of one corruption, for the images of one data set.

    Attributes:
        folder: where they are.
        name: the corruption.
        data: the study's images.
    """

    folder: str
    name: str
    data: ImageData

    def check(self, chosen: npt.NDArray[np.intp], severities: Sequence[int]) -> None:
        """Look whether the pictures are there, and of the right size and class, reading as little as that takes.

        Raises:
            DataError: they are not; says what is, and the remedy.
        """
        for severity in severities:
            self.of(chosen[:1], severity)
        if self._array.is_file():
            self._rows(chosen)
        else:
            for severity in severities:
                self._files(chosen, severity)

    def of(self, chosen: npt.NDArray[np.intp], severity: int) -> Pictures:
        """The corrupted pictures of some test images, uint8 (n, H, W, C).

        Args:
            chosen: (n,) positions in the test split.
            severity: 1 to 5.

        Raises:
            DataError: as for :meth:`check`.
        """
        if self._array.is_file():
            return self._of_array(chosen, severity)
        return self._of_files(chosen, severity)

    @property
    def _array(self) -> Path:
        return Path(self.folder).expanduser() / f"{self.name}.npy"

    def _of_array(self, chosen: npt.NDArray[np.intp], severity: int) -> Pictures:
        rows, each = self._rows(chosen)
        pictures = _mapped(self._array)
        expected = (5 * each, *self.data.test.images.shape[1:])
        if pictures.dtype != np.uint8 or pictures.shape != expected:
            raise self._error(f"{self._array} holds {pictures.dtype} {pictures.shape}", f"uint8 {expected}")
        return np.asarray(pictures[(severity - 1) * each + rows])

    def _rows(self, chosen: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.int64], int]:
        """Rows of the images within a severity, and how many rows a severity has."""
        file = self._array.with_name(f"{LABELS}.npy")
        labels = _mapped(file)
        if labels.ndim != 1 or len(labels) % 5 or labels.dtype.kind not in "iu":
            raise self._error(f"{file} holds {labels.dtype} {labels.shape}", "whole numbers, for each severity alike")
        each, test = len(labels) // 5, self.data.test
        numbers = [str(i).rpartition(":")[2] for i in test.ids[chosen]]
        if bad := [i for i, n in zip(test.ids[chosen], numbers, strict=True) if not n.isdigit() or int(n) >= each]:
            raise self._error(
                f"the study's image {bad[0]!r} is none of the {each:,} of {file}", "images by their number, test:0 …"
            )
        rows = np.array([int(n) for n in numbers], np.int64)
        for severity in range(5):
            differs = np.flatnonzero(labels[severity * each + rows] != test.labels[chosen])
            if len(differs):
                at = chosen[differs[0]]
                raise self._error(
                    f"the image {test.ids[at]!r} has label {test.labels[at]} in the study and "
                    f"{labels[severity * each + rows[differs[0]]]} in {file}, and {len(differs) - 1} more differ",
                    "the same labels: the folder must be made of the study's test images, in their order",
                )
        return rows, each

    def _files(self, chosen: npt.NDArray[np.intp], severity: int) -> list[Path]:
        """The files of the images, found by class folder and name, whatever their suffixes."""
        base = Path(self.folder).expanduser() / self.name / str(severity)
        wanted = [Path(str(i)) for i in self.data.test.ids[chosen]]
        there: dict[tuple[str, str], Path] = {}
        for kind in {w.parent.name for w in wanted}:
            if (base / kind).is_dir():
                there |= {(kind, p.stem): p for p in (base / kind).iterdir() if p.suffix.lower() in _SUFFIXES}
        missing = [w for w in wanted if (w.parent.name, w.stem) not in there]
        if missing:
            raise self._error(
                f"{len(missing):,} of {len(wanted):,} images are not under {base}, such as "
                f"{missing[0].parent.name}/{missing[0].stem}",
                "an image <class>/<name> for each of the study's, whose data is a folder of the clean ones",
            )
        return [there[w.parent.name, w.stem] for w in wanted]

    def _of_files(self, chosen: npt.NDArray[np.intp], severity: int) -> Pictures:
        from PIL import Image

        height, width, channels = self.data.test.images.shape[1:]
        out = np.empty((len(chosen), height, width, channels), np.uint8)
        for i, path in enumerate(self._files(chosen, severity)):
            try:
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
            except OSError as e:
                raise self._error(f"{path} cannot be read as an image ({e})", "an image file") from None
            if pixels.shape[:2] != (height, width):
                raise self._error(
                    f"{path} is {pixels.shape[0]} × {pixels.shape[1]} (height × width)",
                    f"{height} × {width}, the size of the study's images; give [data] that size",
                )
            out[i] = pixels.reshape(height, width, channels)
        return out

    def _error(self, got: str, allowed: str) -> DataError:
        return DataError(f"{WHERE} {self.folder}: {self.name}: {got}; allowed: {allowed}.")


def _mapped(path: Path) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as e:
        raise DataError(f"{WHERE}: {path} cannot be read as a NumPy array ({e}). Fetch it again.") from None
