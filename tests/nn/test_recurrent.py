"""Recurrent layers and cells are PyTorch's from the same weights: outputs, states, gradients, over all options and packed sequences."""
import itertools

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn

torch = pytest.importorskip("torch", reason="PyTorch is the judge of recurrent layers: pip install neural-workbench[oracle]")
pytestmark = pytest.mark.oracle

KINDS = ["RNN", "LSTM", "GRU"]
OPTIONS = [dict(num_layers=n, bidirectional=b, batch_first=f, bias=s) for n, b, f, s in itertools.product((1, 2), (False, True), (False, True), (True, False))]
SPECIAL = [("RNN", dict(nonlinearity="relu", num_layers=2)), ("LSTM", dict(proj_size=2)),
           ("LSTM", dict(proj_size=3, num_layers=2, bidirectional=True, batch_first=True))]
CASES = [*((kind, options) for kind in KINDS for options in OPTIONS), *SPECIAL]
rng = np.random.default_rng(0)


def pair(kind, *args, **options):
    theirs = getattr(torch.nn, kind)(*args, **options).double()
    ours = getattr(nn, kind)(*args, **options, dtype="float64")
    ours.load_state_dict({k: wb.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


def flat(value):
    return [v for part in value for v in flat(part)] if isinstance(value, tuple) else [value]


def check(ours, theirs, outputs, wanted, inputs, tensors):
    assert [tuple(o.shape) for o in outputs] == [tuple(w.shape) for w in wanted]
    for o, w in zip(outputs, wanted, strict=True):
        np.testing.assert_allclose(o.detach().numpy(), w.detach().numpy(), rtol=1e-9, atol=1e-12)
    weights = [rng.normal(size=tuple(w.shape)) for w in wanted]
    sum((o * wb.tensor(v)).sum() for o, v in zip(outputs, weights, strict=True)).backward()
    sum((w * torch.tensor(v)).sum() for w, v in zip(wanted, weights, strict=True)).backward()
    for x, t in zip(inputs, tensors, strict=True):
        np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-8, atol=1e-11)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-8, atol=1e-11, err_msg=name)


def leaves(*arrays):
    return [wb.tensor(a, requires_grad=True) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]


def states(ours, count):
    rows = ours.num_layers * (2 if ours.bidirectional else 1)
    sizes = [ours.proj_size or ours.hidden_size, ours.hidden_size][: 2 if ours.mode == "LSTM" else 1]
    return [rng.normal(size=(rows, count, size)) for size in sizes]


@pytest.mark.parametrize("given", [False, True], ids=["zeros", "state"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_sequences(case, given):
    ours, theirs = pair(case[0], 3, 4, **case[1])
    inputs, tensors = leaves(rng.normal(size=(5, 2, 3)), *(states(ours, 5 if ours.batch_first else 2) if given else []))
    hx = lambda values: None if not given else tuple(values[1:]) if case[0] == "LSTM" else values[1]
    check(ours, theirs, flat(ours(inputs[0], hx(inputs))), flat(theirs(tensors[0], hx(tensors))), inputs, tensors)


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_sequence(kind):
    ours, theirs = pair(kind, 3, 4, bidirectional=True)
    inputs, tensors = leaves(rng.normal(size=(5, 3)))
    check(ours, theirs, flat(ours(inputs[0])), flat(theirs(tensors[0])), inputs, tensors)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("case", [("RNN", {}), ("LSTM", dict(bidirectional=True, num_layers=2)), ("GRU", dict(bidirectional=True)), ("LSTM", dict(proj_size=2))],
                         ids=lambda case: f"{case[0]}-{case[1]}")
def test_packed_sequences(case, ordered):
    ours, theirs = pair(case[0], 3, 4, **case[1])
    lengths = [5, 3, 3, 1] if ordered else [3, 5, 1, 3]
    inputs, tensors = leaves(rng.normal(size=(5, 4, 3)), *states(ours, 4))
    hx = lambda values: tuple(values[1:]) if case[0] == "LSTM" else values[1]
    results = []
    for values, library, layer in ((inputs, nn.utils.rnn, ours), (tensors, torch.nn.utils.rnn, theirs)):
        packed = library.pack_padded_sequence(values[0], lengths, enforce_sorted=ordered)
        output, state = layer(packed, hx(values))
        padded, found = library.pad_packed_sequence(output, batch_first=True, padding_value=-1.0)
        assert found.tolist() == lengths
        results.append(flat((padded, output.data, state)))
    check(ours, theirs, *results, inputs, tensors)


@pytest.mark.parametrize(("kind", "options"), [("RNNCell", {}), ("RNNCell", dict(nonlinearity="relu")), ("LSTMCell", {}),
                                                ("GRUCell", {}), ("GRUCell", dict(bias=False))])
@pytest.mark.parametrize("shape", [(2, 3), (3,)], ids=str)
def test_cells(kind, options, shape):
    ours, theirs = pair(kind, 3, 4, **options)
    count = 2 if kind == "LSTMCell" else 1
    inputs, tensors = leaves(rng.normal(size=shape), *(rng.normal(size=(*shape[:-1], 4)) for _ in range(count)))
    hx = lambda values: tuple(values[1:]) if count == 2 else values[1]
    check(ours, theirs, flat(ours(inputs[0], hx(inputs))), flat(theirs(tensors[0], hx(tensors))), inputs, tensors)
    for o, w in zip(flat(ours(inputs[0])), flat(theirs(tensors[0])), strict=True):
        np.testing.assert_allclose(o.detach().numpy(), w.detach().numpy(), rtol=1e-9)


def test_dropout_between_layers_only():
    wb.manual_seed(0)
    layer = nn.LSTM(3, 64, num_layers=2, dropout=0.5)
    x = wb.randn(4, 2, 3)
    assert not np.allclose(layer(x)[0].detach().numpy(), layer(x)[0].detach().numpy())
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].detach().numpy(), layer(x)[0].detach().numpy())


