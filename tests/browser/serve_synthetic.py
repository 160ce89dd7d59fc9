"""Serves the explorer on a synthetic study; numbers on standard input say how many of its runs have landed."""

from __future__ import annotations

import json
import sys
import threading

from placed import PlacedTables
from synthetic import SyntheticTables

from pruneviz_apps import panel_app, streamlit_app

SURFACES = {"panel": panel_app.serve, "streamlit": streamlit_app.serve}


def main() -> None:
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(sys.argv[1]).items()}
    serve = SURFACES[options.pop("ui", "panel")]
    kind = PlacedTables if {"looked_at", "lacking"} & options.keys() else SyntheticTables
    tables = kind(**options)

    def listen() -> None:
        for line in sys.stdin:
            tables.land(int(line))

    threading.Thread(target=listen, daemon=True).start()
    serve(lambda: tables, port=0, open_browser=False, ready=lambda address: print(address, flush=True))


if __name__ == "__main__":
    main()
