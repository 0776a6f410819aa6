"""What transforms are made of, as functions of arrays (..., C, H, W)."""
from ..convert import to_dtype
from .color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    erase,
    gaussian_blur,
    gaussian_noise,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
)
from .framing import center_crop, crop, five_crop, hflip, pad, resize, resized_crop, ten_crop, vflip
from .warping import affine, elastic, perspective, rotate

__all__ = ["adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation", "adjust_sharpness", "affine",
           "autocontrast", "center_crop", "crop", "elastic", "equalize", "erase", "five_crop", "gaussian_blur", "gaussian_noise", "hflip",
           "invert", "pad", "perspective", "posterize", "resize", "resized_crop", "rgb_to_grayscale", "rotate", "solarize",
           "ten_crop", "to_dtype", "vflip"]
