"""``fetch``: public data from its home, with its digest checked before anything is put in place."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pruneviz.core.errors import DataError, unknown
from pruneviz.data.readers.files import CLASSES_FILE

Progress = Callable[[int, int | None], None]
PIECE = 1 << 18  # bytes
TIMEOUT = 30  # seconds without an answer


@dataclass(frozen=True)
class Home:
    """Where a public data set lives.

    Attributes:
        base: the URL before the files' names.
        files: published MD5 digest by file name. MD5 guards against damage and mistakes; against malice stands https.
        folder: what the data is called once it is here.
        kind: the reader that reads it.
        archive: whether the one file is a tar archive that holds ``folder``.
        classes: names of the classes, where the files do not hold them.
        licence: how it may be used.
    """

    base: str
    files: Mapping[str, str]
    folder: str
    kind: str
    summary: str
    reference: str
    licence: str
    archive: bool = False
    classes: tuple[str, ...] = ()


_CIFAR = "https://www.cs.toronto.edu/~kriz/"
_CIFAR_PAPER = "Krizhevsky: Learning Multiple Layers of Features from Tiny Images (2009)"
_NO_LICENCE = "none stated; cite the report"

HOMES: Mapping[str, Home] = MappingProxyType(
    {
        "cifar10": Home(
            _CIFAR,
            {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
            "cifar-10-batches-bin",
            "cifar",
            "50,000 + 10,000 colour images of 32×32 in 10 classes, 170 MB to fetch",
            _CIFAR_PAPER,
            _NO_LICENCE,
            archive=True,
        ),
        "cifar100": Home(
            _CIFAR,
            {"cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"},
            "cifar-100-binary",
            "cifar",
            "50,000 + 10,000 colour images of 32×32 in 100 classes, 169 MB to fetch",
            _CIFAR_PAPER,
            _NO_LICENCE,
            archive=True,
        ),
        "fashion-mnist": Home(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            {
                "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
                "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
                "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
            },
            "fashion-mnist",
            "idx",
            "60,000 + 10,000 grey images of 28×28 in 10 classes, 31 MB to fetch",
            "Xiao, Rasul & Vollgraf: Fashion-MNIST, arXiv 1708.07747 (2017)",
            "MIT",
            classes=(
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
        ),
        "mnist": Home(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            {
                "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
                "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
                "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
            },
            "mnist",
            "idx",
            "60,000 + 10,000 grey images of 28×28 in 10 classes, 12 MB to fetch",
            "LeCun, Cortes & Burges: The MNIST database of handwritten digits (1998)",
            "none stated; cite the database",
            classes=tuple("0123456789"),
        ),
    }
)


def fetch(name: str, folder: Path | str, progress: Progress | None = None, *, base: str | None = None) -> Path:
    """Fetch a public data set, unless it is there already.

    Everything is downloaded beside its place under a temporary name and moved there whole, once the digests agree;
    an interrupted or failed fetch leaves nothing behind.

    Args:
        name: a name out of :data:`HOMES`.
        folder: where to put the data set's own folder; made if absent.
        progress: called with the bytes fetched so far, and how many that will be with the file under way, where the
            server says; may raise to stop.
        base: another URL to fetch the same files from, with a slash at its end.

    Returns:
        The data set's folder, to be used as ``cifar:FOLDER`` or ``idx:FOLDER``.

    Raises:
        SpecError: there is no such data set.
        DataError: it cannot be reached, written, or is not what it should be.
    """
    if name not in HOMES:
        raise unknown("data to fetch", name, HOMES)
    home = HOMES[name]
    target = Path(folder).expanduser() / home.folder
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{home.folder}-", dir=target.parent) as made:
            ready = _fetched(home, Path(made), base or home.base, progress)
            if not target.is_dir():  # else another process was faster
                ready.replace(target)
    except OSError as e:
        raise DataError(
            f"{name}: cannot be written to {target}: {e.strerror or e}. Choose a folder that can be written, on a disk "
            "with enough room."
        ) from None
    return target


def _fetched(home: Home, work: Path, base: str, progress: Progress | None) -> Path:
    """The data set's folder, complete, inside ``work``."""
    downloads = work / "downloads"
    downloads.mkdir()
    done = 0
    for file, md5 in home.files.items():
        done += _download(f"{base}{file}", downloads / file, md5, done, progress)
    if not home.archive:
        (downloads / CLASSES_FILE).write_text("\n".join(home.classes) + "\n", encoding="utf-8")
        return downloads
    (archive,) = home.files
    try:
        with tarfile.open(downloads / archive) as tar:
            tar.extractall(work / "unpacked", filter="data")  # refuses what would leave the folder
    except (tarfile.TarError, EOFError) as e:
        raise DataError(f"{base}{archive}: cannot be unpacked ({e}). Nothing was put in place.") from None
    found = work / "unpacked" / home.folder
    if not found.is_dir():
        raise DataError(f"{base}{archive}: holds no folder {home.folder!r}. Nothing was put in place.")
    return found


def _download(url: str, file: Path, md5: str, before: int, progress: Progress | None) -> int:
    """Fetch one file and check its digest; return its length in bytes."""
    digest, length = hashlib.md5(usedforsecurity=False), 0
    with file.open("wb") as out:
        for piece, announced in _pieces(url):
            out.write(piece)
            digest.update(piece)
            length += len(piece)
            if progress is not None:
                progress(before + length, before + announced if announced is not None else None)
    if digest.hexdigest() != md5:
        raise DataError(
            f"{url}: what came ({length} bytes) is not the published file: its MD5 is {digest.hexdigest()}, not {md5}. "
            "Nothing was put in place; try again."
        )
    return length


def _pieces(url: str) -> Iterator[tuple[bytes, int | None]]:
    """The content of a URL piece by piece, with the length that the server announces."""
    import http.client  # here, since the catalogue of sources needs no network
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            announced = answer.headers.get("Content-Length")
            while piece := answer.read(PIECE):
                yield piece, int(announced) if announced else None
    except urllib.error.HTTPError as e:
        e.close()
        raise DataError(f"{url}: the server answers {e.code} {e.reason}. Try later, or fetch it by hand.") from None
    except (OSError, http.client.HTTPException) as e:
        reason = e.reason if isinstance(e, urllib.error.URLError) else e
        raise DataError(
            f"{url}: cannot be reached ({reason}). Check the connection (proxies are taken from the environment), or "
            "fetch the file by hand and unpack it."
        ) from None
