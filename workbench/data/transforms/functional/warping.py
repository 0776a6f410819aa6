"""Functions that move pixels by a map: turn, shift, scale, shear, perspective. Arrays (..., H, W) in and out.

A map is a 3 x 3 matrix on points (x, y, 1) in pixels, where pixel (i, j) is the square from (j, i) to (j + 1, i + 1).
Each pixel of the result looks up where its centre came from.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ....core.errors import ArgumentError, ShapeError
from .framing import Fill, as_dtype, fill_of

Point = Sequence[float]


def affine_matrix(center: Point, angle: float, translate: Point, scale: float, shear: Point) -> np.ndarray:
    """Where points go: ``T C R(angle) ShearY ShearX scale C^-1``, angles in degrees, clockwise as one sees it.

    Examples
    --------
    >>> from workbench.data.transforms.functional.warping import affine_matrix
    >>> affine_matrix((0, 0), 0.0, (3, 4), 2.0, (0, 0)).tolist()
    [[2.0, 0.0, 3.0], [0.0, 2.0, 4.0], [0.0, 0.0, 1.0]]
    """
    turn, along_x, along_y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    shear_x = np.array([[1, -math.tan(along_x)], [0, 1]])
    shear_y = np.array([[1, 0], [-math.tan(along_y), 1]])
    linear = scale * rotation @ shear_y @ shear_x
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.asarray(center) + translate - linear @ np.asarray(center)
    return matrix


def perspective_matrix(startpoints: Sequence[Point], endpoints: Sequence[Point]) -> np.ndarray:
    """The map that sends four points to four others: eight equations for eight numbers."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ArgumentError(f"perspective: {len(startpoints)} startpoints and {len(endpoints)} endpoints; expected 4 of each")
    rows, targets = [], []
    for (x, y), (u, v) in zip(startpoints, endpoints, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        targets += [u, v]
    try:
        found = np.linalg.solve(np.array(rows, np.float64), np.array(targets, np.float64))
    except np.linalg.LinAlgError:
        raise ArgumentError(f"perspective: no map sends {list(startpoints)} to {list(endpoints)}; three of them lie on a line") from None
    return np.append(found, 1).reshape(3, 3)


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) under a map."""
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return moved[..., :2] / moved[..., 2:]


def warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int] | None = None, interpolation: str = "nearest",
         fill: Fill = 0) -> np.ndarray:
    """The image under a map, on a canvas of `size`; what comes from outside is `fill`.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms.functional import warping
    >>> warping.warp(np.array([[1, 2, 3]]), warping.affine_matrix((0, 0), 0, (1, 0), 1, (0, 0))).tolist()
    [[0, 1, 2]]
    """
    if image.ndim < 2:
        raise ShapeError(f"expected an image (..., H, W), got shape {image.shape}")
    return _taken(image, *_sources(np.linalg.inv(matrix), size or image.shape[-2:]), interpolation, fill)


def elastic(image: np.ndarray, displacement: np.ndarray, interpolation: str = "bilinear", fill: Fill = 0) -> np.ndarray:
    """The image whose pixel (x, y) comes from (x + dx, y + dy); `displacement` (2, H, W) holds dx and dy in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.elastic(np.array([[1, 2, 3]]), np.array([[[1, 0, 0]], [[0, 0, 0]]]), "nearest").tolist()
    [[2, 2, 3]]
    """
    if displacement.shape != (2, *image.shape[-2:]):
        raise ShapeError(f"elastic: a displacement of shape {displacement.shape} does not fit an image of shape {image.shape}; expected (2, H, W)")
    x, y = _sources(np.eye(3), image.shape[-2:])
    return _taken(image, x + displacement[0], y + displacement[1], interpolation, fill)


def _taken(image: np.ndarray, x: np.ndarray, y: np.ndarray, interpolation: str, fill: Fill) -> np.ndarray:
    """The colours at these places, measured from the upper left corner."""
    if interpolation not in ("nearest", "bilinear"):
        raise ArgumentError(f"interpolation={interpolation!r}; expected 'nearest' or 'bilinear'")
    colour = fill_of(fill, image)
    if interpolation == "nearest":
        return _pixels(image, np.floor(y).astype(np.int64), np.floor(x).astype(np.int64), colour)
    return as_dtype(_blend(image, y - 0.5, x - 0.5, colour), image.dtype)


def _sources(inverse: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where the centre of each pixel of the result comes from."""
    across, down = np.arange(size[1]) + 0.5, np.arange(size[0])[:, None] + 0.5
    x, y, depth = (row[0] * across + row[1] * down + row[2] for row in inverse)
    return (x, y) if (inverse[2] == [0, 0, 1]).all() else (x / depth, y / depth)


