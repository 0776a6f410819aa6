"""A checkpoint comes back as it was saved, and one that was cut, edited, or made by somebody else is refused."""
from __future__ import annotations

import hashlib
import json
import os
import random
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import workbench as wb
from workbench import errors, nn, optim
from workbench.train import checkpoints
from workbench.train.checkpoints import file as files

GOLDEN = Path(__file__).parent / "golden"
DTYPES = ["bool", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
          "complex64", "complex128"]


def example() -> dict[str, Any]:
    """A state with one of everything; the golden files hold it."""
    return {"tensors": {name: (wb.arange(6).reshape(2, 3) % 2).to(dtype=name) for name in DTYPES},
            "plain": [None, True, -7, 2**100, 0.1, float("inf"), -0.0, "text ☂", b"\x00bytes", 1 + 2j, (1, [2, (3,)])],
            "dicts": [OrderedDict(b=1, a=2), {1: "one", (2, "x"): "pair", None: 0}, Counter(a=3)],
            "numpy": [np.arange(3, dtype=np.int16), np.float32(2.5), np.dtype("float16"), np.zeros((0, 2))],
            "scalar": wb.tensor(3.0), "rng": np.random.default_rng(0).bit_generator.state, "legacy": np.random.RandomState(0).get_state(legacy=False)}


def same(a: Any, b: Any) -> None:
    assert type(a) is type(b) or {type(a), type(b)} == {np.ndarray, np.memmap}
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, (wb.Tensor, np.ndarray, np.generic)):
        x, y = (np.asarray(v.numpy() if isinstance(v, wb.Tensor) else v) for v in (a, b))
        assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())
    else:
        assert repr(a) == repr(b)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    wb.save(example(), tmp_path / "state.wb", meta={"step": 1})
    return tmp_path / "state.wb"


@pytest.mark.parametrize("mmap", [False, True])
def test_everything_comes_back(path: Path, mmap: bool) -> None:
    same(wb.load(path, mmap=mmap), example())


TREES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
                     | arrays.arrays(arrays.scalar_dtypes().filter(lambda d: d.kind in "biufc" and d.itemsize in (1, 2, 4, 8, 16) and d.name in DTYPES
                                                                   and d.isnative), arrays.array_shapes(min_dims=0, max_side=3)),
                     lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
                     | st.dictionaries(st.integers() | st.tuples(st.text(max_size=2)), inner, max_size=2) | st.lists(inner, max_size=3).map(tuple),
                     max_leaves=8)


