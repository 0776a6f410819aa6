"""A kernel on parts of its rows at once. A call through ctypes releases the interpreter lock, so Python's own threads serve.

There are as many as OMP_NUM_THREADS or OPENBLAS_NUM_THREADS says when the first large kernel runs, otherwise one for every
processor that this process may use, as NumPy's products have it.
"""
from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


@functools.cache
def threads() -> int:
    """How many threads compute together."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if (text := os.environ.get(name, "")).isdigit() and int(text):
            return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads beside the caller's; a forked process has its own."""
    return ThreadPoolExecutor(threads() - 1, thread_name_prefix=f"workbench-kernel-{process}")


def together(call: Callable[[int, int], object], rows: int, grain: int) -> None:
    """``call(begin, end)`` on parts of `rows` whose limits are multiples of `grain`, at once.

    Examples
    --------
    >>> found = []
    >>> together(lambda begin, end: found.append(end - begin), 100, 8)
    >>> sum(found)
    100
    """
    grains = -(-rows // grain)
    parts = min(threads(), grains)
    if parts < 2:
        call(0, rows)
        return
    limits = [min(grains * part // parts * grain, rows) for part in range(parts + 1)]
    others = [_pool(os.getpid()).submit(call, begin, end) for begin, end in zip(limits[1:-1], limits[2:], strict=True)]
    call(limits[0], limits[1])
    for other in others:
        other.result()
