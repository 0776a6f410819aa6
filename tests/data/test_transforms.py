"""Transforms of images: equal to Pillow, SciPy, torch and the formulas; the same on every form of image; repeatable."""
from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

import workbench as wb
from workbench import errors
from workbench.data import seeded, transforms
from workbench.data.transforms import auto
from workbench.data.transforms import functional as F
from workbench.data.transforms.functional import warping
from workbench.data.transforms.policies import POLICIES

RNG = np.random.default_rng(0)
BYTES = ndimage.gaussian_filter(RNG.integers(0, 256, (3, 20, 26)).astype(float), (0, 1, 1)).astype(np.uint8)
FLOATS = BYTES / 255
PICTURE = Image.fromarray(BYTES.transpose(1, 2, 0))


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).transpose(2, 0, 1)


# ---------------------------------------------------------------- functions against authorities
PILLOW = {
    "autocontrast": (lambda x: F.autocontrast(x), ImageOps.autocontrast, 1),
    "equalize": (lambda x: F.equalize(x), ImageOps.equalize, 0),
    "invert": (lambda x: F.invert(x), ImageOps.invert, 0),
    "posterize-3": (lambda x: F.posterize(x, 3), lambda p: ImageOps.posterize(p, 3), 0),
    "solarize-100": (lambda x: F.solarize(x, 100), lambda p: ImageOps.solarize(p, 100), 0),
    "brightness-1.4": (lambda x: F.adjust_brightness(x, 1.4), lambda p: ImageEnhance.Brightness(p).enhance(1.4), 1),
    "contrast-0.3": (lambda x: F.adjust_contrast(x, 0.3), lambda p: ImageEnhance.Contrast(p).enhance(0.3), 1),
    "saturation-1.8": (lambda x: F.adjust_saturation(x, 1.8), lambda p: ImageEnhance.Color(p).enhance(1.8), 2),
    "sharpness-2": (lambda x: F.adjust_sharpness(x, 2.0), lambda p: ImageEnhance.Sharpness(p).enhance(2.0), 1),
    "hflip": (lambda x: F.hflip(x), ImageOps.mirror, 0),
    "vflip": (lambda x: F.vflip(x), ImageOps.flip, 0),
    "pad": (lambda x: F.pad(x, [1, 2, 3, 4], fill=[9, 8, 7]), lambda p: ImageOps.expand(p, (1, 2, 3, 4), (9, 8, 7)), 0),
    "crop": (lambda x: F.crop(x, 3, 5, 8, 9), lambda p: p.crop((5, 3, 14, 11)), 0),
    "crop beyond the edge": (lambda x: F.crop(x, -3, 20, 30, 9), lambda p: p.crop((20, -3, 29, 27)), 0),
    "resize-bilinear": (lambda x: F.resize(x, (7, 40)), lambda p: p.resize((40, 7), Image.Resampling.BILINEAR), 1),
    "resize-bicubic": (lambda x: F.resize(x, (33, 9), "bicubic"), lambda p: p.resize((9, 33), Image.Resampling.BICUBIC), 1),
    "resize-nearest": (lambda x: F.resize(x, (7, 9), "nearest-exact"), lambda p: p.resize((9, 7), Image.Resampling.NEAREST), 0),
    "rotate-90": (lambda x: F.rotate(x, 90, expand=True), lambda p: p.transpose(Image.Transpose.ROTATE_90), 0),
    "rotate-270": (lambda x: F.rotate(x, 270, expand=True), lambda p: p.transpose(Image.Transpose.ROTATE_270), 0),
    "rotate-30": (lambda x: F.rotate(x, 30), lambda p: p.rotate(30), 0),
}


@pytest.mark.parametrize("case", PILLOW)
def test_bytes_equal_pillow(case: str) -> None:
    function, reference, tolerance = PILLOW[case]
    found, expected = function(BYTES), pixels(reference(PICTURE))
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= tolerance


def test_grayscale_equals_pillow() -> None:
    found = F.rgb_to_grayscale(BYTES)[0].astype(int)
    assert np.abs(found - np.asarray(PICTURE.convert("L")).astype(int)).max() <= 1
    np.testing.assert_allclose(F.rgb_to_grayscale(FLOATS, 3)[2], np.tensordot([0.299, 0.587, 0.114], FLOATS, 1))


