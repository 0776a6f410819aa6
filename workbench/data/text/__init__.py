"""Texts: vocabularies, tokenizers, windows for language models, augmentation."""
from .augment import MaskTokens, RandomDeletion, RandomMasking, RandomSwap
from .bpe import ByteLevelBPE
from .collate import TextCollate
from .corpus import CharCorpus, Corpus, Windows
from .tokenizer import Tokenizer
from .vocabulary import Vocabulary
from .wordpiece import WordPiece
from .words import CharTokenizer, WordTokenizer

__all__ = ["ByteLevelBPE", "CharCorpus", "CharTokenizer", "Corpus", "MaskTokens", "RandomDeletion", "RandomMasking", "RandomSwap",
           "TextCollate", "Tokenizer", "Vocabulary", "Windows", "WordPiece", "WordTokenizer"]
