"""Workers and trouble: errors, deaths, hangs, and what is left behind (nothing)."""
from __future__ import annotations

import faulthandler
import gc
import glob
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from multiprocessing import forkserver, resource_tracker, util
from pathlib import Path

import numpy as np
import psutil
import pytest

import workbench as wb
from workbench import data, errors
from workbench.data import workers

KINDS = ("process", "thread")
ROOT = Path(__file__).parents[2]


class Acts(data.Dataset):
    """Item 5 does something."""

    def __init__(self, act, count: int = 12) -> None:
        self.act, self.count = act, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int):
        return self.act(index) if index == 5 else index


def fails(index: int) -> int:
    raise ValueError(f"item {index} is bad")


def killed(number: signal.Signals) -> None:
    faulthandler.disable()
    os.kill(os.getpid(), number)


class TwoArguments(Exception):  # noqa: N818
    def __init__(self, a, b) -> None:
        super().__init__(a, b)


def children() -> set[int]:
    """But for the two helpers that multiprocessing keeps for as long as the program runs."""
    helpers = {resource_tracker._resource_tracker._pid, forkserver._forkserver._forkserver_pid}
    return {child.pid for child in psutil.Process().children()} - helpers


def segments() -> list[str]:
    return glob.glob(f"/dev/shm/wb-{os.getpid()}-*")


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch):
    monkeypatch.setattr(workers, "GRACE", 0.1)
    before = children(), set(threading.enumerate())
    yield
    gc.collect()
    assert (children(), set(threading.enumerate())) == before
    assert segments() == []


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_an_error_keeps_its_class_and_names_item_and_batch(kind: str | None) -> None:
    how = {} if kind is None else dict(num_workers=2, workers=kind)
    seen = []
    with pytest.raises(ValueError, match="item 5 is bad") as caught:
        seen.extend(x.tolist() for x in data.DataLoader(Acts(fails), 2, **how))
    assert seen == [[0, 1], [2, 3]], "batches before it come first"
    told = str(caught.value) + "".join(getattr(caught.value, "__notes__", []))
    assert "item 5 was taken from the dataset, for batch 2" in told
    if kind == "process":
        assert "raise ValueError" in told, "the worker's traceback"
        assert "pid" in told
    if kind == "thread":
        assert "(a thread)" in told
        assert caught.traceback[-1].name == "fails"


@pytest.mark.parametrize(("error", "kind", "text"), [
    (KeyError("lost"), KeyError, "Traceback"), (TwoArguments(1, 2), errors.WorkerError, "TwoArguments"),
    (StopIteration("early"), errors.WorkerError, "StopIteration"), (UnicodeDecodeError("utf8", b"x", 0, 1, "no"), errors.WorkerError, "utf8"),
    (type("Local", (Exception,), {})("here"), errors.WorkerError, "Local: here"),
])
def test_errors_of_every_kind_arrive(error, kind, text) -> None:
    def act(index):
        raise error

    with pytest.raises(kind) as caught:
        list(data.DataLoader(Acts(act), 3, num_workers=1))
    assert text in str(caught.value)
    assert "\\n" not in str(caught.value)


@pytest.mark.parametrize("how", [{}, dict(num_workers=1, workers="thread")])
def test_a_stop_iteration_does_not_end_the_loop_quietly(how) -> None:
    def act(index):
        raise StopIteration

    with pytest.raises(RuntimeError):
        list(data.DataLoader(Acts(act), 3, **how))


def test_errors_outside_of_items_arrive_too() -> None:
    class Broken(data.IterableDataset):
        def __iter__(self):
            raise OSError("no such stream")

    def refuse(number: int) -> None:
        raise ArithmeticError("not this worker")

    for kind in KINDS:
        with pytest.raises(OSError, match="no such stream"):
            list(data.DataLoader(Broken(), num_workers=2, workers=kind))
        with pytest.raises(ArithmeticError, match="not this worker"):
            list(data.DataLoader(range(3), num_workers=2, workers=kind, worker_init_fn=refuse))
        with pytest.raises(errors.DTypeError, match="NoneType"):
            list(data.DataLoader([None] * 3, num_workers=2, workers=kind))
    with pytest.raises((AttributeError, TypeError, errors.WorkerError), match="cannot be sent to the loop"):
        list(data.DataLoader(range(3), num_workers=1, collate_fn=lambda items: lambda: items))