def _pixels(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The pixels at these places, and the colour where there is none."""
    height, width = image.shape[-2:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    places = (rows * width + columns).ravel()
    flat = image.reshape(*image.shape[:-2], height * width)
    # "clip" reads any pixel for a place outside; it is overwritten.
    found = flat.take(places, axis=-1, mode="clip").reshape(*image.shape[:-2], *rows.shape)
    if not inside.all():
        np.copyto(found, colour, where=~inside)
    return found


def _blend(image: np.ndarray, y: np.ndarray, x: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Four neighbours, each weighted by how near it is."""
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    kind = image.dtype if image.dtype.kind == "f" else np.float32
    down, right = (y - top).astype(kind), (x - left).astype(kind)
    upper = _pixels(image, top, left, colour) * (1 - right) + _pixels(image, top, left + 1, colour) * right
    lower = _pixels(image, top + 1, left, colour) * (1 - right) + _pixels(image, top + 1, left + 1, colour) * right
    return upper * (1 - down) + lower * down


def middle(size: tuple[int, int], center: Point | None = None) -> Point:
    """The point (x, y) that stays where it is: the middle, or the one given."""
    return (size[1] / 2, size[0] / 2) if center is None else center


def affine(image: np.ndarray, angle: float, translate: Point, scale: float, shear: Point, interpolation: str = "nearest",
           fill: Fill = 0, center: Point | None = None) -> np.ndarray:
    """The image turned clockwise by `angle` degrees about `center`, scaled, sheared and moved.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.affine(np.array([[1, 2], [3, 4]]), 90, (0, 0), 1, (0, 0)).tolist()
    [[3, 1], [4, 2]]
    """
    return warp(image, affine_matrix(middle(image.shape[-2:], center), angle, translate, scale, shear), None, interpolation, fill)


def rotation(size: tuple[int, int], angle: float, expand: bool = False, center: Point | None = None) -> tuple[np.ndarray, tuple[int, int]]:
    """The map of a turn counter-clockwise, and the size of its canvas (which `expand` makes large enough for all)."""
    matrix = affine_matrix(middle(size, center), -angle, (0, 0), 1.0, (0, 0))
    if not expand:
        return matrix, size
    corners = transform_points(matrix, np.array([[x, y] for x in (0.0, size[1]) for y in (0.0, size[0])]))
    # A turn by a right angle must not grow by a pixel because of rounding.
    low, high = np.floor(corners.min(axis=0) + 1e-6), np.ceil(corners.max(axis=0) - 1e-6)
    wide, tall = (high - low).astype(int)
    shift = (np.array([wide, tall]) - corners.min(axis=0) - corners.max(axis=0)) / 2
    matrix[:2, 2] += shift
    return matrix, (int(tall), int(wide))


def rotate(image: np.ndarray, angle: float, interpolation: str = "nearest", expand: bool = False, center: Point | None = None,
           fill: Fill = 0) -> np.ndarray:
    """The image turned counter-clockwise by `angle` degrees.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.rotate(np.array([[1, 2, 3]]), 90, expand=True).tolist()
    [[3], [2], [1]]
    """
    matrix, size = rotation(image.shape[-2:], angle, expand, center)
    return warp(image, matrix, size, interpolation, fill)


def perspective(image: np.ndarray, startpoints: Sequence[Point], endpoints: Sequence[Point], interpolation: str = "bilinear",
                fill: Fill = 0) -> np.ndarray:
    """The image seen so that `startpoints` (x, y) lie at `endpoints`.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> corners = [(0, 0), (2, 0), (2, 2), (0, 2)]
    >>> mirrored = [(2, 0), (0, 0), (0, 2), (2, 2)]
    >>> functional.perspective(np.arange(4.0).reshape(2, 2), corners, mirrored).round(6).tolist()
    [[1.0, 0.0], [3.0, 2.0]]
    """
    return warp(image, perspective_matrix(startpoints, endpoints), None, interpolation, fill)
