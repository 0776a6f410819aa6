"""Texts: vocabularies, tokenizers, windows for language models, augmentation."""
from .bpe import ByteLevelBPE
from .tokenizer import Tokenizer
from .vocabulary import Vocabulary
from .wordpiece import WordPiece
from .words import CharTokenizer, WordTokenizer

__all__ = ["ByteLevelBPE", "CharTokenizer", "Tokenizer", "Vocabulary", "WordPiece", "WordTokenizer"]
