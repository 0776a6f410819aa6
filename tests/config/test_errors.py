"""Every mistake in a configuration ends in one error that points at the key, and at the line if there is one."""
from __future__ import annotations

import pytest

import workbench as wb
from workbench import config, nn

YAML = """\
model:
  type: Sequential
  modules:
    - {type: Linear, in_features: 64, out_features: 10}
    - type: Dropout
      p: much
"""
_LINEAR = {"type": "Linear", "in_features": 3, "out_features": 2}
MISTAKES = [
    ({"type": "Linaer"}, r"type: 'Linaer' is not in the registry.*did you mean Linear"),
    ({"type": "Linear", "in_features": 3}, "type: Linear needs out_features"),
    ({"type": "Linear", "in_features": 3, "out_features": 2, "biass": True}, r"biass: no setting of Linear; did you mean bias\?"),
    ({"type": "Linear", "in_features": "3", "out_features": 2}, "in_features: expected int, got '3'"),
    ({"type": "Linear", "in_features": True, "out_features": 2}, "in_features: expected int, got True"),
    ({"type": "Dropout", "p": [0.5]}, r"p: expected float, got \[0.5\]"),
    ({"type": "Dropout", "p": 1.5}, "^p: .*1.5"),
    ({"type": "Conv2d", "in_channels": 3, "out_channels": 4, "kernel_size": 3, "groups": 2}, "^type: .*in_channels=3 and out_channels=4 .*groups=2"),
    ({**_LINEAR, "parametrizations": {"weight": "wieght_norm"}}, r"^parametrizations.weight\[0\].type: .*did you mean weight_norm"),
    ({**_LINEAR, "parametrizations": {"wight": ["weight_norm"]}}, r"^parametrizations.wight\[0\].type: .*Linear has no parameter or buffer 'wight'"),
    ({**_LINEAR, "parametrizations": {"0.weight": ["weight_norm"]}}, r"^parametrizations.0.weight: .*'0' is not a module of Linear"),
    ({**_LINEAR, "parametrizations": {"weight": [{"type": "weight_norm", "dim": "a"}]}}, r"^parametrizations.weight\[0\].dim: expected int"),
    ({**_LINEAR, "parametrizations": {"weight": [{"type": "orthogonal", "orthogonal_map": "x"}]}}, r"^parametrizations.weight\[0\].orthogonal_map: "),
    ({**_LINEAR, "parametrizations": {"weight": [{"type": "Flatten", "start_dim": 0}]}}, r"^parametrizations.weight: .*changes the shape"),
    ({**_LINEAR, "parametrizations": ["weight"]}, "^parametrizations: expected names of tensors"),
    ({"type": "Sequential", "modules": [{"type": "Tanh"}, "ReLU"]}, r"modules\[1\]: expected Module.*did you mean {type: ReLU}"),
    ({"type": "CrossEntropyLoss", "weight": {"tensor": [1, 2], "dtype": "flot"}}, "^weight: dtype 'flot'"),
    ({"type": "Linear", "in_features": 10**30, "out_features": 1}, "^type: Maximum"),
    ({**_LINEAR, 1: 2}, "the key 1 is not text"),
    ({"type": "LinearCrossEntropyLoss", "in_features": 2, "num_classes": 3, "options": {"chunk": 4}}, "^options: expected LinearCrossEntropyOptions"),
    ({"type": "SGD", "lr": 0.1, "parametrizations": {}}, "^parametrizations: no setting of SGD"),
    ({"type": "Conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": {"a": 1}}, "kernel_size: expected int"),
    ({"type": "Sequential", "modules": [{"type": "ReLU"}, {"type": "Dropout", "q": 1}]}, r"modules\[1\].q: no setting of Dropout; it has p, inplace"),
    ({"type": "Sequential", "modules": [3]}, r"modules\[0\]: expected Module.*got 3"),
    ({"type": "TransformerEncoderLayer", "d_model": 4, "nhead": 2, "activation": {"function": "nn.functional.gelo"}},
     r"activation: 'nn.functional.gelo' is no function of workbench; did you mean nn.functional.gelu"),
    ({"type": "TransformerEncoderLayer", "d_model": 4, "nhead": 2, "activation": {"function": "os.system"}}, "no function of workbench"),
    ({"type": 3}, "expected a mapping with a type"),
    ([1], "expected a mapping with a type"),
    ({"type": "SGD", "lr": 0.1}, "SGD needs params; pass them to build"),
]


@pytest.mark.parametrize(("given", "message"), MISTAKES, ids=str)
def test_a_mistake_points_at_its_key(given, message: str):
    with pytest.raises(wb.errors.ConfigError, match=message):
        config.build(given)


