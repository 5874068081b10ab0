"""Python's cyclic garbage collector set for a process whose schemas stay and whose requests leave little behind."""

from __future__ import annotations

import ctypes
import gc
import sys

_YOUNG_OBJECTS = 50_000
_YOUNG_RUNS, _MIDDLE_RUNS = 20, 50


def settle_garbage() -> None:
    """Call once when everything that stays is loaded.

    What is there now is never looked at again, and the rest less often: documents and rows are freed when the last
    reference goes, so the default of a look every 700 objects is 13 % of the time of a message of 100 for nothing.
    What compiling needed for a moment goes back to the system.
    """
    gc.collect()
    _give_back()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, _YOUNG_RUNS, _MIDDLE_RUNS)


def _give_back() -> None:
    """What was freed below the top of its heaps glibc keeps, 5 MB after compiling; not every libc has the call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
