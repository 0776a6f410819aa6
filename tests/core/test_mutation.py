"""In-place writes: right gradients or a clear error, never silence. The model they are compared with copies instead."""
import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench import errors


def leaf(*values):
    return wb.tensor(list(values), dtype=wb.float64, requires_grad=True)


# What writes do ----------------------------------------------------------------------------------------------------------
WRITES = {
    "set a place": (lambda y, a: y.__setitem__(1, a), lambda y, a: wb.index_put(y, 1, a)),
    "set a slice": (lambda y, a: y.__setitem__(slice(1, None), a), lambda y, a: wb.index_put(y, slice(1, None), a)),
    "set by an array": (lambda y, a: y.__setitem__([0, 2], a), lambda y, a: wb.index_put(y, [0, 2], a)),
    "add": (lambda y, a: y.add_(a), lambda y, a: y + a), "multiply": (lambda y, a: y.mul_(a), lambda y, a: y * a),
    "exp": (lambda y, a: y.exp_(), lambda y, a: wb.exp(y)), "tanh": (lambda y, a: y.tanh_(), lambda y, a: wb.tanh(y)),
    "fill": (lambda y, a: y.fill_(0.5), lambda y, a: y * 0 + 0.5), "zero": (lambda y, a: y.zero_(), lambda y, a: y * 0),
    "copy": (lambda y, a: y.copy_(a), lambda y, a: y * 0 + a), "times itself": (lambda y, a: y.mul_(y), lambda y, a: y * y),
}


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.sampled_from(sorted(WRITES)), min_size=1, max_size=6), between=st.booleans())
def test_writes_and_copies_give_the_same_values_and_gradients(steps, between):
    x, a = leaf(0.3, -0.4, 0.5), wb.tensor(0.7, dtype=wb.float64, requires_grad=True)
    u, b = leaf(0.3, -0.4, 0.5), wb.tensor(0.7, dtype=wb.float64, requires_grad=True)
    written, copied = x * 1.0, u * 1.0
    seen, also = 0.0, 0.0
    for step in steps:
        WRITES[step][0](written, a)
        copied = WRITES[step][1](copied, b)
        if between:
            seen, also = seen + written.sum(), also + copied.sum()
    np.testing.assert_allclose(written.detach().numpy(), copied.detach().numpy(), rtol=1e-12)
    (written.sum() + seen + x.sum()).backward()  # x.sum(): fill_ takes the tensor off the tape
    (copied.sum() + also + u.sum()).backward()
    for ours, model in ((x, u), (a, b)):
        zero = np.zeros(model.shape)
        np.testing.assert_allclose(zero if ours.grad is None else ours.grad.numpy(), zero if model.grad is None else model.grad.numpy(), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(sorted(WRITES)), st.sampled_from(["none", "square", "view", "keep"])), min_size=1, max_size=5))
def test_writes_among_reads_are_right_or_an_error(steps):
    """Reads save values, views share memory: whatever happens, a gradient that comes out is the right one."""
    x, a = leaf(0.3, -0.4, 0.5), wb.tensor(0.7, dtype=wb.float64, requires_grad=True)
    u, b = leaf(0.3, -0.4, 0.5), wb.tensor(0.7, dtype=wb.float64, requires_grad=True)
    written, copied = x * 1.0, u * 1.0
    total, model, alive = 0.0, 0.0, []
    try:
        for step, read in steps:
            if read == "square":
                total, model = total + (written * written).sum(), model + (copied * copied).sum()
            elif read == "view":
                view = written.reshape(3, 1)[1:]
                total, model = total + (view * 2.0).sum(), model + (copied.reshape(3, 1)[1:] * 2.0).sum()
                alive.append(view)
            elif read == "keep":
                alive.append(wb.exp(written))
            WRITES[step][0](written, a)
            copied = WRITES[step][1](copied, b)
        (written.sum() + total + x.sum()).backward()
    except errors.GraphError:
        return
    (copied.sum() + model + u.sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), u.grad.numpy(), rtol=1e-9)


# What is refused -----------------------------------------------------------------------------------------------------------
def test_a_stale_value_names_the_op_and_the_line():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = wb.exp(y)
    z.add_(1.0)  # exp saved its output
    with pytest.raises(errors.GraphError, match=r"exp saved .*z\.add_\(1\.0\)"):
        z.sum().backward()


def test_both_lines_are_named_while_anomalies_are_detected():
    with wb.autograd.detect_anomaly():
        y = leaf(1.0, 2.0) * 1.0
        z = wb.exp(y)  # here it is saved
        z.add_(1.0)
        with pytest.raises(errors.GraphError, match=r"exp \(.*here it is saved\) saved .*z\.add_\(1\.0\)"):
            z.sum().backward()


