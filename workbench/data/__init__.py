"""Data: datasets, batches, transforms, and real sets that need no download."""
from . import transforms
from .bundled import CharCorpus, Windows, breast_cancer, diabetes, digits, iris, stdlib_text, wine
from .dataset import Dataset, Subset, TensorDataset, random_split
from .loader import DataLoader, default_collate
from .randomness import generator, seeded

__all__ = ["CharCorpus", "DataLoader", "Dataset", "Subset", "TensorDataset", "Windows", "breast_cancer", "default_collate", "diabetes",
           "digits", "generator", "iris", "random_split", "seeded", "stdlib_text", "transforms", "wine"]
