"""Whatever a trainer is made of, and wherever it is interrupted: resumed, it ends in the same bits."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.train.test_resume import Interruption, Shuffled, assert_same, interrupt_at
from workbench import data, nn, optim, train
from workbench.nn import functional as F
from workbench.optim import lr_scheduler

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True), "AdamW": lambda p: optim.AdamW(p, lr=0.02, amsgrad=True),
    "Adafactor": lambda p: optim.Adafactor(p, lr=0.02), "LBFGS": lambda p: optim.LBFGS(p, max_iter=3, line_search_fn="strong_wolfe"),
    "SAM": lambda p: optim.SAM(optim.SGD(p, lr=0.05, momentum=0.9)), "Lookahead": lambda p: optim.Lookahead(optim.RMSprop(p, lr=0.01), k=3)}
SCHEDULERS = {
    "none": lambda o: None, "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 15), "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0),
    "warm-up": lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o, 0.1, total_iters=4), lr_scheduler.ExponentialLR(o, 0.9)], [4])}


def build(optimizer: str, scheduler: str, schedule: str, patience: int | None, **options: Any) -> train.Trainer:
    wb.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.2), nn.Linear(8, 3))
    chosen = OPTIMIZERS[optimizer](model.parameters())
    callbacks = [] if patience is None else [train.EarlyStopping(patience=patience)]
    # the plateau has something to look at from the first step on
    return train.Trainer(model, F.cross_entropy, chosen, scheduler=SCHEDULERS[scheduler](chosen), schedule=schedule, monitor="loss", seed=2,
                         callbacks=callbacks, **options)


def run(folder: Path, made: dict[str, Any], planned: dict[str, Any], every: int, stop: int | None) -> train.Trainer:
    each = build(**made)
    if stop is not None:
        each._given.append(interrupt_at(stop))
    checkpoint = train.Checkpoint(folder, every_steps=every, keep=1)
    each.fit(Shuffled(15), validation=[data.iris()[75:]], checkpoint=checkpoint, resume="auto", **planned)
    return each


MADE = st.fixed_dictionaries({
    "optimizer": st.sampled_from(sorted(OPTIMIZERS)), "scheduler": st.sampled_from(sorted(SCHEDULERS)), "schedule": st.sampled_from(["epoch", "step"]),
    "patience": st.sampled_from([None, 2]), "accumulate": st.integers(1, 3), "micro_batch": st.sampled_from([None, 5]),
    "ema": st.sampled_from([None, 0.8]), "max_grad_norm": st.sampled_from([None, 0.5]), "evaluate_every": st.sampled_from([None, 2]),
    "precision": st.sampled_from(["32", "bf16"])})
PLANNED = st.sampled_from([{"epochs": 3}, {"max_steps": 7}, {"epochs": 4, "max_steps": 9}])


PLAIN = {"optimizer": "SGD", "scheduler": "none", "schedule": "epoch", "patience": 2, "accumulate": 1, "micro_batch": None, "ema": None,
         "max_grad_norm": None, "evaluate_every": None, "precision": "32"}


@pytest.mark.slow
@example(PLAIN, {"max_steps": 7}, 1, [14])  # a run that was complete is started once more
@settings(max_examples=25)
@given(MADE, PLANNED, st.integers(1, 4), st.lists(st.integers(0, 14), min_size=1, max_size=3).map(sorted))
def test_it_ends_in_the_same_bits(tmp_path_factory: pytest.TempPathFactory, made: dict[str, Any], planned: dict[str, Any], every: int,
                                  stops: list[int]) -> None:
    whole, parted = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("parted")
    expected = run(whole, made, planned, every, None).state_dict()
    for stop in stops:
        try:
            run(parted, made, planned, every, stop)
        except Interruption:
            continue
    assert_same(run(parted, made, planned, every, None).state_dict(), expected)