def test_a_stale_input_is_found_through_a_write_by_index():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = (y * y).sum()
    y[0] = 5.0
    with pytest.raises(errors.GraphError, match="mul saved"):
        z.backward()


def test_a_parameter_updated_before_backward_is_stale():
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    with wb.no_grad():
        w.mul_(0.5)
    with pytest.raises(errors.GraphError, match="overwritten"):
        loss.backward()


@pytest.mark.parametrize("fused", [lambda x: wb.layer_norm(x, 2), wb.softmax, wb.log_softmax], ids=["layer_norm", "softmax", "log_softmax"])
def test_what_a_fused_op_saved_is_watched_too(fused):
    x = leaf(1.0, 2.0)
    y = fused(x)
    with wb.no_grad():
        y.mul_(2.0)
    with pytest.raises(errors.GraphError, match="saved"):
        y.sum().backward()


def test_a_value_that_nobody_saved_may_be_overwritten():
    x = leaf(1.0, 2.0)
    y = x + 1.0
    y.mul_(3.0)
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_leaves_are_written_only_without_recording():
    x = leaf(1.0, 2.0)
    for write in (lambda: x.add_(1.0), lambda: x.__setitem__(0, 1.0), lambda: x.zero_(), lambda: x.copy_(wb.ones(2))):
        with pytest.raises(errors.GraphError, match="no_grad"):
            write()
    with wb.no_grad():
        x.add_(1.0)
    assert x.tolist() == [2.0, 3.0]
    assert x.requires_grad
    assert x.is_leaf


VIEWS = {"reshape": lambda y: y.reshape(2, 1), "index": lambda y: y[0:1], "transpose": lambda y: y.reshape(1, 2).T, "reversed": lambda y: y[::-1],
         "unsqueeze": lambda y: y.unsqueeze(0), "one element": lambda y: y[1], "a view of a view": lambda y: y.reshape(2, 1)[1:].flatten()}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_write_through_a_view_reaches_what_it_is_a_view_of(view):
    x, a = leaf(1.0, 2.0), wb.tensor(3.0, dtype=wb.float64, requires_grad=True)
    y = x * 1.0
    other = y.reshape(1, 2)
    part = view(y)
    part.mul_(a)
    places = np.isin([1.0, 2.0], view(wb.tensor([1.0, 2.0])).numpy())
    assert y.detach().tolist() == other.detach().tolist()[0] == np.where(places, [3.0, 6.0], [1.0, 2.0]).tolist()
    (y * wb.tensor([1.0, 10.0])).sum().backward(retain_graph=True)
    assert x.grad.tolist() == np.where(places, [3.0, 30.0], [1.0, 10.0]).tolist()
    assert a.grad.item() == np.where(places, [1.0, 20.0], 0).sum()
    x.grad = None
    other.sum().backward()
    assert x.grad.tolist() == np.where(places, 3.0, 1.0).tolist()


def test_a_write_into_a_tensor_reaches_its_views():
    x, a = leaf(1.0, 2.0), leaf(5.0)
    y = x * 1.0
    part = y[1:]
    y.mul_(a)
    assert part.detach().tolist() == [10.0]
    part.sum().backward()
    assert (x.grad.tolist(), a.grad.tolist()) == ([0.0, 5.0], [2.0])


COPIES = {"flip": lambda y: y.flip(0), "fliplr": lambda y: y.reshape(1, 4).fliplr(), "rot90": lambda y: y.reshape(2, 2).rot90(2),
          "diag": lambda y: y.reshape(2, 2).diag(),
          "tile": lambda y: y.tile(1), "repeat": lambda y: y.repeat(1), "repeat_interleave": lambda y: y.repeat_interleave(1), "diff": lambda y: y.diff(n=0),
          "round": lambda y: y.long().round(), "nan_to_num": lambda y: y.long().nan_to_num()}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_write_into_what_pytorch_copies_leaves_the_tensor_alone(copy):
    y = wb.tensor([1.0, 2.0, 3.0, 4.0])
    if copy(y).dtype == wb.int64:
        y = y.long()
    copy(y).zero_()
    assert y.tolist() == [1, 2, 3, 4]


def test_a_write_into_a_tensor_reaches_what_is_expanded_from_it():
    x, a = leaf(1.0, 2.0), leaf(5.0)
    y = x * 1.0
    wide = y.expand(3, 2)
    y.mul_(a)
    assert wide.detach().tolist() == [[5.0, 10.0]] * 3
    wide.sum().backward()
    assert (x.grad.tolist(), a.grad.tolist()) == ([15.0, 15.0], [9.0])
    with pytest.raises(errors.GraphError, match="broadcast"):
        wide.mul_(2)


