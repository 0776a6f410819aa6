"""Tokenizers: equal to the library `tokenizers` on the same vocabularies, and every byte comes back."""
from __future__ import annotations

import json
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench import data, errors
from workbench.data import seeded, text
from workbench.data.text import ByteLevelBPE, CharTokenizer, Tokenizer, Vocabulary, WordPiece, WordTokenizer
from workbench.data.text.merging import apply_merges, learn_merges
from workbench.data.text.unicode import category, gpt2_pattern

STORY = data.stdlib_text().text[:60_000]
ODD = ["", " ", "   leading and trailing   ", "it's we'll THEY'RE I'm don't", "x\n\n\ny\t z\r\n", "naïve Ünïcode ß ﬁ Å", "日本語と中文 你好", "٣٤ ½ ² Ⅷ 12,345.6",
       "🙂👩‍👩‍👧 flags 🇩🇪", "a\u00a0b\u2003c\u200bd\x1ce\x85f", "مرحبا שלום",
       "e\u0301 combining", "__init__(self, *args)", "ǅ ʰ ᛮ", "\ufffd\x00\x07 control", "!!??...--", "aaaaaaaaaaaaaaaa" * 40]


@pytest.fixture(scope="module")
def bpe() -> ByteLevelBPE:
    return ByteLevelBPE.train([STORY], 600, special_tokens={"eos": "<|endoftext|>"})


@pytest.fixture(scope="module")
def pieces() -> WordPiece:
    return WordPiece.train([STORY], 500)


# ---------------------------------------------------------------- byte pairs
def naive_merges(words: Counter, count: int) -> list[tuple[str, str]]:
    """Sennrich's algorithm as in the paper: count all pairs anew for every merge; ties to the pair of the earlier tokens."""
    order = {character: number for number, character in enumerate(sorted({c for word in words for c in word}))}
    split = {word: list(word) for word in words}
    merges = []
    for _ in range(count):
        pairs: Counter = Counter()
        for word, parts in split.items():
            for pair in zip(parts, parts[1:], strict=False):
                pairs[pair] += words[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], order[pair[0]], order[pair[1]]))
        merges.append(best)
        order.setdefault("".join(best), len(order))
        for word, parts in split.items():
            place = 0
            while place < len(parts) - 1:
                if (parts[place], parts[place + 1]) == best:
                    parts[place:place + 2] = ["".join(best)]
                place += 1
            split[word] = parts
    return merges


@pytest.mark.parametrize("source", [STORY[:4000].split(), ["aaaa", "aaab", "aab", "baaaa", "abab"] * 3])
def test_learnt_pairs_are_those_of_the_naive_algorithm(source: list[str]) -> None:
    counts = Counter(source)
    tokens = sorted({character for word in counts for character in word})
    numbers = {token: number for number, token in enumerate(tokens)}
    wanted = min(60, len(source) // 3)
    found = learn_merges({tuple(numbers[c] for c in word): n for word, n in counts.items()}, tokens, len(tokens) + wanted)
    assert [(tokens[a], tokens[b]) for a, b in found] == naive_merges(counts, len(found))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=30), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), unique=True, max_size=12))
def test_joining_with_a_heap_equals_scanning_for_the_best_pair(word: list[int], pairs: list[tuple[int, int]]) -> None:
    """A pair may only join tokens that are there when it is learnt, as training makes it."""
    ranks: dict[tuple[int, int], tuple[int, int]] = {}
    for a, b in pairs:
        if max(a, b) < 4 + len(ranks):
            ranks[a, b] = len(ranks), 4 + len(ranks)
    expected = list(word)
    while True:
        there = [(ranks[pair], place) for place, pair in enumerate(zip(expected, expected[1:], strict=False)) if pair in ranks]
        if not there:
            break
        (_, new), place = min(there)
        expected[place:place + 2] = [new]
    assert apply_merges(word, ranks) == expected


