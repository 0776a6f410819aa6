"""A view as something to display: live in JupyterLab, a widget elsewhere, a picture when saved, words in a terminal.

The MIME bundle carries all of them, and with our own type a snapshot: the messages that rebuild the last picture
without a kernel. Views of a run are written again into their output when the run ends.
"""
from __future__ import annotations

import base64
import functools
import json
import logging
from collections.abc import Sequence
from typing import Any

from ..core.errors import VersionError
from ..train import Run
from . import describe, encode
from .channel import Channel
from .control import in_batch, in_kernel
from .protocol import MIME, TO_VIEW, VERSION, Message
from .session import Session, Watched

_log = logging.getLogger("workbench")

SNAPSHOT = 300_000
"""Characters that a snapshot may take in a notebook."""
DETAILS = (1, 4, 16)
"""How much a snapshot is thinned until it fits."""

WIDGET = "application/vnd.jupyter.widget-view+json"

Packed = tuple[dict[str, Any], list[bytes]]


@functools.cache
def _told(problem: str) -> None:
    """A warning that comes once."""
    _log.warning(problem)


class View:
    """Something to look at; the value of the functions in ``wb.show``.

    In a terminal its text says what can be said without a picture.
    """

    def __init__(self, view: str, run_id: str) -> None:
        self.view, self.run_id = view, run_id
        self._handles: list[Any] = []
        self._widget: Any = None

    def content(self, view: str) -> Any:
        """What `view` shows: runs, samples or a record; None when there is nothing yet."""
        raise NotImplementedError

    def messages(self, detail: int = 1) -> list[Packed]:
        """The messages that build it; one in `detail` of what there are many of."""
        raise NotImplementedError

    def session(self) -> Session:
        """Where a widget of this view gets its messages."""
        raise NotImplementedError

    def runs(self) -> list[str]:
        """Ids of the runs it is about."""
        return [self.run_id]

    # ------------------------------------------------------------------ forms
    def _parts(self) -> list[str]:
        names = list(describe.TITLES) if self.view == "dashboard" else [self.view]
        return [name for name in names if self.content(name) is not None]

    def __repr__(self) -> str:
        words = [describe.as_text(describe.TITLES[name], *describe.of(name, self.content(name))) for name in self._parts()]
        return "\n\n".join(words) or self._empty()

    def _empty(self) -> str:
        return f"{describe.TITLES.get(self.view, 'Dashboard')}: {describe.EMPTY[self.view]}"

    def _html(self) -> str:
        from . import figures  # a third of a second, which a run that starts need not wait for

        parts = []
        for name in self._parts():
            sentence, table = describe.of(name, self.content(name))
            picture = figures.picture(name, self.content(name))
            parts.append(describe.as_html(describe.TITLES[name], sentence, table, picture))
        return "".join(parts) or f"<p>{self._empty()}</p>"

    def snapshot(self) -> list[dict[str, Any]]:
        """The messages as they lie in a notebook: thinned until they fit, and without the largest if they never do."""
        for detail in DETAILS:
            packed = [{"message": data, "buffers": [base64.b64encode(b).decode() for b in buffers]}
                      for data, buffers in self.messages(detail)]
            sizes = [sum(map(len, item["buffers"])) + len(json.dumps(item["message"])) for item in packed]
            if sum(sizes) <= SNAPSHOT:
                return packed
        while sum(sizes) > SNAPSHOT:
            largest = max(range(len(sizes)), key=sizes.__getitem__)
            packed.pop(largest)
            sizes.pop(largest)
        return packed

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        forms = {MIME: self._own, WIDGET: self._as_widget, "text/html": self._html}
        if in_kernel() and in_batch():
            del forms[WIDGET]
        for mime, make in forms.items():
            try:
                bundle[mime] = make()
            except VersionError as problem:
                _told(str(problem))
            except Exception:
                _log.warning("a view could not be made as %s", mime, exc_info=True)
        return bundle

    def _own(self) -> dict[str, Any]:
        return {"v": VERSION, "run": self.run_id, "view": self.view, "snapshot": self.snapshot()}

    def _as_widget(self) -> dict[str, Any]:
        if self._widget is None:
            from .widget import ViewWidget

            self._widget = ViewWidget(self.session(), self.runs(), self.view)
        return {"model_id": self._widget.model_id, "version_major": 2, "version_minor": 0}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        self._handles.append(display(self._repr_mimebundle_(), raw=True, display_id=True))

    def refresh(self) -> None:
        """Write the view again into the outputs where it was displayed."""
        bundle = self._repr_mimebundle_()
        for handle in self._handles:
            handle.update(bundle, raw=True)


class RunView(View):
    """A view of runs of this kernel; the first is the one it belongs to."""

    def __init__(self, view: str, session: Session, watched: Sequence[Watched]) -> None:
        super().__init__(view, watched[0].run.id)
        self._session, self._watched = session, watched

    @property
    def live(self) -> bool:
        """Is one of its runs under way?"""
        return any(watched.live for watched in self._watched)

    def content(self, view: str) -> Any:
        """What the run has for a view."""
        first = self._watched[0]
        if view == "curves":
            return [w.run for w in self._watched] if first.run.history.names else None
        return (first.history("gradflow") or None) if view == "gradflow" else first.latest(view)

    def messages(self, detail: int = 1) -> list[Packed]:
        """Everything a page that connects late would be sent."""
        sent: list[Packed] = []
        channel = Channel(lambda data, buffers: sent.append((data, buffers)), detail=detail)
        for watched in self._watched:
            if self.view != "dashboard":
                channel.wants[watched.run.id] = frozenset({self.view})
            channel.greet(watched)
            channel.pump(watched)
        return [encode.runs(self._watched).pack(), *sent]

    def session(self) -> Session:
        """The session of the kernel."""
        return self._session

    def runs(self) -> list[str]:
        """Ids of the runs it is about."""
        return [watched.run.id for watched in self._watched]

    def _ipython_display_(self) -> None:
        if not self._handles:
            for watched in self._watched:
                watched.pictures.append(self._draw)
        super()._ipython_display_()

    def _draw(self) -> None:
        try:
            self.refresh()
        except Exception:
            _log.warning("the saved picture of a view could not be refreshed", exc_info=True)


class RecordView(View):
    """A view of one record that belongs to no run."""

    def __init__(self, view: str, title: str, record: Any) -> None:
        run = Run(title=title)
        super().__init__(view, run.id)
        self._run, self._record = run, record

    def content(self, view: str) -> Any:
        """The record, in its own view."""
        return self._record if view == self.view else None

    def messages(self, detail: int = 1) -> list[Packed]:
        """A run of nothing but this record."""
        message: Message = (encode.gradflow(self._run, 1, self._record, True) if self.view == "gradflow"
                            else encode.record(self.view, self._run, 1, self._record, detail))
        hello = TO_VIEW["hello"](v=VERSION, run=self._run.id, title=self._run.title, controls=[], streams=[self.view], total=None)
        return [hello.pack(), message.pack()]

    def session(self) -> Session:
        """A session of its own that answers with the record."""
        return _Exhibit(self)


class _Exhibit(Session):
    """Answers a view that is ready with the messages of one record."""

    def __init__(self, view: RecordView) -> None:
        super().__init__()
        self._view = view

    def receive(self, content: Any, connect: Any = None, runs: Any = ()) -> None:
        """Only `ready` has an answer."""
        if isinstance(content, dict) and content.get("op") == "ready" and connect is not None:
            send = connect(content.get("view", ""))
            for data, buffers in self._view.messages():
                send(data, buffers)
