"""compile, fit, evaluate and predict: the trainer's work under Keras' names, names that are found, data in every form."""
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import workbench as wb
from workbench import nn, optim, registry
from workbench.core import errors
from workbench.nn import functional as F
from workbench.train import names

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)


def made(**options):
    wb.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh())
    model.add(nn.Linear(8, 3))
    model.compile(**{"optimizer": "adam", "loss": "cross_entropy", "metrics": ["accuracy"], "lr": 0.05, **options})
    return model


# The trainer does the work --------------------------------------------------------------------------------------------------
def test_fit_is_the_trainer():
    model, other = made(), made()
    run = model.fit(X, Y, batch_size=10, epochs=3, seed=5, verbose=0)
    loader = wb.data.DataLoader(wb.data.TensorDataset(X, Y), 10, shuffle=True, seed=5)
    wanted = wb.train.Trainer(other, F.cross_entropy, optim.Adam(other.parameters(), lr=0.05), seed=5).fit(loader, 3, progress=False)
    np.testing.assert_array_equal(run.history.column("loss")[1], wanted.history.column("loss")[1])
    assert run.step_index == 15


def test_a_second_fit_goes_on_with_the_same_optimizer():
    model = made()
    model.fit(X, Y, epochs=1, verbose=0)
    optimizer = model._plan.made
    model.fit(X, Y, epochs=1, verbose=0)
    assert model._plan.made is optimizer
    model.compile("sgd", "cross_entropy")
    model.fit(X, Y, epochs=1, verbose=0)
    assert type(model._plan.made) is optim.SGD


def test_evaluate_and_predict_agree_with_the_model():
    model = made()
    scores, outputs = model.evaluate(X, Y, batch_size=7), model.predict(X, batch_size=7)
    wanted = model.eval()(wb.tensor(X)).detach()
    np.testing.assert_allclose(outputs.numpy(), wanted.numpy(), rtol=1e-6)
    assert scores["loss"] == pytest.approx(F.cross_entropy(wanted, wb.tensor(Y)).item(), rel=1e-5)
    assert scores["accuracy"] == pytest.approx((wanted.numpy().argmax(1) == Y).mean())
    assert not outputs.requires_grad


def test_evaluate_and_predict_show_a_bar_where_it_is_asked_for(capsys):
    model = made()
    for verbose in (0, "auto"):  # here is no terminal
        model.evaluate(X, Y, verbose=verbose)
        model.predict(X, verbose=verbose)
    assert capsys.readouterr().err == ""
    model.evaluate(X, Y, 10, 1)
    model.predict(X, 10, 1)
    shown = capsys.readouterr().err
    assert all(part in shown for part in ("evaluate: 100%", "predict: 100%", "5/5"))


@pytest.mark.parametrize("call", [lambda m: m.fit(X, Y, verbose=2), lambda m: m.evaluate(X, Y, verbose=2), lambda m: m.predict(X, verbose="yes")])
def test_another_verbosity_is_refused_with_what_to_do(call):
    with pytest.raises(errors.ArgumentError, match=r"verbose=.*expected 'auto', 0 or 1 .*CSVLogger"):
        call(made())


def test_predict_leaves_modes_as_they_were():
    model = nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.5).eval(), nn.BatchNorm1d(2))
    before = [module.training for module in model.modules()], model[2].running_mean.numpy().copy()
    np.testing.assert_array_equal(model.predict(X, 8).numpy(), model.predict(X, 50).numpy())
    assert [module.training for module in model.modules()] == before[0]
    np.testing.assert_array_equal(model[2].running_mean.numpy(), before[1])


def test_the_last_share_is_held_out_and_not_trained_on():
    model, other = made(), made()
    run = model.fit(X, Y, epochs=2, validation_split=0.2, seed=1, verbose=0)
    other.fit(X[:40], Y[:40], epochs=2, validation_data=(X[40:], Y[40:]), seed=1, verbose=0)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(mine.detach().numpy(), theirs.detach().numpy())
    assert run.history.last("val_accuracy") == pytest.approx(model.evaluate(X[40:], Y[40:])["accuracy"])


