"""The public surface of Module is that of ``torch.nn.Module``: what is left out is listed with its reason."""
from __future__ import annotations

import inspect

import pytest

import workbench as wb
from workbench import nn

torch = pytest.importorskip("torch", reason="the surface is compared with PyTorch's")
pytestmark = pytest.mark.oracle

LEFT_OUT = {
    "T_destination": "a type variable",
    "call_super_init": "a switch for how torch's own classes are built",
    "dump_patches": "of a source format that torch no longer writes",
    "ipu": "no such device here",
    "mtia": "no such device here",
    "xpu": "no such device here",
    "register_backward_hook": "deprecated in torch for register_full_backward_hook",
    "share_memory": "tensors are passed to worker processes by the loader, not by their owner",
    "to_empty": "fills modules made on torch's meta device; there is none here",
}
CONTAINERS = {
    nn.Sequential: (torch.nn.Sequential, set()), nn.ModuleList: (torch.nn.ModuleList, set()), nn.ModuleDict: (torch.nn.ModuleDict, set()),
    nn.ParameterList: (torch.nn.ParameterList, set()),
    nn.ParameterDict: (torch.nn.ParameterDict, set()),
}
SAME_SIGNATURE = ("register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook", "register_full_backward_pre_hook",
                  "register_buffer", "register_parameter", "add_module", "load_state_dict", "named_parameters", "named_buffers", "zero_grad",
                  "requires_grad_", "train", "apply", "type", "named_modules", "eval", "float", "half", "named_children")


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_every_public_name_is_there_or_left_out_for_a_reason():
    added = {"smart_apply"}  # by transformers, once a test has imported it
    assert public(torch.nn.Module) - public(nn.Module) - added == set(LEFT_OUT)


@pytest.mark.parametrize("kind", CONTAINERS, ids=lambda kind: kind.__name__)
def test_containers_have_the_names_of_torch(kind):
    theirs, left_out = CONTAINERS[kind]
    operators = {name for name in ("__add__", "__iadd__", "__mul__", "__rmul__", "__contains__", "__delitem__") if name in vars(theirs)}
    if kind is nn.ParameterList:
        operators -= {"__contains__"}
    assert (public(theirs) - public(torch.nn.Module) - left_out) | operators <= set(dir(kind))


@pytest.mark.parametrize("name", SAME_SIGNATURE)
def test_arguments_have_the_names_order_and_defaults_of_torch(name):
    def arguments(kind: type) -> list[tuple]:
        found = inspect.signature(getattr(kind, name)).parameters.values()
        return [(p.name, p.kind, p.default) for p in found][1:]

    mine, theirs = arguments(nn.Module), arguments(torch.nn.Module)
    assert mine == theirs


def test_dir_shows_what_is_held_and_nothing_that_cannot_be_typed():
    model = nn.Sequential(nn.Linear(2, 2))
    model.extra = nn.ReLU()
    model.register_buffer("count", wb.zeros(1))
    assert {"extra", "count", "forward"} <= set(dir(model))
    assert "0" not in dir(model)
