"""How many threads the numerical libraries of a CPU use: OpenBLAS, and whatever else of that kind is loaded."""
from __future__ import annotations

from ..core.errors import ArgumentError


def set_num_threads(number: int) -> None:
    """Let linear algebra on a CPU use `number` threads from now on.

    Examples
    --------
    >>> import workbench as wb
    >>> before = wb.get_num_threads()
    >>> wb.set_num_threads(1); wb.get_num_threads()
    1
    >>> wb.set_num_threads(before)
    """
    import threadpoolctl

    if number < 1:
        raise ArgumentError(f"set_num_threads: number={number}; expected at least 1")
    threadpoolctl.threadpool_limits(number)


def get_num_threads() -> int:
    """How many threads linear algebra on a CPU may use."""
    import threadpoolctl

    return max((library["num_threads"] for library in threadpoolctl.threadpool_info()), default=1)
