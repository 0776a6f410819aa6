"""Sets that are made up, so that what is in them is known."""
from .points import blobs, circles, moons, spirals, xor
from .shapes import Shapes
from .signals import SeriesWindows, seasonal_series, tones

__all__ = ["SeriesWindows", "Shapes", "blobs", "circles", "moons", "seasonal_series", "spirals", "tones", "xor"]
