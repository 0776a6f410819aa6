"""The views as an anywidget, for front ends without our extension: VS Code, Colab, and others."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..core.errors import VersionError
from .session import Session

BUNDLE = Path(__file__).parent.parent / "static" / "widget.js"
LAYOUT = BUNDLE.with_name("layout.js")


class ViewWidget(anywidget.AnyWidget):
    """One view of one run.

    Parameters
    ----------
    session : Session
    runs : sequence of str
        Ids of the runs; the first is the one that is shown, others are laid over it.
    view : str
        ``"curves"``, ``"graph"``, ``"gradflow"``, ``"attention"``, ``"activations"`` or ``"dashboard"``.
    """

    _esm = BUNDLE if BUNDLE.exists() else ""
    run = traitlets.Unicode().tag(sync=True)
    view = traitlets.Unicode().tag(sync=True)

    def __init__(self, session: Session, runs: Sequence[str], view: str) -> None:
        if not BUNDLE.exists():
            raise VersionError("the front end of workbench is not built; run `make lab`, or `npm run build` in extension/")
        super().__init__(run=runs[0], view=view)
        # ipykernel >= 7.4 answers on the shell that last published: the busy one. Let messages take their own way.
        self.comm._reply_subshell_for = lambda data, default: default
        self.on_msg(lambda widget, content, buffers: self._receive(content, session, runs))

    def _receive(self, content: Any, session: Session, runs: Sequence[str]) -> None:
        # The layout engine is most of the front end: it goes out when a graph is first drawn, not with every widget.
        if isinstance(content, dict) and content.get("op") == "asset":
            self.send({"op": "asset"}, [LAYOUT.read_bytes()])
        else:
            session.receive(content, self._open, runs)

    def _open(self, view: str) -> Any:
        return lambda data, buffers: self.send(data, buffers)