def test_a_mistake_in_a_file_names_the_line(tmp_path):
    file = tmp_path / "net.yaml"
    file.write_text(YAML)
    with pytest.raises(wb.errors.ConfigError, match=r"model.modules\[1\].p \(net.yaml, line 6\): expected float, got 'much'"):
        config.build(config.load(file)["model"], path="model")


@pytest.mark.parametrize(("text", "message"), [
    ("a: 1\na: 2", r"a \(text, line 2\): the key stands twice, first at text, line 1"),
    ("a: [1\nb: 2", "text, line"), ("- 1\n- 2", "expected a mapping of keys to values, got list"), ("", "got NoneType"),
    ("a: !!python/object/apply:os.system ['true']", "text, line 1: the tag .*system is not allowed"), ('{"a": 1,\n"b" 2}', "text, line 2"),
])
def test_text_that_is_no_configuration(text: str, message: str):
    with pytest.raises(wb.errors.ConfigError, match=message):
        config.loads(text)


def test_overrides_that_lead_nowhere():
    given = {"model": {"modules": [1, 2]}, "lr": 1}
    for path, message in [("modle.p=1", "there is no 'modle'; there is model, lr"), ("model.modules.7=1", "there is no '7'; there is 0 to 1"),
                          ("lr.a=1", "lr is 1, which has no parts"), ("lr", "expected key.key=value")]:
        with pytest.raises(wb.errors.ConfigError, match=message):
            config.override(given, [path])


def test_a_file_that_extends_itself(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: b.yaml")
    (tmp_path / "b.yaml").write_text("extends: a.yaml")
    with pytest.raises(wb.errors.ConfigError, match="extends itself, by way of a.yaml -> b.yaml"):
        config.load(tmp_path / "a.yaml")


class Unregistered(nn.Module):
    def forward(self, x):
        return x


def test_what_has_no_configuration():
    changed = wb.registry.register(type("Changed", (nn.Module,), {"__init__": _with_head}))()
    changed.head = nn.Linear(2, 9)
    for made, message in [(Unregistered(), "'Unregistered' is not in the registry"), (nn.Sequential(Unregistered()), "'Unregistered' is not in the registry"),
                          (wb.ones(2), "got Tensor"), (changed, "was changed after it was made .head.bias, head.weight"),
                          (nn.TransformerEncoderLayer(4, 2, 8, activation=lambda x: x), "activation: the function .* is not public in workbench"),
                          (wb.optim.lr_scheduler.LambdaLR(wb.optim.SGD(nn.Linear(1, 1).parameters()), lambda epoch: 1.0),
                           r"an LRScheduler with rate\(base, epoch\)")]:
        with pytest.raises(wb.errors.ConfigError, match=message):
            config.to_config(made)


def _with_head(self) -> None:
    nn.Module.__init__(self)
    self.head = nn.Linear(2, 3)


def test_a_class_of_ones_own_may_not_hide_a_built_in():
    with pytest.raises(wb.errors.ConfigError, match="workbench has a Linear among its layers"):
        wb.registry.register(type("Linear", (nn.Module,), {}))
    with pytest.raises(wb.errors.ConfigError, match="derives from no base of workbench"):
        wb.registry.register(dict)


def test_what_was_changed_without_a_new_shape_is_refused_too():
    swapped = nn.TransformerEncoderLayer(4, 2, 8)
    swapped.norm1 = nn.RMSNorm(4, elementwise_affine=True)
    swapped.norm1.bias = nn.Parameter(wb.zeros(4))
    tied = nn.Bilinear(3, 3, 3), nn.MultiheadAttention(4, 2)
    tied[1].out_proj.weight = nn.Parameter(wb.zeros(4, 4))
    twins = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    twins[1].weight = twins[0].weight
    late = nn.Sequential(nn.Linear(2, 2), nn.utils.parametrize.register_parametrization(nn.Linear(2, 2), "weight", Unregistered()))
    for made, message in [(swapped, r"was changed after it was made \(norm1\)"), (twins, r"was changed .*0.weight and 1.weight"),
                          (late, "^1.weight: .*'Unregistered' is not in the registry")]:
        with pytest.raises(wb.errors.ConfigError, match=message):
            config.to_config(made)
    assert config.to_config(tied[1])["type"] == "MultiheadAttention"
    x = nn.Input(shape=(3,))
    graphs = nn.Sequential(nn.Model(x, nn.Linear(3, 3)(x)), nn.Tanh())
    assert config.to_config(graphs)["modules"][0]["type"] == "GraphModel"
