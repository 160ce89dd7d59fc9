"""Which fields of the view each picture is made from: while these stay, it is not made again."""

from __future__ import annotations

_MODELS = ("models", "reference")
_SELECTED = (*_MODELS, "samples", "narrowed")
_OTHERS = ("filters", *_SELECTED, "target", "sample_metric", "first_sample")

_OF_PICTURE = {
    "tradeoff": ("filters", "x", "y", "log_x", "log_y", *_MODELS),
    "smallest": ("filters", "size"),
    "lineage": ("filters", *_MODELS),
    **dict.fromkeys(("density_map", "layer_weights", "layer_activations"), ("filters", *_MODELS, "target")),
    "layer_mask": ("filters", *_MODELS, "target", "layer"),
    "class_changes": _SELECTED,
    "flips": _SELECTED,
    "exemplars": (*_OTHERS, "shown_sample"),
    "sample_scatter": (*_SELECTED, "sample_metric", "all_points"),
    "images": (*_SELECTED, "first_sample"),
    "projection": (*_SELECTED, "colour", "all_points"),
    "sample_grid": (*_SELECTED, "sort", "sort_of", "descending", "first_sample", "shown_sample"),
    "sample_detail": (*_MODELS, "shown_sample"),
}


def needs(picture: str) -> tuple[str, ...]:
    """Names of what :class:`~pruneviz.core.viewstate.ViewState` has; those of analyses share theirs."""
    return _OF_PICTURE.get(picture, _OTHERS)