def test_a_worker_that_would_start_workers_is_told_what_to_do() -> None:
    nested = lambda index: [x.item() for x in data.DataLoader(range(2), num_workers=1)]
    with pytest.raises(errors.ArgumentError, match="num_workers=0 or workers='thread'"):
        list(data.DataLoader(Acts(nested), 12, num_workers=1))
    threads = lambda index: sum(x.item() for x in data.DataLoader(range(3), num_workers=1, workers="thread"))
    assert [x.tolist() for x in data.DataLoader(Acts(threads, 6), 6, num_workers=1)] == [[0, 1, 2, 3, 4, 3]]


@pytest.mark.parametrize(("act", "match"), [
    (lambda index: os._exit(3), "ended by itself with exit code 3 with batch 1 to make"),
    (lambda index: killed(signal.SIGKILL), r"killed by SIGKILL \(exit code -9\) with batch 1 to make.*memory"),
    (lambda index: killed(signal.SIGSEGV), r"killed by SIGSEGV \(exit code -11\)"),
    (lambda index: killed(signal.SIGBUS), "Shared memory is full"),
    (lambda index: sys.exit(4), "exit code 4"),
])
def test_a_dead_worker_is_an_error_and_no_hang(act, match) -> None:
    with pytest.raises(errors.WorkerError, match=match):
        list(data.DataLoader(Acts(act), 4, num_workers=2))


def test_a_worker_killed_from_outside_between_epochs_is_an_error_and_the_next_loop_works() -> None:
    loader = data.DataLoader(range(40), 2, num_workers=2, persistent_workers=True)
    list(loader)
    victim = psutil.Process(max(children()))
    victim.kill()
    with pytest.raises(errors.WorkerError, match=f"pid {victim.pid}.*SIGKILL"):
        list(loader)
    assert len(list(loader)) == 20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("in_order", [True, False])
def test_a_batch_that_does_not_come_is_an_error(kind: str, in_order: bool) -> None:
    released = threading.Event()
    loader = data.DataLoader(Acts(lambda index: released.wait(60), 6), 3, num_workers=1, timeout=0.2, workers=kind, in_order=in_order)
    with pytest.raises(errors.WorkerError, match=r"timeout=0.2 s; worker 0.* is alive"):
        list(loader)
    released.set()  # a thread cannot be ended: it ends by itself when its item is done
    for thread in threading.enumerate():
        if thread.name.startswith("loader worker"):
            thread.join()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("persistent", [False, True])
def test_a_loop_that_is_broken_off_leaves_nothing(kind: str, persistent: bool) -> None:
    loader = data.DataLoader(Acts(lambda index: index, 50).map(lambda index: np.full(50_000, index)), 2, num_workers=2, workers=kind,
                             persistent_workers=persistent, prefetch_factor=4)
    for batch in loader:
        assert batch[1, 0].item() == 1
        break
    kept = [batch for batch in loader if batch[0, 0] < 6]
    assert [x[0, -1].item() for x in kept] == [0, 2, 4], "batches outlive their workers"


@pytest.mark.parametrize("kind", KINDS)
def test_an_iterator_that_is_only_dropped_leaves_nothing(kind: str) -> None:
    begun = iter(data.DataLoader(range(50), 2, num_workers=2, workers=kind))
    next(begun)
    cycle = [begun]
    cycle.append(cycle)
    del begun, cycle


def test_a_busy_worker_is_ended() -> None:
    begun = iter(data.DataLoader(Acts(lambda index: time.sleep(60)), 1, num_workers=1, prefetch_factor=8))
    assert next(begun).tolist() == [0]
    time.sleep(0.1)
    began = time.monotonic()
    begun.close()
    assert time.monotonic() - began < 30


