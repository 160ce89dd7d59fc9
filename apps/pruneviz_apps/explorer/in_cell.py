"""The explorer in a cell of a notebook."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import SpecError
from pruneviz.core.selection import Selection
from pruneviz.core.viewstate import ViewState
from pruneviz.views.inline import data_uri, in_notebook, load, replaces, sent_as
from pruneviz.views.state import meant, selection_of
from pruneviz_apps.explorer.live import CachedTables, LiveTables
from pruneviz_apps.explorer.look import theme_config
from pruneviz_apps.explorer.toolkit import toolkit

if TYPE_CHECKING:
    from panel.viewable import Viewable

# Icons are letters of these fonts, by class: font and file. A server brings them, a notebook does not.
ICONS = {
    "material-icons": ("Material Icons", "material-icons-[A-Z0-9]*.woff2"),
    "material-icons-outlined": ("Material Icons Outlined", "material-icons-outlined-*.woff2"),
}
# The components' code comes once to a page; each of them would bring all of it along.
_COME = """
(() => {{
  const go = () => {{
    if (!window.importShim) return setTimeout(go, 20)
    const code = new Blob([{code}], {{type: "text/javascript"}})
    window.pruneviz_material ??= importShim(URL.createObjectURL(code))
  }}
  go()
}})()
"""
_WAIT = """
while (!window.pruneviz_material) await new Promise(done => setTimeout(done, 20))
const found = await window.pruneviz_material
export default found.default
"""


class InCell:
    """The linked views of a study; what is selected in them can be read and set.

    It shows the runs that there are when it is made; run the cell again for those that have landed since.
    """

    def __init__(self, study: LiveTables) -> None:
        from pruneviz_apps.explorer.shell import Shell

        if in_notebook():
            load("tabulator")
        self._study = study
        self._shell = Shell(CachedTables(study), alone=False)
        named = {f"&.{kind}": {"fontFamily": f"'{family}'"} for kind, (family, _) in ICONS.items()}
        themes = theme_config()
        for theme in themes.values():
            theme["components"]["MuiIcon"] = {"styleOverrides": {"root": named}}
        self._shell.page.theme_config = themes

    @property
    def panel(self) -> Viewable:
        """The same as an object of Panel, to be put into an app of one's own."""
        found: Viewable = self._shell.page
        return found

    @property
    def view(self) -> ViewState:
        """What is looked at: page, models, selection and all that pages offer."""
        return self._shell.session.state

    @property
    def selection(self) -> Selection | None:
        """The selection of test samples, as a rule; None for none. May be set as in :mod:`pruneviz.views`."""
        return self._shell.session.state.selection

    @selection.setter
    def selection(self, selection: Any) -> None:
        found = selection_of(selection, self._study)
        if found is not None and found.kind != "samples":
            raise SpecError("selection", found.text, "a selection of samples", "Models are chosen on the left.")
        if found is not None:
            meant(found, self._study, self._study)  # a mistake is told here, and not only in the page
        self._shell.session.select(found.rule if found is not None else None)

    @property
    def selected(self) -> tuple[str, ...]:
        """Ids of the test samples that the selection means."""
        return self._shell.session.state.samples

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        if not in_notebook():
            return {"text/plain": repr(self)}, {}
        from IPython import get_ipython
        from panel.io.notebook import LOAD_MIME

        replaces(self._shell.page)
        code = _COME.format(code=json.dumps(_material()))
        publish = get_ipython().display_pub.publish
        publish({"text/html": f"<style>{_icons()}</style>"})
        publish({LOAD_MIME: code, "application/javascript": code})
        return self._shell.page._repr_mimebundle_(include, exclude)

    def __repr__(self) -> str:
        """What it is, for where it cannot be shown."""
        return f"<Explorer of {self._study.name!r}; a notebook shows it, and `pruneviz app STORE` does>"


@functools.cache
def _material() -> str:
    """The code of all components; from now on none brings it along."""
    from panel.models.esm import ReactComponent
    from panel_material_ui.base import BUNDLE_PATH

    code = Path(BUNDLE_PATH).read_text("utf-8")

    def without(attributes: dict[str, Any]) -> None:
        if attributes.get("bundle") and attributes.get("esm") == code:
            attributes["esm"] = _WAIT

    sent_as(ReactComponent, without)
    return code


def _icons() -> str:
    """The fonts of icons, as part of the page."""
    _, pmui = toolkit()
    folder = Path(pmui.__file__).parent / "dist"
    return "".join(
        f"@font-face {{ font-family: '{family}'; src: url({data_uri('font/woff2', path)}) format('woff2'); }}"
        for family, pattern in ICONS.values()
        for path in sorted(folder.glob(pattern))
    )
