"""A view as something to display: live in JupyterLab, a widget elsewhere, a picture when saved, words in a terminal.

The MIME bundle carries all of them, and with our own type a snapshot: the messages that rebuild the last picture
without a kernel. Views of a run are written again into their output when the run ends.
"""
from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from typing import Any

from ..train import Run
from . import describe, encode, figures
from .channel import Channel
from .protocol import MIME, TO_VIEW, VERSION, Message
from .session import Session, Watched

_log = logging.getLogger("workbench")

SNAPSHOT = 300_000
"""Bytes of base64 that a snapshot may take in a notebook; the largest records are left out first."""

Packed = tuple[dict[str, Any], list[bytes]]


class View:
    """Something to look at; the value of the functions in ``wb.show``.

    In a terminal its text says what can be said without a picture.
    """

    def __init__(self, view: str, run_id: str) -> None:
        self.view, self.run_id = view, run_id
        self._handle: Any = None
        self._widget: Any = None

    def content(self, view: str) -> Any:
        """What `view` shows: runs, samples or a record; None when there is nothing yet."""
        raise NotImplementedError

    def messages(self) -> list[Packed]:
        """The messages that build it."""
        raise NotImplementedError

    def session(self) -> Session:
        """Where a widget of this view gets its messages."""
        raise NotImplementedError

    # ------------------------------------------------------------------ forms
    def _parts(self) -> list[str]:
        names = list(describe.TITLES) if self.view == "dashboard" else [self.view]
        return [name for name in names if self.content(name) is not None]

    def __repr__(self) -> str:
        words = [describe.as_text(describe.TITLES[name], *describe.of(name, self.content(name))) for name in self._parts()]
        return "\n\n".join(words) or f"{describe.TITLES.get(self.view, 'Dashboard')}: nothing to show yet"

    def _html(self) -> str:
        parts = []
        for name in self._parts():
            sentence, table = describe.of(name, self.content(name))
            picture = figures.data_uri(getattr(figures, name)(self.content(name)))
            parts.append(describe.as_html(describe.TITLES[name], sentence, table, picture))
        return "".join(parts) or f"<p>{describe.TITLES.get(self.view, 'Dashboard')}: nothing to show yet</p>"

    def snapshot(self) -> list[dict[str, Any]]:
        """The messages as they lie in a notebook, the largest left out if all together are too large."""
        packed = [{"message": data, "buffers": [base64.b64encode(b).decode() for b in buffers]} for data, buffers in self.messages()]
        sizes = [sum(map(len, item["buffers"])) + len(repr(item["message"])) for item in packed]
        while sum(sizes) > SNAPSHOT:
            largest = max(range(len(sizes)), key=sizes.__getitem__)
            packed.pop(largest)
            sizes.pop(largest)
        return packed

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        for mime, make in ((MIME, self._own), ("application/vnd.jupyter.widget-view+json", self._as_widget), ("text/html", self._html)):
            try:
                bundle[mime] = make()
            except Exception:
                _log.warning("a view could not be made as %s", mime, exc_info=True)
        return bundle

    def _own(self) -> dict[str, Any]:
        return {"v": VERSION, "run": self.run_id, "view": self.view, "snapshot": self.snapshot()}

    def _as_widget(self) -> dict[str, Any]:
        if self._widget is None:
            from .widget import ViewWidget

            self._widget = ViewWidget(self.session(), self.run_id, self.view)
        return {"model_id": self._widget.model_id, "version_major": 2, "version_minor": 0}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        self._handle = display(self._repr_mimebundle_(), raw=True, display_id=True)

    def refresh(self) -> None:
        """Write the view again into the output where it was displayed."""
        if self._handle is not None:
            self._handle.update(self._repr_mimebundle_(), raw=True)


class RunView(View):
    """A view of runs of this kernel; the first is the one it belongs to."""

    def __init__(self, view: str, session: Session, watched: Sequence[Watched]) -> None:
        super().__init__(view, watched[0].run.id)
        self._session, self._watched = session, watched
        session.on_finished.append(self._finished)

    def content(self, view: str) -> Any:
        """What the run has for a view."""
        first = self._watched[0]
        if view == "curves":
            return [w.run for w in self._watched] if first.run.history.names else None
        return (first.history("gradflow") or None) if view == "gradflow" else first.latest(view)

    def messages(self) -> list[Packed]:
        """Everything a page that connects late would be sent."""
        sent: list[Packed] = []
        channel = Channel(lambda data, buffers: sent.append((data, buffers)))
        for watched in self._watched:
            if self.view != "dashboard":
                channel.wants[watched.run.id] = frozenset({self.view})
            channel.greet(watched)
            channel.pump(watched)
        return [encode.runs([w.run for w in self._watched]).pack(), *sent]

    def session(self) -> Session:
        """The session of the kernel."""
        return self._session

    def _finished(self, watched: Watched) -> None:
        if watched in self._watched and self._handle is not None:
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

    def messages(self) -> list[Packed]:
        """A run of nothing but this record."""
        message: Message = (encode.gradflow(self._run, 1, self._record, True) if self.view == "gradflow"
                            else encode.record(self.view, self._run, 1, self._record))
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

    def receive(self, content: Any, connect: Any = None) -> None:
        """Only `ready` has an answer."""
        if isinstance(content, dict) and content.get("op") == "ready" and connect is not None:
            send = connect(content.get("view", ""))
            for data, buffers in self._view.messages():
                send(data, buffers)
