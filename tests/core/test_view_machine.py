"""Views and writes in any order against a model that copies: one flat memory, and for each view the places that it shows."""
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import workbench as wb
from workbench import errors

SIZE = 6
TAKE = {
    "slice": (lambda t: t[1:], lambda i: i[1:]), "stride": (lambda t: t[::2], lambda i: i[::2]), "flat": (lambda t: t.reshape(-1), lambda i: i.reshape(-1)),
    "column": (lambda t: t.reshape(-1, 1), lambda i: i.reshape(-1, 1)), "transposed": (lambda t: t.T, lambda i: i.T),
    "axis": (lambda t: t.unsqueeze(0), lambda i: i[None]), "first": (lambda t: t[0], lambda i: i[0]), "reversed": (lambda t: t[::-1], lambda i: i[::-1]),
    "moved": (lambda t: t.moveaxis(0, -1), lambda i: np.moveaxis(i, 0, -1)),
}
WRITE = {
    "multiply": (lambda t, a: t.mul_(a), lambda v, a: v * a), "add": (lambda t, a: t.add_(a), lambda v, a: v + a),
    "tanh": (lambda t, a: t.tanh_(), lambda v, a: wb.tanh(v)),
    "fill": (lambda t, a: t.fill_(0.25), lambda v, a: v * 0 + 0.25), "copy": (lambda t, a: t.copy_(a * 2), lambda v, a: v * 0 + a * 2),
    "square itself": (lambda t, a: t.mul_(t), lambda v, a: v * v),
}


class Views(RuleBasedStateMachine):
    """Tensors of one family, the model, and two leaves of each for gradients."""

    @initialize(on_tape=st.booleans())
    def start(self, on_tape):
        numbers = np.linspace(0.2, 0.9, SIZE)
        self.leaves = [wb.tensor(numbers, requires_grad=True), wb.tensor(0.7, dtype=wb.float64, requires_grad=True)]
        self.models = [wb.tensor(numbers, requires_grad=True), wb.tensor(0.7, dtype=wb.float64, requires_grad=True)]
        first = self.leaves[0] * 1.0 if on_tape else wb.tensor(numbers)
        self.memory = self.models[0] * 1.0 if on_tape else wb.tensor(numbers)
        self.members = [(first, np.arange(SIZE))]
        self.total, self.model_total = self.leaves[0].sum() * self.leaves[1], self.models[0].sum() * self.models[1]
        self.saved = self.stale = False

    @rule(which=st.integers(0, 5), how=st.sampled_from(sorted(TAKE)))
    def take_a_view(self, which, how):
        tensor, places = self.members[which % len(self.members)]
        if places.ndim and places.shape[0] > 1 and len(self.members) < 6:
            self.members.append((TAKE[how][0](tensor), TAKE[how][1](places)))

    @rule(which=st.integers(0, 5), how=st.sampled_from(sorted(WRITE)))
    def write(self, which, how):
        tensor, places = self.members[which % len(self.members)]
        WRITE[how][0](tensor, self.leaves[1])
        new = WRITE[how][1](self.memory[places], self.models[1])
        self.memory = wb.index_put(self.memory, places, new)
        self.stale = self.stale or self.saved

    @rule(which=st.integers(0, 5), value=st.floats(-1, 1))
    def set_an_item(self, which, value):
        tensor, places = self.members[which % len(self.members)]
        if places.ndim:
            tensor[-1] = value * self.leaves[1]
            self.memory = wb.index_put(self.memory, places[-1], value * self.models[1])
            self.stale = self.stale or self.saved

    @rule(which=st.integers(0, 5))
    def read(self, which):
        tensor, places = self.members[which % len(self.members)]
        self.total = self.total + (tensor * 2.0).sum()
        self.model_total = self.model_total + (self.memory[places] * 2.0).sum()

    @precondition(lambda self: not self.saved)
    @rule(which=st.integers(0, 5))
    def read_and_save(self, which):
        tensor, places = self.members[which % len(self.members)]
        self.total = self.total + (tensor * tensor).sum()
        self.model_total = self.model_total + (self.memory[places] * self.memory[places]).sum()
        self.saved = tensor.requires_grad

    @rule(which=st.integers(0, 5))
    def forget_a_view(self, which):
        if len(self.members) > 1:
            del self.members[which % len(self.members)]

    @invariant()
    def all_show_the_same_memory(self):
        for tensor, places in self.members:
            np.testing.assert_allclose(tensor.detach().numpy(), self.memory.detach().numpy()[places], rtol=1e-12)

    def teardown(self):
        if not hasattr(self, "total"):
            return
        for number, (tensor, places) in enumerate(self.members):
            self.total = self.total + tensor.sum() * (number + 1)
            self.model_total = self.model_total + self.memory[places].sum() * (number + 1)
        try:
            self.total.backward()
        except errors.GraphError:
            assert self.stale, "an error although nothing that was saved has been overwritten"
            return
        assert not self.stale, "a saved value was overwritten and backward did not notice"
        self.model_total.backward()
        for ours, model in zip(self.leaves, self.models, strict=True):
            np.testing.assert_allclose(ours.grad.numpy(), model.grad.numpy(), rtol=1e-9, atol=1e-12)


TestViews = Views.TestCase
TestViews.settings = settings(max_examples=60, stateful_step_count=14, deadline=None)
