"""Parameter groups: names, rules, rates per layer; hooks; and PyTorch's answers to the same."""
from __future__ import annotations

import copy

import numpy as np
import pytest

import workbench as wb
from tests.optim.test_formulas import optimizer_named
from workbench import errors, nn, optim


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)), nn.Linear(3, 1))


def rates(groups: list[dict]) -> dict[str, float]:
    return {name: group["lr"] for group in groups for name in group["param_names"]}


def test_biases_and_norms_have_no_decay() -> None:
    groups = optim.param_groups(model(), weight_decay=0.1)
    decays = {name: group["weight_decay"] for group in groups for name in group["param_names"]}
    assert {name for name, decay in decays.items() if decay} == {"0.weight", "1.0.weight", "2.weight"}


def test_lower_layers_learn_more_slowly() -> None:
    found = rates(optim.param_groups(model(), lr=1.0, layer_decay=0.5))
    assert (found["0.weight"], found["1.1.bias"], found["2.bias"]) == (0.25, 0.5, 1.0)


def test_layers_are_counted_by_the_first_number_of_a_name() -> None:
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.blocks, self.head = nn.Linear(2, 2), nn.ModuleList([model(), model()]), nn.Linear(1, 1)

    found = rates(optim.param_groups(Encoder(), lr=1.0, layer_decay=0.1))
    assert (found["embed.weight"], found["blocks.0.1.0.bias"], found["blocks.1.2.bias"], found["head.bias"]) == pytest.approx((1e-3, 1e-2, 1e-1, 1))


def test_the_first_rule_counts_and_frozen_ones_are_left_out() -> None:
    m = model()
    m[2].weight.requires_grad_(False)
    groups = optim.param_groups(m, {"0.*": {"frozen": True}, "*.bias": {"lr": 0.5}, "1.*": {"lr": 0.1}}, weight_decay=0.1)
    assert rates([g for g in groups if "lr" in g]) == {"1.0.bias": 0.5, "1.1.bias": 0.5, "2.bias": 0.5, "1.0.weight": 0.1, "1.1.weight": 0.1}
    assert not any(name.startswith("0.") or name == "2.weight" for g in groups for name in g["param_names"])
    optim.AdamW(groups, lr=1.0)


def test_wrong_groups_are_errors() -> None:
    with pytest.raises(errors.ArgumentError, match="matches"):
        optim.param_groups(model(), {"decoder.*": {}})
    with pytest.raises(errors.ArgumentError, match="layer_decay"):
        optim.param_groups(model(), layer_decay=0.5)
    named = list(model().named_parameters())
    with pytest.raises(errors.ArgumentError, match="names"):
        optim.SGD([{"params": named[:2]}, {"params": [p for _, p in named[2:]]}])
    with pytest.raises(errors.ArgumentError, match="names"):
        optim.SGD([named[0], named[1][1]])


@pytest.mark.oracle
def test_names_are_kept_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
    found = []
    for library, package, parameter in ((wb, optim, wb.ones), (torch, torch.optim, torch.ones)):
        optimizer = package.SGD([("a", parameter(1, requires_grad=True)), ("b", parameter(2, requires_grad=True))], lr=0.1)
        optimizer.add_param_group({"params": [("c", parameter(3, requires_grad=True))], "lr": 0.5})
        state = optimizer.state_dict()
        found.append([(group["param_names"], group["params"], group["lr"]) for group in state["param_groups"]])
        assert library is not None
    assert found[0] == found[1]


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted(name for name in optim.__all__ if optimizer_named(name) and name not in ("Optimizer", "KFAC")))
def test_settings_are_named_as_in_pytorch(name) -> None:
    torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
    if not hasattr(torch.optim, name):
        return
    ours = getattr(optim, name)([wb.ones(2, 2, requires_grad=True)]).state_dict()["param_groups"][0]
    theirs = getattr(torch.optim, name)([torch.ones(2, 2, requires_grad=True)]).state_dict()["param_groups"][0]
    assert set(theirs) - set(ours) == set()
    assert {key: ours[key] for key in theirs if key in ours} == theirs


