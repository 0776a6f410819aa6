"""Configurations in files: JSON and YAML with the line of every key, inheritance, overrides, atomic writing."""
from __future__ import annotations

import functools
import json
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError


class Config(dict):
    """A mapping that knows where its keys stand; otherwise a dict.

    Attributes
    ----------
    places : dict of str to str
        ``"file.yaml, line 3"`` by key.
    """

    def __init__(self, *args: Any, places: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = places or {}


def loads(text: str, source: str = "text", *, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Config:
    """A configuration from JSON or YAML text.

    Numbers are read as JSON and YAML 1.2 have them: ``1e-3`` is a number, ``on`` and ``no`` are text.

    Parameters
    ----------
    text : str
    source : str
        What messages call it.
    overrides : iterable of "key.key=value" or mapping of str to value
        See `override`.

    Raises
    ------
    ConfigError
        If it cannot be read, a key stands twice, or the whole is no mapping.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.config.loads("optimizer: {type: AdamW, lr: 1e-3}", overrides=["optimizer.lr=0.01"])
    {'optimizer': {'type': 'AdamW', 'lr': 0.01}}
    """
    found = _parsed(text, source)
    if not isinstance(found, Config):
        raise ConfigError(f"{source}: expected a mapping of keys to values, got {type(found).__name__}")
    return override(found, overrides)


def load(path: str | os.PathLike, *, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Config:
    """A configuration from a file, on top of the one that its key ``extends`` names (relative to it).

    Raises
    ------
    ConfigError
        If a file cannot be read or extends itself.
    """
    return override(_inherited(Path(path), ()), overrides)


def _inherited(path: Path, above: tuple[Path, ...]) -> Config:
    if path.resolve() in above:
        raise ConfigError(f"{path}: extends itself, by way of {' -> '.join(p.name for p in above)}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    found = loads(text, path.name)
    base = found.pop("extends", None)
    if base is not None and not isinstance(base, str):
        raise ConfigError(f"extends ({found.places['extends']}): expected the path of one file, got {base!r:.80}")
    return found if base is None else merge(_inherited(path.parent / base, (*above, path.resolve())), found)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Config:
    """`base` with what `over` says otherwise, key by key; a part with another ``type`` is replaced whole.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.config.merge({"lr": 0.1, "loss": {"type": "L1Loss"}}, {"loss": {"type": "MSELoss"}})
    {'lr': 0.1, 'loss': {'type': 'MSELoss'}}
    """
    merged = Config(base, places={**getattr(base, "places", {}), **getattr(over, "places", {})})
    for name, value in over.items():
        old = base.get(name)
        both = isinstance(value, Mapping) and isinstance(old, Mapping) and value.get("type", old.get("type")) == old.get("type")
        merged[name] = merge(old, value) if both else value
    return merged


def override(config: Mapping[str, Any], overrides: Iterable[str] | Mapping[str, Any]) -> Config:
    """A copy with values replaced at dotted paths; numbers in a path count in lists.

    Parameters
    ----------
    config : mapping
    overrides : iterable of "key.key=value" or mapping of str to value
        Values in text are read as YAML.

    Raises
    ------
    ConfigError
        If a path leads nowhere.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.config.override({"model": {"modules": [{"type": "Dropout"}]}}, ["model.modules.0.p=0.1"])
    {'model': {'modules': [{'type': 'Dropout', 'p': 0.1}]}}
    """
    changed = _copied(config)
    given = overrides.items() if isinstance(overrides, Mapping) else [_split(text) for text in ([overrides] if isinstance(overrides, str) else overrides)]
    for path, value in given:
        *parents, last = path.split(".")
        if not last:
            raise ConfigError(f"override {path!r}: expected key.key=value, and there is no last key")
        holder: Any = changed
        for depth, name in enumerate(parents):
            holder = _inside(holder, name, ".".join(parents[:depth + 1]))
        if isinstance(holder, list):
            _inside(holder, last, path)
            holder[int(last)] = value
        elif isinstance(holder, dict):
            holder[last] = value
            getattr(holder, "places", {})[last] = "override"
        else:
            raise ConfigError(f"override {path}: {'.'.join(parents)} is {holder!r:.40}, which has no parts")
    return changed


def _split(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"override {text!r}: expected key.key=value")
    return path, _parsed(value, f"override {path}")


def _inside(holder: Any, name: str, path: str) -> Any:
    if isinstance(holder, list) and name.isdigit() and int(name) < len(holder):
        return holder[int(name)]
    if isinstance(holder, dict) and name in holder:
        return holder[name]
    known = f"0 to {len(holder) - 1}" if isinstance(holder, list) else ", ".join(map(str, holder)) if isinstance(holder, dict) else "nothing"
    raise ConfigError(f"override {path}: there is no {name!r}; there is {known}")


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Config({name: _copied(part) for name, part in value.items()}, places=dict(getattr(value, "places", {})))
    return [_copied(part) for part in value] if isinstance(value, list) else value


def dumps(config: Mapping[str, Any], format: str = "yaml") -> str:
    """The text of a configuration, "yaml" or "json".

    Raises
    ------
    ConfigError
        Naming the key of what the format cannot hold.
    """
    plain = _undressed(config, "", finite=format == "json")
    if format == "json":
        return json.dumps(plain, indent=2) + "\n"
    import yaml

    return yaml.dump(plain, Dumper=_dumper(), sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


def save(config: Mapping[str, Any], path: str | os.PathLike) -> None:
    """Write a configuration, whole or not at all, as the suffix says: .json, .yaml or .yml.

    Raises
    ------
    ConfigError
        If the suffix is another.
    """
    path = Path(path)
    if path.suffix not in (".json", ".yaml", ".yml"):
        raise ConfigError(f"save: {path.name} ends in {path.suffix or 'nothing'}; expected .json, .yaml or .yml")
    text = dumps(config, "json" if path.suffix == ".json" else "yaml")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=path.name, delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def _undressed(value: Any, path: str, finite: bool) -> Any:
    """Plain dicts, lists and values, which is all the writers know."""
    if isinstance(value, Mapping):
        if odd := [name for name in value if not isinstance(name, str)]:
            raise ConfigError(f"{path or 'config'}: the key {odd[0]!r} is not text")
        return {name: _undressed(part, f"{path}.{name}" if path else name, finite) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_undressed(part, f"{path}[{number}]", finite) for number, part in enumerate(value)]
    if type(value) is float and finite and not math.isfinite(value):
        raise ConfigError(f'{path}: JSON has no number {value}; write it as text, "{value}"')
    if value is not None and type(value) not in (bool, int, float, str):
        raise ConfigError(f"{path}: a {type(value).__name__} is no plain value; a configuration holds numbers, text, true, false, null, lists and mappings")
    return value


# YAML -----------------------------------------------------------------------------------------------------------------
_SCALARS = {"null": (r"~|null|Null|NULL|", "~nN"), "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"), "int": (r"[-+]?[0-9]+", "-+0123456789"),
            "float": (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+0123456789.")}


_BREAKS = re.compile("[\x85\u2028\u2029]")
"""Line ends to YAML, characters like any other to JSON: only double quotes keep them."""


@functools.cache
def _resolving(base: type) -> type:
    """A YAML loader or dumper with the scalars of YAML 1.2: no dates, no octal, no "on"."""
    kind = type(base.__name__, (base,), {"yaml_implicit_resolvers": {"": [("tag:yaml.org,2002:null", re.compile("^$"))]}})
    for name, (pattern, first) in _SCALARS.items():
        kind.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(f"^(?:{pattern})$"), list(first))
    return kind


@functools.cache
def _dumper() -> type:
    import yaml

    kind = _resolving(yaml.SafeDumper)
    kind.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, '"' if _BREAKS.search(text) else None))
    return kind


def _parsed(text: str, source: str) -> Any:
    import yaml

    if text.lstrip()[:1] in ("{", "["):
        text = _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\t", "  "))
    loader = _resolving(yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _value(loader, node, source)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{source}, line {mark.line + 1}: {error.problem or error.context}") from None
    except ConfigError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{source}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{source}: nested without end, or far too deeply") from None
    finally:
        loader.dispose()


def _value(loader: Any, node: Any, source: str) -> Any:
    """A node as a Config, a list or a plain value."""
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind not in ("map", "seq", "str", *_SCALARS):
        raise ConfigError(f"{source}, line {node.start_mark.line + 1}: the tag {node.tag} is not allowed; a configuration holds plain values only")
    if kind == "seq":
        return [_value(loader, part, source) for part in node.value]
    if kind == "int":
        return int(node.value)
    if kind == "str":
        return _text(node)
    if kind != "map":
        return loader.construct_object(node)
    found = Config()
    for key, part in node.value:
        place = f"{source}, line {key.start_mark.line + 1}"
        if not isinstance(key.value, str):
            raise ConfigError(f"{place}: expected a key of text, got {key.tag.rpartition(':')[2]}")
        if key.value == "<<":
            raise ConfigError(f"{place}: a merge key (<<), which YAML 1.2 does not have; name a file under extends, or write the keys out")
        name = _text(key)
        if name in found:
            raise ConfigError(f"{name} ({place}): the key stands twice, first at {found.places[name]}")
        found[name], found.places[name] = _value(loader, part, source), place
    return found


def _text(node: Any) -> str:
    """Text whose characters JSON may have escaped in halves."""
    return node.value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
