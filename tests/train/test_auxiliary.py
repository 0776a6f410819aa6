"""What layers add of themselves is part of the loss that the trainer minimizes, and of no other."""
from __future__ import annotations

import pytest

import workbench as wb
from workbench import data, nn
from workbench.nn import functional as F


def trained(l2: float, **options) -> tuple[float, float]:
    """The size of what a layer puts out after training, and the last loss."""
    wb.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ActivityRegularization(l2=l2), nn.Tanh(), nn.Linear(8, 3))
    run = wb.fit(model, data.iris(), loss=F.cross_entropy, lr=0.01, epochs=10, **options)
    return abs(model[0](wb.ones(1, 4))).sum().item(), run.history.last("loss")


@pytest.mark.parametrize("options", [{}, {"compile": True}, {"micro_batch": 32}], ids=["eager", "compiled", "micro-batches"])
def test_a_penalty_on_activity_shrinks_it_in_training(options):
    plain, loss = trained(0.0, **options)
    shrunk, penalized = trained(1.0, **options)
    assert shrunk < 0.5 * plain
    assert penalized > loss


def test_a_model_that_returns_its_own_loss_gets_them_too():
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.activity = nn.Linear(4, 3), nn.ActivityRegularization(l2=2.0)

        def forward(self, x, y):
            return F.cross_entropy(self.activity(self.layer(x)), y)

    from workbench.train.steps import plain_step

    model, batch = Whole(), (wb.ones(5, 4), wb.zeros(5, dtype="int64"))
    extra = 2.0 * (model.layer(batch[0]) ** 2).sum().item()
    assert plain_step(model, batch, None)["loss"].item() == pytest.approx(model(*batch).item() + extra, rel=1e-5)
    model.eval()
    assert plain_step(model, batch, None)["loss"].item() == model(*batch).item()
