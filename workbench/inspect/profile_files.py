"""Execution traces in the formats of other tools: Chrome's trace events and speedscope's.

Sources: the trace event format of Chromium ("X" for an interval, "C" for a counter, "M" for a name), and
https://www.speedscope.app/file-format-schema.json.
"""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .profiler import Event, profile

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def chrome(trace: profile, path: Path) -> Path:
    """Write trace events, with a counter of the bytes held."""
    process = os.getpid()
    events: list[dict[str, Any]] = [{"name": "process_name", "ph": "M", "pid": process, "tid": 0, "args": {"name": "workbench"}}]
    events += [{"name": event.name, "cat": event.phase, "ph": "X", "ts": event.begin * 1e6, "dur": event.seconds * 1e6, "pid": process,
                "tid": event.thread, "args": _details(event)} for event in trace.events]
    events += [{"name": "memory", "ph": "C", "ts": moment * 1e6, "pid": process, "tid": 0, "args": {"bytes": held}}
               for moment, held in trace.memory.timeline]
    return _write(path, {"traceEvents": events, "displayTimeUnit": "ms"})


def _details(event: Event) -> dict[str, Any]:
    place = {} if event.place is None else {"file": event.place[0], "line": event.place[1]}
    return {"shapes": [list(shape) for shape in event.shapes], "output shapes": [list(shape) for shape in event.output_shapes],
            "dtype": event.dtype, "allocated": event.allocated, "saved": event.saved, **({} if event.flops is None else {"flops": event.flops}), **place}


def speedscope(trace: profile, path: Path) -> Path:
    """Write evented profiles, one per thread; a frame is an op, its phase and the user's line."""
    numbers: dict[tuple, int] = {}
    frames: list[dict[str, Any]] = []
    threads: dict[int, list[Event]] = {}
    for event in trace.events:
        threads.setdefault(event.thread, []).append(event)
    profiles = [{"type": "evented", "name": f"thread {thread}", "unit": "microseconds", "startValue": 0, "endValue": trace.seconds * 1e6,
                 "events": _opened_and_closed(events, numbers, frames)} for thread, events in threads.items()]
    return _write(path, {"$schema": SCHEMA, "name": "workbench", "exporter": "workbench", "activeProfileIndex": 0,
                         "shared": {"frames": frames}, "profiles": profiles})


def _opened_and_closed(events: list[Event], numbers: dict[tuple, int], frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Begins and ends in the order of time, properly nested."""
    written: list[dict[str, Any]] = []
    open_ones: list[tuple[int, float]] = []

    def close(until: float) -> None:
        while open_ones and open_ones[-1][1] <= until:
            frame, end = open_ones.pop()
            written.append({"type": "C", "frame": frame, "at": end})

    for event in events:
        close(event.begin * 1e6)
        end = (event.begin + event.seconds) * 1e6
        frame = _frame(event, numbers, frames)
        written.append({"type": "O", "frame": frame, "at": event.begin * 1e6})
        open_ones.append((frame, min(end, open_ones[-1][1]) if open_ones else end))
    close(float("inf"))
    return written


def _frame(event: Event, numbers: dict[tuple, int], frames: list[dict[str, Any]]) -> int:
    key = event.name, event.phase, event.place
    if key not in numbers:
        numbers[key] = len(frames)
        name = event.name if event.phase == "forward" else f"{event.name} ({event.phase})"
        frames.append({"name": name} | ({} if event.place is None else {"file": event.place[0], "line": event.place[1]}))
    return numbers[key]


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
