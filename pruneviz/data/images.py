"""From Pillow images and loose arrays to the two layouts that the library knows.

What is done to an image file, and what is not: grey stays one channel, beside colour images it becomes three equal
ones; palettes and CMYK become RGB; an alpha channel is dropped where it is opaque everywhere and refused where it is
not, since what lies behind is not known; more than 8 bits a channel are refused. EXIF orientation is not applied, as
in most training pipelines.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.data.dataset import Array
from pruneviz.data.raw import Request

if TYPE_CHECKING:
    from PIL.Image import Image

GREY = ("1", "L", "LA", "La")
COLOUR = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV")


def channels_of(image: Image, what: str, request: Request) -> int:
    """Channels that a Pillow image gives, 1 or 3, without decoding it.

    Raises:
        DataError: its mode holds more than 8 bits a channel, or is unknown.
    """
    if image.mode in GREY:
        return 1
    if image.mode in COLOUR:
        return 3
    raise request.error(
        f"{what} is of mode {image.mode!r}; allowed: 8-bit grey or colour (1 or 3 channels)",
        "Convert it to an 8-bit grey or RGB image.",
    )


def pixels_of(image: Image, what: str, request: Request) -> Array:
    """Decode a Pillow image to uint8 (H, W, C), C 1 or 3.

    Raises:
        DataError: its mode is unknown, or it is transparent somewhere.
    """
    channels = channels_of(image, what, request)
    if image.has_transparency_data:
        with_alpha = np.asarray(image.convert("RGBA"))
        if with_alpha[:, :, 3].min() < 255:
            raise request.error(
                f"{what} is transparent in places, so its colours depend on what is behind; allowed: opaque images",
                "Flatten it onto the background that your model expects.",
            )
    array = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return array.reshape(*array.shape[:2], channels)


def open_picture(path: Path, what: str, request: Request) -> Image:
    """Open an image file, reading its header only.

    Raises:
        DataError: it is no image that Pillow can read.
    """
    from PIL import Image

    try:
        return Image.open(path)
    except Exception as e:  # decoders raise all sorts of errors on broken files
        raise unreadable(e, what, request) from None


def unreadable(error: Exception, what: str, request: Request) -> Exception:
    """The error for an image file that could not be decoded, or is cut short."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return request.error(f"{what} cannot be read as an image ({reason})", "Replace the file or take it out.")


def from_array(array: Array, what: str, request: Request, *, channels_first: bool, batch: bool) -> Array:
    """An image, or a batch of them, in the layout that its type asks for.

    Whole numbers 0..255 become uint8 with channels last, floating-point numbers float32 with channels first. Where
    the channels stand is read off the shape: it is the axis of length 1 or 3; ``channels_first`` decides where both
    ends are such. Float images may have any number of channels, then they come first.

    Args:
        array: (H, W), or three axes; with ``batch``, one axis before these.
        what: where it stands, for messages.
        request: for messages.
        channels_first: the habit of where it comes from: torch tensors True, numpy arrays False.
        batch: whether the first axis counts images.

    Raises:
        DataError: wrong axes or channels, NaN or infinite values, numbers outside 0..255.
    """
    shape = array.shape[1:] if batch else array.shape
    if array.dtype.kind not in "iuf":
        raise request.error(f"{what} hold {array.dtype}; allowed: uint8 pixels 0..255, or floating-point numbers")
    if len(shape) not in (2, 3) or 0 in shape:
        raise request.error(f"{what} have shape {array.shape}; allowed: height × width, with 1 or 3 channels")
    if len(shape) == 2:
        array, first = np.expand_dims(array, 1 if batch else 0), True
    else:
        ends = (shape[0] in (1, 3), shape[2] in (1, 3))
        first = ends[0] if ends[0] != ends[1] else channels_first
        if array.dtype.kind == "f" and not any(ends):
            first = True
        elif not any(ends):
            raise request.error(
                f"{what} have shape {array.shape}; allowed: 1 or 3 channels, first or last",
                "Other numbers of channels can be given as float32 with channels first.",
            )
    if array.dtype.kind == "f":
        return _floats(array if first else np.moveaxis(array, -1, -3), what, request, batch)
    last = np.moveaxis(array, -3, -1) if first else array
    if array.dtype != np.uint8 and array.size and (array.min() < 0 or array.max() > 255):
        raise request.error(f"{what} hold {array.dtype} numbers {array.min()} to {array.max()}; allowed: 0..255")
    return np.ascontiguousarray(last, dtype=np.uint8)


def _floats(array: Array, what: str, request: Request, batch: bool) -> Array:
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
        array = np.ascontiguousarray(array, dtype=np.float32)
    bad = ~np.isfinite(array)
    if bad.any():
        sample = f", first in sample {int(np.argwhere(bad)[0][0])}" if batch else ""
        raise request.error(
            f"{what} hold {int(bad.sum())} values that are NaN or infinite{sample}; allowed: finite numbers",
            "Mend or take out these images.",
        )
    return array


def one_type(parts: dict[str, Any], request: Request) -> None:
    """Check that splits agree in type and image shape.

    Args:
        parts: array of images by split name.
        request: for messages.

    Raises:
        DataError: they do not.
    """
    found = {name: (a.dtype, a.shape[1:]) for name, a in parts.items()}
    if len(set(found.values())) > 1:
        text = ", ".join(f"{name} {dtype} {'×'.join(map(str, shape))}" for name, (dtype, shape) in found.items())
        remedy = "Give `size = [height, width]`." if len({d for d, _ in found.values()}) == 1 else ""
        raise request.error(f"splits differ: {text}; allowed: images of one shape and type", remedy)


def require_memory(count: int, shape: tuple[int, ...], request: Request, itemsize: int = 1) -> None:
    """Refuse images that this machine's memory cannot hold, before the machine finds out.

    Raises:
        DataError: they need more than half of the physical memory.
    """
    need = count * math.prod(shape) * itemsize
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else need * 2
    if need > have // 2:
        raise request.error(
            f"{count} images of {'×'.join(map(str, shape))} need {need / 1e9:.1f} GB; allowed: half of this machine's "
            f"memory, {have / 2e9:.1f} GB",
            "Give a smaller `size`, or use fewer images with `train_limit` and `test_limit`.",
        )