@settings(max_examples=50)
@given(TREES)
def test_any_tree_comes_back(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    path = tmp_path_factory.mktemp("tree") / "tree.wb"
    wb.save(tree, path)
    same(wb.load(path), tree)


def test_strided_big_endian_and_read_only_arrays_are_saved_by_value(tmp_path: Path) -> None:
    base = np.arange(12.0).reshape(3, 4)
    frozen = base.copy()
    frozen.flags.writeable = False
    wb.save([base.T[::2], base.astype(">f8"), frozen], tmp_path / "a.wb")
    for found, expected in zip(wb.load(tmp_path / "a.wb"), [base.T[::2], base, base], strict=True):
        np.testing.assert_array_equal(found, expected)
        found += 1  # one's own to write


def test_shared_memory_is_stored_once_and_shared_again(tmp_path: Path) -> None:
    tied = nn.Linear(100, 100)
    state = {"encoder": tied.weight.detach(), "decoder": tied.weight.detach()}
    wb.save(state, tmp_path / "a.wb")
    loaded = wb.load(tmp_path / "a.wb")
    loaded["encoder"].zero_()
    assert float(loaded["decoder"].abs().sum()) == 0
    assert checkpoints.describe(tmp_path / "a.wb")["tensors"] == 1


def test_a_part_is_read_alone(path: Path) -> None:
    with open(path, "r+b") as file:  # damage the last tensor
        file.seek(-64, os.SEEK_END)
        byte = file.read(1)
        file.seek(-64, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    same(wb.load(path, ("tensors", "bfloat16")), example()["tensors"]["bfloat16"])
    same(wb.load(path, ("dicts", 1, 1)), "one")
    with pytest.raises(errors.CheckpointError, match="SHA-256"):
        wb.load(path)
    with pytest.raises(errors.ArgumentError, match="nothing at 'absent'"):
        wb.load(path, ("tensors", "absent"))


def test_a_mapped_tensor_does_not_write_into_the_file(path: Path) -> None:
    before = path.read_bytes()
    wb.load(path, ("tensors", "float32"), mmap=True).add_(1)
    assert path.read_bytes() == before


# Damage ---------------------------------------------------------------------------------------------------------------------------
def test_a_flipped_byte_is_noticed_wherever_it_lies(path: Path) -> None:
    whole = path.read_bytes()
    header = 48 + int.from_bytes(whole[8:16], "little")
    positions = {*range(64), *range(header - 8, header + 80), *range(len(whole) - 130, len(whole)), *random.Random(0).sample(range(len(whole)), 120)}
    for position in sorted(positions):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(errors.CheckpointError, match=r"damaged|not a checkpoint"):
            wb.load(path)


def test_a_file_cut_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in [*range(64), *random.Random(1).sample(range(64, len(whole)), 100), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(errors.CheckpointError, match=r"cut off|empty|not a checkpoint"):
            wb.load(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(errors.CheckpointError, match="should have"):
        wb.load(path)


@pytest.mark.parametrize(("start", "words"), [(b"PK\x03\x04", "zip"), (b"\x80\x02}", "pickle"), (b"\x89HDF\r\n", "HDF5"), (b"hello", "not a checkpoint")])
def test_foreign_files_are_named(tmp_path: Path, start: bytes, words: str) -> None:
    (tmp_path / "a.wb").write_bytes(start + bytes(100))
    with pytest.raises(errors.CheckpointError, match=words):
        wb.load(tmp_path / "a.wb")


def rewritten(path: Path, without: str = "", **changes: Any) -> None:
    """Change the header and make it consistent again: what another version would have written."""
    whole = path.read_bytes()
    length = int.from_bytes(whole[8:16], "little")
    body = whole[48 + length + -(48 + length) % 64:]
    fields = {**json.loads(whole[48:48 + length]), **changes}
    header = json.dumps({name: value for name, value in fields.items() if name != without}).encode()
    path.write_bytes(whole[:8] + len(header).to_bytes(8, "little") + hashlib.sha256(header).digest() + header + bytes(-(48 + len(header)) % 64) + body)


def test_a_newer_version_is_refused_and_the_remedy_told(path: Path) -> None:
    rewritten(path, version=files.VERSION + 1, workbench="9.9")
    with pytest.raises(errors.CheckpointError, match=r"workbench 9\.9.*update"):
        wb.load(path)


NESTED = json.loads('{"tuple": [' * 400 + "]}" * 400)
"""Deeper than Python reads it."""
HUGE = {"model": {"dict": {"config": {"dict": {"type": "Linear", "in_features": 2**40, "out_features": 2**40}}, "state": {"dict": {}}}}}


@pytest.mark.parametrize("changes", [dict(size=None), dict(size=1.5), dict(meta=None), dict(created=1), dict(version=0), dict(version=None),
                                     dict(blobs={}), dict(tree=HUGE), dict(tree=NESTED), dict(tree={"what": 1}), dict(tree={"tensor": 99}),
                                     dict(version="new"), dict(tree={"tuple": 3}),
                                     *(dict(blobs=[{"dtype": "float32", "shape": [2], "offset": 0, "bytes": 8, "sha256": "", **wrong}]) for wrong in (
                                         dict(shape=[2**50], bytes=2**52), dict(shape=[-2], bytes=-8), dict(offset=-64), dict(offset=2**40), dict(bytes=4),
                                         dict(dtype="object"), dict(shape="x"), dict(offset=None),
                                         dict(offset=1.5), dict(sha256=None), dict(shape=[True, 2])))])
def test_a_header_without_sense_is_refused(path: Path, changes: dict[str, Any]) -> None:
    rewritten(path, **changes)
    with pytest.raises(errors.CheckpointError, match="no sense|cannot be made"):
        wb.load(path)


def test_a_header_that_lacks_something_is_refused_by_all_who_read_it(path: Path) -> None:
    length = int.from_bytes(path.read_bytes()[8:16], "little")
    for name in json.loads(path.read_bytes()[48:48 + length]):
        wb.save([1], path)
        rewritten(path, without=name)
        for read in (wb.load, checkpoints.describe, checkpoints.verify):
            with pytest.raises(errors.CheckpointError, match="no sense"):
                read(path)


def test_the_message_names_what_still_stands(path: Path) -> None:
    older = path.with_name("older.wb")
    wb.save([1], older)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(errors.CheckpointError, match=r"older\.wb is undamaged"):
        wb.load(path)
    with pytest.raises(errors.CheckpointError, match="no such file"):
        wb.load(path.with_name("absent.wb"))


class Unsaved:
    pass


@pytest.mark.parametrize(("value", "words"), [({"a": [1, Unsaved()]}, r"\['a'\]\[1\] is a Unsaved"), ({"it": optim.SGD([nn.Parameter(wb.ones(1))])}, "state_dict"),
                                              (np.array(["x"]), "dtype <U1"), (np.array([object()]), "dtype object")])
def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path: Path, value: Any, words: str) -> None:
    wb.save([1], tmp_path / "a.wb")
    with pytest.raises(errors.CheckpointError, match=words):
        wb.save(value, tmp_path / "a.wb")
    assert wb.load(tmp_path / "a.wb") == [1]
    assert [each.name for each in tmp_path.iterdir()] == ["a.wb"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wb.save([1], tmp_path / "a.wb")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.atomic.os, "fsync", full)
    with pytest.raises(OSError, match=r"No space.*a\.wb"):
        wb.save([2], tmp_path / "a.wb")
    assert wb.load(tmp_path / "a.wb") == [1]
    assert [each.name for each in tmp_path.iterdir()] == ["a.wb"]


def test_a_tree_that_contains_itself_and_a_missing_folder_are_errors(tmp_path: Path) -> None:
    tree: list[Any] = []
    tree.append(tree)
    with pytest.raises(errors.CheckpointError, match="contains itself"):
        wb.save(tree, tmp_path / "a.wb")
    with pytest.raises(errors.ArgumentError, match="does not exist"):
        wb.save(1, tmp_path / "no" / "a.wb")
    for _ in range(3000):
        tree = [tree]
    with pytest.raises(errors.CheckpointError, match="nested too deeply"):
        wb.save(tree, tmp_path / "a.wb")
    with pytest.raises(errors.CheckpointError, match=r"meta\['w'\] is no plain value"):
        wb.save(1, tmp_path / "a.wb", meta={"w": wb.ones(1)})
    assert not list(tmp_path.iterdir())


def test_a_value_inside_a_transformation_cannot_be_saved(tmp_path: Path) -> None:
    def f(x: wb.Tensor) -> wb.Tensor:
        wb.save(x, tmp_path / "a.wb")
        return x

    with pytest.raises(errors.CheckpointError, match="inside a transformation"):
        wb.vmap(f)(wb.ones(2, 3))


# Versions -------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(each.name for each in GOLDEN.glob("v*.wb")))
def test_files_of_every_version_still_load(name: str) -> None:
    same(wb.load(GOLDEN / name), example())


def test_there_is_a_golden_file_of_every_version() -> None:
    """Made with ``wb.save(example(), GOLDEN / f"v{VERSION}.wb")``."""
    assert {f"v{version}.wb" for version in range(1, files.VERSION + 1)} == {each.name for each in GOLDEN.glob("v*.wb")}
    assert sorted(checkpoints.UPGRADES) == list(range(1, files.VERSION))


def test_an_older_version_is_upgraded_step_by_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints.upgrades, "UPGRADES", {})
    rewritten(path, version=-1, tree=[1])

    @checkpoints.upgrade(-1)
    def add_two(header: dict[str, Any]) -> dict[str, Any]:
        return {**header, "tree": [*header["tree"], 2]}

    @checkpoints.upgrade(0)
    def add_three(header: dict[str, Any]) -> dict[str, Any]:
        return {**header, "tree": [*header["tree"], 3]}

    assert wb.load(path) == [1, 2, 3]


# Safetensors ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.oracle
def test_safetensors_files_are_read_by_others_and_back(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    state = {name: tensor for name, tensor in example()["tensors"].items() if name != "complex128"}
    wb.save(state, tmp_path / "a.safetensors", meta={"step": 3})
    for mmap in (False, True):
        same(wb.load(tmp_path / "a.safetensors", mmap=mmap), state)
    theirs = load_file(tmp_path / "a.safetensors")
    assert sorted(theirs) == sorted(state)
    for name, tensor in theirs.items():
        assert tensor.to(torch.complex128).numpy().tolist() == state[name].to(dtype="complex128").tolist()
    save_file(theirs, tmp_path / "b.safetensors")
    same(dict(sorted(wb.load(tmp_path / "b.safetensors").items())), dict(sorted(state.items())))


def test_broken_safetensors_and_what_they_cannot_hold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    wb.save({"a": wb.ones(3)}, path)
    assert wb.load(path)["a"].tolist() == wb.load(path, "a").tolist() == [1, 1, 1]
    with pytest.raises(errors.ArgumentError, match="nothing at 'b'"):
        wb.load(path, "b")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(errors.CheckpointError, match="no whole safetensors file"):
        wb.load(path)
    with pytest.raises(errors.CheckpointError, match="'b' is complex128"):
        wb.save({"b": wb.ones(1, dtype="complex128")}, path)
    with pytest.raises(errors.CheckpointError, match="dict of names"):
        wb.save([1], path)


# Manager --------------------------------------------------------------------------------------------------------------------------
def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    manager = wb.train.CheckpointManager(tmp_path / "run", keep=2, best="accuracy", mode="max")
    for step, accuracy in enumerate([0.1, 0.9, 0.3, float("nan"), 0.2]):
        manager.save({"step": step}, step, {"accuracy": accuracy})
    assert [path.name for path in manager.paths()] == [f"step-{step:09d}.wb" for step in (4, 3, 1)]
    assert manager.load(manager.best_path()) == {"step": 1}
    assert manager.load() == {"step": 4}


def test_damaged_checkpoints_are_passed_over_with_a_warning(tmp_path: Path) -> None:
    manager = wb.train.CheckpointManager(tmp_path)
    assert manager.latest() is None
    with pytest.raises(errors.CheckpointError, match="no undamaged"):
        manager.load()
    paths = [manager.save({"step": step, "w": wb.ones(9)}, step) for step in range(3)]
    damaged = bytearray(paths[2].read_bytes())
    damaged[-64] ^= 1
    paths[2].write_bytes(damaged)
    paths[1].write_bytes(paths[1].read_bytes()[:40])
    with pytest.warns(UserWarning, match="passed over") as caught:
        assert manager.load()["step"] == 0
    assert [path.name in str(warning.message) for path, warning in zip(paths[:0:-1], caught, strict=True)] == [True, True]


def test_another_process_may_tidy_up_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = wb.train.CheckpointManager(tmp_path, keep=1, best="loss")
    gone = tmp_path / "step-000000007.wb"
    listed = manager.paths
    monkeypatch.setattr(manager, "paths", lambda: [gone, *listed(), gone])
    path = manager.save([1], 1, {"loss": 2.0})
    assert manager.latest() == manager.best_path() == path


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_kept(tmp_path: Path) -> None:
    dead, living = tmp_path / ".step-1.wb.99999999-0.tmp", tmp_path / f".step-1.wb.{os.getpid()}-0.tmp"
    dead.write_bytes(b"half")
    living.write_bytes(b"half")
    wb.train.CheckpointManager(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [living.name]


@pytest.mark.parametrize("wrong", [dict(keep=0), dict(mode="least")])
def test_a_manager_refuses_what_makes_no_sense(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.ArgumentError):
        wb.train.CheckpointManager(tmp_path, **wrong)


def test_a_checkpoint_may_be_moved_as_it_is_read(tmp_path) -> None:
    from workbench.train.checkpoints import store

    path = tmp_path / "tree.wb"
    wb.save({"a": [wb.ones(1), 3], "b": OrderedDict(c=(wb.zeros(2),)), "model": wb.nn.Linear(1, 1)}, path)
    assert wb.load(path, map_location="cpu")["a"][0].device == "cpu"
    with pytest.raises(errors.ArgumentError, match="tpu"):
        wb.load(path, map_location="tpu")
    if not wb.cuda.is_available():
        with pytest.raises(errors.DeviceError, match="cuda"):
            wb.load(path, map_location="cuda")
    moved = store._moved(wb.load(path), "cpu")
    assert (type(moved["b"]), type(moved["b"]["c"]), moved["a"][1], type(moved["model"])) == (OrderedDict, tuple, 3, wb.nn.Linear)
