"""Prune models in many ways, measure what each way did to them, keep everything, and see any of it side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pruneviz import views
    from pruneviz.api import Asked, new_study, read_study, write_report
    from pruneviz.api import open_store as open
    from pruneviz.comparing import compare, new_comparison
    from pruneviz.core.errors import PrunevizError
    from pruneviz.core.selection import Selection
    from pruneviz.core.viewstate import ViewState
    from pruneviz.data.corruptions import corrupt
    from pruneviz.report.figure import figure, figures
    from pruneviz.study import Study
    from pruneviz.study.saved import load

__version__ = "0.1.0"
__all__ = [
    "Asked",
    "PrunevizError",
    "Selection",
    "Study",
    "ViewState",
    "__version__",
    "compare",
    "corrupt",
    "figure",
    "figures",
    "load",
    "new_comparison",
    "new_study",
    "open",
    "read_study",
    "views",
    "write_report",
]

# Imported when first used: `import pruneviz` costs nothing.
_HOMES = {
    "Asked": ("pruneviz.api", "Asked"),
    "PrunevizError": ("pruneviz.core.errors", "PrunevizError"),
    "Selection": ("pruneviz.core.selection", "Selection"),
    "Study": ("pruneviz.study", "Study"),
    "ViewState": ("pruneviz.core.viewstate", "ViewState"),
    "open": ("pruneviz.api", "open_store"),
    "corrupt": ("pruneviz.data.corruptions", "corrupt"),
    "read_study": ("pruneviz.api", "read_study"),
    "new_study": ("pruneviz.api", "new_study"),
    "compare": ("pruneviz.comparing", "compare"),
    "new_comparison": ("pruneviz.comparing", "new_comparison"),
    "load": ("pruneviz.study.saved", "load"),
    "figure": ("pruneviz.report.figure", "figure"),
    "figures": ("pruneviz.report.figure", "figures"),
    "views": ("pruneviz.views", ""),
    "write_report": ("pruneviz.api", "write_report"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pruneviz' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    home = import_module(module)
    return getattr(home, attribute) if attribute else home


def __dir__() -> list[str]:
    return sorted(__all__)