@pytest.mark.parametrize("wrap", [wb.jit, lambda f: wb.vmap(f, in_axes=2, out_axes=1)], ids=["jit", "vmap"])
def test_inside_transformations(wrap):
    layer, x = nn.GRU(3, 4, dtype="float64"), wb.tensor(rng.normal(size=(5, 3, 2)))
    if wrap is wb.jit:
        np.testing.assert_allclose(wrap(lambda x: layer(x)[0])(x[..., 0]).detach().numpy(), layer(x[..., 0])[0].detach().numpy(), rtol=1e-9)
    else:
        np.testing.assert_allclose(wrap(lambda x: layer(x)[0])(x).detach().numpy(), layer(x.permute(0, 2, 1))[0].detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: nn.LSTM(3, 0), errors.ArgumentError, "hidden_size=0"), (lambda: nn.GRU(3, 4, proj_size=2), errors.ArgumentError, "only LSTM projects"),
    (lambda: nn.RNN(3, 4, nonlinearity="sine"), errors.ArgumentError, "'sine'"), (lambda: nn.RNN(3, 4)(wb.ones(5, 2, 4)), errors.ShapeError, "input_size"),
    (lambda: nn.RNN(3, 4)(wb.ones(5, 2, 3), wb.ones(1, 3, 4)), errors.ShapeError, r"expected \[\(1, 2, 4\)\]"),
    (lambda: nn.GRUCell(3, 4)(wb.ones(2, 5)), errors.ShapeError, "GRUCell"),
    (lambda: nn.LSTMCell(3, 4)(wb.ones(2, 3), (wb.ones(2, 3),) * 2), errors.ShapeError, "a state"),
    (lambda: nn.utils.rnn.pack_padded_sequence(wb.ones(3, 2), [1, 3]), errors.ArgumentError, "enforce_sorted"),
    (lambda: nn.utils.rnn.pack_padded_sequence(wb.ones(3, 2), [4, 3]), errors.ShapeError, "from 1 to 3"),
])
def test_wrong_use(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("batch_first", [False, True])
def test_sequences_go_into_one_tensor_and_come_out_again(batch_first):
    sequences = [wb.randn(n, 2) for n in (2, 4, 1)]
    lengths = wb.tensor([len(s) for s in sequences])
    for side in ("right", "left"):
        mine = nn.utils.rnn.pad_sequence(sequences, batch_first, -1.0, side).numpy()
        np.testing.assert_array_equal(mine, torch.nn.utils.rnn.pad_sequence([torch.tensor(s.numpy()) for s in sequences], batch_first, -1.0, side).numpy())
    for back in (nn.utils.rnn.unpad_sequence(nn.utils.rnn.pad_sequence(sequences, batch_first), lengths, batch_first),
                 nn.utils.rnn.unpack_sequence(nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False).double())):
        assert [s.tolist() for s in back] == [s.tolist() for s in sequences]
    with pytest.raises(errors.ArgumentError, match="padding_side='top'"):
        nn.utils.rnn.pad_sequence(sequences, padding_side="top")
    with pytest.raises(errors.ArgumentError, match="there is no sequence"):
        nn.utils.rnn.pad_sequence([])
