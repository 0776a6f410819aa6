"""Data: datasets, loaders, samplers, transforms, and real sets that need no download."""
from . import text, transforms
from .bundled import breast_cancer, diabetes, digits, iris, stdlib_text, wine
from .caching import CachedDataset
from .collate import default_collate, default_convert
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
from .text.corpus import CharCorpus, Windows

__all__ = ["BatchSampler", "BucketBatchSampler", "CachedDataset", "ChainDataset", "CharCorpus", "ClassBalancedSampler", "ConcatDataset",
           "DataLoader", "Dataset", "DistributedSampler", "IterableDataset", "MappedDataset", "RandomSampler", "Sampler",
           "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler", "TensorDataset", "WeightedRandomSampler", "Windows",
           "WorkerInfo", "breast_cancer", "default_collate", "default_convert", "diabetes", "digits", "generator", "get_worker_info",
           "iris", "random_split", "seeded", "stdlib_text", "text", "transforms", "wine"]
