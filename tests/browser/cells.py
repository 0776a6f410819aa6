"""The code that the browser tests run in notebooks: small models in steady loops, long enough to be acted upon."""

SETUP = """import time
import workbench as wb
from workbench import nn, optim
from workbench.nn import functional as F
wb.manual_seed(0)
digits = wb.data.digits()
images, labels = digits[:64]
"""

STEADY = """model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                      nn.Linear(128, 10))
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
with wb.watch(model, optimizer, title="steady", total={steps}) as run:
    for _ in range({steps}):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.step(loss=loss)
        time.sleep(0.01)
"""

REPORT = """print(run.state, run.step_index, optimizer.param_groups[0]["lr"])
for event in run.events:
    print(event.step, event.code, event.text)
"""


def steady(steps: int) -> str:
    """A loop of about `steps` × 15 ms over one batch of digits."""
    return STEADY.format(steps=steps)