def test_a_tracked_value_written_through_a_view_brings_the_whole_tensor_onto_the_tape():
    a = leaf(2.0, 3.0)
    y = wb.zeros(2, 2, dtype=wb.float64)
    y[0].copy_(a)
    y.T[1, 1] = 7.0
    assert y.detach().tolist() == [[2.0, 3.0], [0.0, 7.0]]
    (y * y).sum().backward()
    assert a.grad.tolist() == [4.0, 6.0]


def test_views_of_leaves_are_written_only_without_recording():
    x = leaf(1.0, 2.0)
    with pytest.raises(errors.GraphError, match="view of a leaf"):
        x[0].mul_(2.0)
    with wb.no_grad():
        x[0].mul_(2.0)
    assert x.tolist() == [2.0, 2.0]


def test_memory_shared_in_an_unknown_way_is_refused():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    foreign = wb.as_tensor(y.data) * 0 + y  # keeps y alive
    twin = wb.Tensor(y.data[:1], y.node)
    with pytest.raises(errors.GraphError, match=r"clone\(\)"):
        y.mul_(2.0)
    assert (twin.shape, foreign.shape) == ((1,), (2,))
    assert y.detach().tolist() == [1.0, 2.0]


def test_a_detached_twin_written_in_place_makes_saved_values_stale():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = (y * y).sum()
    y.detach().mul_(2.0)
    with pytest.raises(errors.GraphError, match="overwritten"):
        z.backward()


def test_writes_off_the_tape_go_through_views_as_in_numpy():
    x = wb.zeros(4)
    x.reshape(2, 2)[0] = 5.0
    x[1:3].add_(1.0)
    assert x.tolist() == [5.0, 6.0, 1.0, 0.0]


def test_what_does_not_fit_is_refused_before_anything_changes():
    x = wb.zeros(2)
    for write, error in ((lambda: x.add_(wb.ones(3)), errors.ShapeError), (lambda: x.add_(wb.ones(2, 2)), errors.ShapeError),
                         (lambda: x.copy_(wb.ones(3)), errors.ShapeError), (lambda: wb.zeros(2, dtype=int).add_(0.5), errors.DTypeError)):
        with pytest.raises(error):
            write()
    assert x.tolist() == [0.0, 0.0]
    with pytest.raises(errors.GraphError, match="read-only"):
        wb.ones(1).expand(3).add_(1.0)


def test_scalars_are_written_too():
    x = wb.tensor(1.0)
    x.add_(2.0)
    x *= 2
    assert x.item() == 6.0


def test_operators_in_place():
    x = wb.tensor([1.0, 2.0])
    same = x
    x += 1
    x *= 2
    x -= 1
    x /= 3
    assert same is x
    np.testing.assert_allclose(x.tolist(), [1.0, 5 / 3])


def test_the_write_log_forgets_buffers_that_are_gone():
    from workbench.core import mutate

    gc.collect()
    before = len(mutate._LOG)
    for _ in range(10):
        wb.zeros(3).add_(1.0)
    assert len(mutate._LOG) <= before + 1


def test_writes_inside_transformations():
    def function(x):
        y = x * 1.0
        y[0] = y[1] * 3
        y.mul_(2.0)
        return (y * y).sum()

    x = wb.tensor([1.0, 2.0], dtype=wb.float64)
    assert wb.grad(function)(x).tolist() == [0.0, 4 * 10 * 2 * 2.0]
    assert wb.jvp(function, [x], [wb.tensor([5.0, 1.0], dtype=wb.float64)])[1].item() == 160.0
    assert wb.vmap(wb.grad(function))(wb.stack([x, x])).tolist() == [[0.0, 160.0]] * 2


def test_a_value_from_inside_a_transformation_cannot_be_written_outside():
    outside = wb.zeros(2)

    def function(x):
        outside.copy_(x)
        return x.sum()

    for run in (lambda: wb.vmap(function)(wb.ones(3, 2)), lambda: wb.jvp(function, [wb.ones(2)], [wb.ones(2)])):
        with pytest.raises(errors.GraphError, match="return"):
            run()

    def by_index(x):
        outside[0] = x[0]
        return x.sum()

    for run in (lambda: wb.vmap(by_index)(wb.ones(3, 2)), lambda: wb.jvp(by_index, [wb.ones(2)], [wb.ones(2)])):
        with pytest.raises(errors.GraphError, match="return"):
            run()
    assert outside.tolist() == [0.0, 0.0]
