"""`nn.functional` beyond the op table: what is random, what undoes something else, sequences, special values, and wrong use."""
import itertools
import math
import operator

import numpy as np
import pytest

import workbench as wb
from workbench import errors
from workbench.nn import functional as F

DROPOUTS = {"nn.functional.dropout": (50, 40), "nn.functional.dropout1d": (50, 40, 3), "nn.functional.dropout2d": (50, 40, 3, 2),
            "nn.functional.dropout3d": (50, 40, 3, 2, 2)}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def named(name):
    """The function of a row of the op table."""
    return operator.attrgetter(name)(wb)


# What is random ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_zeroes_whole_channels_and_scales_the_others(name):
    wb.manual_seed(0)
    function, x = named(name), wb.ones(*DROPOUTS[name], dtype="float64")
    dropped = function(x, 0.25).numpy()
    channels = dropped.reshape(2000, -1)
    assert set(np.unique(dropped)) == {0.0, 1 / 0.75}
    assert (channels == channels[:, :1]).all()
    assert abs(channels[:, 0].mean() - 1) < 0.05
    assert function(x, 0.25, training=False) is x
    assert function(x, 1.0).numpy().max() == 0


@pytest.mark.parametrize("name", ["nn.functional.alpha_dropout", "nn.functional.feature_alpha_dropout"])
def test_alpha_dropout_keeps_mean_and_variance(name):
    wb.manual_seed(0)
    x = wb.tensor(numbers(400, 300, 1))
    out = named(name)(x, 0.3, training=True).numpy()
    assert abs(out.mean()) < 0.02
    assert abs(out.var() - 1) < 0.03
    assert named(name)(x, 0.3) is x


def test_feature_alpha_dropout_drops_channels():
    out = F.feature_alpha_dropout(wb.zeros(20, 30, 4), 0.5, training=True).numpy()
    assert (out == out[..., :1]).all()
    assert len(np.unique(out)) == 2


def test_gumbel_softmax_draws_the_categories_with_their_probabilities():
    wb.manual_seed(0)
    logits = wb.tensor(np.log([0.2, 0.3, 0.5]))
    drawn = named("nn.functional.gumbel_softmax")(wb.broadcast_to(logits, 20000, 3), hard=True).numpy()
    assert set(np.unique(drawn.round(12))) == {0, 1}
    np.testing.assert_allclose(drawn.mean(0), [0.2, 0.3, 0.5], atol=0.02)


def test_gumbel_softmax_has_the_gradient_of_the_soft_sample():
    x = wb.tensor(numbers(4, 3))

    def loss(x, hard):
        wb.manual_seed(1)
        return (F.gumbel_softmax(x, tau=0.7, hard=hard, dim=0) * wb.tensor(numbers(4, 3, seed=2))).sum()

    np.testing.assert_allclose(wb.grad(loss)(x, True).numpy(), wb.grad(loss)(x, False).numpy(), rtol=1e-12)


def test_rrelu_draws_slopes_between_its_limits():
    wb.manual_seed(0)
    out = F.rrelu(wb.full((1000,), -1.0), 0.2, 0.4, training=True).numpy()
    assert -0.4 <= out.min() < -0.39
    assert -0.21 < out.max() <= -0.2


# Pooling and back --------------------------------------------------------------------------------------------------------
UNPOOLED = {"max_unpool1d": (2, 3, 8), "max_unpool2d": (2, 3, 4, 6), "max_unpool3d": (2, 2, 4, 2, 6)}


