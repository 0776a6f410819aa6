"""Data: datasets, loaders, samplers, transforms, bundled sets and sets to download."""
from . import audio, download, tabular, text, transforms
from .bundled import breast_cancer, diabetes, digits, iris, stdlib_text, wine
from .caching import CachedDataset
from .collate import default_collate, default_convert
from .curriculum import Curriculum, linear_pace, root_pace
from .dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    MappedDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .fetch import WorkerInfo, get_worker_info
from .folders import AudioFolder, DatasetFolder, ImageFolder, TextFolder
from .generated import SeriesWindows, Shapes, blobs, circles, moons, seasonal_series, spirals, tones, xor
from .loader import DataLoader
from .randomness import generator, seeded
from .samplers import (
    BatchSampler,
    BucketBatchSampler,
    ClassBalancedSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from .sets import CIFAR10, CIFAR100, IMDB, MNIST, FashionMNIST, SpeechCommands, tiny_shakespeare
from .tabular import TableDataset, TableEncoder, read_csv
from .text.corpus import CharCorpus, Windows

__all__ = ["AudioFolder", "BatchSampler", "BucketBatchSampler", "CIFAR10", "CIFAR100", "CachedDataset", "ChainDataset", "CharCorpus",
           "ClassBalancedSampler", "ConcatDataset", "Curriculum", "DataLoader", "Dataset", "DatasetFolder", "DistributedSampler",
           "FashionMNIST", "IMDB", "ImageFolder", "IterableDataset", "MNIST", "MappedDataset", "RandomSampler", "Sampler",
           "SequentialSampler", "SeriesWindows", "Shapes", "SpeechCommands", "StackDataset", "Subset", "SubsetRandomSampler",
           "TableDataset", "TableEncoder", "TensorDataset", "TextFolder", "WeightedRandomSampler", "Windows", "WorkerInfo", "audio",
           "blobs", "breast_cancer", "circles", "default_collate", "default_convert", "diabetes", "digits", "download", "generator",
           "get_worker_info", "iris", "linear_pace", "moons", "random_split", "read_csv", "root_pace", "seasonal_series", "seeded",
           "spirals", "stdlib_text", "tabular", "text", "tiny_shakespeare", "tones", "transforms", "wine", "xor"]