def test_hue_equals_colorsys() -> None:
    found = F.adjust_hue(FLOATS, 0.3)
    for row, column in [(0, 0), (5, 9), (19, 25)]:
        hue, saturation, value = colorsys.rgb_to_hsv(*FLOATS[:, row, column])
        np.testing.assert_allclose(found[:, row, column], colorsys.hsv_to_rgb((hue + 0.3) % 1, saturation, value), atol=1e-9)


def test_a_grey_pixel_has_no_hue_to_turn() -> None:
    grey = np.full((3, 1, 1), 0.5)
    np.testing.assert_allclose(F.adjust_hue(grey, 0.4), grey)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_affine_equals_scipy(interpolation: str) -> None:
    center, angle, shift, scale, shear = (12.0, 9.0), 20.0, (3.0, -2.0), 1.3, (10.0, -5.0)
    matrix = warping.affine_matrix(center, angle, shift, scale, shear)
    inverse = np.linalg.inv(matrix)[:2]
    # SciPy counts (row, column) at pixel centres.
    swapped = inverse[::-1, 1::-1]
    offset = inverse[::-1, 2] + swapped @ [0.5, 0.5] - 0.5
    expected = np.stack([ndimage.affine_transform(channel, swapped, offset, order=int(interpolation == "bilinear"),
                                                  mode="grid-constant", cval=0.25) for channel in FLOATS])
    found = F.affine(FLOATS, angle, shift, scale, shear, interpolation, fill=0.25, center=center)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_perspective_moves_the_four_points() -> None:
    start, end = [(0, 0), (25, 0), (25, 19), (0, 19)], [(2, 1), (22, 3), (24, 18), (1, 15)]
    matrix = warping.perspective_matrix(start, end)
    np.testing.assert_allclose(warping.transform_points(matrix, np.array(start, float)), end, atol=1e-9)
    np.testing.assert_allclose(F.perspective(FLOATS, start, start), FLOATS, atol=1e-9)


def test_perspective_equals_pillow() -> None:
    start, end = [(0, 0), (25, 0), (25, 19), (0, 19)], [(2, 1), (22, 3), (24, 18), (1, 15)]
    inverse = np.linalg.inv(warping.perspective_matrix(start, end))
    expected = PICTURE.transform(PICTURE.size, Image.Transform.PERSPECTIVE, (inverse / inverse[2, 2]).ravel()[:8], Image.Resampling.NEAREST)
    np.testing.assert_array_equal(F.perspective(BYTES, start, end, "nearest"), pixels(expected))