def test_memory_of_a_batch_is_filled_again_only_when_the_batch_is_gone() -> None:
    made: list[str] = []
    make = workers.SegmentReader.receive

    def counting(reader, packet):
        made.extend([packet.name] if packet.name else [])
        make(reader, packet)

    workers.SegmentReader.receive = counting
    try:
        source = data.TensorDataset(np.arange(40_000.0).reshape(40, 1000))
        kept = [x for (x,) in data.DataLoader(source, 10, num_workers=1, prefetch_factor=1)]
        assert np.array_equal(np.concatenate([x.numpy() for x in kept]), source.tensors[0].numpy())
        assert len(made) == 4
        made.clear()
        views = [x.numpy()[3, 5:9] for (x,) in data.DataLoader(source, 10, num_workers=1, prefetch_factor=1)]
        assert [view[0] for view in views] == [3005, 13005, 23005, 33005], "a view keeps the batch"
        made.clear()
        for _ in range(3):
            for _ in data.DataLoader(data.TensorDataset(np.zeros((400, 1000))), 10, num_workers=1, prefetch_factor=1):
                pass
        assert len(made) <= 12, "120 batches in a few segments"
    finally:
        workers.SegmentReader.receive = make


def test_batches_of_any_size_and_kind_arrive_whole() -> None:
    class Sizes(data.Dataset):
        def __len__(self) -> int:
            return 24

        def __getitem__(self, index: int):
            size = (index * 7919) % 60_000
            return {"empty": np.zeros((0, 3)), "x": np.full(size, index), "fortran": np.asfortranarray(np.full((3, size), index)),
                    "text": "é" * size, "fixed": np.array(["a", "bc"]), "half": wb.full((2,), index, dtype=wb.bfloat16),
                    "odd": np.arange(2 * size)[::2]}

    alone, apart = (list(data.DataLoader(Sizes(), None, **how)) for how in ({}, dict(num_workers=2, prefetch_factor=7)))
    for a, b in zip(alone, apart, strict=True):
        assert a["text"] == b["text"]
        assert all(a[name].dtype == b[name].dtype for name in a if name != "text")
        assert all(np.array_equal(np.asarray(a[name]), np.asarray(b[name])) for name in a if name != "text")


@pytest.mark.slow
def test_long_tasks_and_many_arrays_do_not_block_the_two_ends_of_a_pipe() -> None:
    class Many(data.Dataset):
        def __len__(self) -> int:
            return 9

        def __getitems__(self, indices: list) -> list:
            return [{str(number): np.full(2, index) for number in range(300)} for index in indices[:1]]

    loader = data.DataLoader(Many(), batch_sampler=[[7] * 5000] * 66, num_workers=1, prefetch_factor=64, persistent_workers=True)
    next(iter(loader))
    assert all(batch["299"].tolist() == [[7, 7]] for batch in loader)


def test_tensors_from_a_worker_can_be_written_and_differentiated() -> None:
    (x,) = next(iter(data.DataLoader(data.TensorDataset(np.ones((4, 30_000))), 4, num_workers=1)))
    x[0] = 5.0
    x.requires_grad_()
    (x * x).sum().backward()
    assert x.grad[:, 0].tolist() == [10.0, 2.0, 2.0, 2.0]


def test_full_shared_memory_is_an_error(monkeypatch) -> None:
    class Full:
        f_bavail, f_frsize = 1, 4096

    monkeypatch.setattr(os, "statvfs", lambda path: Full)
    with pytest.raises(errors.WorkerError, match="shared memory.*--shm-size"):
        list(data.DataLoader(data.TensorDataset(np.ones((4, 30_000))), 4, num_workers=1))


def test_a_segment_that_is_gone_is_an_error(monkeypatch) -> None:
    def receive(reader, packet):
        raise FileNotFoundError("somebody emptied /dev/shm")

    monkeypatch.setattr(workers.SegmentReader, "receive", receive)
    with pytest.raises(FileNotFoundError, match="somebody emptied"):
        list(data.DataLoader(range(3), num_workers=1, timeout=20))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods_give_the_same_batches(method: str) -> None:
    make = lambda **how: [x.tolist() for x, _ in data.DataLoader(data.iris(), 40, shuffle=True, seed=1, **how)]
    assert make(num_workers=2, multiprocessing_context=method) == make()


@pytest.mark.parametrize("part", ["dataset", "collate_fn", "worker_init_fn"])
def test_what_cannot_be_pickled_is_named_with_the_fix(part: str) -> None:
    given = {"dataset": range(3), part: Acts(lambda index: index) if part == "dataset" else lambda x: x}
    with pytest.raises(errors.ArgumentError, match=f"{part} cannot be sent.*multiprocessing_context='fork' or workers='thread'"):
        list(data.DataLoader(**given, num_workers=1, multiprocessing_context="spawn"))


