"""Groups of parameters in configurations: rules by names, there and back, alone, in wrappers and in whole runs."""
from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

import workbench as wb
from workbench import config, nn, optim

ERROR = wb.errors.ConfigError


def model():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def told(optimizer):
    return {name: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for name in group["param_names"]}


TEXT = "{type: AdamW, lr: 1e-3, groups: {'0.*': {frozen: true}, '*.bias': {weight_decay: 0}, '2.*': {lr: 0.1}}}"


@pytest.mark.parametrize("text", [TEXT, f"{{type: Lookahead, optimizer: {TEXT}}}", f"{{type: Lookahead, optimizer: {{type: SAM, optimizer: {TEXT}}}}}"])
def test_rules_make_groups_and_come_back(text):
    made, read = model(), config.loads(text)
    optimizer = config.build(read, "optimizers", params=made)
    assert told(optimizer) == {"2.weight": (0.1, 0.01), "2.bias": (0.001, 0)}
    again = config.loads(config.dumps(config.to_config(optimizer, made)))
    assert told(config.build(again, "optimizers", params=made)) == told(optimizer)
    whole = config.schema("optimizers")
    assert Draft202012Validator(whole).is_valid(read)


def test_a_schedule_is_not_taken_for_a_setting():
    made = model()
    optimizer = optim.SGD(optim.param_groups(made, {"2.*": {"lr": 0.5}}), lr=0.1)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[1]["lr"] == pytest.approx(0.05)
    assert config.to_config(optimizer) == {"type": "SGD", "lr": 0.1, "groups": {"2.weight": {"lr": 0.5}, "2.bias": {"lr": 0.5}}}


def test_a_run_remembers_what_its_optimizer_left_out():
    made = model()
    optimizer = optim.AdamW([{"params": made[2].parameters(), "lr": 0.01}])
    run = wb.fit(made, wb.data.iris(), loss="cross_entropy", optimizer=optimizer, epochs=1, progress=False)
    again = config.fit(config.loads(config.dumps(config.to_config(run))))
    assert told(again.optimizer) == {"2.weight": (0.01, 0.01), "2.bias": (0.01, 0.01)}


def test_a_plain_optimizer_has_no_groups_in_its_configuration():
    made = model()
    for parameters in (made.parameters(), made.named_parameters()):
        assert config.to_config(optim.SGD(parameters, lr=0.1), made) == {"type": "SGD", "lr": 0.1}


@pytest.mark.parametrize(("groups", "message"), [
    ({"*.bias": {"weight_deacy": 0}}, r"run.groups.\*.bias.weight_deacy: no setting of AdamW; did you mean weight_decay\?"),
    ({"*.bias": {"lr": "fast"}}, "run.groups.*lr: expected float, got 'fast'"), ({"bais": {"lr": 1.0}}, "run.groups: .*no parameter matches 'bais'"),
    (["*.bias"], "expected patterns with their settings"), ({"*.bias": 0.1}, "expected patterns with their settings")], ids=str)
def test_a_mistake_names_its_rule(groups, message):
    with pytest.raises(ERROR, match=message):
        config.build({"type": "AdamW", "groups": groups}, params=model(), path="run")


def test_rules_need_names():
    made = model()
    with pytest.raises(ERROR, match=r"pass the model itself"):
        config.build({"type": "AdamW", "groups": {"*.bias": {"lr": 0.1}}}, params=made.parameters())
    with pytest.raises(ERROR, match=r"have no names; make the groups by optim.param_groups"):
        config.to_config(optim.SGD([{"params": made[0].parameters(), "lr": 0.1}, {"params": made[2].parameters()}]))
