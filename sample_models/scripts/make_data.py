"""Repackage the sample data: a balanced part of Fashion-MNIST, and scikit-learn's digits.

Running it again gives the same arrays, and the same files with the same zlib::

    apt-get download dataset-fashion-mnist && dpkg-deb -x dataset-fashion-mnist_*.deb fashion
    python sample_models/scripts/make_data.py --fashion fashion/usr/share/datasets/fashion-mnist

Each data set becomes ``<name>.npz`` (arrays ``x_*``, ``y_*`` and ``i_*``, the index of each image in its original
split; no pickle) and ``<name>.json``, its card: what it is, where it comes from, under which licence, and the digests
that :mod:`pruneviz.data` checks when it loads the file.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import pruneviz_samples
from pruneviz.core.keys import bytes_digest, file_digest

Array = npt.NDArray[Any]

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

# Digests of the decompressed IDX files, whichever gzip packed them.
FASHION_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}

MIT = """The MIT License (MIT)

Copyright © 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated \
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the \
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit \
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the \
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE \
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR \
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR \
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


def read_idx(folder: Path, name: str) -> Array:
    """A Fashion-MNIST IDX file of unsigned bytes, checked against its digest."""
    raw = gzip.decompress((folder / f"{name}.gz").read_bytes())
    if hashlib.sha256(raw).hexdigest() != FASHION_SHA256[name]:
        raise SystemExit(f"{folder / name}.gz is not the Fashion-MNIST that this script was written for.")
    dims = raw[3]
    shape = tuple(int.from_bytes(raw[4 + 4 * d : 8 + 4 * d], "big") for d in range(dims))
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


def positions(labels: Array, count: int, last: bool = False) -> npt.NDArray[np.int32]:
    """Where the first (or last) ``count`` images of each class stand, in original order."""
    chosen = []
    for c in np.unique(labels):
        of_class = np.flatnonzero(labels == c)
        if len(of_class) < count:
            raise SystemExit(f"class {c} has only {len(of_class)} images, {count} were asked for")
        chosen.append(of_class[-count:] if last else of_class[:count])
    return np.sort(np.concatenate(chosen)).astype(np.int32)


def fashion(folder: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Fashion-MNIST: the first 1,000 training and 200 test images of each class."""
    arrays: dict[str, Array] = {}
    for split, file, count in (("train", "train", 1000), ("test", "t10k", 200)):
        x, y = read_idx(folder, f"{file}-images-idx3-ubyte"), read_idx(folder, f"{file}-labels-idx1-ubyte")
        at = positions(y, count)
        arrays |= {f"x_{split}": x[at], f"y_{split}": y[at], f"i_{split}": at}
    return arrays, {
        "name": "fashion",
        "title": "Fashion-MNIST, 10,000 training and 2,000 test images",
        "summary": "grey 28×28 pictures of Zalando's articles in 10 classes, 1,000 + 200 a class",
        "classes": FASHION_CLASSES,
        "selection": "the first 1,000 training and the first 200 test images of each class, in original order; "
        "pixels unchanged; ids keep the index in the original split",
        "home": "https://github.com/zalandoresearch/fashion-mnist",
        "reference": "Xiao, Rasul & Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
        "Algorithms. arXiv 1708.07747 (2017)",
        "obtained": "Debian package dataset-fashion-mnist 0.0~git20200523.55506a9-1",
        "source_sha256": FASHION_SHA256,
        "licence": "MIT",
        "licence_text": MIT,
    }


def digits() -> tuple[dict[str, Array], dict[str, Any]]:
    """scikit-learn's digits: the last 36 of each class are the test split, the rest the training split."""
    import sklearn
    from sklearn.datasets import load_digits

    found = load_digits()
    values = found.images  # float64, whole numbers 0 .. 16
    if values.min() != 0 or values.max() != 16 or not np.array_equal(values, np.rint(values)):
        raise SystemExit("scikit-learn's digits are not whole numbers 0 .. 16 any more")
    x = np.floor(values * 255 / 16 + 0.5).astype(np.uint8)
    y = found.target.astype(np.uint8)
    test = positions(y, 36, last=True)
    train = np.setdiff1d(np.arange(len(y), dtype=np.int32), test)
    arrays: dict[str, Array] = {}
    for split, at in (("train", train), ("test", test)):
        arrays |= {f"x_{split}": x[at], f"y_{split}": y[at], f"i_{split}": at}
    return arrays, {
        "name": "digits",
        "title": "Handwritten digits, 1,437 training and 360 test images",
        "summary": "grey 8×8 pictures of the digits 0 to 9; 36 test images a class, 138 to 147 training images",
        "classes": tuple("0123456789"),
        "selection": "the last 36 images of each class are the test split, all others the training split; "
        "values v of 0 .. 16 became floor(v·255/16 + 0.5); ids keep the index in scikit-learn's order",
        "home": "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        "reference": "Alpaydin & Kaynak: Optical Recognition of Handwritten Digits. UCI Machine Learning Repository "
        "(1998), doi:10.24432/C50P49; the test part, as in sklearn.datasets.load_digits",
        "obtained": f"scikit-learn {sklearn.__version__}",
        "source_sha256": {"load_digits().images": hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()},
        "licence": "CC-BY-4.0",
        "licence_text": "Creative Commons Attribution 4.0 International, "
        "https://creativecommons.org/licenses/by/4.0/legalcode. "
        "Changed from the original: scaled to 0 .. 255 and split as stated under 'selection'.",
    }


def write(name: str, arrays: dict[str, Array], card: dict[str, Any]) -> None:
    """Write the arrays, dated 1980 so that equal content is an equal file, and their card."""
    file = pruneviz_samples.path("data", f"{name}.npz")
    with zipfile.ZipFile(file, "w") as archive:
        for key, array in arrays.items():
            npy = io.BytesIO()
            np.lib.format.write_array(npy, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{key}.npy"), npy.getvalue(), zipfile.ZIP_DEFLATED, 9)
    counts = {split: np.bincount(arrays[f"y_{split}"]).tolist() for split in ("train", "test")}
    chunks = [piece for key, a in arrays.items() for piece in (f"{key} {a.dtype} {a.shape}".encode(), a.tobytes())]
    card |= {
        "made_by": "sample_models/scripts/make_data.py",
        "image_shape": [*arrays["x_test"].shape[1:], 1],
        "images": {split: sum(n) for split, n in counts.items()},
        "images_by_class": counts,
        "file": file.name,
        "bytes": file.stat().st_size,
        "file_blake2b_128": file_digest(file),
        "content_blake2b_128": bytes_digest(*chunks),
    }
    text = json.dumps(card, indent=1, ensure_ascii=False)
    file.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    print(f"{file.name}: {card['images']}, {card['bytes'] / 1e6:.2f} MB, content {card['content_blake2b_128']}")


def main() -> None:
    """Make both."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--fashion", type=Path, required=True, help="folder of the four Fashion-MNIST .gz files")
    folder = parser.parse_args().fashion
    pruneviz_samples.path("data").mkdir(exist_ok=True)
    write("fashion", *fashion(folder))
    write("digits", *digits())


if __name__ == "__main__":
    main()