@pytest.mark.oracle
@pytest.mark.parametrize("name", UNPOOLED)
def test_unpooling_puts_the_numbers_back(name):
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    pool = name.replace("unpool", "pool")
    x = numbers(*UNPOOLED[name])
    values, places = getattr(F, pool)(wb.tensor(x), 2, return_indices=True)
    theirs, indices = getattr(torch.nn.functional, pool)(torch.tensor(x), 2, return_indices=True)
    np.testing.assert_array_equal(places.numpy(), indices.numpy())
    for options in ({}, {"output_size": x.shape[2:]}, {"output_size": x.shape}):
        found = getattr(F, name)(values, places, 2, **options)
        np.testing.assert_array_equal(found.numpy(), getattr(torch.nn.functional, name)(theirs, indices, 2, **options).numpy())
    back = wb.grad(lambda v: (getattr(F, name)(v, places, 2) * wb.tensor(x)).sum())(values)
    np.testing.assert_array_equal(back.numpy(), values.numpy())
    np.testing.assert_array_equal(wb.vmap(lambda v, p: getattr(F, name)(v, p, 2))(values, places).numpy(),
                                  getattr(F, name)(values, places, 2).numpy())


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "shape"), [("fractional_max_pool2d", (2, 3, 6, 9)), ("fractional_max_pool3d", (1, 2, 7, 6, 9))])
@pytest.mark.parametrize("options", [{"output_size": 3}, {"output_ratio": (0.5, 0.4, 0.5)}], ids=["size", "ratio"])
def test_fractional_windows_are_those_of_the_samples(name, shape, options):
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    axes = len(shape) - 2
    options = {key: value if isinstance(value, int) else value[:axes] for key, value in options.items()}
    x, shifts = numbers(*shape), np.random.default_rng(1).random((*shape[:2], axes))
    given = torch.tensor(x, requires_grad=True)
    wanted, places = getattr(torch.nn.functional, name)(given, 2, **options, return_indices=True, _random_samples=torch.tensor(shifts))
    ours = wb.tensor(x, requires_grad=True)
    found, where = getattr(F, name)(ours, 2, **options, return_indices=True, _random_samples=wb.tensor(shifts))
    np.testing.assert_array_equal(found.numpy(), wanted.detach().numpy())
    np.testing.assert_array_equal(where.numpy(), places.numpy())
    wanted.sum().backward()
    found.sum().backward()
    np.testing.assert_array_equal(ours.grad.numpy(), given.grad.numpy())


def test_a_maximum_that_is_not_a_number_is_found():
    x = wb.tensor([[[1.0, math.nan, 2.0, 3.0]]])
    values, places = F.max_pool1d(x, 2, return_indices=True)
    assert math.isnan(values.numpy()[0, 0, 0])
    assert places.numpy()[0, 0].tolist() == [1, 3]


