"""The loader without the trouble: which batches come, whoever makes them, and where a loop goes on."""
from __future__ import annotations

import collections
import itertools
import random

import numpy as np
import pytest

import workbench as wb
from workbench import data, errors

WORKERS = {"none": {}, "1 thread": dict(num_workers=1, workers="thread"), "3 threads": dict(num_workers=3, workers="thread"),
           "1 process": dict(num_workers=1), "3 processes": dict(num_workers=3),
           "out of order": dict(num_workers=2, in_order=False), "persistent": dict(num_workers=2, persistent_workers=True)}
Pair = collections.namedtuple("Pair", "left right")


class Augmented(data.Dataset):
    """Items of every kind, with random numbers from every generator that is seeded."""

    def __init__(self, count: int = 11, everywhere: bool = True) -> None:
        self.count, self.everywhere = count, everywhere

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int):
        noise = [random.random(), np.random.rand()] if self.everywhere else []
        return {"x": wb.rand(2) + index, "noise": noise, "id": Pair(index, str(index)), "big": np.full(3000, index, np.float32)}


class Lines(data.IterableDataset):
    def __init__(self, count: int, divided: bool = False) -> None:
        self.count, self.divided = count, divided

    def __iter__(self):
        info = data.get_worker_info() if self.divided else None
        for number in range(self.count) if info is None else range(info.id, self.count, info.num_workers):
            yield number, wb.rand(1).item()

    def __len__(self) -> int:
        return self.count


def plain(batch):
    """A batch as comparable Python values."""
    return wb.tree.map(lambda leaf: leaf.tolist() if isinstance(leaf, wb.Tensor) else leaf, batch)


def epochs(loader, count: int = 2, order: bool = True) -> list:
    found = [[plain(batch) for batch in loader] for _ in range(count)]
    return found if order else [sorted(map(repr, epoch)) for epoch in found]


@pytest.mark.parametrize("how", WORKERS.values(), ids=WORKERS)
def test_batches_and_augmentation_do_not_depend_on_workers(how: dict) -> None:
    everywhere, order = how.get("workers") != "thread", how.get("in_order", True)
    make = lambda **how: data.DataLoader(Augmented(everywhere=everywhere), 2, shuffle=True, seed=5, **how)
    assert epochs(make(**how), order=order) == epochs(make(), order=order)


def test_an_epoch_augments_anew() -> None:
    first, second = epochs(data.DataLoader(Augmented(), 2, seed=1))
    assert all(a["id"] == b["id"] and a["x"] != b["x"] and a["noise"] != b["noise"] for a, b in zip(first, second, strict=True))


def test_the_loop_keeps_its_own_random_numbers() -> None:
    def drawn(loader) -> list:
        wb.manual_seed(1), np.random.seed(2), random.seed(3)
        return [(wb.rand(1).item(), np.random.rand(), random.random()) for _ in loader]

    assert drawn(data.DataLoader(Augmented(4), 1, seed=5)) == drawn(range(4))


def test_without_a_seed_manual_seed_decides_and_draws_nothing() -> None:
    def orders_and_next() -> tuple:
        wb.manual_seed(4)
        orders = [[plain(x) for x in data.DataLoader(range(30), 5, shuffle=True)] for _ in range(2)]
        return orders, wb.rand(1).item()

    orders, following = orders_and_next()
    assert orders_and_next() == (orders, following)
    assert orders[0] != orders[1], "each loader has a seed of its own"
    wb.manual_seed(4)
    assert wb.rand(1).item() == following, "a run that is resumed makes its loaders again"


@pytest.mark.parametrize("how", WORKERS.values(), ids=WORKERS)
@pytest.mark.parametrize("taken", [2, 6])
def test_a_loop_goes_on_with_exactly_the_batches_that_remained(how: dict, taken: int) -> None:
    order, everywhere = how.get("in_order", True), how.get("workers") != "thread"
    make = lambda **how: data.DataLoader(Augmented(everywhere=everywhere), 2, shuffle=True, seed=5, **how)
    whole = epochs(make(), 3, order)
    loader = make(**how)
    list(loader)
    begun = iter(loader)
    head = [plain(batch) for batch in itertools.islice(begun, taken)]
    state = loader.state_dict()
    again = data.DataLoader(Augmented(everywhere=everywhere), 2, shuffle=True, seed=99, **how)
    again.load_state_dict(state)
    assert again.state_dict() == state
    tail = [plain(batch) for batch in again]
    assert (head + tail if order else sorted(map(repr, head + tail))) == whole[1]
    assert epochs(again, 1, order) == [whole[2]]


