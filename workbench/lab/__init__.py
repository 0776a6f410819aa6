"""The Jupyter side: sessions, views, displays. Imported when something is shown, or when a run starts in a kernel."""
from __future__ import annotations

import os
from typing import Any

from ..train import Run
from ..train.run import LISTENERS
from . import show

__all__ = ["attach", "load_ipython_extension", "show"]

_NAME = "workbench.lab:attach"


def attach(run: Run) -> None:
    """Show a run that starts in this kernel: in the output of its cell, and to every page that is open.

    Outside a kernel there is nothing to do: ``wb.show`` draws what is asked for, when it is asked for.
    """
    from .control import announce, in_kernel, session
    from .display import RunView

    if not in_kernel():
        return
    made = session()
    watched = made.add(run)
    announce()
    if os.environ.get("WORKBENCH_SHOW", "1") != "0":
        RunView("dashboard", made, [watched])._ipython_display_()


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext workbench``."""
    if _NAME not in LISTENERS:
        LISTENERS.append(_NAME)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext workbench``: runs that start from now on are not shown."""
    if _NAME in LISTENERS:
        LISTENERS.remove(_NAME)