def story_of(library, package) -> list:
    """What hooks see while an optimizer steps, is saved and loaded."""
    story: list = []
    p = library.ones(1, requires_grad=True)
    optimizer = package.SGD([p], lr=0.5)
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kwargs: story.append(("pre", p.item(), len(args)))),
        optimizer.register_step_post_hook(lambda o, args, kwargs: story.append(("post", p.item()))),
        optimizer.register_state_dict_pre_hook(lambda o: story.append("saving")),
        optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": 1}),
        optimizer.register_load_state_dict_pre_hook(lambda o, state: story.append(state["note"])),
        optimizer.register_load_state_dict_pre_hook(lambda o, state: {k: v for k, v in state.items() if k != "note"}, prepend=False),
        optimizer.register_load_state_dict_post_hook(lambda o: story.append("loaded")),
    ]
    p.grad = library.ones(1)
    optimizer.step(lambda: p.sum())
    optimizer.load_state_dict(optimizer.state_dict())
    for handle in handles:
        handle.remove()
    optimizer.step()
    return story


@pytest.mark.oracle
def test_hooks_are_called_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
    assert story_of(wb, optim) == story_of(torch, torch.optim) == [("pre", 1.0, 2), ("post", 0.5), "saving", 1, "loaded"]


def test_a_pre_hook_may_change_the_arguments() -> None:
    p = wb.ones(1, requires_grad=True)
    optimizer = optim.SGD([p])
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: p.sum() * 3), {}))
    assert optimizer.step().item() == 3.0
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 5)
    with pytest.raises(errors.ArgumentError, match="pair"):
        optimizer.step()


def test_a_closure_records_and_hooks_of_all_see_every_optimizer() -> None:
    seen: list[str] = []
    handles = [optim.register_optimizer_step_pre_hook(lambda o, a, k: seen.append("pre")),
               optim.register_optimizer_step_post_hook(lambda o, a, k: seen.append("post"))]
    p = wb.ones(1, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with wb.no_grad():
        assert optimizer.step(closure).item() == 1.0
    for handle in handles:
        handle.remove()
    optimizer.step(closure)
    assert seen == ["pre", "post"]
    assert p.item() == 0.0


@pytest.mark.oracle
def test_pytorchs_own_state_is_taken() -> None:
    """Steps are tensors there; half-way through, ours goes on from its state."""
    torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
    theirs, ours = torch.ones(3, dtype=torch.float64, requires_grad=True), wb.ones(3, dtype="float64", requires_grad=True)
    first, second = torch.optim.NAdam([theirs], lr=0.1), optim.NAdam([ours], lr=0.1)
    for step in range(10):
        if step == 5:
            state = copy.deepcopy(first.state_dict())
            state["state"] = {n: {k: wb.tensor(v.numpy()) for k, v in held.items()} for n, held in state["state"].items()}
            second.load_state_dict(state)
            assert second.state[ours]["step"] == 5
            ours.data[...] = theirs.detach().numpy()
        theirs.grad, ours.grad = torch.tensor([1.0, step, -2.0], dtype=torch.float64), wb.tensor([1.0, step, -2.0], dtype="float64")
        first.step()
        if step >= 5:
            second.step()
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-6)


def test_a_model_instead_of_its_parameters_is_named() -> None:
    with pytest.raises(errors.ArgumentError, match=r"SGD: got a Linear.*model\.parameters\(\)"):
        optim.SGD(nn.Linear(1, 1), lr=0.1)


def test_what_is_remembered_of_a_group_that_was_taken_away_is_not_saved():
    a, b = (wb.nn.Parameter(wb.ones(1)) for _ in range(2))
    optimizer = optim.Adam([{"params": [a]}, {"params": [b]}])
    a.grad = b.grad = wb.ones(1)
    optimizer.step()
    del optimizer.param_groups[0]
    assert list(optimizer.state_dict()["state"]) == [0]
    optimizer.step()
    assert (round(a.item(), 4), round(b.item(), 4)) == (0.999, 0.998)
