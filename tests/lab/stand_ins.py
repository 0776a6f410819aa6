"""A view at the other end of a wire made of lists, and a run that steps when told."""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import workbench as wb
from workbench import nn, optim
from workbench.lab.session import Session
from workbench.train import Run


class Page:
    """Collects what it is sent; may answer, or fail."""

    def __init__(self, session: Session, name: str = "page", runs: tuple[str, ...] = ()) -> None:
        self.session, self.name, self.runs = session, name, runs
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        self.opened = 0
        self.broken = self.answers = False

    def connect(self, name: str) -> Callable[[dict[str, Any], list[bytes]], None]:
        """Open the way to this page."""
        assert name == self.name
        self.opened += 1
        return self.take

    def take(self, data: dict[str, Any], buffers: list[bytes]) -> None:
        """A message arrives."""
        if self.broken:
            raise ConnectionError("the tab is closed")
        self.sent.append((data, buffers))
        if self.answers and "seq" in data:
            self.say("ack", seq=data["seq"])

    def say(self, op: str, **content: Any) -> None:
        """Send a message."""
        self.session.receive({"op": op, "view": self.name, **content}, self.connect, self.runs)

    def heard(self, op: str, run: Run | None = None) -> list[dict[str, Any]]:
        """What it was sent so far."""
        found = [data for data, _ in list(self.sent) if data["op"] == op]
        return [data for data in found if run is None or data.get("run") == run.id]


def until(true: Callable[[], Any], what: str, timeout: float = 5.0) -> None:
    """Wait for the publisher."""
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def small_run(title: str = "small") -> Run:
    """A run of a small model, not started."""
    wb.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    return wb.watch(model, optim.SGD(model.parameters(), lr=0.1), title=title)


def train(run: Run, steps: int) -> Run:
    """Some real steps."""
    x, y = wb.ones(5, 3), wb.zeros(5, 1)
    for _ in range(steps):
        loss = (run.model(x) - y).square().mean()
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        run.step(loss=loss)
    return run