@pytest.mark.oracle
@pytest.mark.parametrize("size", [300, 900])
def test_byte_pairs_equal_tokenizers_in_training_and_use(size: int) -> None:
    from tokenizers import Tokenizer as Theirs
    from tokenizers import decoders, models, pre_tokenizers, trainers

    theirs = Theirs(models.BPE())
    theirs.pre_tokenizer, theirs.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    theirs.train_from_iterator([STORY], trainers.BpeTrainer(vocab_size=size, min_frequency=2, show_progress=False,
                                                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    ours = ByteLevelBPE.train([STORY], size)
    assert ours.vocabulary.numbers == theirs.get_vocab()
    for sample in [STORY[:3000], *ODD]:
        assert ours.encode(sample) == theirs.encode(sample).ids, sample
        assert ours.decode(ours.encode(sample)) == sample == theirs.decode(ours.encode(sample))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_come_back(content: bytes) -> None:
    tokenizer = test_any_bytes_come_back.tokenizer
    assert tokenizer.decode_bytes(tokenizer.encode_bytes(content)) == content


test_any_bytes_come_back.tokenizer = ByteLevelBPE.train([STORY[:3000]], 300)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_any_text_comes_back(sample: str) -> None:
    tokenizer = test_any_bytes_come_back.tokenizer
    if any(0xD800 <= ord(character) <= 0xDFFF for character in sample):
        return
    assert tokenizer.decode(tokenizer.encode(sample)) == sample
    assert "".join(gpt2_pattern().findall(sample)) == sample, "the words lose nothing"


def test_gpt2s_own_files_are_read_and_written(tmp_path, bpe: ByteLevelBPE) -> None:
    bpe.save_files(tmp_path)
    assert (tmp_path / "merges.txt").read_text("utf-8").startswith("#version: 0.2\n")
    assert json.loads((tmp_path / "vocab.json").read_text("utf-8"))["<|endoftext|>"] == 0
    again = ByteLevelBPE.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt", special_tokens={"eos": "<|endoftext|>"})
    assert again.encode(STORY[:2000]) == bpe.encode(STORY[:2000])


def test_special_tokens_are_never_split(bpe: ByteLevelBPE) -> None:
    ids = bpe.encode("one<|endoftext|>two")
    assert ids.count(0) == 1
    assert bpe.decode(ids) == "one<|endoftext|>two"
    assert bpe.decode(ids, skip_special_tokens=True) == "onetwo"
    assert bpe.decode_bytes(ids) == b"one<|endoftext|>two"
    assert ByteLevelBPE.train([STORY], 600).encode("<|endoftext|>") != [0]


# ---------------------------------------------------------------- word pieces and words
@pytest.mark.oracle
@pytest.mark.parametrize("lowercase", [True, False])
def test_word_pieces_equal_tokenizers(pieces: WordPiece, lowercase: bool) -> None:
    from tokenizers import BertWordPieceTokenizer

    theirs = BertWordPieceTokenizer(pieces.vocabulary.numbers, lowercase=lowercase)
    ours = WordPiece(pieces.vocabulary, lowercase=lowercase)
    for sample in [STORY[:4000], *ODD, "unseen wörds [MASK] in the middle"]:
        expected = theirs.encode(sample)
        assert ours.encode(sample) == expected.ids, sample
    first, second = theirs.encode("the first", "a second one"), ours("the first", "a second one")
    assert second["input_ids"].tolist() == first.ids
    assert second["token_type_ids"].tolist() == first.type_ids


def test_pieces_are_learnt_until_the_size(pieces: WordPiece) -> None:
    assert len(pieces) == 500
    assert pieces.vocabulary.tokens[:5] == ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]
    assert pieces.tokenize("the statement") == ["the", "statement"]
    assert pieces.tokenize("hereby☃") == ["[UNK]"]
    words = "the value of an object"
    assert pieces.decode(pieces.encode(words), skip_special_tokens=True) == words


def test_berts_file_is_read_and_written(tmp_path, pieces: WordPiece) -> None:
    pieces.save_file(tmp_path / "vocab.txt")
    assert WordPiece.from_file(tmp_path / "vocab.txt").vocabulary.tokens == pieces.vocabulary.tokens


def test_the_classes_of_characters_are_unicodes() -> None:
    import re

    letters, numbers = re.compile(f"[{category('L')}]"), re.compile(f"[{category('N')}]")
    for place in (*range(0x3000), *range(0x1D400, 0x1D800), 0xAC00, 0x20000, 0x1F600):
        kind = unicodedata.category(chr(place))
        assert bool(letters.match(chr(place))) == kind.startswith("L")
        assert bool(numbers.match(chr(place))) == kind.startswith("N")


def test_characters_and_words() -> None:
    letters = CharTokenizer.train(["hello"], special_tokens={"pad": "_"})
    assert letters.vocabulary.tokens == ["_", "e", "h", "l", "o"]
    assert letters.decode(letters.encode("hole")) == "hole"
    words = WordTokenizer.train(["b a a c b a"], max_size=3, special_tokens={"unk": "?"})
    assert words.vocabulary.tokens == ["?", "a", "b"]
    assert WordTokenizer.train(["B a"], pattern=r"\S+", lowercase=False).tokenize("B-a x") == ["B-a", "x"]


# ---------------------------------------------------------------- what all share
def make(kind: str) -> Tokenizer:
    special = {"unk": "[UNK]", "pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    trained = {"characters": lambda: CharTokenizer.train([STORY[:500]], special_tokens=special, template="[CLS] A [SEP] B [SEP]"),
               "words": lambda: WordTokenizer.train([STORY[:500]], special_tokens=special, template="[CLS] A [SEP] B [SEP]"),
               "wordpiece": lambda: WordPiece.train([STORY[:2000]], 300),
               "byte_level_bpe": lambda: ByteLevelBPE.train([STORY[:500]], 300, special_tokens=special, template="[CLS] A [SEP] B [SEP]")}
    return trained[kind]()


KINDS = ["characters", "words", "wordpiece", "byte_level_bpe"]


def test_every_kind_has_a_row() -> None:
    assert set(Tokenizer.kinds) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_tokenizer_is_the_same(kind: str, tmp_path) -> None:
    tokenizer = make(kind)
    tokenizer.save(tmp_path / "tokenizer.json")
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    assert type(again) is type(tokenizer)
    assert repr(again) == repr(tokenizer)
    for sample in ("the object [MASK] is", "a\nb"):
        assert again.encode(sample, "second") == tokenizer.encode(sample, "second")


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_padded_masked_and_cut(kind: str) -> None:
    tokenizer = make(kind)
    texts = ["the object", "an", "the value of the object is an object of the type"]
    batch = tokenizer(texts, padding=True)
    lengths = [len(tokenizer.encode(sample)) for sample in texts]
    assert batch["attention_mask"].sum(dim=1).tolist() == lengths
    for row, sample, length in zip(batch["input_ids"].tolist(), texts, lengths, strict=True):
        assert row == tokenizer.encode(sample) + [tokenizer.number("pad")] * (max(lengths) - length)
    cut = tokenizer(texts, padding="max_length", max_length=5)["input_ids"]
    assert cut.shape == (3, 5)
    assert cut[2, 0].item() == tokenizer.number("cls")
    assert cut[2, -1].item() == tokenizer.number("sep")
    pair = tokenizer("the object", "an object")
    types = pair["token_type_ids"].tolist()
    assert types == sorted(types)
    assert sum(types) == len(tokenizer.numbers("an object")) + 1
    assert wb.data.DataLoader([tokenizer(sample, padding="max_length", max_length=9) for sample in texts], 3)


def test_the_longer_text_is_cut_first() -> None:
    letters = CharTokenizer("abcd", special_tokens={"sep": "|"}, template="A | B")
    for first, second, length, expected in [("aaaaaa", "bb", 5, "aa|bb"), ("aa", "bbbbbb", 5, "aa|bb"), ("aaaa", "bbbb", 4, "aa|b"), ("aaa", "bbb", 9, "aaa|bbb")]:
        found = letters.decode(letters.encode(first, second, max_length=length))
        assert len(found) <= length
        assert sorted(found) == sorted(expected)


def test_texts_of_a_loader_are_padded_batch_by_batch() -> None:
    reviews = [("the value of an object", 1, 0.5), ("an object", 0, 0.25), ("a", 1, 0.0)]
    collate = text.TextCollate(WordTokenizer.train([review for review, *_ in reviews], special_tokens={"pad": "_"}), max_length=4)
    (first, labels, weights), (second, *_) = data.DataLoader(reviews, 2, collate_fn=collate)
    assert (first["input_ids"].shape, second["input_ids"].shape) == ((2, 4), (1, 1))
    assert first["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert (labels.tolist(), weights.tolist()) == ([1, 0], [0.5, 0.25])
    assert collate(["an object"])["input_ids"].shape == (1, 2)
    for wrong in ([3], [(3, "a")]):
        with pytest.raises(errors.DTypeError):
            collate(wrong)
    with pytest.raises(errors.ArgumentError, match="pad"):
        text.TextCollate(CharTokenizer("ab"))


def test_windows_of_any_tokenizer(bpe: ByteLevelBPE) -> None:
    corpus = text.Corpus(STORY[:2000], bpe)
    windows = corpus.windows(8, stride=8)
    x, y = windows[np.arange(len(windows))]
    assert x.reshape(-1).tolist() == corpus.numbers[:x.size].tolist()
    assert y[:, :-1].tolist() == x[:, 1:].tolist()
    assert windows[-1][0].tolist() == x[-1].tolist()
    assert len(corpus.windows(8)) == len(corpus) - 8
    with pytest.raises(IndexError):
        windows[len(windows)]


def test_rare_pairs_and_rare_words_are_left_out() -> None:
    assert ByteLevelBPE.train(["abc abc xyz"], 300).merges == [("a", "b"), ("ab", "c")]
    assert WordTokenizer.train(["a a b"], min_freq=2).vocabulary.tokens == ["a"]


def test_of_two_special_tokens_the_longer_is_found() -> None:
    tokenizer = CharTokenizer("ab", special_tokens={"bos": "<s", "eos": "<s>"})
    assert tokenizer.tokenize("a<s>b<s") == ["a", "<s>", "b", "<s"]


def test_a_subclass_does_not_take_its_parents_place() -> None:
    own = type("Own", (CharTokenizer,), {})
    assert Tokenizer.kinds["characters"] is CharTokenizer
    assert type("Named", (own,), {"kind": "named"}) is Tokenizer.kinds.pop("named")


# ---------------------------------------------------------------- augmentation
def test_bert_masks_have_the_papers_shares() -> None:
    ids = np.tile(np.arange(5, 105), (200, 1))
    ids[:, -10:] = 0
    with seeded(0):
        inputs, labels = text.MaskTokens(1, 105, special_ids=[0])(ids)
    chosen = labels.numpy() != -100
    assert not chosen[:, -10:].any()
    assert chosen[:, :-10].mean() == pytest.approx(0.15, abs=0.01)
    np.testing.assert_array_equal(labels.numpy()[chosen], ids[chosen])
    np.testing.assert_array_equal(inputs.numpy()[~chosen], ids[~chosen])
    assert (inputs.numpy()[chosen] == 1).mean() == pytest.approx(0.8, abs=0.03)
    assert (inputs.numpy()[chosen] == ids[chosen]).mean() == pytest.approx(0.1, abs=0.03)


def test_augmented_texts_keep_what_they_say() -> None:
    words = [str(n) for n in range(50)]
    with seeded(0):
        deleted, swapped, masked = text.RandomDeletion(0.3)(words), text.RandomSwap(3)(words), text.RandomMasking("_", 0.3)(words)
        assert text.RandomDeletion(1.0)(words) in [[word] for word in words]
    assert deleted == [word for word in words if word in deleted]
    assert 25 < len(deleted) < 45
    assert sorted(swapped) == sorted(words) != swapped
    assert sum(a != b for a, b in zip(words, swapped, strict=True)) in range(2, 7)
    assert all(b in (a, "_") for a, b in zip(words, masked, strict=True))
    assert (text.RandomDeletion()([]), text.RandomSwap()(["a"])) == ([], ["a"])


# ---------------------------------------------------------------- wrong use
@pytest.mark.parametrize("wrong", [
    lambda: Vocabulary(["a", "a"]), lambda: Vocabulary(["a"], unk_token="b"), lambda: Vocabulary(["a"])["b"], lambda: Vocabulary(["a"]).token(1),
    lambda: CharTokenizer("ab", special_tokens={"start": "<"}), lambda: CharTokenizer("ab", template="A <s>"),
    lambda: CharTokenizer("ab", template="B A"),
    lambda: CharTokenizer("ab").encode("a", "b") and None or CharTokenizer("ab", special_tokens={"sep": "|"}, template="A |").encode("a", "b"),
    lambda: CharTokenizer("ab").encode(b"ab"), lambda: CharTokenizer("ab")(["a", "ab"]), lambda: CharTokenizer("ab")(["a", "ab"], padding=True),
    lambda: CharTokenizer("ab")(["a"], padding="max_length"), lambda: CharTokenizer("ab")(["a"], ["b", "a"]), lambda: CharTokenizer("ab")([]),
    lambda: CharTokenizer("ab", special_tokens={"sep": "|"}, template="| A |").encode("a", max_length=1),
    lambda: ByteLevelBPE(["a"], []), lambda: ByteLevelBPE.train(["a"], 100), lambda: ByteLevelBPE.train(["ab"] * 3, 257).encode("\ud800"),
    lambda: ByteLevelBPE(ByteLevelBPE.train(["a"], 256).vocabulary, [("a", "b")]), lambda: WordPiece(["a"], special_tokens={}, template="A"),
    lambda: WordPiece.train(["abc"], 4), lambda: WordTokenizer(["a"], pattern="("), lambda: WordTokenizer(["a"], pattern="(a)"),
    lambda: text.MaskTokens(5, 5), lambda: text.MaskTokens(1, 5, p=2), lambda: text.MaskTokens(1, 5, mask_share=0.9, random_share=0.2),
    lambda: text.RandomDeletion(-1), lambda: text.RandomSwap(-1), lambda: data.Windows([1, 2, 3], 3), lambda: data.Windows([1, 2, 3], 2, 0),
    lambda: data.Windows([[1, 2]], 1),
])
def test_wrong_use_is_an_error(wrong) -> None:
    with pytest.raises((errors.ArgumentError, errors.ConfigError, errors.ShapeError)):
        wrong()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 1, "kind": "words"}', '{"format": 1, "kind": "unknown", "vocabulary": []}',
                                     '{"format": 9, "kind": "words", "vocabulary": []}', '{"format": 1, "kind": "words", "vocabulary": ["a"], "more": 1}'])
def test_a_file_of_something_else_is_refused(content: str, tmp_path) -> None:
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(errors.CheckpointError, match=r"t\.json"):
        Tokenizer.load(tmp_path / "t.json")


def test_damaged_gpt2_files_are_refused(tmp_path, bpe: ByteLevelBPE) -> None:
    bpe.save_files(tmp_path)
    for name, content in [("merges.txt", "a b c\n"), ("vocab.json", '{"a": 0, "b": 2}'), ("vocab.json", "[1]")]:
        before = (tmp_path / name).read_text("utf-8")
        (tmp_path / name).write_text(content)
        with pytest.raises(errors.CheckpointError, match="not the files"):
            ByteLevelBPE.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")
        (tmp_path / name).write_text(before, "utf-8")