@pytest.mark.parametrize("sampler", [dict(sampler=[4, 2, 0, 1]), dict(batch_sampler=[[0, 3], [1], [2, 4]]),
                                     dict(sampler=data.RandomSampler(range(5), seed=1)), dict(sampler=data.RandomSampler(range(5))),
                                     dict(batch_sampler=data.BucketBatchSampler([1, 2, 3, 4, 5], 2))])
def test_orders_from_outside_come_back_too(sampler: dict) -> None:
    make = lambda: data.DataLoader(range(5), seed=2, **sampler)
    loader = make()
    list(loader)
    begun = iter(loader)
    next(begun)
    state = loader.state_dict()
    rest = [x.tolist() for x in begun]
    again = make()
    list(again)
    again.load_state_dict(state)
    assert [x.tolist() for x in again] == rest
    assert len(make()) == len(rest) + 1


def test_a_sampler_with_a_state_of_its_own_is_taken_back_to_the_start_of_the_epoch() -> None:
    class Counting:
        """Its order depends on how often it was asked."""

        asked = 0

        def __iter__(self):
            self.asked += 1
            return iter([self.asked, 0])

        def __len__(self) -> int:
            return 2

        def state_dict(self) -> dict:
            return {"asked": self.asked}

        def load_state_dict(self, state: dict) -> None:
            self.asked = state["asked"]

    loader = data.DataLoader(range(9), sampler=Counting())
    list(loader)
    assert next(iter(loader)).tolist() == [2]
    again = data.DataLoader(range(9), sampler=Counting())
    again.load_state_dict(loader.state_dict())
    assert [x.tolist() for x in again] == [[0]]
    with pytest.raises(errors.CheckpointError, match="same arguments"):
        data.DataLoader(range(9), sampler=[1]).load_state_dict(loader.state_dict())


def test_epochs_go_on_after_a_break_and_can_be_set() -> None:
    loader = data.DataLoader(range(20), 20, shuffle=True, seed=3)
    orders = [plain(next(iter(loader))) for _ in range(3)]
    assert loader.epoch == 3
    loader.set_epoch(1)
    assert [plain(batch) for batch in loader] == [orders[1]]
    assert loader.epoch == 2


@pytest.mark.parametrize("how", WORKERS.values(), ids=WORKERS)
def test_two_loops_over_one_loader_at_the_same_time_are_two_epochs(how: dict) -> None:
    make = lambda **how: data.DataLoader(range(6), 2, shuffle=True, seed=1, **how)
    order, loader = how.get("in_order", True), make(**how)
    pairs = [(plain(a), plain(b)) for a, b in zip(loader, loader, strict=True)]
    found = [[a for a, _ in pairs], [b for _, b in pairs]]
    assert (found if order else [sorted(map(repr, epoch)) for epoch in found]) == epochs(make(), 2, order)


@pytest.mark.parametrize("how", WORKERS.values(), ids=WORKERS)
def test_streams_give_the_same_batches_whoever_reads(how: dict) -> None:
    order = how.get("in_order", True)
    make = lambda **how: data.DataLoader(Lines(10), 3, seed=5, **how)
    assert epochs(make(**how), order=order) == epochs(make(), order=order)
    assert len(make()) == 4
    assert len(epochs(data.DataLoader(Lines(10), 3, drop_last=True, **how), 1)[0]) == 3 == len(data.DataLoader(Lines(10), 3, drop_last=True))
    assert sorted(epochs(data.DataLoader(Lines(4), None, seed=1, **how), 1)[0]) == epochs(data.DataLoader(Lines(4), None, seed=1), 1)[0]


