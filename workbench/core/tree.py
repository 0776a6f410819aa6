"""Trees: nested lists, tuples, dicts, dataclasses and registered classes with values at the leaves.

Transformations take and return trees, so models, batches and optimizer states need no special case. A class joins with
`register`; modules do so in `workbench.nn`.
"""
from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from .errors import ArgumentError

Flatten = Callable[[Any], tuple[list[Any], Any]]
Unflatten = Callable[[Any, list[Any]], Any]

_registry: dict[type, tuple[Flatten, Unflatten]] = {}


def register(kind: type, flatten: Flatten, unflatten: Unflatten) -> None:
    """Make instances of `kind` (and of its subclasses) inner nodes of trees.

    `flatten` returns (children, rest); ``unflatten(rest, children)`` builds the object again.
    """
    _registry[kind] = (flatten, unflatten)


@dataclasses.dataclass(frozen=True)
class Structure:
    """The shape of a tree without its leaves."""

    kind: type | None
    rest: Any = None
    children: tuple[Structure, ...] = ()

    @property
    def leaves(self) -> int:
        """How many leaves the tree has."""
        return 1 if self.kind is None else sum(child.leaves for child in self.children)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree with these leaves."""
        return self._build(iter(leaves))

    def _build(self, leaves: Any) -> Any:
        if self.kind is None:
            return next(leaves)
        children = [child._build(leaves) for child in self.children]
        return _rebuild(self.kind, self.rest, children)


_LEAF = Structure(None)


def flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], Structure]:
    """The leaves of `tree` in order, and its structure; `is_leaf` may end it earlier.

    Examples
    --------
    >>> from workbench.core import tree
    >>> leaves, structure = tree.flatten({"a": 1, "b": [2, 3]})
    >>> leaves
    [1, 2, 3]
    >>> structure.unflatten([10, 20, 30])
    {'a': 10, 'b': [20, 30]}
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def _flatten(tree: Any, leaves: list[Any], is_leaf: Callable[[Any], bool] | None = None) -> Structure:
    split = None if is_leaf is not None and is_leaf(tree) else _split(tree)
    if split is None:
        leaves.append(tree)
        return _LEAF
    children, rest = split
    return Structure(type(tree), rest, tuple(_flatten(child, leaves, is_leaf) for child in children))


def is_registered(kind: type) -> bool:
    """Is `kind` one that was made a tree with `register`, as modules are?"""
    return _registered(kind) is not None


def map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply `function` to the leaves of `tree` (and of others of the same structure).

    Examples
    --------
    >>> from workbench.core import tree
    >>> tree.map(lambda a, b: a + b, (1, [2]), (10, [20]))
    (11, [22])
    """
    leaves, structure = flatten(tree)
    columns = [leaves, *(flatten_like(structure, other) for other in others)]
    return structure.unflatten([function(*row) for row in zip(*columns, strict=True)])


def flatten_like(structure: Structure, tree: Any) -> list[Any]:
    """The leaves of `tree`, which must have this structure."""
    leaves, found = flatten(tree)
    if found == structure:
        return leaves
    leaves = []
    if not _follow(structure, tree, leaves):
        raise ArgumentError(f"trees of different structure: {_words(structure)} and {_words(found)}")
    return leaves


def _follow(structure: Structure, tree: Any, leaves: list[Any]) -> bool:
    """Add the leaves of `tree` in the order of `structure`, in which keys of dicts may come in another; does it fit?"""
    split = _split(tree)
    if structure.kind is None or split is None:
        leaves.append(tree)
        return structure.kind is None and split is None
    children, rest = split
    if type(tree) is not structure.kind or len(children) != len(structure.children):
        return False
    if isinstance(tree, dict):
        if set(rest) != set(structure.rest):
            return False
        children = [tree[key] for key in structure.rest]
    return all(_follow(part, child, leaves) for part, child in zip(structure.children, children, strict=True))


def broadcast_prefix(prefix: Any, structure: Structure) -> list[Any]:
    """One value of `prefix` (a leaf, or a tree that ends earlier than the other) for every leaf of `structure`."""
    if structure.kind is None or not isinstance(prefix, (list, tuple, dict)):
        return [prefix] * structure.leaves
    if isinstance(prefix, dict) and issubclass(structure.kind, dict):
        if set(prefix) != set(structure.rest):
            raise ArgumentError(f"axes given for the keys {', '.join(map(str, prefix))}, but there are {', '.join(map(str, structure.rest))}")
        children = [prefix[key] for key in structure.rest]
    else:
        children = list(prefix.values()) if isinstance(prefix, dict) else list(prefix)
    if len(children) != len(structure.children):
        raise ArgumentError(f"axes given for {len(children)} values, but there are {len(structure.children)}")
    return [item for child, part in zip(children, structure.children, strict=True) for item in broadcast_prefix(child, part)]


def _words(structure: Structure) -> str:
    if structure.kind is None:
        return "*"
    return f"{structure.kind.__name__}({', '.join(_words(child) for child in structure.children)})"


def _registered(kind: type) -> tuple[Flatten, Unflatten] | None:
    for base in kind.__mro__:
        if base in _registry:
            return _registry[base]
    return None


def _split(tree: Any) -> tuple[list[Any], Any] | None:
    kind = type(tree)
    if kind in (dict, OrderedDict):
        return list(tree.values()), tuple(tree)
    if isinstance(tree, (list, tuple)):
        return list(tree), None
    if tree is None:
        return [], None
    found = _registered(kind)
    if found is not None:
        return found[0](tree)
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        return [getattr(tree, name) for name in names], names
    return None


def _rebuild(kind: type, rest: Any, children: list[Any]) -> Any:
    if kind in (dict, OrderedDict):
        return kind(zip(rest, children, strict=True))
    if kind is type(None):
        return None
    found = _registered(kind)
    if found is not None:
        return found[1](rest, children)
    if dataclasses.is_dataclass(kind):
        return kind(**dict(zip(rest, children, strict=True)))
    return kind(*children) if hasattr(kind, "_fields") else kind(children)
