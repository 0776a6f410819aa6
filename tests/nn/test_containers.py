"""Containers beyond holding: added, joined, repeated, emptied; names that stay free of each other."""
from __future__ import annotations

import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors


def kinds(container):
    return [type(module).__name__ for module in container]


def test_layers_are_added_one_after_another():
    model = nn.Sequential().add(nn.Linear(2, 3)).add(nn.ReLU())
    model.extend([nn.Linear(3, 1), nn.Tanh()])
    assert kinds(model) == ["Linear", "ReLU", "Linear", "Tanh"]
    assert model(wb.ones(1, 2)).shape == (1, 1)


def test_a_slice_keeps_its_names_and_what_is_added_takes_others():
    tail = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2), nn.Tanh())[2:]
    tail.append(nn.Sigmoid())
    assert [name for name, _ in tail.named_children()] == ["2", "3", "4"]
    assert kinds(tail) == ["Linear", "Tanh", "Sigmoid"]


@pytest.mark.parametrize("kind", [lambda *ms: nn.Sequential(*ms), lambda *ms: nn.ModuleList(ms)], ids=["Sequential", "ModuleList"])
def test_containers_are_joined(kind):
    first, second = kind(nn.ReLU(), nn.Tanh()), kind(nn.Sigmoid())
    joined = first + second
    assert type(joined) is type(first)
    assert kinds(joined) == ["ReLU", "Tanh", "Sigmoid"]
    assert joined[0] is first[0]
    first += second
    first += first
    assert kinds(first) == ["ReLU", "Tanh", "Sigmoid"] * 2


def test_a_repeated_sequential_shares_its_layers():
    layer = nn.Linear(2, 2)
    model = 3 * nn.Sequential(layer, nn.Tanh())
    assert len(model) == 6
    assert model[4] is layer
    assert len(list(model.parameters())) == 2
    with pytest.raises(errors.ArgumentError, match="repeated 0 times"):
        nn.Sequential(layer) * 0


def test_dicts_give_and_lose_their_modules():
    table = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
    assert type(table.pop("a")) is nn.ReLU
    assert list(table) == ["b"]
    table.clear()
    assert not len(table)
    assert not list(table.named_children())


def test_parameters_are_held_in_lists_and_dicts():
    held = nn.ParameterList([wb.ones(2), nn.Parameter(wb.zeros(3))])
    held += [wb.ones(1)]
    assert [p.shape for p in held] == [(2,), (3,), (1,)]
    assert [p.shape for p in held[1:]] == [(3,), (1,)]
    held[0] = wb.zeros(4)
    assert held.state_dict()["0"].shape == (4,)
    assert all(isinstance(p, nn.Parameter) for p in held)
    table = nn.ParameterDict({"scale": wb.ones(2)})
    table.update({"shift": wb.zeros(2)})
    assert list(table.keys()) == ["scale", "shift"]
    assert table.pop("scale").tolist() == [1.0, 1.0]
    assert "scale" not in table
    assert [name for name, _ in table.named_parameters()] == ["shift"]
    table.clear()
    assert not len(table)


def test_what_a_list_of_parameters_holds_is_trained():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.terms = nn.ParameterList(wb.ones(2) for _ in range(3))

        def forward(self, x):
            return sum((x * term for term in self.terms), x)

    model = Sum()
    model(wb.ones(2)).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["terms.0", "terms.1", "terms.2"]


def test_a_dict_of_parameters_has_the_methods_of_a_dict():
    table = nn.ParameterDict({"a": wb.ones(2)})
    assert table.get("b", 5) == 5
    assert table.get("a") is table["a"]
    assert table.setdefault("b", wb.zeros(3)) is table["b"]
    assert isinstance(table["b"], nn.Parameter)
    both = table | nn.ParameterDict({"c": wb.ones(1)})
    assert list(both) == ["a", "b", "c"]
    assert both["a"] is table["a"]
    table |= nn.ParameterDict({"c": wb.ones(1)})
    assert table.popitem()[0] == "c"
    assert list(table.copy().keys()) == ["a", "b"]
    assert list(table.fromkeys(["x", "y"], wb.ones(1)).state_dict()) == ["x", "y"]


def test_a_dict_of_modules_takes_pairs_and_refuses_the_rest():
    held = nn.ModuleDict()
    held.update([("b", nn.ReLU()), ("a", nn.Tanh())])
    assert list(held) == ["b", "a"]
    with pytest.raises(errors.ArgumentError, match="ModuleDict: expected a mapping of names or pairs"):
        held.update(3)