@pytest.mark.parametrize("workers", ["process", "thread"])
def test_a_stream_that_asks_divides_itself(workers: str) -> None:
    make = lambda: data.DataLoader(Lines(11, divided=True), 2, num_workers=3, workers=workers, seed=2)
    first, second = epochs(make())
    assert [numbers for numbers, _ in first] == [[0, 3], [1, 4], [2, 5], [6, 9], [7, 10], [8]]
    noise = [x for _, part in first for x in part]
    assert len(set(noise)) == 11, "workers draw different numbers"
    assert epochs(make()) == [first, second]
    loader = make()
    begun = iter(loader)
    next(begun), next(begun)
    again = make()
    again.load_state_dict(loader.state_dict())
    assert [plain(batch) for batch in again] == [plain(batch) for batch in begun] == first[2:]


def test_workers_know_who_they_are() -> None:
    class Who(data.Dataset):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int):
            info = data.get_worker_info()
            return info.id, info.num_workers, info.seed, info.dataset is self

    for workers in ("process", "thread"):
        rows = [plain(batch) for batch in data.DataLoader(Who(), 2, num_workers=2, workers=workers, seed=4)]
        assert {number for row in rows for number in row[0]} <= {0, 1}
        assert all(row[1:] == ([2, 2], [4, 4], [True, True]) for row in rows)
    assert data.get_worker_info() is None


def test_worker_init_fn_is_called_once_per_worker() -> None:
    calls: list[int] = []
    loader = data.DataLoader(range(4), num_workers=2, workers="thread", worker_init_fn=calls.append, persistent_workers=True)
    epochs(loader)
    assert sorted(calls) == [0, 1]


class Batched(data.Dataset):
    """Makes a list of items at once."""

    def __len__(self) -> int:
        return 5

    def __getitems__(self, indices: list) -> list:
        return [(index, wb.rand(1)) for index in indices]


def test_items_can_be_made_many_at_once() -> None:
    alone, with_workers = (epochs(data.DataLoader(Batched(), 2, seed=0, **how)) for how in ({}, WORKERS["3 threads"]))
    assert alone == with_workers
    assert [batch[0] for batch in alone[0]] == [[0, 1], [2, 3], [4]]


def test_items_that_are_batches_already() -> None:
    blocks = [np.arange(n) for n in (2, 3)]
    for how in ({}, dict(num_workers=1), dict(num_workers=1, workers="thread")):
        loader = data.DataLoader(blocks, batch_size=None, **how)
        assert [x.tolist() for x in loader] == [[0, 1], [0, 1, 2]]
        assert len(loader) == 2


def test_collating_keeps_kinds() -> None:
    class Record(dict):
        pass

    batch = data.default_collate([Record(a=1, b=Pair(2.0, "x"), c=b"y", d=np.float16(1)), Record(a=3, b=Pair(4.0, "z"), c=b"w", d=np.float16(2))])
    assert type(batch) is Record
    assert type(batch["b"]) is Pair
    assert batch["b"].right == ["x", "z"]
    assert batch["c"] == [b"y", b"w"]
    assert (batch["a"].dtype, batch["b"].left.dtype, batch["d"].dtype) == (wb.int64, wb.float32, wb.float16)
    assert data.default_collate([True, False]).dtype == np.bool_
    assert [x.tolist() for x in data.default_collate([range(2), range(4, 6)])] == [[0, 4], [1, 5]]
    counts = data.default_collate([collections.defaultdict(int, a=1), collections.defaultdict(int, a=2)])
    assert (type(counts), counts.default_factory, counts["a"].tolist()) == (collections.defaultdict, int, [1, 2])


def test_a_batch_of_tensors_that_need_gradients_is_part_of_the_graph() -> None:
    x = wb.ones(2, requires_grad=True)
    data.default_collate([x * 2, x]).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize(("items", "kind", "match"), [
    ([np.zeros(2), np.zeros(3)], errors.ShapeError, r"\(2,\), \(3,\)"), ([wb.zeros(1), wb.zeros(2)], errors.ShapeError, "pads"),
    ([(1, 2), (1,)], errors.ShapeError, "lengths"), ([{"a": 1}, {"b": 1}], errors.ShapeError, "keys"),
    ([None, None], errors.DTypeError, "NoneType"), ([np.arange(2), [1, 2]], errors.DTypeError, "ndarray and list in the same place"),
    ([{1}, {2}], errors.DTypeError, "collate_fn"),
])
def test_what_makes_no_batch_is_an_error(items, kind, match) -> None:
    with pytest.raises(kind, match=match):
        data.default_collate(items)


