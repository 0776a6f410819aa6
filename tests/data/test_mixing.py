"""Mixed batches: labels say how much of which sample is in each, and the loss takes them."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import errors
from workbench.data import seeded, transforms
from workbench.data.transforms import CutMix, MixUp, smooth_labels

# Image n is n everywhere, so that what is in a mixed image can be read off it.
IMAGES = wb.tensor(np.arange(6, dtype=np.float64)[:, None, None, None] * np.ones((1, 3, 16, 20)))
LABELS = wb.arange(6)


@pytest.mark.parametrize("mixer", [MixUp(num_classes=6), CutMix(num_classes=6), MixUp(alpha=0.2, num_classes=6), CutMix(alpha=0.2, num_classes=6)], ids=repr)
def test_labels_are_the_shares_of_the_samples(mixer) -> None:
    for seed in range(20):
        with seeded(seed):
            x, y = mixer(IMAGES, LABELS)
        np.testing.assert_allclose(y.numpy().sum(axis=1), 1, rtol=1e-6)
        np.testing.assert_allclose(x.numpy().mean(axis=(1, 2, 3)), (y.numpy() * np.arange(6)).sum(axis=1), rtol=1e-5)
        assert set(np.nonzero(y.numpy()[3])[0]) <= {2, 3}


def test_mixup_is_the_formula() -> None:
    with seeded(4):
        x, _ = MixUp(alpha=0.4, num_classes=6)(IMAGES, LABELS)
    share = np.random.default_rng([4]).beta(0.4, 0.4)
    np.testing.assert_allclose(x.numpy(), share * IMAGES.numpy() + (1 - share) * np.roll(IMAGES.numpy(), 1, axis=0))


def test_cutmix_puts_one_rectangle_of_the_other_image() -> None:
    shares = []
    for seed in range(40):
        with seeded(seed):
            x, y = CutMix(num_classes=6)(IMAGES, LABELS)
        foreign = x.numpy()[4, 0] == 3
        rows, columns = foreign.any(axis=1), foreign.any(axis=0)
        assert foreign.sum() == rows.sum() * columns.sum()
        shares.append(foreign.mean())
        assert np.all(x.numpy()[4, 0][~foreign] == 4)
    assert 0.15 < np.mean(shares) < 0.45


def test_the_loss_of_mixed_labels_is_the_mixture_of_losses() -> None:
    scores = wb.randn(6, 6, dtype=wb.float64)
    with seeded(1):
        _, y = MixUp(num_classes=6)(IMAGES, LABELS)
    share = y.numpy()[0, 0]
    expected = share * wb.nn.functional.cross_entropy(scores, LABELS) + (1 - share) * wb.nn.functional.cross_entropy(scores, wb.roll(LABELS, 1, 0))
    assert wb.nn.functional.cross_entropy(scores, y).item() == pytest.approx(expected.item())


def test_smooth_labels_are_those_of_cross_entropy() -> None:
    scores = wb.randn(6, 6, dtype=wb.float64)
    expected = wb.nn.functional.cross_entropy(scores, LABELS, label_smoothing=0.1).item()
    assert wb.nn.functional.cross_entropy(scores, smooth_labels(LABELS, 6, 0.1)).item() == pytest.approx(expected, rel=1e-6)


def test_one_of_two_mixers_is_drawn() -> None:
    either = transforms.RandomChoice([MixUp(num_classes=6), CutMix(num_classes=6)])
    kinds = set()
    for seed in range(10):
        with seeded(seed):
            x, _ = either(IMAGES, LABELS)
        kinds.add(bool((x.numpy() == np.rint(x.numpy())).all()))
    assert kinds == {True, False}


@pytest.mark.parametrize("wrong", [
    lambda: MixUp(alpha=0), lambda: CutMix(num_classes=1), lambda: MixUp()(IMAGES, LABELS), lambda: MixUp(num_classes=3)(IMAGES, LABELS),
    lambda: CutMix(num_classes=6)(IMAGES[:, 0, 0], LABELS), lambda: MixUp(num_classes=6)(IMAGES[:4], LABELS),
    lambda: MixUp(num_classes=6)(IMAGES.to(wb.uint8), LABELS), lambda: smooth_labels([0, 1], 2, 1.5), lambda: smooth_labels(wb.ones(2, 3), 4),
])
def test_wrong_use_is_an_error(wrong) -> None:
    with pytest.raises((errors.ArgumentError, errors.ShapeError, errors.DTypeError)):
        wrong()
