"""State of modules beyond the plain round trip: assigning, prefixes, dtypes, freezing by name, programs in place of calls."""
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors


class Tied(nn.Module):
    """An embedding whose table is the output layer's too."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.norm = nn.BatchNorm1d(3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.norm(self.embed(ids)))


IDS = wb.tensor([0, 3, 1, 4])


# Loading --------------------------------------------------------------------------------------------------------------------
def test_assign_takes_the_tensors_with_their_dtype_and_keeps_what_is_tied_and_frozen():
    model = Tied()
    model.norm.freeze()
    state = {name: value.to(dtype="float64") if value.dtype.kind == "f" else value for name, value in Tied().state_dict().items()}
    model.load_state_dict(state, assign=True)
    assert model.embed.weight.dtype == wb.float64
    assert np.shares_memory(model.embed.weight.numpy(), state["embed.weight"].numpy())
    assert model.head.weight is model.embed.weight
    assert isinstance(model.embed.weight, nn.Parameter)
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["norm.weight", "norm.bias"]
    assert not model.norm.running_mean.requires_grad
    assert list(model.state_dict()) == list(state)


def test_assign_of_one_name_of_a_tied_weight_reaches_the_other():
    model = Tied()
    model.load_state_dict({"embed.weight": wb.ones(5, 3)}, strict=False, assign=True)
    assert model.head.weight is model.embed.weight
    assert model.head.weight.tolist() == [[1.0] * 3] * 5


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))], ids=["deepcopy", "pickle"])
def test_tied_weights_stay_tied_in_copies(copied):
    model = Tied()
    model.norm.weight.requires_grad_(False)
    twin = copied(model)
    assert twin.head.weight is twin.embed.weight
    assert twin.head.weight is not model.head.weight
    assert [n for n, _ in twin.named_parameters()] == [n for n, _ in model.named_parameters()]
    assert not twin.norm.weight.requires_grad
    np.testing.assert_array_equal(twin(IDS).detach().numpy(), model(IDS).detach().numpy())


@pytest.mark.parametrize("prefix", ["module.", "model.encoder."])
def test_a_common_prefix_is_named_with_its_cure(prefix):
    model, other = Tied(), Tied()
    state = {prefix + name: value for name, value in other.state_dict().items()}
    with pytest.raises(errors.CheckpointError, match=f"consume_prefix_in_state_dict_if_present\\(state, '{prefix}'"):
        model.load_state_dict(state)
    nn.utils.consume_prefix_in_state_dict_if_present(state, prefix)
    model.load_state_dict(state)
    np.testing.assert_array_equal(model.head.weight.detach().numpy(), other.head.weight.detach().numpy())


def test_loading_what_is_no_state_is_refused():
    with pytest.raises(errors.ArgumentError, match="mapping"):
        Tied().load_state_dict([1])
    with pytest.raises(errors.CheckpointError, match="head.weight is str"):
        Tied().load_state_dict({"head.weight": "x"}, strict=False)


# Attributes -----------------------------------------------------------------------------------------------------------------
def test_a_parameter_cannot_silently_become_a_computed_tensor():
    layer = nn.Linear(2, 2)
    with pytest.raises(errors.DTypeError, match="weight is a parameter"):
        layer.weight = layer.weight * 2
    weight = layer.weight
    del layer.weight
    layer.weight = weight * 2
    assert list(layer.state_dict()) == ["bias"]


def test_a_deleted_buffer_is_forgotten():
    norm = nn.BatchNorm1d(2)
    del norm.running_mean
    norm.running_mean = wb.zeros(2)
    assert "running_mean" not in norm.state_dict()


@pytest.mark.parametrize(("use", "message"), [
    (lambda m: m.register_buffer("head", wb.ones(1)), "register_buffer.*'head' already"),
    (lambda m: m.register_buffer("a.b", wb.ones(1)), "register_buffer.*without a dot"),
    (lambda m: m.register_parameter("forward", nn.Parameter(wb.ones(1))), "register_parameter.*'forward' already"),
    (lambda m: m.add_module("training", nn.ReLU()), "add_module.*'training' already"),
    (lambda m: m.set_submodule("nothing.head", nn.ReLU()), "'nothing' is not a module"),
    (lambda m: m.set_submodule("tail", nn.ReLU(), strict=True), "'tail' is not a module"),
    (lambda m: m.set_submodule("head", 3), "set_submodule: expected a Module, got int"),
    (lambda m: m.get_buffer("norm.mean"), "'norm.mean' is not a buffer.*norm.running_mean"),
    (lambda m: m.to(dtype="int32"), "to: int32 holds no fractions"),
])
def test_what_does_not_fit_is_refused(use, message):
    with pytest.raises((errors.ArgumentError, errors.DTypeError), match=message):
        use(Tied())


def test_parts_are_found_and_replaced_by_path():
    model = Tied()
    model.set_submodule("norm", nn.Identity())
    assert type(model.norm) is nn.Identity
    model.register_module("tail", nn.ReLU())
    model.register_parameter("scale", None)
    model.scale = nn.Parameter(wb.ones(1))
    assert model.get_parameter("scale") is model.scale
    assert Tied().get_buffer("norm.num_batches_tracked").item() == 0


@pytest.mark.parametrize(("convert", "floats", "count"), [
    (lambda m: m.half(), "float16", "int64"), (lambda m: m.bfloat16(), "bfloat16", "int64"), (lambda m: m.double(), "float64", "int64"),
    (lambda m: m.to(wb.ones(1, dtype=wb.float64)), "float64", "int64"), (lambda m: m.to("cpu", wb.float64), "float64", "int64"),
    (lambda m: m.type(wb.float64), "float64", "float64")], ids=["half", "bfloat16", "double", "to-tensor", "to-both", "type"])
def test_dtypes_of_the_state(convert, floats, count):
    model = Tied()
    model.norm.num_batches_tracked.add_(70001)  # more than float16 can count
    weight = model.head.weight
    convert(model)
    assert model.head.weight is weight is model.embed.weight
    assert str(weight.dtype) == str(model.norm.running_var.dtype) == floats
    assert str(model.norm.num_batches_tracked.dtype) == count
    assert model.norm.num_batches_tracked.item() == 70001


# Freezing -------------------------------------------------------------------------------------------------------------------
NAMES = ["embed.weight", "norm.weight", "norm.bias", "head.weight"]


@pytest.mark.parametrize(("patterns", "wanted"), [
    ((), NAMES), (("norm",), NAMES[1:3]), (("norm.*",), NAMES[1:3]), (("*.bias",), NAMES[2:3]), (("head",), NAMES[3:]),
    (("h*", "*.bias"), NAMES[2:]), (("n?rm.[bw]*",), NAMES[1:3])], ids=str)
def test_freezing_by_pattern(patterns, wanted):
    model = Tied()
    assert model.freeze(*patterns) == wanted
    tied = {"embed.weight", "head.weight"}
    expected = set(wanted) | (tied if tied & set(wanted) else set())
    assert {n for n, p in model.named_parameters(remove_duplicate=False) if not p.requires_grad} == expected
    model.unfreeze(*patterns)
    assert all(p.requires_grad for p in model.parameters())


def test_a_pattern_that_matches_nothing_changes_nothing_and_lists_near_names():
    model = Tied()
    with pytest.raises(errors.ArgumentError, match="'norms.*'; did you mean.*norm"):
        model.freeze("head", "norms.*")
    assert all(p.requires_grad for p in model.parameters())


# Programs -------------------------------------------------------------------------------------------------------------------
def test_a_compiled_module_computes_and_learns_as_before():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    plain = copy.deepcopy(model)
    model.compile()
    x = wb.randn(6, 3)
    for mode in (True, True, False):
        outputs = []
        for each in (model.train(mode), plain.train(mode)):
            wb.manual_seed(1)
            each.zero_grad()
            y = each(x)
            (y ** 2).sum().backward()
            outputs.append([y.detach(), *(p.grad for p in each.parameters()), *each.state_dict().values()])
        for mine, other in zip(*outputs, strict=True):
            np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("replace", [
    lambda m: setattr(m[0], "weight", nn.Parameter(wb.ones(2, 2))), lambda m: m.set_submodule("0", nn.Linear(2, 2)),
    lambda m: m.insert(0, nn.Tanh()), lambda m: m.append(nn.Tanh()), lambda m: m.__delitem__(1),
    lambda m: m[1].__setitem__(0, nn.Sigmoid()), lambda m: setattr(m[2], "running_mean", wb.ones(2))],
    ids=["parameter", "module", "insert", "append", "delete", "in-a-list", "buffer"])
def test_a_part_replaced_after_compiling_is_used(replace):
    class Listed(nn.ModuleList):
        def forward(self, x):
            return self[0](x)

    model = nn.Sequential(nn.Linear(2, 2), Listed([nn.Tanh()]), nn.BatchNorm1d(2)).eval()
    model.compile()
    x = wb.randn(4, 2)
    before = model(x).detach().numpy()
    replace(model)
    after = model(x).detach().numpy()
    assert not np.array_equal(after, before)
    np.testing.assert_allclose(after, nn.Sequential.forward(model, x).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_copies_of_a_compiled_module_are_compiled_and_their_own():
    model = nn.Linear(2, 2)
    model.compile()
    x = wb.ones(1, 2)
    model(x)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), wb.tree.map(lambda p: p + 0, model)):
        with wb.no_grad():
            twin.weight.add_(1.0)
        assert not np.array_equal(twin(x).detach().numpy(), model(x).detach().numpy())
        np.testing.assert_array_equal(twin(x).detach().numpy(), nn.Linear.forward(twin, x).detach().numpy())


def test_a_buffer_set_as_an_attribute_is_state():
    model = nn.Linear(2, 2)
    model.count, model.cache = nn.Buffer(wb.zeros(1)), nn.Buffer(wb.ones(2), persistent=False)
    assert isinstance(model.count, nn.Buffer)
    assert not isinstance(model.count, nn.Parameter)
    assert not isinstance(wb.zeros(1), nn.Buffer)
    assert [name for name, _ in model.named_buffers()] == ["count", "cache"]
    assert list(model.state_dict()) == ["weight", "bias", "count"]
    with pytest.raises(errors.ArgumentError, match="Linear.weight is a parameter"):
        model.weight = nn.Buffer(wb.zeros(2, 2))
    twin = copy.deepcopy(model)
    assert list(twin.state_dict()) == list(model.state_dict()) == ["weight", "bias", "count"]


def test_a_plain_mean_of_batches_goes_on_inside_jit():
    plain, compiled = nn.BatchNorm1d(3, momentum=None), nn.BatchNorm1d(3, momentum=None)
    run = wb.jit(lambda x: compiled(x))
    for shift in range(3):
        x = wb.randn(5, 3) + shift
        np.testing.assert_allclose(run(x).detach().numpy(), plain(x).detach().numpy(), atol=1e-6)
    for name, value in plain.state_dict().items():
        np.testing.assert_allclose(compiled.state_dict()[name].numpy(), value.numpy(), atol=1e-6)