def test_pinning_without_a_device_says_so_and_goes_on() -> None:
    if wb.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    data.collate.can_pin.cache_clear()
    with pytest.warns(UserWarning, match="pin_memory=True has no effect"):
        assert len(list(data.DataLoader(range(3), pin_memory=True))) == 3


@pytest.mark.gpu
@pytest.mark.skipif(not wb.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("how", WORKERS.values(), ids=WORKERS)
def test_pinned_batches_are_equal_and_move_to_the_device(how: dict) -> None:
    plain_batches = [x for x, _ in data.DataLoader(data.iris(), 50)]
    pinned = [x for x, _ in data.DataLoader(data.iris(), 50, pin_memory=True, **how)]
    assert sorted(x.to("cuda").sum().item() for x in pinned) == pytest.approx(sorted(x.sum().item() for x in plain_batches))


STREAM = Lines(3)
WRONG = {
    "batch size": dict(batch_size=0), "both orders": dict(sampler=[0], shuffle=True), "batches twice": dict(batch_sampler=[[0]], batch_size=2),
    "no batches to shuffle": dict(batch_size=None, shuffle=True), "no batch to drop": dict(batch_size=None, drop_last=True),
    "workers below 0": dict(num_workers=-1), "kind of worker": dict(num_workers=1, workers="coroutine"), "prefetch without workers": dict(prefetch_factor=2),
    "persistent nobody": dict(persistent_workers=True), "timeout without workers": dict(timeout=1), "timeout below 0": dict(num_workers=1, timeout=-1),
    "prefetch of 0": dict(num_workers=1, prefetch_factor=0), "start method": dict(num_workers=1, multiprocessing_context="clone"),
    "shuffled stream": dict(dataset=STREAM, shuffle=True), "stream with a sampler": dict(dataset=STREAM, sampler=[0]),
    "seed": dict(seed=-1), "context without workers": dict(multiprocessing_context="fork"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_arguments_that_contradict_each_other_are_an_error(wrong: dict) -> None:
    with pytest.raises(errors.ArgumentError, match="DataLoader"):
        data.DataLoader(**{"dataset": range(3), **wrong})


def test_a_foreign_state_is_refused_before_anything_changes() -> None:
    loader = data.DataLoader(range(3), seed=1)
    with pytest.raises(errors.CheckpointError, match="batches"):
        loader.load_state_dict({"epoch": 1, "seed": 2})
    assert loader.state_dict() == {"seed": 1, "epoch": 0, "batches": 0, "beyond": []}
    with pytest.raises(errors.ArgumentError):
        loader.set_epoch(-1)


def test_a_stream_without_a_length_has_none() -> None:
    class Endless(data.IterableDataset):
        def __iter__(self):
            return itertools.count()

    loader = data.DataLoader(Endless(), 2, num_workers=2)
    with pytest.raises(TypeError, match="without a length"):
        len(loader)
    assert [x.tolist() for x in itertools.islice(loader, 3)] == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(("how", "text"), [
    (dict(dataset=range(7), batch_size=2), "DataLoader: 4 batches of 2, from range"),
    (dict(dataset=range(7), batch_size=None), "DataLoader: 7 batches, from range"),
    (dict(dataset=range(7), batch_sampler=[[0, 1], [2]]), "DataLoader: 2 batches, from range"),
    (dict(dataset=Lines(7), batch_size=3, num_workers=1, workers="thread"), "DataLoader: 3 batches of 3, made by 1 thread, from Lines"),
    (dict(dataset=(data.IterableDataset()), batch_size=3), "DataLoader: batches of 3, from IterableDataset"),
])
def test_it_says_what_it_gives(how: dict, text: str) -> None:
    assert repr(data.DataLoader(**how)) == text


@pytest.mark.parametrize("dataset", [3, None, {1, 2}, iter([1])], ids=lambda it: type(it).__name__)
def test_what_is_no_dataset_is_refused_at_once(dataset):
    with pytest.raises(errors.ArgumentError, match="expected a Dataset, or anything with __len__ and __getitem__"):
        data.DataLoader(dataset)