def run(code: str, *, signals: signal.Signals | None = None) -> tuple[int, str, list[str], int]:
    """A script in a process of its own: exit code, what it printed, segments it left, and its pid."""
    head = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may ignore it\n"
    head += "import workbench as wb, numpy as np, os, sys, time\nfrom workbench import data\n"
    process = subprocess.Popen([sys.executable, "-c", head + textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, cwd=ROOT, start_new_session=True)
    if signals is not None:
        assert "ready" in process.stdout.readline()
        os.killpg(process.pid, signals) if signals == signal.SIGINT else process.send_signal(signals)
    out, _ = process.communicate(timeout=60)
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        out += "\nprocesses are left"
    return process.returncode, out, glob.glob(f"/dev/shm/wb-{process.pid}-*"), process.pid


LOOP = """
loader = data.DataLoader(data.TensorDataset(np.zeros((4000, 5000))), 10, num_workers=2, workers={kind!r}, persistent_workers={keep})
batches = iter(loader)
batch = next(batches)
print("ready", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", [True, False])
def test_a_program_that_ends_in_the_middle_leaves_nothing(kind: str, keep: bool) -> None:
    code, out, left, _ = run(LOOP.format(kind=kind, keep=keep))
    assert (code, out, left) == (0, "ready\n", [])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_program_that_is_interrupted_or_killed_leaves_nothing(number) -> None:
    code, out, left, _ = run(LOOP.format(kind="process", keep=False) + "for batch in batches: time.sleep(0.05)\ntime.sleep(60)", signals=number)
    assert code != 0
    assert left == []
    assert "processes are left" not in out
    assert out.count("Traceback") == (number == signal.SIGINT), out


def test_an_interrupt_meets_a_worker_that_is_being_born() -> None:
    owner = Acts(None)
    util.register_after_fork(owner, lambda _: os.kill(os.getpid(), signal.SIGINT))
    assert list(map(int, data.DataLoader(range(3), num_workers=2, multiprocessing_context="fork", timeout=20))) == [0, 1, 2]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.slow
def test_spawn_without_a_guard_or_from_a_session_says_what_to_do(tmp_path) -> None:
    _, out, left, _ = run("""
        class Mine(data.Dataset):
            def __len__(self): return 3
            def __getitem__(self, index): return index
        list(data.DataLoader(Mine(), num_workers=1, multiprocessing_context="spawn"))
    """)
    assert "ArgumentError: DataLoader: a worker cannot load the dataset. What a notebook or an interactive session" in out
    assert left == []
    script = tmp_path / "script.py"
    script.write_text("from workbench import data\nprint(len(list(data.DataLoader(range(3), num_workers=1, multiprocessing_context='spawn'))))")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 1
    assert "guard its loop with if __name__ == '__main__':" in done.stderr


class Uneven(data.Dataset):
    """Batches of every size, with a text too long for a pipe."""

    def __len__(self) -> int:
        return 120

    def __getitem__(self, index: int):
        time.sleep(0.002 * (index % 40 == 0))
        return np.full(index * 37 % 20_000, index), "x" * (index * 911 % 9000)


@pytest.mark.slow
def test_whatever_happens_at_whatever_moment_it_ends() -> None:
    rng = random.Random(1)
    for _ in range(40):
        loader = data.DataLoader(Uneven(), None, num_workers=rng.randint(1, 3), prefetch_factor=rng.choice([1, 2, 30]),
                                 persistent_workers=rng.random() < 0.5, in_order=rng.random() < 0.7)
        act, moment, seen = rng.choice(["kill", "terminate", "break", "nothing"]), rng.randint(0, 110), 0
        begun = iter(loader)
        try:
            for numbers, _ in begun:
                assert np.ptp(numbers.numpy()) == 0 if numbers.numel() else True
                seen += 1
                if seen == moment and act in ("kill", "terminate"):
                    getattr(psutil.Process(rng.choice(sorted(children()))), act)()
                if seen == moment and act == "break":
                    break
            assert seen == 120 or act == "break"
        except errors.WorkerError:
            assert act in ("kill", "terminate")
        del begun, loader