FORMS = {
    "arrays": lambda: (X, Y), "tensors": lambda: (wb.tensor(X), wb.tensor(Y)), "float64": lambda: (X.astype(np.float64), Y),
    "dataset": lambda: (wb.data.TensorDataset(X, Y),), "loader": lambda: (wb.data.DataLoader(wb.data.TensorDataset(X, Y), 32),),
    "batches": lambda: ([(wb.tensor(X[:32]), wb.tensor(Y[:32])), (wb.tensor(X[32:]), wb.tensor(Y[32:]))],),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_comes_in_every_form(form):
    model, reference = made(), made()
    data = FORMS[form]()
    model.fit(*data, epochs=1, shuffle=False, verbose=0)
    reference.fit(X, Y, epochs=1, shuffle=False, verbose=0)
    assert model.evaluate(*data)["loss"] == pytest.approx(reference.evaluate(X, Y)["loss"], rel=1e-5)
    np.testing.assert_allclose(model.predict(data[0]).numpy(), reference.predict(X).numpy(), rtol=1e-4, atol=1e-5)


def test_several_inputs_and_outputs_by_name_or_place():
    a, b = nn.Input(4), nn.Input(4)
    hidden = nn.Linear(8, 8)(wb.concat([a, b], 1)).tanh()
    kind, size = nn.Linear(8, 3)(hidden), nn.Linear(8, 1)(hidden)
    named = nn.Model({"a": a, "b": b}, {"kind": kind, "size": size})
    placed = nn.Model([a, b], (kind, size))  # the same layers
    target = X[:, :1]
    named.compile("adam", {"kind": "cross_entropy", "size": "mse"}, loss_weights={"kind": 1.0, "size": 0.5}, lr=0.02)
    placed.compile("adam", ["cross_entropy", nn.MSELoss], loss_weights=[1.0, 0.5], lr=0.02)
    first = named.evaluate({"a": X, "b": X}, {"kind": Y, "size": target})["loss"]
    assert first == pytest.approx(placed.evaluate([X, X], [Y, target])["loss"])
    for _ in range(2):
        named.fit({"a": X, "b": X}, {"kind": Y, "size": target}, epochs=10, verbose=0)
        placed.fit([X, X], [Y, target], epochs=10, verbose=0)
    assert placed.evaluate([X, X], [Y, target])["loss"] < first / 2
    assert {name: part.shape for name, part in named.predict({"a": X, "b": X}, 16).items()} == {"kind": (50, 3), "size": (50, 1)}
    assert [part.shape for part in placed.predict(wb.data.TensorDataset(X, X, Y))] == [(50, 3), (50, 1)]


def test_lazy_layers_see_a_sample_before_the_optimizer_is_made():
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    model.compile("sgd", "cross_entropy", lr=0.1)
    model.fit(X, Y, epochs=1, verbose=0)
    assert model[0].weight.shape == (3, 4)
    assert model.training


def test_what_is_compiled_by_jit_learns_the_same():
    model, other = made(jit_compile=True), made()
    for each in (model, other):
        each.fit(X, Y, epochs=3, seed=2, verbose=0)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_compile_without_an_optimizer_compiles_the_calls():
    model = made()
    before = model(wb.tensor(X)).detach().numpy()
    model.compile()
    assert "forward" in vars(model)
    np.testing.assert_allclose(model(wb.tensor(X)).detach().numpy(), before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"])
def test_a_copy_is_compiled_and_has_an_optimizer_of_its_own(copied):
    model = made()
    model.fit(X, Y, epochs=1, verbose=0)
    twin = copied(model)
    before = model[0].weight.detach().numpy().copy()
    twin.fit(X, Y, epochs=1, verbose=0)
    np.testing.assert_array_equal(model[0].weight.detach().numpy(), before)
    assert not np.array_equal(twin[0].weight.detach().numpy(), before)


def test_callbacks_and_further_options_reach_the_trainer():
    seen = []

    class Watching(wb.train.Callback):
        def on_step_end(self, trainer):
            seen.append(trainer.run.step_index)

    run = made().fit(X, Y, epochs=9, max_steps=3, callbacks=[Watching()], verbose=0)
    assert (run.step_index, seen) == (3, [1, 2, 3])


# Names ----------------------------------------------------------------------------------------------------------------------
def own_names(kind):
    return sorted(registry.entries(kind))


@pytest.mark.parametrize("spelled", [str, str.lower, lambda name: name.removesuffix("Loss")], ids=["as-it-is", "lower", "without-loss"])
def test_every_optimizer_loss_and_metric_is_found_by_name(spelled):
    for name in own_names("optimizers"):
        assert names.optimizer(spelled(name), None, "compile").kind is registry.optimizers()[name].target
    known = {}
    for name in own_names("losses"):
        known.setdefault(registry.plain(name), name)
    for name in known.values():
        needs = [p for p in registry.losses()[name].parameters if p.required]
        if not needs:
            assert type(names.loss(spelled(name), "compile")) is registry.losses()[name].target


@pytest.mark.parametrize(("name", "kind"), [("cross_entropy", nn.CrossEntropyLoss), ("mse", nn.MSELoss), ("mean_squared_error", nn.MSELoss), ("mae", nn.L1Loss),
                                            ("binary_cross_entropy_with_logits", nn.BCEWithLogitsLoss), ("bce_with_logits", nn.BCEWithLogitsLoss),
                                            ("huber", nn.HuberLoss), ("kl_div", nn.KLDivLoss), ("nll_loss", nn.NLLLoss), (nn.L1Loss, nn.L1Loss)])
def test_losses_by_the_names_people_use(name, kind):
    assert type(names.loss(name, "compile")) is kind


def test_a_class_of_ones_own_is_found(monkeypatch):
    monkeypatch.setattr(registry, "_OWN", {kind: dict(own) for kind, own in registry._OWN.items()})

    @registry.register
    class Halving(optim.SGD):
        """Goes half as far."""

    model = made(optimizer="halving")
    assert type(model._plan.optimizer_of(model)) is Halving


@pytest.mark.parametrize("optimizer", [optim.RMSprop, lambda ps: optim.RMSprop(ps, lr=0.1), None], ids=["class", "function", "instance"])
def test_optimizers_come_in_every_form(optimizer):
    model = nn.Sequential(nn.Linear(4, 3))
    model.compile(optimizer or optim.RMSprop(model.parameters()), F.cross_entropy)
    model.fit(X, Y, epochs=1, verbose=0)
    assert type(model._plan.made) is optim.RMSprop


# What goes wrong ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("options", "message"), [
    ({"optimizer": "adma"}, "no optimizer is called 'adma'; did you mean adam"),
    ({"loss": "crossentropi"}, "no loss is called 'crossentropi'; did you mean crossentropy"),
    ({"metrics": ["acuracy"]}, "no metric is called 'acuracy'; did you mean accuracy"),
    ({"loss": None}, "a loss is missing"), ({"optimizer": None}, "an optimizer is missing"), ({"loss": 3}, "loss=3; expected"),
    ({"optimizer": 3, "lr": None}, "optimizer=3; expected"), ({"optimizer": lambda ps: 1}, "lr goes with the name or the class"),
    ({"loss_weights": [1.0]}, "loss_weights need several losses"), ({"loss": ["mse", "mse"]}, "metrics need one output"),
    ({"loss": ["mse", "mse"], "metrics": [], "loss_weights": [1.0]}, "loss_weights for 0; expected 0, 1"),
    ({"static_argnums": 1}, "static_argnums cannot be combined"),
])
def test_a_plan_that_does_not_fit_is_refused(options, message):
    with pytest.raises(errors.ArgumentError, match=message):
        made(**options)


