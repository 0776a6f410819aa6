"""Images: conversion and augmentation, with the names and arguments of torchvision's transforms.v2."""
from . import functional
from .auto import AutoAugment, RandAugment, TrivialAugmentWide
from .base import Boxes, Compose, Mask, PerImage, RandomApply, RandomChoice, RandomOrder, Transform
from .color import (
    ColorJitter,
    GaussianBlur,
    GaussianNoise,
    Grayscale,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomErasing,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from .convert import Lambda, Normalize, PILToTensor, ToDtype, ToPILImage, ToTensor
from .geometry import (
    CenterCrop,
    FiveCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
    SanitizeBoundingBoxes,
    TenCrop,
)
from .mixing import CutMix, MixUp, smooth_labels
from .warp import ElasticTransform, RandomAffine, RandomPerspective, RandomRotation

__all__ = ["AutoAugment", "Boxes", "CenterCrop", "ColorJitter", "Compose", "CutMix", "ElasticTransform", "FiveCrop",
           "GaussianBlur", "GaussianNoise", "Grayscale", "Lambda", "Mask", "MixUp", "Normalize", "PILToTensor", "Pad",
           "PerImage", "RandAugment", "RandomAdjustSharpness", "RandomAffine", "RandomApply", "RandomAutocontrast",
           "RandomChoice", "RandomCrop", "RandomEqualize", "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip",
           "RandomInvert", "RandomOrder", "RandomPerspective", "RandomPosterize", "RandomResizedCrop", "RandomRotation",
           "RandomSolarize", "RandomVerticalFlip", "Resize", "SanitizeBoundingBoxes", "TenCrop", "ToDtype", "ToPILImage",
           "ToTensor", "Transform", "TrivialAugmentWide", "functional", "smooth_labels"]
