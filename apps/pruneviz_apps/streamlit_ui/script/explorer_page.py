"""What Streamlit runs for each tab, anew after each click. Alone in its folder, which is put on the import path."""

from pruneviz_apps.streamlit_ui.shell import run

run()
