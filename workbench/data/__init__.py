"""Data: datasets, batches, transforms, and real sets that need no download."""
from . import text, transforms
from .bundled import breast_cancer, diabetes, digits, iris, stdlib_text, wine
from .dataset import Dataset, Subset, TensorDataset, random_split
from .loader import DataLoader, default_collate
from .randomness import generator, seeded
from .text.corpus import CharCorpus, Windows

__all__ = ["CharCorpus", "DataLoader", "Dataset", "Subset", "TensorDataset", "Windows", "breast_cancer", "default_collate", "diabetes",
           "digits", "generator", "iris", "random_split", "seeded", "stdlib_text", "text", "transforms", "wine"]
