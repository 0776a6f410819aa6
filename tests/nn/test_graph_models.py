"""Models put together from `Input`: equal to the same model written as a Module, whatever went into them."""
from __future__ import annotations

import copy
import gc
import json
import pickle

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors
from workbench.nn import functional as F
from workbench.nn import hooks, symbolic


def same(found, wanted, tolerance=1e-12):
    leaves, others = wb.tree.flatten(found)[0], wb.tree.flatten(wanted)[0]
    assert len(leaves) == len(others)
    for mine, other in zip(leaves, others, strict=True):
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), rtol=tolerance, atol=tolerance)


# The same model written twice -----------------------------------------------------------------------------------------------
class Residual(nn.Module):
    """Two inputs, a shared layer, a skip connection, a nested part, two outputs, a weight used directly."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 6)
        self.norm = nn.BatchNorm1d(6)
        self.inner = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), nn.Tanh())
        self.scale = nn.Parameter(wb.full((6,), 0.5))
        self.head = nn.Linear(12, 3)

    def forward(self, a, b):
        left, right = self.embed(a), self.embed(b)
        left = left + self.inner(self.norm(left)) * self.scale
        joined = wb.concat([left, right], 1)
        return self.head(joined), {"mean": joined.mean(axis=1), "left": left}


def residual(module: Residual) -> nn.Model:
    """The same as a graph, with the same layers."""
    a, b = nn.Input(4, name="a"), nn.Input(4, name="b")
    left, right = module.embed(a), module.embed(b)
    hidden = nn.Input(6, name="hidden")
    block = nn.Model(hidden, module.inner(module.norm(hidden)), names={"norm": module.norm, "inner": module.inner})
    left = left + block(left) * module.scale
    joined = wb.concat([left, right], 1)
    return nn.Model([a, b], (module.head(joined), {"mean": joined.mean(axis=1), "left": left}),
                    names={"embed": module.embed, "block": block, "head": module.head})


@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluation"])
def test_outputs_gradients_and_buffers_are_those_of_the_module(mode):
    written = Residual().double().train(mode)
    drawn = residual(copy.deepcopy(written)).double()
    a, b = (wb.randn(5, 4, dtype=wb.float64, requires_grad=True) for _ in range(2))
    found = []
    for model in (written, drawn):
        wb.manual_seed(1)
        scores, others = model(a, b)
        a.grad = b.grad = None
        (scores.sum() + (others["mean"] ** 2).sum() + others["left"].sum()).backward()
        names = {"block.norm": "norm", "block.inner": "inner", "parameter_0": "scale"}
        state = {}
        for name, value in model.state_dict(keep_vars=True).items():
            for long, short in names.items():
                name = name.replace(long, short)
            state[name] = value if value.grad is None else value.grad
        found.append([scores, others, a.grad, b.grad, dict(sorted(state.items()))])
    assert list(found[0][-1]) == list(found[1][-1])
    same(found[1], found[0])


def test_a_layer_called_twice_is_one_layer():
    model = residual(Residual())
    assert [name for name, _ in model.named_parameters()].count("embed.weight") == 1
    assert [name for name, _ in model.named_children()] == ["embed", "block", "head"]
    assert model.summary()["embed"].calls == 2


def test_layers_are_named_after_their_class():
    x = nn.Input(4)
    shared = nn.Linear(4, 4)
    model = nn.Model(x, nn.BatchNorm1d(4)(shared(nn.Linear(4, 4)(shared(x)))))
    assert list(model.state_dict())[:4] == ["linear.weight", "linear.bias", "linear_1.weight", "linear_1.bias"]
    assert model.batch_norm1d.num_features == 4
    assert repr(model).splitlines()[1] == "  inputs: (None, 4)"


def test_a_weight_used_directly_is_trained_and_a_constant_is_kept():
    x, weight = nn.Input(3), nn.Parameter(wb.ones(3, 2))
    model = nn.Model(x, x @ weight * wb.tensor([1.0, 2.0]) + np.array([1.0, 0.0], np.float32))
    assert [name for name, _ in model.named_parameters()] == ["parameter_0"]
    assert [name for name, _ in model.named_buffers()] == ["constant_0", "constant_1"]
    assert model.parameter_0 is weight
    assert model(wb.ones(1, 3)).tolist() == [[4.0, 6.0]]


# Everything that can be done with a module ------------------------------------------------------------------------------------
USES = {
    "deepcopy": copy.deepcopy, "pickle": lambda m: pickle.loads(pickle.dumps(m)), "tree": lambda m: wb.tree.map(lambda p: p, m),
    "jit": wb.jit, "functional_call": lambda m: lambda *xs: nn.functional_call(m, dict(m.named_parameters()), xs),
    "compiled": lambda m: (m.compile(), m)[1], "loaded": lambda m: (residual(Residual().double().eval()).load_state_dict(m.state_dict()), m)[1],
    "in-another": lambda m: (lambda a, b: nn.Model([a, b], m(a, b)))(nn.Input(4, wb.float64), nn.Input(4, wb.float64)),
    "in-a-module": lambda m: nn.ModuleDict({"part": m})["part"],
}


@pytest.mark.parametrize("use", USES)
def test_it_is_a_module_like_any_other(use):
    model = residual(Residual()).double().eval()
    a, b = wb.randn(5, 4, dtype=wb.float64), wb.randn(5, 4, dtype=wb.float64)
    wanted = model(a, b)
    same(USES[use](model)(a, b), wanted)


def test_transformations_see_through_it():
    model, x = nn.Model(i := nn.Input(4), nn.Linear(4, 2)(wb.tanh(i))).double(), wb.randn(5, 4, dtype=wb.float64)
    each = wb.vmap(wb.grad(lambda m, x: (m(x[None]) ** 2).sum()), in_axes=(None, 0))(model, x)
    for number in range(5):
        model.zero_grad()
        (model(x[number:number + 1]) ** 2).sum().backward()
        same(each.linear.weight[number], model.linear.weight.grad)


def test_it_learns():
    a, b = nn.Input(4), nn.Input(2)
    model = nn.Model([a, b], nn.Linear(8, 1)(wb.concat([nn.Linear(4, 6)(a).relu(), b], 1)))
    optimizer = wb.optim.Adam(model.parameters(), lr=0.05)
    x, y = wb.randn(64, 4), wb.randn(64, 2)
    target = x[:, :1] * 2 - y[:, 1:]
    for _ in range(150):
        loss = F.mse_loss(model(x, y), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2


# What can be written down -------------------------------------------------------------------------------------------------------
FUNCTIONS = {
    "arithmetic": lambda x: 2 / (x ** 2 + 1) - abs(-x) // 2, "compare": lambda x: wb.where(x > 0, x, 0.0), "matmul": lambda x: x @ x.mT,
    "softmax": lambda x: F.softmax(x, dim=-1), "layer_norm": lambda x: F.layer_norm(x, (4,)), "gelu": F.gelu, "linear": lambda x: F.linear(x, wb.ones(3, 4)),
    "mean-over-the-batch": lambda x: x.mean(axis=0), "var-over-the-batch": lambda x: x.var(axis=0), "std": lambda x: x.std(),
    "divided-by-the-batch": lambda x: x.sum() / x.shape[0], "cross_entropy": lambda x: F.cross_entropy(x, F.softmax(x, dim=-1)),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True), "index": lambda x: x[:, 1:3], "new-axis": lambda x: x[:, None], "T": lambda x: x.T,
    "reshape": lambda x: x.reshape(-1, 2), "reshape-by-batch": lambda x: x.reshape(x.shape[0], 2, 2), "merged": lambda x: x.reshape(x.shape[0] * 4),
    "flatten": lambda x: x.flatten(0), "expand": lambda x: x.expand(3, -1, -1), "repeat": lambda x: x.repeat(2, 1), "stack": lambda x: wb.stack([x, x]),
    "concat": lambda x: wb.concat([x, wb.zeros(1, 4)]), "split": lambda x: wb.split(x, 2, 1), "chunk": lambda x: list(x.chunk(2, 1)),
    "sort": lambda x: tuple(x.sort(1)), "topk": lambda x: tuple(wb.topk(x, 2)), "max": lambda x: x.max(axis=1),
    "gather": lambda x: x.gather(1, x.argmax(1, keepdim=True)),
    "one_hot": lambda x: F.one_hot(x.argmax(1), 4), "einsum": lambda x: wb.einsum("bi,bj->bij", x, x), "cumsum": lambda x: x.cumsum(0),
    "pad": lambda x: F.pad(x, (1, 1)), "roll": lambda x: x.roll(1, 1), "flip": lambda x: wb.flip(x, (1,)), "dtype": lambda x: x.to(wb.float64) + 1,
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x), "interpolate": lambda x: F.interpolate(x[:, None], scale_factor=2),
    "jit": wb.jit(lambda x: wb.tanh(x) * 2), "checkpoint": wb.checkpoint(lambda x: wb.tanh(x) * 2), "vmap": wb.vmap(lambda row: row / row.sum()),
    "grad": lambda x: wb.grad(lambda y: (y ** 3).sum())(x), "jvp": lambda x: wb.jvp(wb.sin, (x,), (x * 2,))[1],
    "cond": lambda x: wb.cond(x.sum() > 0, lambda y: y, lambda y: -y, x), "inplace": lambda x: (y := x + 1, y.mul_(2), y + x)[2], "norm": lambda x: F.normalize(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_written_down_for_any_batch(name):
    symbol = nn.Input(4)
    model = nn.Model(symbol, FUNCTIONS[name](symbol))
    assert not list(model.children())
    for batch in (2, 5):
        x = wb.randn(batch, 4)
        with np.errstate(all="ignore"):
            same(model(x), FUNCTIONS[name](x), 1e-6)


def test_lengths_stay_open_where_they_depend_on_the_input():
    tokens = nn.Input((None,), wb.int64, name="tokens")
    states, (last, _) = nn.LSTM(6, 5, batch_first=True)(nn.Embedding(10, 6)(tokens))
    assert (tokens.shape, states.shape, last.shape) == ((None, None), (None, None, 5), (1, None, 5))
    image = nn.Input((3, None, None))
    assert nn.Conv2d(3, 8, 3, stride=2)(image).shape == (None, 8, None, None)
    assert nn.AdaptiveAvgPool2d(2)(image).shape == (None, 3, 2, 2)
    assert nn.Input(batch_shape=(2, 5)).shape == (2, 5)
    assert nn.Input((4,), batch_size=8).shape == (8, 4)
    attended, weights = nn.MultiheadAttention(6, 2, batch_first=True)(states := nn.Linear(5, 6)(states), states, states, need_weights=False)
    assert weights is None
    model = nn.Model(tokens, (attended, last[0]))
    for shape in ((2, 7), (5, 3)):
        found = model(wb.zeros(*shape, dtype=wb.int64))
        assert [part.shape for part in found] == [(*shape, 6), (shape[0], 5)]


@pytest.mark.parametrize(("inputs", "call"), [
    (lambda a, b: [a, b], lambda m, x, y: m(x, y)), (lambda a, b: [a, b], lambda m, x, y: m([x, y])), (lambda a, b: (a, b), lambda m, x, y: m((x, y))),
    (lambda a, b: {"a": a, "b": b}, lambda m, x, y: m(b=y, a=x)), (lambda a, b: {"a": a, "b": b}, lambda m, x, y: m({"b": y, "a": x})),
    (lambda a, b: {"a": a, "b": b}, lambda m, x, y: m(x, y)), (lambda a, b: {"a": a, "b": b}, lambda m, x, y: m(x, b=y))])
def test_inputs_by_place_or_by_name(inputs, call):
    a, b = nn.Input(2), nn.Input(2)
    model = nn.Model(inputs(a, b), a - b)
    assert call(model, wb.ones(1, 2) * 3, wb.ones(1, 2)).tolist() == [[2.0, 2.0]]


def test_a_model_may_begin_in_the_middle():
    x = nn.Input(4)
    hidden = nn.Linear(4, 3)(x)
    y = nn.Linear(3, 2)(hidden)
    whole, features, head = nn.Model(x, y), nn.Model(x, hidden), nn.Model(hidden, y)
    value = wb.randn(2, 4)
    same(head(features(value)), whole(value))
    assert head.linear.weight is whole.linear_1.weight


def test_a_lazy_layer_gets_its_weights_when_it_is_called():
    layer, norm = nn.LazyLinear(3), nn.BatchNorm1d(3, momentum=None)  # the mean of all batches: it looks at its count
    model = nn.Model(x := nn.Input(4), norm(layer(x)))
    assert type(layer) is nn.Linear
    assert layer.weight.shape == (3, 4)
    assert norm.num_batches_tracked.item() == 0
    assert norm.training
    assert model(wb.ones(5, 4)).shape == (5, 3)


def test_nothing_is_computed_and_nothing_is_left_behind():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout())
    gc.collect()
    before, alive = wb.get_rng_state(), symbolic._alive
    x = nn.Input(4)
    y = model(x)
    assert y.shape == (None, 3)
    assert (model[1].num_batches_tracked.item(), wb.get_rng_state()) == (0, before)
    assert hooks.EVERYWHERE
    del x, y
    gc.collect()
    assert symbolic._alive == alive
    assert bool(hooks.EVERYWHERE) == bool(alive)


# As plain data ----------------------------------------------------------------------------------------------------------------
def rebuilt(model):
    config = json.loads(json.dumps(wb.config.to_config(model)))
    twin = wb.config.build(config)
    assert wb.config.to_config(twin) == config
    assert list(twin.state_dict()) == list(model.state_dict())
    twin.load_state_dict(model.state_dict())
    return twin


NO_PLAIN_FORM = {"interpolate": "a Rule has no plain form"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_graph_goes_to_json_and_back(name):
    symbol, x = nn.Input(4), wb.randn(5, 4)
    model = nn.Model(symbol, FUNCTIONS[name](symbol))
    if name in NO_PLAIN_FORM:
        with pytest.raises(errors.ConfigError, match=NO_PLAIN_FORM[name]):
            wb.config.to_config(model)
        return
    with np.errstate(all="ignore"):
        same(rebuilt(model)(x), model(x))


def test_a_model_with_everything_goes_to_json_and_back():
    model = residual(Residual()).eval()
    a, b = wb.randn(5, 4), wb.randn(5, 4)
    twin = rebuilt(model).eval()
    assert type(twin.block) is nn.GraphModel
    same(twin(a, b), model(a, b))
    x, y = nn.Input((None, 3), name="x"), nn.Input(2, wb.int64)
    named = nn.Model({"x": x, "y": y}, [nn.Linear(3, 2)(x), (y * 2, y.reshape(y.shape[0] * 2))])
    given = {"x": wb.ones(2, 5, 3), "y": wb.ones(2, 2, dtype=wb.int64)}
    same(rebuilt(named)(given), named(given))


STEP = {"layer": "inner", "args": [{"slot": 0}], "outputs": [1]}


@pytest.mark.parametrize(("steps", "message"), [
    ([{**STEP, "layer": "outer"}], "step 0 calls 'outer'; there are the layers inner"), ([{"op": "ad", "outputs": [1]}], "step 0 calls 'ad'"),
    ([STEP, {**STEP, "args": [{"slot": 7}], "outputs": [2]}], "step 1 uses 7"), ([{**STEP, "args": [{"held": "w"}]}], "step 0 uses 'w'"),
    ([{**STEP, "outputs": [1, 2]}], "step 0 has 1 outputs; 2 numbers"), ([{**STEP, "args": [{"slots": 1}]}], "is no argument; expected one of the keys slot"),
])
def test_a_description_that_does_not_fit_is_refused(steps, message):
    with pytest.raises(errors.ArgumentError, match=message):
        nn.GraphModel({"inner": nn.Linear(4, 4)}, {"shape": [None, 4]}, steps, {"slot": 1})


# What goes wrong ------------------------------------------------------------------------------------------------------------
def build(function, *shapes):
    symbols = [nn.Input(shape, name=name) for shape, name in zip(shapes or (4,), "abc", strict=False)]
    return nn.Model(symbols, function(*symbols))


def other():
    return nn.Input(4, name="forgotten")


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: build(lambda a: nn.Linear(3, 2)(a)), errors.ShapeError, r"Linear on \(None, 4\): .*in_features"),
    (lambda: build(lambda a: a + wb.ones(3)), errors.ShapeError, "add: shapes"),
    (lambda: build(lambda a: a + other()), errors.GraphError, r"depends on Input 'forgotten' of shape \(None, 4\), which is not among the inputs"),
    (lambda: build(lambda a, b: a * 2, 4, 4), errors.GraphError, "input 1 .*'b'.* leads to no output"),
    (lambda: build(lambda a: a * (wb.ones(4, requires_grad=True) * 2)), errors.GraphError, "computed outside, with a gradient"),
    (lambda: build(lambda a: a if a.sum() > 0 else -a), errors.GraphError, "has no numbers"),
    (lambda: build(lambda a: a * float(a.sum())), errors.GraphError, "has no numbers"),
    (lambda: build(lambda a: wb.ones(a.shape[0])), errors.GraphError, "length of an open axis"),
    (lambda: build(lambda a: F.dropout(a)), errors.GraphError, "use the layer nn.Dropout"),
    (lambda: nn.Model(other(), wb.ones(1)), errors.ArgumentError, "outputs must be made with nn.Input.*got Tensor"),
    (lambda: nn.Model([], other()), errors.ArgumentError, "inputs must be made with nn.Input.*got none"),
    (lambda: nn.Model(x := other(), x * 2, names={"x": nn.ReLU()}), errors.ArgumentError, "names gives x to modules that are not called"),
    (lambda: nn.Input(), errors.ArgumentError, "shape .* or batch_shape"),
    (lambda: nn.Input((2.5,)), errors.ArgumentError, "a length of 2.5"),
])
def test_what_cannot_be_a_model_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda m: m(wb.ones(2, 4)), errors.ArgumentError, "inputs 1|1 inputs; expected 2"),
    (lambda m: m(wb.ones(2, 4), wb.ones(2, 3)), errors.ShapeError, r"b has shape \(2, 3\); expected \(None, 4\)"),
    (lambda m: m(wb.ones(2, 4), wb.ones(2, 4, 1)), errors.ShapeError, r"b has shape \(2, 4, 1\)"),
    (lambda m: m(wb.ones(2, 4), wb.ones(2, 4, dtype=wb.int64)), errors.DTypeError, "b has dtype int64; expected float32"),
    (lambda m: m(wb.ones(2, 4), np.ones((2, 4))), errors.DTypeError, "b is ndarray"),
    (lambda m: m(a=wb.ones(2, 4), b=wb.ones(2, 4)), errors.ArgumentError, "make the model with a dict"),
    (lambda m: m(wb.ones(2, 4), wb.ones(3, 4)), errors.ShapeError, "add"),
])
def test_a_call_that_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(build(lambda a, b: a + b, 4, 4))


def test_a_graph_has_no_cycles_even_after_writing_in_place():
    x = nn.Input(4)
    y = x + 1
    y.add_(y * 2)
    y.mul_(y)
    assert nn.Model(x, y)(wb.ones(1, 4)).tolist() == [[36.0] * 4]
