"""Files of configurations: scalars, inheritance, overrides, and that a failed write leaves the old file."""
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench import config

KEYS = st.text(max_size=40)  # YAML ends a key after 1,024 characters, escapes counted
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                      lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=8)


@settings(max_examples=40)
@given(st.dictionaries(KEYS, VALUES))
def test_any_plain_value_survives_both_formats(value):
    assert config.loads(config.dumps(value, "json")) == value
    assert config.loads(config.dumps(value, "yaml")) == value


@pytest.mark.parametrize(("text", "value"), [
    ("1e-3", 1e-3), ("1E5", 1e5), (".5", 0.5), ("3.", 3.0), ("010", 10), ("-7", -7), ("1:30", "1:30"), ("1_000", "1_000"), ("on", "on"), ("no", "no"),
    ("yes", "yes"), ("true", True), ("2026-11-21", "2026-11-21"), ("~", None), (".inf", float("inf")), ("'3'", "3"), ("1e", "1e")])
def test_scalars_are_those_of_json_and_yaml_1_2(text: str, value):
    found = config.loads(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


def test_a_file_extends_another_and_is_overridden(tmp_path):
    (tmp_path / "base.yaml").write_text("epochs: 5\noptimizer: {type: SGD, lr: 0.1, momentum: 0.9}\nmodel: {type: Linear, in_features: 4, out_features: 3}\n")
    (tmp_path / "run.json").write_text('{\n\t"extends": "base.yaml",\n\t"optimizer": {"lr": 0.5},\n\t"model": {"type": "ReLU"}\n}')
    found = config.load(tmp_path / "run.json", overrides={"epochs": 1})
    assert found == {"epochs": 1, "optimizer": {"type": "SGD", "lr": 0.5, "momentum": 0.9}, "model": {"type": "ReLU"}}
    assert found["optimizer"].places["lr"] == "run.json, line 3"
    assert found["optimizer"].places["momentum"] == "base.yaml, line 2"


def test_override_changes_a_copy():
    given = {"a": {"b": [1, 2]}}
    assert config.override(given, ["a.b.1=[3, x]", "a.c=1e-2"]) == {"a": {"b": [1, [3, "x"]], "c": 0.01}}
    assert given == {"a": {"b": [1, 2]}}


def test_a_write_that_fails_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    config.save({"a": 1}, path)
    with pytest.raises(ValueError, match="JSON"):
        config.save({"a": float("nan")}, path)
    assert config.load(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(wb.errors.ConfigError, match="expected .json, .yaml or .yml"):
        config.save({}, tmp_path / "a.toml")
