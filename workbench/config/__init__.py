"""Configuration: models, optimizers and whole runs as plain, validated, nested JSON or YAML, and back.

A configuration is a dict: ``type`` names a class of the registry, the other keys are arguments of its constructor, and
values may be configurations again. Nothing in a file is run: only names that the registry knows can be built.
"""
from .build import build
from .encode import to_config
from .files import Config, dumps, load, loads, merge, override, save
from .run import fit
from .schema import schema

__all__ = ["Config", "build", "dumps", "fit", "load", "loads", "merge", "override", "save", "schema", "to_config"]