def test_blur_equals_scipy() -> None:
    found = F.gaussian_blur(FLOATS, (5, 3), (1.2, 0.7))
    expected = FLOATS
    for axis, size, sigma in ((2, 5, 1.2), (1, 3, 0.7)):
        kernel = np.exp(-0.5 * ((np.arange(size) - size // 2) / sigma) ** 2)
        expected = ndimage.correlate1d(expected, kernel / kernel.sum(), axis=axis, mode="mirror")
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize(("mode", "antialias"), [("bilinear", True), ("bilinear", False), ("bicubic", True), ("bicubic", False), ("nearest", False)])
@pytest.mark.parametrize("size", [(7, 31), (40, 9)])
def test_resize_equals_torch(mode: str, antialias: bool, size: tuple[int, int]) -> None:
    import torch

    expected = torch.nn.functional.interpolate(torch.tensor(FLOATS)[None], size, mode=mode, antialias=antialias)[0].numpy()
    np.testing.assert_allclose(F.resize(FLOATS, size, mode, antialias=antialias), expected, atol=1e-12)


@pytest.mark.parametrize(("size", "max_size", "expected"), [
    (10, None, (10, 13)), (10, 12, (9, 12)), ((5, 6), None, (5, 6)), (None, 13, (10, 13)), ([10], None, (10, 13))])
def test_one_number_is_the_shorter_edge(size, max_size, expected) -> None:
    assert F.resize(BYTES, size, max_size=max_size).shape[-2:] == expected
    assert F.resize(BYTES.swapaxes(1, 2), size if not isinstance(size, tuple) else size[::-1], max_size=max_size).shape[-2:] == expected[::-1]


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric"])
def test_pad_modes_are_numpys(mode: str) -> None:
    np.testing.assert_array_equal(F.pad(BYTES, [2, 3], padding_mode=mode), np.pad(BYTES, [(0, 0), (3, 3), (2, 2)], mode))
    np.testing.assert_array_equal(F.pad(BYTES, [-1, 0, 2, -3], fill=5)[:, :, :-2], BYTES[:, :-3, 1:])


@pytest.mark.parametrize(("start", "wanted", "expected"), [
    (np.uint8(255), np.float32, 1.0), (np.float64(1.0), np.uint8, 255), (np.float32(0.5), np.uint8, 127),
    (np.uint8(255), np.int32, 255 << 23), (np.int32(2**31 - 1), np.uint8, 255), (np.float32(0.25), np.float64, 0.25),
    (np.float64(0.9999), np.uint8, 255), (np.float64(0.99), np.uint8, 253)])
def test_dtypes_scale_as_in_torchvision(start, wanted, expected) -> None:
    assert F.to_dtype(np.full((1, 1, 1), start), wanted, scale=True).item() == pytest.approx(expected)


def test_five_crops_are_the_corners_and_the_middle() -> None:
    crops = F.five_crop(BYTES, (4, 6))
    np.testing.assert_array_equal(crops[3], BYTES[:, -4:, -6:])
    np.testing.assert_array_equal(crops[4], BYTES[:, 8:12, 10:16])
    np.testing.assert_array_equal(F.ten_crop(BYTES, (4, 6))[6], BYTES[:, :4, 5::-1])


# ---------------------------------------------------------------- every class
T = transforms
CLASSES = {
    "AutoAugment": T.AutoAugment("svhn"), "ElasticTransform": T.ElasticTransform(8.0, 3.0),
    "CenterCrop": T.CenterCrop((8, 30)), "ColorJitter": T.ColorJitter(0.4, 0.4, 0.4, 0.2), "Compose": T.Compose([T.RandomCrop(8), T.RandomInvert()]),
    "GaussianBlur": T.GaussianBlur((5, 3)), "GaussianNoise": T.GaussianNoise(), "Grayscale": T.Grayscale(3), "Lambda": T.Lambda(lambda x: x + 1),
    "Pad": T.Pad((1, 2)), "RandAugment": T.RandAugment(3), "RandomAdjustSharpness": T.RandomAdjustSharpness(2),
    "RandomAffine": T.RandomAffine(20, (0.1, 0.2), (0.8, 1.2), (-5, 5, -3, 3), "bilinear"),
    "RandomApply": T.RandomApply([T.RandomHorizontalFlip()]), "RandomAutocontrast": T.RandomAutocontrast(),
    "RandomChoice": T.RandomChoice([T.RandomInvert(1), T.RandomVerticalFlip(1)], p=[1, 2]), "RandomCrop": T.RandomCrop((10, 8), 2),
    "RandomEqualize": T.RandomEqualize(), "RandomErasing": T.RandomErasing(0.9, value="random"), "RandomGrayscale": T.RandomGrayscale(0.5),
    "RandomHorizontalFlip": T.RandomHorizontalFlip(), "RandomInvert": T.RandomInvert(),
    "RandomOrder": T.RandomOrder([T.RandomRotation(30), T.CenterCrop(9)]), "RandomPerspective": T.RandomPerspective(),
    "RandomPosterize": T.RandomPosterize(3), "RandomResizedCrop": T.RandomResizedCrop(12), "RandomRotation": T.RandomRotation(40, expand=True),
    "RandomSolarize": T.RandomSolarize(0.5), "RandomVerticalFlip": T.RandomVerticalFlip(), "Resize": T.Resize(11),
    "TrivialAugmentWide": T.TrivialAugmentWide(),
}
APART = {"Boxes", "CutMix", "FiveCrop", "Mask", "MixUp", "Normalize", "PILToTensor", "PerImage", "SanitizeBoundingBoxes", "TenCrop", "ToDtype",
         "ToPILImage", "ToTensor", "Transform", "functional", "smooth_labels"}


def test_every_transform_has_a_row() -> None:
    assert CLASSES.keys() | APART == set(transforms.__all__)


@pytest.mark.parametrize("name", CLASSES)
def test_a_draw_is_the_same_for_array_tensor_and_batch(name: str) -> None:
    transform = CLASSES[name]
    for seed in range(6):
        image = FLOATS.astype(np.float32)
        with seeded(seed):
            expected = transform(image)
        with seeded(seed):
            assert np.array_equal(transform(image), expected), "not repeatable"
        with seeded(seed):
            found = transform(wb.tensor(image))
        assert isinstance(found, wb.Tensor)
        np.testing.assert_array_equal(found.numpy(), expected)
        if name not in ("RandomErasing", "GaussianNoise"):  # these draw noise per number
            with seeded(seed):
                np.testing.assert_allclose(transform(np.stack([image, image]))[1], expected, atol=1e-6)
        assert expected.dtype == np.float32
    assert repr(transform).startswith(name)


@pytest.mark.parametrize("name", CLASSES)
def test_a_pillow_image_comes_back_as_one(name: str) -> None:
    transform = T.RandomSolarize(128) if name == "RandomSolarize" else CLASSES[name]
    with seeded(3):
        picture = transform(PICTURE)
    with seeded(3):
        expected = transform(BYTES)
    assert isinstance(picture, Image.Image)
    np.testing.assert_array_equal(pixels(picture), expected)


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - {"CenterCrop", "Grayscale", "Lambda", "Pad", "Resize", "GaussianNoise"}))
def test_random_ones_depend_on_the_seed(name: str) -> None:
    transform = T.RandomSolarize(128) if name == "RandomSolarize" else CLASSES[name]
    seen = set()
    for seed in range(12):
        with seeded(seed):
            seen.add(transform(BYTES).tobytes())
    assert len(seen) > 1


def test_outside_a_block_manual_seed_decides() -> None:
    flips = []
    for _ in range(2):
        wb.manual_seed(5)
        flips.append([T.RandomHorizontalFlip()(BYTES)[0, 0, 0] for _ in range(10)])
    assert flips[0] == flips[1]
    with seeded(1):
        T.RandomHorizontalFlip()(BYTES)
    assert len(set(flips[0])) == 2


def test_a_batch_gets_one_draw_and_perimage_many() -> None:
    batch = np.stack([BYTES] * 16)
    with seeded(0):
        together = T.RandomHorizontalFlip()(batch)
        apart = T.PerImage(T.RandomHorizontalFlip())(batch)
    assert len({image.tobytes() for image in together}) == 1
    assert len({image.tobytes() for image in apart}) == 2


# ---------------------------------------------------------------- masks and boxes
@pytest.mark.parametrize("name", ["AutoAugment", "CenterCrop", "ElasticTransform", "Pad", "RandAugment", "RandomAffine", "RandomCrop",
                                  "RandomHorizontalFlip", "RandomPerspective",
                                  "RandomResizedCrop", "RandomRotation", "RandomVerticalFlip", "Resize", "TrivialAugmentWide", "Compose",
                                  "RandomOrder", "ColorJitter", "RandomInvert"])
def test_a_mask_and_boxes_follow_the_image(name: str) -> None:
    """A bright rectangle, its mask and its box go through together: they still agree."""
    image = np.zeros((3, 40, 40), np.float32)
    image[:, 16:24, 14:26] = 1
    mask = T.Mask((image[0] > 0).astype(np.int64))
    boxes = T.Boxes(np.array([[14.0, 16.0, 26.0, 24.0]]))
    for seed in range(8):
        with seeded(seed):
            moved, new_mask, new_boxes, label = CLASSES[name](image, mask, boxes, 7)
        assert label == 7
        assert new_mask.data.shape == moved.shape[-2:]
        assert new_mask.data.dtype == np.int64
        assert set(np.unique(new_mask.data)) <= {0, 1}
        rows, columns = np.nonzero(new_mask.data)
        left, top, right, bottom = new_boxes.data[0]
        if not len(rows):
            continue
        tight = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        # A turned rectangle does not reach the corners of the box around it, hence the margin on one side only.
        assert (tight - [left, top, right, bottom] >= [-1.01, -1.01, -99, -99]).all()
        assert (tight - [left, top, right, bottom] <= [99, 99, 1.01, 1.01]).all()
        if name in ("CenterCrop", "Pad", "RandomCrop", "RandomHorizontalFlip", "RandomVerticalFlip", "Compose"):
            np.testing.assert_array_equal(tight, new_boxes.data[0])


def test_a_colour_change_leaves_the_mask() -> None:
    mask = T.Mask(np.arange(4).reshape(2, 2))
    with seeded(0):
        _, same = T.RandomInvert(1)(np.zeros((3, 2, 2)), mask)
    assert same.data is mask.data


def test_boxes_that_a_crop_leaves_empty_go_with_their_labels_and_masks() -> None:
    boxes = T.Boxes(np.array([[0.0, 0, 4, 4], [20, 20, 30, 30], [12, 12, 18, 12.5]]))
    masks, whole = T.Mask(np.arange(3)[:, None, None] * np.ones((3, 32, 32), int)), T.Mask(np.zeros((32, 32), int))
    steps = T.Compose([T.CenterCrop(24), T.SanitizeBoundingBoxes()])
    image, left, kept, same, labels, names, other = steps(np.zeros((3, 32, 32)), boxes, masks, whole, wb.tensor([5, 6, 7]), ["a", "b", "c"], 9)
    assert left.data.tolist() == [[16, 16, 24, 24]]
    assert (kept.data.shape, kept.data.max(), same.data.shape) == ((1, 24, 24), 1, (24, 24))
    assert (labels.tolist(), names, other, image.shape) == ([6], ["b"], 9, (3, 24, 24))
    assert len(T.SanitizeBoundingBoxes(min_area=30)(T.Boxes(np.array([[0, 0, 5, 5]]))).data) == 0


def test_in_place_writes_over_the_image_and_otherwise_nothing_does() -> None:
    for in_place in (False, True):
        for transform in (T.Normalize([0.5], [2.0], inplace=in_place), T.RandomErasing(1, value=9, inplace=in_place)):
            image, tensor = FLOATS.copy(), wb.tensor(FLOATS)
            with seeded(1):
                found = transform(image)
            with seeded(1):
                same = transform(tensor)
            np.testing.assert_array_equal(found, same.numpy())
            assert np.array_equal(image, found) == in_place
            assert np.array_equal(tensor.numpy(), found) == in_place
            assert np.array_equal(image, FLOATS) == (not in_place)


@pytest.mark.parametrize("name", CLASSES)
def test_the_given_image_is_never_changed(name: str) -> None:
    transform = T.RandomSolarize(128) if name == "RandomSolarize" else CLASSES[name]
    for seed in range(4):
        image = BYTES.copy()
        with seeded(seed):
            transform(image)
        np.testing.assert_array_equal(image, BYTES)


# ---------------------------------------------------------------- what is drawn
def test_the_resized_crop_has_the_share_and_ratio_asked_for() -> None:
    transform = T.RandomResizedCrop(8, scale=(0.2, 0.5), ratio=(0.5, 2))
    rng = np.random.default_rng(0)
    for _ in range(200):
        top, left, height, width = transform.draw(rng, (3, 100, 120))
        assert 0.19 < height * width / 12000 < 0.51
        assert 0.48 < width / height < 2.05
        assert 0 <= top <= 100 - height
        assert 0 <= left <= 120 - width


def test_a_strip_that_no_ratio_fits_is_cut_from_the_middle() -> None:
    assert T.RandomResizedCrop(4, scale=(0.9, 1.0)).draw(np.random.default_rng(0), (3, 10, 1000)) == (0, 493, 10, 13)


def test_erasing_hits_a_rectangle_of_the_share_asked_for() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(100):
        _, _, height, width, _ = T.RandomErasing(1, scale=(0.1, 0.2)).draw(rng, (3, 64, 64))
        shares.append(height * width / 64**2)
    assert 0.09 < min(shares) < 0.12
    assert 0.18 < max(shares) < 0.21


def test_erasing_never_covers_a_whole_edge() -> None:
    drawn = [found for found in draws(T.RandomErasing(1, scale=(0.6, 1.0)), (3, 20, 24)) if found is not None]
    assert 10 < len(drawn) < 300
    for top, left, height, width, _ in drawn:
        assert height < 20
        assert width < 24
        assert top + height <= 20
        assert left + width <= 24


@pytest.mark.parametrize(("size", "wanted", "first"), [(5, 2, 2), (3, 2, 0), (7, 4, 2), (4, 2, 1)])
def test_of_two_middles_the_one_of_torchvision_is_taken(size: int, wanted: int, first: int) -> None:
    assert F.center_crop(np.arange(size)[None] * np.ones((size, 1), int), wanted)[0].tolist() == list(range(first, first + wanted))


def test_flips_happen_as_often_as_asked() -> None:
    rng = np.random.default_rng(0)
    assert 0.25 < np.mean([T.RandomVerticalFlip(0.3).draw(rng, (1, 2, 2)) for _ in range(1000)]) < 0.35


def test_the_tables_of_augmentation_have_the_papers_strengths() -> None:
    table = T.RandAugment().rows((331, 331))
    assert len(table) == 14
    assert table["ShearX"][0][-1] == pytest.approx(0.3)
    assert table["TranslateX"][0][-1] == pytest.approx(150)
    assert table["Posterize"][0][[0, -1]].tolist() == [8, 4]
    wide = T.TrivialAugmentWide().rows((32, 32))
    assert (wide["Rotate"][0][-1], wide["Posterize"][0][-1], wide["TranslateY"][0][-1]) == (135, 2, 32)
    for transform in (T.RandAugment(), T.TrivialAugmentWide()):
        drawn = {transform.draw(np.random.default_rng(n), (3, 32, 32))[0][0] for n in range(300)}
        assert drawn == set(table)


@pytest.mark.parametrize(("policy", "first", "last", "sums"), [
    ("imagenet", ("Posterize", 0.4, 8), ("Equalize", 0.6, 0), (31.0, 159)), ("cifar10", ("Invert", 0.1, 0), ("AutoContrast", 0.9, 0), (26.5, 187)),
    ("svhn", ("ShearX", 0.9, 4), ("Invert", 0.1, 0), (32.9, 143))])
def test_a_policy_has_the_papers_25_pairs_and_does_what_it_draws(policy, first, last, sums) -> None:
    pairs = POLICIES[policy]
    assert (len(pairs), {len(pair) for pair in pairs}, pairs[0][0], pairs[-1][1]) == (25, {2}, first, last)
    assert tuple(round(sum(step[place] for pair in pairs for step in pair), 6) for place in (1, 2)) == sums
    transform = T.AutoAugment(policy)
    seen = draws(transform, (3, 331, 331), 2000)
    table = transform.rows((331, 331))
    assert {name for drawn in seen for name, _ in drawn} == {name for pair in pairs for name, p, _ in pair if p}
    wanted = sum(p for pair in pairs for _, p, _ in pair) / 25
    assert abs(np.mean([len(drawn) for drawn in seen]) - wanted) < 0.07
    for drawn in seen:
        for name, magnitude in drawn:
            strengths = {step[2] for pair in pairs for step in pair if step[0] == name}
            assert table[name][0] is None or any(abs(magnitude) == table[name][0][strength] for strength in strengths)


def test_an_elastic_move_is_smoothed_noise() -> None:
    """Its deviation is alpha / 2 times that of uniform noise after two smoothings, each keeping 1 / (2 sigma sqrt(pi)) of the variance."""
    shifts = np.stack(draws(T.ElasticTransform(alpha=(40.0, 80.0), sigma=3.0), (3, 30, 40), 200))
    assert shifts.shape == (200, 2, 30, 40)
    wanted = np.array([20, 40]) * (1 / 3) ** 0.5 / (2 * 3 * math.pi**0.5)
    np.testing.assert_allclose(shifts.std(axis=(0, 2, 3)), wanted, rtol=0.08)
    np.testing.assert_allclose(shifts[:, :, 0].std(axis=(0, 2)), wanted, rtol=0.25)  # at the edge as in the middle
    alike = (shifts[..., 1:] * shifts[..., :-1]).mean() / (shifts**2).mean()
    assert alike == pytest.approx(math.exp(-1 / (4 * 9)), abs=0.01)
    assert T.ElasticTransform(5.0, 9.0)(BYTES[:, :2, :3]).shape == (3, 2, 3)  # smaller than the smoothing
    still = np.zeros((2, *BYTES.shape[1:]))
    np.testing.assert_array_equal(F.elastic(BYTES, still), BYTES)
    np.testing.assert_array_equal(F.elastic(BYTES, still + 1, "nearest")[:, :-1, :-1], BYTES[:, 1:, 1:])


def draws(transform, shape=(3, 20, 30), count=300) -> list:
    return [transform.draw(np.random.default_rng(seed), shape) for seed in range(count)]


def test_a_random_crop_reaches_every_place() -> None:
    places = {window[:2] for _, window in draws(T.RandomCrop((18, 27)))}
    assert places == {(top, left) for top in range(3) for left in range(4)}
    assert {margins for margins, _ in draws(T.RandomCrop((24, 24), pad_if_needed=True))} == {(0, 4, 0, 4)}


def test_an_affine_draw_covers_the_ranges_asked_for() -> None:
    def spread(values) -> tuple[float, float]:
        return round(float(np.min(values)), 1), round(float(np.max(values)), 1)

    turns = np.array([matrix[:2, :2] for matrix, _ in draws(T.RandomAffine((-30, 60)))])
    assert spread(np.degrees(np.arctan2(turns[:, 1, 0], turns[:, 0, 0])) / 10) == (-3.0, 6.0)
    scales = np.array([matrix[0, 0] for matrix, _ in draws(T.RandomAffine(0, scale=(0.5, 2)))])
    assert spread(scales) == (0.5, 2.0)
    shifts = np.array([matrix[:2, 2] for matrix, _ in draws(T.RandomAffine(0, translate=(0.1, 0.2)))])
    assert set(shifts[:, 0]) == set(range(-3, 4))
    assert set(shifts[:, 1]) == set(range(-4, 5))
    shears = np.array([matrix[:2, :2] for matrix, _ in draws(T.RandomAffine(0, shear=(-20, 10, 0, 40)))])
    assert spread(np.degrees(np.arctan(-shears[:, 0, 1])) / 10) == (-2.0, 1.0)
    assert spread(np.degrees(np.arctan(-shears[:, 1, 0])) / 10) == (0.0, 4.0)
    turned = np.array([matrix[:2, :2] for (matrix, _) in draws(T.RandomRotation((10, 50)))])
    assert spread(np.degrees(np.arctan2(-turned[:, 1, 0], turned[:, 0, 0])) / 10) == (1.0, 5.0)


def test_a_jitter_changes_in_any_order_within_its_ranges() -> None:
    drawn = draws(T.ColorJitter(0.4, 0.3, (0.5, 0.6), 0.1))
    assert len({tuple(function.__name__ for function, _ in order) for order in drawn}) == 24
    factors = {name: [factor for order in drawn for function, factor in order if function.__name__ == f"adjust_{name}"]
               for name in ("brightness", "contrast", "saturation", "hue")}
    for name, (low, high) in {"brightness": (0.6, 1.4), "contrast": (0.7, 1.3), "saturation": (0.5, 0.6), "hue": (-0.1, 0.1)}.items():
        assert low <= min(factors[name]) < low + 0.02 * (high - low) + 0.01
        assert high - 0.02 * (high - low) - 0.01 < max(factors[name]) <= high


def test_operations_of_augmentation_do_what_they_are_called() -> None:
    how, image = ("nearest", 0), BYTES
    run = lambda name, magnitude: auto.OPERATIONS[name](image, magnitude, how)
    np.testing.assert_array_equal(run("TranslateX", 4)[:, :, 4:], image[:, :, :-4])
    np.testing.assert_array_equal(run("TranslateY", -3)[:, :-3], image[:, 3:])
    np.testing.assert_array_equal(run("Rotate", 30), F.rotate(image, 30))
    np.testing.assert_array_equal(run("ShearX", 0.3), F.affine(image, 0, (0, 0), 1, (math.degrees(math.atan(0.3)), 0), center=(0, 0)))
    np.testing.assert_array_equal(run("ShearY", 0.3), F.affine(image, 0, (0, 0), 1, (0, math.degrees(math.atan(0.3))), center=(0, 0)))
    np.testing.assert_array_equal(run("Brightness", -0.4), F.adjust_brightness(image, 0.6))
    np.testing.assert_array_equal(run("Color", 0.4), F.adjust_saturation(image, 1.4))
    np.testing.assert_array_equal(run("Contrast", 0.4), F.adjust_contrast(image, 1.4))
    np.testing.assert_array_equal(run("Sharpness", 0.4), F.adjust_sharpness(image, 1.4))
    np.testing.assert_array_equal(run("Solarize", 0.5), F.solarize(image, 127.5))
    np.testing.assert_array_equal(run("Posterize", 3.0), F.posterize(image, 3))
    np.testing.assert_array_equal(run("Invert", 0.0), 255 - image)
    assert set(auto.OPERATIONS) == set(T.AutoAugment().rows((9, 9))) == {*T.RandAugment().rows((9, 9)), "Invert"}
    signs = {np.sign(magnitude) for drawn in draws(T.RandAugment()) for name, magnitude in drawn if name == "Rotate"}
    assert signs == {-1, 1}
    assert {np.sign(magnitude) for drawn in draws(T.RandAugment()) for name, magnitude in drawn if name == "Solarize"} == {1}


def test_probabilities_of_0_and_1_are_never_and_always() -> None:
    for seed in range(20):
        with seeded(seed):
            assert T.RandomApply([T.RandomInvert(1)], p=0)(BYTES) is BYTES
            np.testing.assert_array_equal(T.RandomApply([T.RandomInvert(1)], p=1)(BYTES), 255 - BYTES)
            assert T.RandomPerspective(p=0)(BYTES) is BYTES
            assert T.RandomErasing(p=0)(BYTES) is BYTES


def test_totensor_and_back() -> None:
    x = T.ToTensor()(PICTURE)
    assert x.dtype == wb.float32
    np.testing.assert_allclose(x.numpy(), FLOATS, atol=1e-7)
    assert np.array_equal(np.asarray(T.ToPILImage()(x)), np.asarray(PICTURE))
    assert T.PILToTensor()(PICTURE).dtype == wb.uint8
    assert T.ToTensor()(np.zeros((4, 5))).shape == (1, 4, 5)
    assert T.ToPILImage()(np.zeros((1, 4, 5))).mode == "L"


def test_normalize_is_the_formula() -> None:
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    found = T.Normalize(mean, std)(np.stack([FLOATS, FLOATS]))
    np.testing.assert_allclose(found[1, 2], (FLOATS[2] - 0.3) / 0.7)


@pytest.mark.parametrize("wrong", [
    lambda: T.Resize((1, 2), max_size=3), lambda: T.Resize(0), lambda: T.Resize(4, "lanczos"), lambda: T.Resize(None),
    lambda: F.resize(BYTES, 9, max_size=9),
    lambda: T.RandomCrop(50)(BYTES), lambda: T.RandomHorizontalFlip(1.5), lambda: T.Pad([1, 2, 3]), lambda: T.Pad(1, padding_mode="wrap"),
    lambda: T.Normalize([0.5], [0]), lambda: T.Normalize([0.5], [1])(BYTES), lambda: T.Normalize([0.5] * 2, [1] * 2)(FLOATS),
    lambda: T.ColorJitter(hue=0.6), lambda: T.ColorJitter(brightness=-1), lambda: T.Grayscale(2), lambda: T.GaussianBlur(4)(BYTES),
    lambda: T.GaussianBlur(99)(FLOATS), lambda: T.RandomErasing(scale=(0.3, 0.1)), lambda: T.RandomErasing(value="noise"),
    lambda: T.RandomRotation(-5), lambda: T.RandomAffine(0, translate=(2, 0)), lambda: T.RandomAffine(0, shear=(1, 2, 3)),
    lambda: T.RandAugment(magnitude=31), lambda: T.AutoAugment("mnist"), lambda: T.ElasticTransform(sigma=0), lambda: T.ElasticTransform((1, 2, 3)),
    lambda: T.RandomPosterize(9, 1)(BYTES), lambda: T.RandomSolarize(300, 1)(BYTES), lambda: T.RandomGrayscale(1)(np.zeros((2, 4, 4))),
    lambda: T.Compose([]), lambda: T.RandomChoice([T.RandomInvert()], p=[1, 2]), lambda: T.Resize(4)("picture.png"), lambda: T.Resize(4)(),
    lambda: T.ToTensor()(np.zeros(3)), lambda: T.PILToTensor()(BYTES), lambda: T.ToPILImage()(np.zeros((7, 4, 4))),
    lambda: T.RandomEqualize(1)(BYTES.astype(np.int32)), lambda: T.PerImage(T.Resize(3))(BYTES), lambda: F.five_crop(BYTES, 99),
    lambda: F.perspective(BYTES, [(0, 0)] * 4, [(1, 1)] * 4), lambda: F.adjust_hue(FLOATS, 0.7), lambda: F.adjust_gamma(FLOATS, -1),
    lambda: F.adjust_contrast(FLOATS, -1), lambda: T.RandomPerspective(interpolation="cubic"), lambda: F.pad(BYTES, 1, fill=[1, 2]),
    lambda: T.SanitizeBoundingBoxes(0), lambda: T.SanitizeBoundingBoxes()(BYTES),
])
def test_wrong_use_is_an_error(wrong) -> None:
    with pytest.raises((errors.ArgumentError, errors.ShapeError, errors.DTypeError)):
        wrong()


def test_gamma_is_the_formula() -> None:
    np.testing.assert_allclose(F.adjust_gamma(FLOATS, 2.2, 0.9), 0.9 * FLOATS**2.2)
    assert math.isclose(F.adjust_gamma(np.full((1, 1, 1), 51, np.uint8), 2).item(), 10)
