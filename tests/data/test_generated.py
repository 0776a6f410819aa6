"""Sets that are made up: seeded, quick, and what they say of themselves is so."""
from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

import workbench as wb
from workbench import data, errors
from workbench.data import generated, transforms

POINTS = {"moons": data.moons, "circles": data.circles, "spirals": data.spirals, "xor": data.xor, "blobs": data.blobs}
MADE = {**POINTS, "tones": data.tones, "seasonal_series": data.seasonal_series, "Shapes": lambda n, seed=0: data.Shapes(n, seed=seed)}


def test_every_set_has_a_row() -> None:
    assert set(MADE) | {"SeriesWindows"} == set(generated.__all__)


@pytest.mark.parametrize("name", MADE)
def test_a_seed_repeats_and_another_differs(name: str) -> None:
    def content(seed: int) -> np.ndarray:
        made = MADE[name](30, seed=seed)
        return made if isinstance(made, np.ndarray) else np.stack([made[n][0].numpy() for n in range(len(made))])

    np.testing.assert_array_equal(content(3), content(3))
    assert not np.array_equal(content(3), content(4))
    assert content(0).dtype == np.float32


@pytest.mark.parametrize("name", ["moons", "circles", "spirals", "xor"])
def test_neighbours_tell_the_classes_and_a_line_does_not(name: str) -> None:
    (train_x, train_y), (x, y) = (tuple(part.numpy() for part in POINTS[name](600, seed=seed)[:]) for seed in (0, 1))
    assert KNeighborsClassifier(3).fit(train_x, train_y).score(x, y) > 0.95
    assert LinearSVC().fit(train_x, train_y).score(x, y) < 0.9
    counts = np.bincount(y)
    assert counts.max() - counts.min() <= 1
    assert (y != np.arange(len(y)) % len(counts)).any(), "classes come in random order"


# ---------------------------------------------------------------- shapes
@pytest.mark.parametrize("kind", sorted(generated.shapes.SHAPES))
def test_a_shape_has_its_area(kind: str) -> None:
    shares = {"circle": np.pi / 4, "square": 0.85**2, "triangle": 0.5, "ring": np.pi * 0.7 / 4, "cross": 1 - 0.7**2}
    x, y = np.meshgrid(np.linspace(-1, 1, 401), np.linspace(-1, 1, 401))
    assert generated.shapes.SHAPES[kind](x, y).mean() == pytest.approx(shares[kind], abs=0.01)


def test_masks_boxes_and_labels_agree() -> None:
    parts = data.Shapes(40, "detection", most=4, noise=0)
    whole = data.Shapes(40, "segmentation", most=4, noise=0)
    counts = set()
    for index in range(40):
        image, target = parts[index]
        same, mask = whole[index]
        np.testing.assert_array_equal(image.numpy(), same.numpy())
        counts.add(len(target["labels"]))
        assert (target["masks"].sum(dim=0) <= 1).all(), "a pixel shows one shape"
        np.testing.assert_array_equal((target["masks"] * target["labels"].reshape(-1, 1, 1)).sum(dim=0).numpy(), mask.numpy())
        for box, one in zip(target["boxes"].numpy(), target["masks"].numpy(), strict=True):
            left, top, right, bottom = box.astype(int)
            assert one[top:bottom, left:right].sum() == one.sum()
            assert one[top:bottom, left].any()
            assert one[bottom - 1, left:right].any()
            bright, ground = image.numpy()[:, one == 1], image.numpy()[:, mask.numpy() == 0]
            assert bright.min() >= 0.5 > ground.max()
    assert counts == {1, 2, 3, 4}


def test_classes_of_pictures_are_even_and_transforms_apply() -> None:
    pictures = data.Shapes(30, kinds=["ring", "cross"], size=16, transform=transforms.Resize(8))
    assert np.bincount([pictures[n][1] for n in range(30)]).tolist() == [15, 15]
    assert pictures[0][0].shape == (3, 8, 8)
    images, labels = next(iter(data.DataLoader(pictures, 10)))
    assert (images.shape, labels.shape, labels.dtype) == ((10, 3, 8, 8), (10,), wb.int64)
    flipped = data.Shapes(5, "detection", transform=transforms.RandomHorizontalFlip(1))[2][1]
    plain = data.Shapes(5, "detection")[2][1]
    np.testing.assert_array_equal(flipped["masks"].numpy(), plain["masks"].numpy()[..., ::-1])
    np.testing.assert_allclose(flipped["boxes"].numpy()[:, [0, 2]], 32 - plain["boxes"].numpy()[:, [2, 0]])
    assert data.Shapes(5)[-1][1] == data.Shapes(5)[4][1]
    with pytest.raises(IndexError):
        data.Shapes(5)[5]


# ---------------------------------------------------------------- signals
def test_a_series_is_the_sum_of_its_parts() -> None:
    series = data.seasonal_series(2400, trend=0.01, seasons=[(24, 2.0), (100, 1.0)], noise=0)
    flat = series - np.polyval(np.polyfit(np.arange(2400), series, 1), np.arange(2400))
    assert np.polyfit(np.arange(2400), series, 1)[0] == pytest.approx(0.01, rel=0.02)
    strength = np.abs(np.fft.rfft(flat)) * 2 / 2400
    assert set(np.argsort(strength)[-2:]) == {2400 // 24, 2400 // 100}
    assert strength[100] == pytest.approx(2, rel=0.01)
    noise = data.seasonal_series(20_000, trend=0, seasons=[], noise=1, correlation=0.8)
    assert np.corrcoef(noise[:-1], noise[1:])[0, 1] == pytest.approx(0.8, abs=0.02)


def test_windows_of_a_series_follow_each_other() -> None:
    series = np.arange(20.0)[:, None] + [0, 100]
    windows = data.SeriesWindows(series, past=4, future=2, stride=3)
    x, y = windows[[0, 1]]
    assert (x.shape, y.shape, len(windows)) == ((2, 4, 2), (2, 2, 2), 5)
    assert x[1, :, 0].tolist() == [3, 4, 5, 6]
    assert y[1, :, 1].tolist() == [107, 108]
    assert windows[-1][1][-1, 0].item() == 17
    with pytest.raises(IndexError):
        windows[5]


def test_the_strongest_frequency_of_a_tone_is_its_class() -> None:
    sounds, labels = data.tones(40)[:]
    spectrum = np.abs(np.fft.rfft(sounds.numpy()[:, 0] * np.hanning(2000)))
    heard = np.fft.rfftfreq(2000, 1 / 8000)[spectrum.argmax(axis=1)]
    names = np.array([220, 330, 440, 660])[labels.numpy()]
    assert np.abs(heard - names).max() < 5
    assert np.abs(sounds.numpy()).max() < 1.2


@pytest.mark.parametrize("wrong", [
    lambda: data.moons(1), lambda: data.circles(factor=1), lambda: data.xor(noise=-1), lambda: data.Shapes(task="counting"), lambda: data.Shapes(0),
    lambda: data.Shapes(kinds=["star"]), lambda: data.Shapes(kinds=[]), lambda: data.seasonal_series(correlation=1), lambda: data.seasonal_series(seasons=[(0, 1)]),
    lambda: data.SeriesWindows([1.0, 2.0], 2), lambda: data.SeriesWindows(np.zeros((2, 2, 2)), 1), lambda: data.tones(frequencies=[5000]),
])
def test_wrong_use_is_an_error(wrong) -> None:
    with pytest.raises((errors.ArgumentError, errors.ShapeError)):
        wrong()
