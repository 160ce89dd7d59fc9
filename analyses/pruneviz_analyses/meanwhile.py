"""Telling of progress, and hearing of a cancel, while another library's long call tells nothing."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PAUSE = 0.5  # seconds between two tellings


@contextmanager
def telling(tell: Callable[[], None]) -> Iterator[None]:
    """Call ``tell`` again and again while the body runs; what it raises is raised in the body, as Ctrl-C would be.

    Args:
        tell: as a step's progress, which may raise :class:`~pruneviz.core.errors.Cancelled`; called in another thread.
    """
    body, over = ctypes.c_ulong(threading.get_ident()), threading.Event()

    def keep_telling() -> None:
        while not over.wait(_PAUSE):
            try:
                tell()
            except Exception as e:  # again until it is over: compilers catch what is raised within them
                ctypes.pythonapi.PyThreadState_SetAsyncExc(body, ctypes.py_object(type(e)))

    thread = threading.Thread(target=keep_telling, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
