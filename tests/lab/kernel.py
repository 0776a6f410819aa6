"""A kernel to talk to as a page does: run cells, send messages over the control channel while they run, read what comes.

No browser and no server: what is tested here is the kernel's half of the conversation, on its real sockets.
"""
from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client import KernelManager

ROOT = Path(__file__).parents[2]

Message = dict[str, Any]


class Kernel:
    """One kernel, and all that it has published so far."""

    def __init__(self) -> None:
        self._manager = KernelManager(kernel_name="python3")
        python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self._manager.start_kernel(env={**os.environ, "PYTHONPATH": python_path, "OMP_NUM_THREADS": "1"})
        self.client = self._manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.published: list[Message] = []

    def close(self) -> None:
        """Stop it."""
        self.client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    # ------------------------------------------------------------------ cells
    def begin(self, code: str) -> str:
        """Start a cell and return at once."""
        return self.client.execute(code)

    def run(self, code: str, timeout: float = 60) -> str:
        """Run a cell to its end; returns what it printed."""
        cell = self.begin(code)
        self.wait(lambda m: ends(m, cell), timeout, "the cell ends")
        mine = [m for m in self.published if m["parent_header"].get("msg_id") == cell]
        problems = [m["content"]["evalue"] for m in mine if m["msg_type"] == "error"]
        assert not problems, problems
        return "".join(m["content"]["text"] for m in mine if m["msg_type"] == "stream")

    # ------------------------------------------------------------------ messages
    def say(self, **content: Any) -> None:
        """Send a message over the control channel, as the JupyterLab extension does."""
        channel = self.client.control_channel
        channel.send(self.client.session.msg("workbench_control", content))

    def subshell(self) -> str:
        """A subshell, as a front end makes for its comms."""
        request = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(request)
        reply = self.client.control_channel.get_msg(timeout=5)
        while reply["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            reply = self.client.control_channel.get_msg(timeout=5)
        return str(reply["content"]["subshell_id"])

    def send_comm(self, kind: str, comm: str, data: Message, subshell: str | None, **content: Any) -> None:
        """Send on a comm (``comm_open`` or ``comm_msg``), on a subshell or on the main shell."""
        request = self.client.session.msg(kind, {"comm_id": comm, "data": data, **content})
        if subshell is not None:
            request["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(request)

    def pump(self, seconds: float = 0.05) -> None:
        """Take what has been published."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            while self.client.iopub_channel.msg_ready():
                self.published.append(self.client.iopub_channel.get_msg())
            time.sleep(0.005)

    def wait(self, wanted: Callable[[Message], bool], timeout: float, what: str, since: int = 0) -> Message:
        """The first published message that is `wanted`."""
        until = time.monotonic() + timeout
        while True:
            for message in self.published[since:]:
                if wanted(message):
                    return message
            assert time.monotonic() < until, f"{what}: not within {timeout} s; " \
                f"got {[m['msg_type'] for m in self.published[since:]][-30:]}"
            since = len(self.published)
            self.pump()

    def until(self, view: View, wanted: Callable[[Message], bool], timeout: float, what: str, since: int = 0) -> Message:
        """The first message to a view whose data is `wanted`."""
        return self.wait(lambda m: view.mine(m) and wanted(m["content"]["data"]), timeout, what, since)


class View:
    """A page, or one widget: knows which messages are meant for it."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel, self.name = kernel, name

    def say(self, op: str, **content: Any) -> None:
        """Send a message."""
        self.kernel.say(op=op, view=self.name, **content)

    def comms(self) -> list[str]:
        """Comms that the kernel has opened for it."""
        return [m["content"]["comm_id"] for m in self.kernel.published if m["msg_type"] == "comm_open"
                and m["content"]["target_name"] == "workbench.live" and m["content"]["data"].get("view") == self.name]

    def mine(self, message: Message) -> bool:
        """Was this sent to it?"""
        return message["msg_type"] == "comm_msg" and message["content"]["comm_id"] in self.comms()

    def heard(self, op: str | None = None, since: int = 0) -> list[Message]:
        """Data of what it was sent."""
        found = [m["content"]["data"] for m in self.kernel.published[since:] if self.mine(m)]
        return [data for data in found if op in (None, data["op"])]


def ends(message: Message, cell: str) -> bool:
    """Does this say that the cell is over?"""
    return (message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            and message["parent_header"].get("msg_id") == cell)


@contextmanager
def kernel() -> Iterator[Kernel]:
    """A kernel that is stopped in the end."""
    made = Kernel()
    try:
        yield made
    finally:
        made.close()