@pytest.mark.oracle
def test_running_statistics_of_instance_norm_move_as_those_of_torch():
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    x, mean, spread = numbers(3, 2, 5), numbers(2, seed=1), np.abs(numbers(2, seed=2)) + 0.5
    ours, theirs = [wb.tensor(v.copy()) for v in (mean, spread)], [torch.tensor(v.copy()) for v in (mean, spread)]
    found = F.instance_norm(wb.tensor(x), *ours, momentum=0.3)
    wanted = torch.nn.functional.instance_norm(torch.tensor(x), *theirs, momentum=0.3)
    for a, b in zip([found, *ours], [wanted, *theirs], strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


# Images ------------------------------------------------------------------------------------------------------------------
@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_neighbours_are_those_of_torch_at_every_size(mode):
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    for length, count in itertools.product(range(1, 30), (1, 3, 7, 12, 29, 64)):
        x = np.arange(length, dtype=np.float32).reshape(1, 1, -1)
        wanted = torch.nn.functional.interpolate(torch.tensor(x), size=count, mode=mode)
        np.testing.assert_array_equal(F.interpolate(wb.tensor(x), size=count, mode=mode).numpy(), wanted.numpy(), err_msg=f"{length} to {count}")


def test_nearest_keeps_integers():
    assert F.interpolate(wb.tensor([[[1, 2]]]), size=4).tolist() == [[[1, 1, 2, 2]]]


def test_a_fold_of_unfolded_ones_counts_the_windows():
    columns = F.unfold(wb.ones(1, 1, 3, 3), 2)
    assert F.fold(columns, (3, 3), 2).tolist() == [[[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]]


def test_sampling_at_a_place_that_is_not_a_number_gives_zero():
    assert F.grid_sample(wb.ones(1, 1, 2, 2), wb.full((1, 1, 1, 2), math.nan)).tolist() == [[[[0.0]]]]


def test_the_identity_samples_the_image_itself():
    image = wb.tensor(numbers(2, 3, 4, 5))
    same = wb.tensor([[[1.0, 0, 0], [0, 1, 0]]] * 2, dtype="float64")
    for corners in (False, True):
        found = F.grid_sample(image, F.affine_grid(same, image.shape, corners), align_corners=corners)
        np.testing.assert_allclose(found.numpy(), image.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf])
def test_equal_vectors_have_the_distance_gradients_of_torch(p):
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    x = numbers(4, 3)
    x[1] = x[0]
    given = torch.tensor(x, requires_grad=True)
    torch.cdist(given, torch.tensor(x), p).sum().backward()
    found = wb.grad(lambda v: wb.cdist(v, wb.tensor(x), p).sum())(wb.tensor(x))
    np.testing.assert_allclose(found.numpy(), given.grad.numpy(), rtol=1e-9, atol=1e-12)


# Sequences ---------------------------------------------------------------------------------------------------------------
SEQUENCES = {
    "padded": ((6, 3, 4), (3, 3), [6, 5, 4], [3, 2, 1]),
    "one after the other": ((6, 3, 4), (6,), [6, 6, 6], [3, 2, 1]),
    "an empty target": ((5, 2, 4), (2, 2), [5, 3], [0, 2]),
    "impossible": ((3, 2, 3), (2, 3), [3, 3], [3, 2]),
    "single": ((5, 4), (2,), [5], [2]),
}


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("name", SEQUENCES)
def test_ctc_loss_and_its_gradient_behind_log_softmax(name, zero_infinity, reduction):
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    shape, labels, times, widths = SEQUENCES[name]
    scores, targets = numbers(*shape), np.random.default_rng(3).integers(1, shape[-1], labels)
    if name == "impossible":
        targets[0] = 1
    options = dict(reduction=reduction, zero_infinity=zero_infinity)
    given = torch.tensor(scores, requires_grad=True)
    lengths = [torch.tensor(v if len(shape) == 3 else v[0]) for v in (times, widths)]
    wanted = torch.nn.functional.ctc_loss(given.log_softmax(-1), torch.tensor(targets), *lengths, **options)
    ours = wb.tensor(scores, requires_grad=True)
    found = F.ctc_loss(ours.log_softmax(-1), wb.tensor(targets), times, widths, **options)
    np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), rtol=1e-10)
    if np.isfinite(found.numpy()).all():
        wanted.sum().backward()
        found.sum().backward()
        np.testing.assert_allclose(ours.grad.numpy(), given.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_ctc_loss_counts_every_alignment():
    scores = numbers(4, 3)
    log_probs = scores - np.log(np.exp(scores).sum(1, keepdims=True))

    def spelled(path):
        return [c for i, c in enumerate(path) if c and (i == 0 or path[i - 1] != c)]

    total = sum(math.exp(sum(log_probs[t, c] for t, c in enumerate(path))) for path in itertools.product(range(3), repeat=4) if spelled(path) == [1, 1])
    found = F.ctc_loss(wb.tensor(log_probs), wb.tensor([1, 1]), [4], [2], reduction="sum")
    np.testing.assert_allclose(found.item(), -math.log(total), rtol=1e-12)


def test_an_ignored_class_of_probability_zero_counts_for_nothing():
    log_probs = wb.tensor([[-math.inf, -1.0], [-2.0, -3.0]])
    assert F.nll_loss(log_probs, wb.tensor([0, 1]), ignore_index=0, reduction="none").tolist() == [0.0, 3.0]


# Wrong use ---------------------------------------------------------------------------------------------------------------
LINE, IMAGE, SPACE = wb.ones(1, 2, 5), wb.ones(1, 2, 5, 5), wb.ones(1, 2, 4, 4, 4)
M, LABELS, TABLE = wb.ones(2, 3), wb.tensor([0, 1]), wb.ones(4, 3)
WORDS = wb.tensor([0, 1, 2])
PROBS = wb.zeros(5, 2, 3).log_softmax(-1)
Shape, Argument, Kind, Axis = errors.ShapeError, errors.ArgumentError, errors.DTypeError, errors.AxisError
REFUSED = {
    "conv3d of a matrix": (lambda: wb.conv3d(M, wb.ones(2, 2, 1, 1, 1)), Shape, "N, C, D, H, W"),
    "conv3d of integers": (lambda: wb.conv3d(SPACE.long(), wb.ones(2, 2, 1, 1, 1).long()), Kind, "int64.*float"),
    "conv3d with a negative padding": (lambda: wb.conv3d(SPACE, wb.ones(2, 2, 1, 1, 1), padding=-1), Argument, "padding.*-1"),
    "conv3d with no stride": (lambda: wb.conv3d(SPACE, wb.ones(2, 2, 1, 1, 1), stride=0), Argument, "stride.*0"),
    "conv3d with two strides": (lambda: wb.conv3d(SPACE, wb.ones(2, 2, 1, 1, 1), stride=(1, 1)), Argument, "one number or 3"),
    "conv2d with a bias of another length": (lambda: wb.conv2d(IMAGE, wb.ones(3, 2, 1, 1), wb.ones(2)), Shape, "bias.*3 output"),
    "conv_transpose2d of channels": (lambda: wb.conv_transpose2d(IMAGE, wb.ones(3, 2, 2, 2)), Shape, "2 channels"),
    "conv_transpose2d with a large output_padding": (lambda: wb.conv_transpose2d(IMAGE, wb.ones(2, 2, 2, 2), output_padding=1), Argument, "output_padding"),
    "conv_transpose1d into groups": (lambda: wb.conv_transpose1d(LINE, wb.ones(2, 2, 2), groups=3), Shape, "groups=3"),
    "conv_transpose1d with nothing left": (lambda: wb.conv_transpose1d(wb.ones(1, 2, 1), wb.ones(2, 2, 2), padding=1), Shape, "nothing"),
    "max_pool3d of an image": (lambda: wb.max_pool3d(M, 2), Shape, "max_pool3d.*D, H, W"),
    "max_pool2d of nothing": (lambda: wb.max_pool2d(wb.ones(1, 0, 3, 3), 2), Shape, "no numbers"),
    "max_pool1d with much padding": (lambda: wb.max_pool1d(LINE, 2, padding=2), Argument, "half"),
    "max_pool1d with no kernel": (lambda: wb.max_pool1d(LINE, 0), Argument, "kernel_size"),
    "max_pool2d with no stride": (lambda: wb.max_pool2d(IMAGE, 2, stride=0), Argument, "stride"),
    "avg_pool2d with a zero divisor": (lambda: wb.avg_pool2d(IMAGE, 2, divisor_override=0), Argument, "divisor"),
    "avg_pool3d with a large kernel": (lambda: wb.avg_pool3d(SPACE, 5), Shape, "kernel"),
    "adaptive pooling to two sizes of three": (lambda: wb.adaptive_avg_pool3d(SPACE, (1, 1)), Argument, "one number or 3"),
    "adaptive pooling to nothing": (lambda: wb.adaptive_max_pool1d(LINE, 0), Argument, "at least 1"),
    "adaptive pooling of a vector": (lambda: wb.adaptive_max_pool1d(wb.ones(3), 1), Shape, "N, C, L"),
    "unpooling with indices of another shape": (lambda: wb.max_unpool2d(IMAGE, LABELS, 2), Shape, "indices"),
    "unpooling with float indices": (lambda: wb.max_unpool2d(IMAGE, IMAGE, 2), Kind, "int64"),
    "unpooling out of the image": (lambda: wb.max_unpool1d(LINE, LINE.long() * 99, 2), Axis, "99"),
    "unpooling to a size too far": (lambda: wb.max_unpool1d(LINE, LINE.long(), 2, output_size=(20,)), Shape, "output_size"),
    "fractional pooling without a size": (lambda: wb.fractional_max_pool2d(IMAGE, 2), Argument, "output_size or output_ratio"),
    "fractional pooling to more": (lambda: wb.fractional_max_pool2d(IMAGE, 2, output_ratio=1.5), Argument, "between 0 and 1"),
    "fractional pooling of too few": (lambda: wb.fractional_max_pool2d(IMAGE, 3, output_size=5), Shape, "do not fit"),
    "interpolate without a size": (lambda: F.interpolate(IMAGE), Argument, "size or scale_factor"),
    "interpolate with both": (lambda: F.interpolate(IMAGE, 2, 2.0), Argument, "one of them"),
    "interpolate in an unknown mode": (lambda: F.interpolate(IMAGE, 2, mode="cubic"), Argument, "'cubic'.*bicubic"),
    "interpolate linearly two axes": (lambda: F.interpolate(IMAGE, 2, mode="linear"), Shape, "linear wants"),
    "interpolate nearest with corners": (lambda: F.interpolate(IMAGE, 2, align_corners=True), Argument, "align_corners"),
    "interpolate nearest smoothly": (lambda: F.interpolate(IMAGE, 2, antialias=True), Argument, "antialias"),
    "interpolate to three sizes of two": (lambda: F.interpolate(IMAGE, (2, 2, 2)), Argument, "one number or 2"),
    "interpolate to nothing": (lambda: F.interpolate(IMAGE, scale_factor=0.1), Argument, "leaves nothing"),
    "interpolate integers linearly": (lambda: F.interpolate(IMAGE.long(), 2, mode="bilinear"), Kind, "int64"),
    "interpolate recomputing a size": (lambda: F.interpolate(IMAGE, 2, recompute_scale_factor=True), Argument, "recompute"),
    "grid_sample in an unknown mode": (lambda: F.grid_sample(IMAGE, wb.ones(1, 2, 2, 2), "cubic"), Argument, "'cubic'"),
    "grid_sample with unknown padding": (lambda: F.grid_sample(IMAGE, wb.ones(1, 2, 2, 2), padding_mode="wrap"), Argument, "'wrap'"),
    "grid_sample of samples": (lambda: F.grid_sample(IMAGE, wb.ones(2, 2, 2, 2)), Shape, "1 samples"),
    "grid_sample of coordinates": (lambda: F.grid_sample(IMAGE, wb.ones(1, 2, 2, 3)), Shape, "2 coordinates"),
    "grid_sample of ranks": (lambda: F.grid_sample(IMAGE, wb.ones(1, 2, 2, 2, 3)), Shape, "expected an image"),
    "grid_sample of dtypes": (lambda: F.grid_sample(IMAGE, wb.ones(1, 2, 2, 2).double()), Kind, "float64"),
    "grid_sample of a volume, bicubic": (lambda: F.grid_sample(SPACE, wb.ones(1, 2, 2, 2, 3), "bicubic"), Shape, "bicubic"),
    "affine_grid of integers": (lambda: F.affine_grid(wb.ones(1, 2, 3).long(), (1, 1, 2, 2)), Kind, "int64"),
    "affine_grid of another shape": (lambda: F.affine_grid(wb.ones(1, 2, 2), (1, 1, 2, 2)), Shape, r"\(N, 2, 3\)"),
    "affine_grid of nothing": (lambda: F.affine_grid(wb.ones(1, 2, 3), (1, 1, 0, 2)), Shape, "positive"),
    "pixel_shuffle of channels": (lambda: wb.pixel_shuffle(IMAGE, 2), Shape, "2 channels"),
    "pixel_shuffle of a matrix": (lambda: wb.pixel_shuffle(M, 1), Shape, "C, H, W"),
    "pixel_shuffle by zero": (lambda: wb.pixel_shuffle(IMAGE, 0), Argument, "upscale_factor=0"),
    "pixel_unshuffle of sizes": (lambda: wb.pixel_unshuffle(IMAGE, 2), Shape, "5 x 5"),
    "channel_shuffle into groups": (lambda: wb.channel_shuffle(IMAGE, 3), Shape, "groups=3"),
    "unfold with a large kernel": (lambda: F.unfold(IMAGE, 6), Shape, "kernel"),
    "unfold of a matrix": (lambda: F.unfold(M, 1), Shape, "unfold"),
    "fold of columns": (lambda: F.fold(wb.ones(1, 5, 9), (4, 4), 2), Shape, "no multiple"),
    "fold of too few columns": (lambda: F.fold(wb.ones(1, 4, 8), (4, 4), 2), Shape, "3 x 3"),
    "cdist of lengths": (lambda: wb.cdist(M, wb.ones(2, 2)), Shape, "3 and 2"),
    "cdist of vectors": (lambda: wb.cdist(wb.ones(3), wb.ones(3)), Shape, "P, M"),
    "cdist with a negative p": (lambda: wb.cdist(M, M, p=-1), Argument, "p=-1"),
    "cdist in an unknown mode": (lambda: wb.cdist(M, M, compute_mode="fast"), Argument, "'fast'"),
    "cdist of integers": (lambda: wb.cdist(M.long(), M.long()), Kind, "int64"),
    "pdist of a vector": (lambda: wb.pdist(wb.ones(3)), Shape, "N, M"),
    "pdist with a negative p": (lambda: wb.pdist(M, -2.0), Argument, "p=-2"),
    "cosine_similarity of integers": (lambda: wb.cosine_similarity(M.long(), M.long()), Kind, "int64"),
    "celu with alpha 0": (lambda: F.celu(M, 0.0), Argument, "alpha=0"),
    "hardtanh with limits in the wrong order": (lambda: F.hardtanh(M, 2, -2), Argument, "min_val=2"),
    "softshrink with a negative lambd": (lambda: F.softshrink(M, -1), Argument, "lambd=-1"),
    "prelu of channels": (lambda: F.prelu(M, wb.ones(2)), Shape, "prelu"),
    "glu of a number": (lambda: F.glu(wb.tensor(1.0)), Shape, "glu"),
    "dropout1d of a matrix's row": (lambda: F.dropout1d(wb.ones(3)), Shape, "2 or 3 axes"),
    "dropout with a large p": (lambda: F.dropout3d(SPACE, 1.5), Argument, "p=1.5"),
    "alpha_dropout with a negative p": (lambda: F.alpha_dropout(M, -0.5), Argument, "p=-0.5"),
    "instance_norm of a matrix": (lambda: F.instance_norm(M), Shape, "N, C"),
    "instance_norm of one number": (lambda: F.instance_norm(wb.ones(2, 3, 1)), Shape, "no variance"),
    "instance_norm without statistics": (lambda: F.instance_norm(LINE, use_input_stats=False), Argument, "running_mean"),
    "local_response_norm of a matrix": (lambda: F.local_response_norm(M, 2), Shape, "3 axes"),
    "local_response_norm of nothing": (lambda: F.local_response_norm(LINE, 0), Argument, "size=0"),
    "bilinear of widths": (lambda: F.bilinear(M, M, wb.ones(1, 2, 3)), Shape, "O, A, B"),
    "embedding_bag in an unknown mode": (lambda: F.embedding_bag(WORDS, TABLE, WORDS[:1], mode="min"), Argument, "'min'"),
    "embedding_bag without offsets": (lambda: F.embedding_bag(WORDS, TABLE), Shape, "without offsets"),
    "embedding_bag of lines with offsets": (lambda: F.embedding_bag(WORDS.reshape(1, 3), TABLE, WORDS), Shape, "with offsets"),
    "embedding_bag of floats": (lambda: F.embedding_bag(wb.ones(2, 2), TABLE), Kind, "integers"),
    "embedding_bag out of range": (lambda: F.embedding_bag(wb.tensor([[9]]), TABLE), Axis, "9"),
    "embedding_bag from the middle": (lambda: F.embedding_bag(WORDS, TABLE, wb.tensor([1])), Argument, "0 first"),
    "embedding_bag with weighted means": (lambda: F.embedding_bag(WORDS.reshape(1, 3), TABLE, per_sample_weights=wb.ones(1, 3)), Argument, "mode='sum'"),
    "pad cutting too much": (lambda: F.pad(M, (-2, -2)), Shape, "cuts more"),
    "pad around twice": (lambda: F.pad(M, (4, 0), mode="circular"), Shape, "wrapped"),
    "pad reflecting a value": (lambda: F.pad(M, (1, 0), mode="reflect", value=1.0), Argument, "value"),
    "a loss with an unknown reduction": (lambda: F.l1_loss(M, M, reduction="avg"), Argument, "'avg'"),
    "a weight of another shape": (lambda: F.mse_loss(M, M, weight=wb.ones(3)), Shape, "weight"),
    "huber_loss without a delta": (lambda: F.huber_loss(M, M, delta=0.0), Argument, "delta"),
    "smooth_l1_loss with a negative beta": (lambda: F.smooth_l1_loss(M, M, beta=-1.0), Argument, "beta"),
    "cross_entropy with smoothing above 1": (lambda: F.cross_entropy(M, LABELS, label_smoothing=1.5), Argument, "label_smoothing"),
    "cross_entropy with too few weights": (lambda: F.cross_entropy(M, LABELS, wb.ones(2)), Shape, "weight"),
    "nll_loss of a number": (lambda: F.nll_loss(wb.tensor(1.0), wb.tensor(0)), Shape, "axis of classes"),
    "nll_loss with too few weights": (lambda: F.nll_loss(M, LABELS, wb.ones(2)), Shape, "weight"),
    "gaussian_nll_loss of a negative variance": (lambda: F.gaussian_nll_loss(M, M, -M), Argument, "negative"),
    "gaussian_nll_loss of a variance of another shape": (lambda: F.gaussian_nll_loss(M, M, wb.ones(3)), Shape, "var"),
    "multi_margin_loss with p = 3": (lambda: F.multi_margin_loss(M, LABELS, p=3), Argument, "p=3"),
    "multi_margin_loss of classes": (lambda: F.multi_margin_loss(M, wb.tensor([0, 7])), Axis, "7"),
    "multi_margin_loss of lengths": (lambda: F.multi_margin_loss(M, wb.tensor([0])), Shape, "one class each"),
    "multi_margin_loss with too few weights": (lambda: F.multi_margin_loss(M, LABELS, weight=wb.ones(2)), Shape, "weight"),
    "multilabel_margin_loss of shapes": (lambda: F.multilabel_margin_loss(M, LABELS), Shape, "the same for both"),
    "multilabel_margin_loss of floats": (lambda: F.multilabel_margin_loss(M, M), Kind, "int64"),
    "triplet_margin_loss without a margin": (lambda: F.triplet_margin_loss(M, M, M, margin=0), Argument, "margin"),
    "triplet_margin_loss of ranks": (lambda: F.triplet_margin_loss(M, M[0], M), Shape, "anchor"),
    "cosine_embedding_loss of ranks": (lambda: F.cosine_embedding_loss(M, M, wb.tensor(1)), Shape, "N, D"),
    "margin_ranking_loss of ranks": (lambda: F.margin_ranking_loss(M, M, LABELS), Shape, "as many axes"),
    "soft_margin_loss of shapes": (lambda: F.soft_margin_loss(M, wb.ones(3)), Shape, "differ"),
    "ctc_loss of a blank that is no class": (lambda: F.ctc_loss(PROBS, wb.ones(2, 2).long(), [5, 5], [2, 2], blank=3), Argument, "blank=3"),
    "ctc_loss of long inputs": (lambda: F.ctc_loss(PROBS, wb.ones(2, 2).long(), [6, 5], [2, 2]), Shape, "input_lengths"),
    "ctc_loss of short targets": (lambda: F.ctc_loss(PROBS, wb.ones(2, 2).long(), [5, 5], [3, 2]), Shape, "target_lengths"),
    "ctc_loss of a wrong sum": (lambda: F.ctc_loss(PROBS, wb.ones(5).long(), [5, 5], [2, 2]), Shape, "4 in sum"),
    "ctc_loss of lengths for others": (lambda: F.ctc_loss(PROBS, wb.ones(2, 2).long(), [5], [2, 2]), Shape, "2 sequences"),
    "ctc_loss of fractions": (lambda: F.ctc_loss(PROBS, wb.ones(2, 2).long(), [5.0, 5.0], [2, 2]), Kind, "integers"),
    "ctc_loss of labels": (lambda: F.ctc_loss(PROBS, wb.ones(2, 2).long() * 7, [5, 5], [2, 2]), Axis, "7"),
}


@pytest.mark.parametrize(("call", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_wrong_input(call, error, says):
    with pytest.raises(error, match=f"(?s){says}") as caught:
        call()
    assert len(str(caught.value)) < 400