@pytest.mark.parametrize(("call", "message"), [
    (lambda m: nn.Sequential(nn.Linear(4, 3)).fit(X, Y), "fit: nothing says how to train; call compile"),
    (lambda m: m.fit(X, Y[:10], verbose=0), r"same number of samples on axis 0, got shapes \[\(50, 4\), \(10,\)\]"),
    (lambda m: m.fit(wb.data.TensorDataset(X, Y), Y), "y goes with arrays"), (lambda m: m.fit(3), "x is int; expected arrays"),
    (lambda m: m.fit(X, Y, validation_split=1.5), "validation_split=1.5"), (lambda m: m.fit(X, Y, validation_split=0.001), "leaves nothing"),
    (lambda m: m.fit(X, Y, validation_split=0.5, validation_data=(X, Y)), "give one of them"),
    (lambda m: m.fit([(wb.tensor(X), wb.tensor(Y))], validation_split=0.5), "divides arrays and datasets"), (lambda m: m.fit(X, Y, verbose=2), "verbose=2"),
    (lambda m: m.fit(X, Y, progress=False), "fit: no option is called 'progress'; there are max_steps, checkpoint, resume"),
    (lambda m: m.fit(X, Y, batch_size=0), "batch_size=0"), (lambda m: m.fit(X, Y, epochs=0), "epochs=0"), (lambda m: m.predict([]), "no samples"),
])
def test_a_call_that_does_not_fit_is_refused(call, message):
    with pytest.raises((errors.ArgumentError, errors.ShapeError), match=message):
        call(made())


def test_outputs_that_have_no_loss_are_told():
    x = nn.Input(4)
    model = nn.Model(x, {"a": nn.Linear(4, 1)(x), "b": nn.Linear(4, 1)(x)})
    model.compile("sgd", {"a": "mse", "c": "mse"})
    with pytest.raises(errors.ArgumentError, match="outputs are called a, b, the losses a, c"):
        model.fit(X, {"a": X[:, :1], "c": X[:, :1]}, verbose=0)
