"""Byte-pair merging (Sennrich et al. 2015): which pairs to join, learnt from counted words; and joining them in one word.

Both cost about the number of changes: learning keeps pairs in a heap and knows in which words each occurs; joining keeps a
word as a linked list and its pairs in a heap.
"""
from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable

Pair = tuple[int, int]


def learn_merges(words: dict[tuple[int, ...], int], tokens: list[str], vocab_size: int, *, min_frequency: int = 0,
                 joined: Callable[[str, str], str] = str.__add__) -> list[Pair]:
    """Join the most frequent pair, again and again, until there are `vocab_size` tokens.

    Of equally frequent pairs the one with the smaller numbers is joined first.

    Parameters
    ----------
    words : dict
        Words as numbers of tokens, with how often each occurs.
    tokens : list of str
        What there is at the start; new tokens are added to it.
    joined : callable
        The token of two tokens.

    Returns
    -------
    list of (int, int)
        The pairs, in the order in which they were joined.
    """
    texts, counts = [list(word) for word in words], list(words.values())
    numbers = {token: number for number, token in enumerate(tokens)}
    frequency, places = _count(texts, counts)
    heap = [(-count, pair) for pair, count in frequency.items()]
    heapq.heapify(heap)
    merges: list[Pair] = []
    while heap and len(tokens) < vocab_size:
        negative, pair = heapq.heappop(heap)
        count = frequency.get(pair, 0)
        if count != -negative:  # it became rarer since it was put there
            if count > 0:
                heapq.heappush(heap, (-count, pair))
            continue
        if count < max(min_frequency, 1):
            break
        token = joined(tokens[pair[0]], tokens[pair[1]])
        new = numbers.setdefault(token, len(tokens))
        if new == len(tokens):
            tokens.append(token)
        merges.append(pair)
        changed = set()
        for place in places.pop(pair):
            for other, change in _join_all(texts[place], pair, new):
                frequency[other] += change * counts[place]
                if change > 0:
                    places[other].add(place)
                    changed.add(other)
        del frequency[pair]
        for other in changed:
            if frequency[other] > 0:
                heapq.heappush(heap, (-frequency[other], other))
    return merges


def _count(texts: list[list[int]], counts: list[int]) -> tuple[dict[Pair, int], dict[Pair, set[int]]]:
    """How often each pair occurs, and in which words."""
    frequency: dict[Pair, int] = defaultdict(int)
    places: dict[Pair, set[int]] = defaultdict(set)
    for place, (text, count) in enumerate(zip(texts, counts, strict=True)):
        for pair in zip(text, text[1:], strict=False):
            frequency[pair] += count
            places[pair].add(place)
    return frequency, places


def _join_all(text: list[int], pair: Pair, new: int) -> list[tuple[Pair, int]]:
    """Join a pair everywhere in a word, from left to right; gives which pairs went and came."""
    first, second = pair
    changes: list[tuple[Pair, int]] = []
    place = 0
    while place < len(text) - 1:
        if text[place] == first and text[place + 1] == second:
            if place > 0:
                changes += [((text[place - 1], first), -1), ((text[place - 1], new), 1)]
            text[place:place + 2] = [new]
            if place < len(text) - 1:
                changes += [((second, text[place + 1]), -1), ((new, text[place + 1]), 1)]
        place += 1
    # The pair itself is gone whatever its neighbours were (in "aaaa" it overlaps itself).
    return [(other, change) for other, change in changes if other != pair]


def apply_merges(word: list[int], ranks: dict[Pair, tuple[int, int]]) -> list[int]:
    """Join pairs in a word, the earliest learnt first; `ranks` gives the rank and the joined token of a pair.

    Examples
    --------
    >>> from workbench.data.text.merging import apply_merges
    >>> apply_merges([1, 2, 1, 2, 3], {(1, 2): (0, 4), (4, 3): (1, 5)})
    [4, 5]
    """
    if len(word) < 2:
        return word
    tokens = list(word)
    after = [*range(1, len(tokens)), -1]
    before = list(range(-1, len(tokens) - 1))
    heap = [(*ranks[pair], place, pair) for place, pair in enumerate(zip(tokens, tokens[1:], strict=False)) if pair in ranks]
    heapq.heapify(heap)
    while heap:
        _, new, place, pair = heapq.heappop(heap)
        right = after[place]
        if right < 0 or (tokens[place], tokens[right]) != pair:  # one of the two was joined with another neighbour
            continue
        tokens[place], tokens[right] = new, -1
        after[place], beyond = after[right], after[right]
        if beyond >= 0:
            before[beyond] = place
        for left in (before[place], place):
            if left >= 0 and after[left] >= 0:
                neighbours = tokens[left], tokens[after[left]]
                if neighbours in ranks:
                    heapq.heappush(heap, (*ranks[neighbours], left, neighbours))
    return [token for token in tokens if token >= 0]
