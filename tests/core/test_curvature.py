"""Curvature: every product and estimate against the matrix that it stands for, formed in full on small models."""
import numpy as np
import pytest

import workbench as wb
from tests.core.functions import as64
from workbench import errors

rng = np.random.default_rng(11)
X, Y = rng.normal(size=(6, 3)), rng.integers(0, 4, 6)
PARAMS = {"w": as64(rng.normal(size=(3, 4))), "b": as64(rng.normal(size=4))}
V = {"w": as64(rng.normal(size=(3, 4))), "b": as64(rng.normal(size=4))}


def model(params):
    return wb.tanh(as64(X) @ params["w"] + params["b"])


def cross_entropy(outputs):
    return wb.nn.functional.cross_entropy(outputs, wb.tensor(Y))


def loss(params):
    return cross_entropy(model(params))


def flat(tree):
    return np.concatenate([leaf.numpy().reshape(-1) for leaf in wb.tree.flatten(tree)[0]])


def full_hessian():
    blocks = wb.hessian(loss)(PARAMS)
    return np.block([[blocks[row][column].numpy().reshape(PARAMS[row].size, PARAMS[column].size) for column in PARAMS] for row in PARAMS])


def full_jacobian(function):
    jacobian = wb.jacrev(function)(PARAMS)
    return np.concatenate([jacobian[name].numpy().reshape(-1, PARAMS[name].size) for name in PARAMS], 1)


@pytest.mark.parametrize("product", [wb.hvp, wb.vhp])
def test_products_with_the_hessian(product):
    np.testing.assert_allclose(flat(product(loss, (PARAMS,), (V,))), full_hessian() @ flat(V), rtol=1e-9)


def test_products_of_several_arguments():
    function = lambda x, y: (x * y * y).sum()
    x, y = as64(rng.normal(size=3)), as64(rng.normal(size=3))
    for product in (wb.hvp, wb.vhp):
        by_x, by_y = product(function, (x, y), (x, y))
        np.testing.assert_allclose(by_x.numpy(), (2 * y * y).numpy(), rtol=1e-12)
        np.testing.assert_allclose(by_y.numpy(), (4 * x * y).numpy(), rtol=1e-12)


def test_gauss_newton_product_is_that_of_the_matrix():
    jacobian = full_jacobian(model)
    curvature = wb.hessian(cross_entropy)(model(PARAMS)).numpy().reshape(24, 24)
    np.testing.assert_allclose(flat(wb.ggnvp(cross_entropy, model, PARAMS, V)), jacobian.T @ curvature @ jacobian @ flat(V), rtol=1e-9)


def test_gauss_newton_product_of_a_linear_model_is_the_hessian():
    linear = lambda params: as64(X) @ params["w"] + params["b"]
    whole = wb.hvp(lambda params: cross_entropy(linear(params)), (PARAMS,), (V,))
    np.testing.assert_allclose(flat(wb.ggnvp(cross_entropy, linear, PARAMS, V)), flat(whole), rtol=1e-9)


def test_fisher_product_is_that_of_the_gradients_of_single_examples():
    losses = lambda params: wb.nn.functional.cross_entropy(model(params), wb.tensor(Y), reduction="none")
    jacobian = full_jacobian(losses)
    np.testing.assert_allclose(flat(wb.fisher_vector_product(losses, PARAMS, V)), jacobian.T @ jacobian @ flat(V) / 6, rtol=1e-9)


def test_gradients_of_single_examples_equal_a_loop():
    single = lambda params, x, y: wb.nn.functional.cross_entropy(wb.tanh(x @ params["w"] + params["b"]), y)
    found = wb.per_sample_grads(single)(PARAMS, as64(X), wb.tensor(Y))
    for index in range(6):
        wanted = wb.grad(single)(PARAMS, as64(X[index]), wb.tensor(Y[index]))
        for name in PARAMS:
            np.testing.assert_allclose(found[name][index].numpy(), wanted[name].numpy(), rtol=1e-9, atol=1e-12)


def test_gradients_of_single_examples_of_a_module():
    layer = wb.nn.Linear(3, 4)
    single = lambda layer, x, y: wb.nn.functional.cross_entropy(layer(x), y)
    found = wb.per_sample_grads(single)(layer, wb.tensor(X.astype(np.float32)), wb.tensor(Y))
    whole = wb.grad(lambda layer: wb.nn.functional.cross_entropy(layer(wb.tensor(X.astype(np.float32))), wb.tensor(Y)))(layer)
    assert found.weight.shape == (6, 4, 3)
    np.testing.assert_allclose(found.weight.mean(0).numpy(), whole.weight.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.bias.mean(0).numpy(), whole.bias.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("chunk_size", [None, 1, 5])
def test_exact_diagonal(chunk_size):
    np.testing.assert_allclose(flat(wb.hessian_diagonal(loss, PARAMS, chunk_size=chunk_size)), np.diag(full_hessian()), rtol=1e-9)


def test_estimated_diagonal_and_trace_come_near_and_repeat():
    matrix = full_hessian()
    spread = np.sqrt(((matrix ** 2).sum(1) - np.diag(matrix) ** 2) / 500)
    found = flat(wb.hessian_diagonal(loss, PARAMS, samples=500, seed=3))
    assert (abs(found - np.diag(matrix)) < 5 * spread).all()
    trace = wb.hutchinson_trace(loss, PARAMS, samples=500, seed=3).item()
    assert abs(trace - np.trace(matrix)) < 5 * np.sqrt(2 * ((matrix ** 2).sum() - (np.diag(matrix) ** 2).sum()) / 500)
    assert trace == wb.hutchinson_trace(loss, PARAMS, samples=500, seed=3).item()
    assert trace != wb.hutchinson_trace(loss, PARAMS, samples=500, seed=4).item()


def test_estimates_leave_the_global_generator_alone():
    wb.manual_seed(0)
    wanted = wb.rand(2).tolist()
    wb.manual_seed(0)
    wb.hutchinson_trace(loss, PARAMS, samples=2)
    wb.lanczos(lambda v: v * 2, 4, 2)
    assert wb.rand(2).tolist() == wanted


def test_estimates_are_exact_for_a_diagonal_hessian():
    x = as64(rng.normal(size=(2, 3)))
    cubic = lambda x: (x ** 3).sum()
    np.testing.assert_allclose(wb.hessian_diagonal(cubic, x, samples=1).numpy(), 6 * x.numpy(), rtol=1e-12)
    np.testing.assert_allclose(wb.hutchinson_trace(cubic, x, samples=1).item(), 6 * x.sum().item(), rtol=1e-12)


# Spectra -----------------------------------------------------------------------------------------------------------------------
def test_lanczos_finds_all_eigenvalues_of_the_hessian():
    product, dimension = wb.hessian_operator(loss, PARAMS)
    found = wb.lanczos(product, dimension, dimension, dtype=np.float64)
    np.testing.assert_allclose(found.eigenvalues(), np.linalg.eigvalsh(full_hessian()), atol=1e-9)
    vectors = found.vectors.numpy()
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(16), atol=1e-12)
    np.testing.assert_allclose(vectors.T @ full_hessian() @ vectors, found.matrix(), atol=1e-9)
    np.testing.assert_allclose(full_hessian() @ found.eigenvectors().numpy(), found.eigenvectors().numpy() * found.eigenvalues(), atol=1e-8)
    np.testing.assert_allclose(found.weights().sum(), 1.0)


def test_lanczos_finds_the_outer_eigenvalues_first_and_no_ghosts():
    scale = np.concatenate([np.linspace(0, 1, 200), [10.0, 20.0]])
    found = wb.lanczos(lambda v: as64(scale) * v, 202, 60, dtype=np.float64).eigenvalues()
    np.testing.assert_allclose(found[-2:], [10.0, 20.0], rtol=1e-9)
    assert found[-3] < 1.0 + 1e-9
    assert abs(found[0]) < 1e-2


def test_lanczos_ends_where_nothing_new_is_reached():
    found = wb.lanczos(lambda v: 3 * v, 5, 5, dtype=np.float64)
    assert found.eigenvalues().tolist() == pytest.approx([3.0])
    assert found.vectors.shape == (5, 1)
    found = wb.lanczos(lambda v: as64([1.0, 2.0, 3.0]) * v, 3, 3, start=as64([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(found.eigenvalues(), [1.0, 2.0], rtol=1e-12)
    assert wb.lanczos(lambda v: v * 0, 3, 3).eigenvalues().tolist() == [0.0]


def test_density_has_the_mass_where_the_eigenvalues_are():
    scale = as64(np.repeat([0.0, 4.0], [75, 25]))
    grid, density = wb.spectral_density(lambda v: scale * v, 100, 10, probes=40, dtype=np.float64)
    share = density * (grid[1] - grid[0])
    assert share.sum() == pytest.approx(1.0, abs=1e-3)
    assert share[grid > 2].sum() == pytest.approx(0.25, abs=0.05)
    assert abs(grid[density.argmax()]) < 0.1


# Linear maps -------------------------------------------------------------------------------------------------------------------
def test_linearize_is_jvp_without_running_the_function_again():
    calls = []

    def function(params):
        calls.append(None)
        return {"loss": loss(params), "out": model(params)}

    output, push = wb.linearize(function, PARAMS)
    wanted_output, wanted = wb.jvp(function, (PARAMS,), (V,))
    count = len(calls)
    found = push(V)
    assert len(calls) == count
    for name in wanted:
        np.testing.assert_allclose(found[name].numpy(), wanted[name].numpy(), rtol=1e-9)
        np.testing.assert_allclose(output[name].numpy(), wanted_output[name].numpy(), rtol=1e-12)


def test_linearize_with_aux():
    output, push, aux = wb.linearize(lambda x: (x * x, "kept"), as64(3.0), has_aux=True)
    assert (output.item(), push(as64(1.0)).item(), aux) == (9.0, 6.0, "kept")


def test_linear_transpose_of_complex_numbers_does_not_conjugate():
    matrix = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
    g = rng.normal(size=2) + 1j * rng.normal(size=2)
    (found,) = wb.linear_transpose(lambda x: wb.tensor(matrix) @ x, wb.zeros(3, dtype=wb.complex128))(wb.tensor(g))
    np.testing.assert_allclose(found.numpy(), matrix.T @ g, rtol=1e-12)


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 100])
@pytest.mark.parametrize("name", ["jacrev", "jacfwd", "hessian"])
def test_jacobians_in_chunks_are_the_same(name, chunk_size):
    function = lambda params: wb.sin(params["w"][0]) * params["b"]
    found = getattr(wb, name)(function, chunk_size=chunk_size)(PARAMS)
    wanted = getattr(wb, name)(function)(PARAMS)
    for a, b in zip(wb.tree.flatten(found)[0], wb.tree.flatten(wanted)[0], strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


# Composition -------------------------------------------------------------------------------------------------------------------
POINT, DIRECTION = as64([0.3, 0.8, -0.4]), as64([1.0, 2.0, 3.0])
BENT = lambda x: (wb.sin(x) * x).prod() + (x ** 4).sum()
TOOLS = {
    "hvp": lambda x: wb.hvp(BENT, (x,), (DIRECTION,)),
    "vhp": lambda x: wb.vhp(BENT, (x,), (DIRECTION,)),
    "ggnvp": lambda x: wb.ggnvp(lambda y: (y ** 3).sum(), wb.sin, x, DIRECTION),
    "fisher": lambda x: wb.fisher_vector_product(lambda w: w * x.sum() + wb.sin(w), x, DIRECTION),
    "diagonal": lambda x: wb.hessian_diagonal(BENT, x),
    "estimated diagonal": lambda x: wb.hessian_diagonal(BENT, x, samples=2),
    "trace": lambda x: wb.hutchinson_trace(BENT, x, samples=2),
    "single examples": lambda x: wb.per_sample_grads(lambda w, y: ((w * y) ** 2).sum())(x, wb.stack([x, x * 2])),
    "linearize": lambda x: wb.linearize(lambda x: wb.sin(x) * x[0], x)[1](DIRECTION),
    "jacobian in chunks": lambda x: wb.jacrev(lambda x: wb.sin(x) * x[0], chunk_size=2)(x),
}


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_tools_compose_with_transformations(tool):
    plain = tool(POINT).numpy()
    np.testing.assert_allclose(wb.jit(tool)(POINT).numpy(), plain, rtol=1e-12, atol=1e-14)
    both = wb.vmap(tool)(wb.stack([POINT, DIRECTION])).numpy()
    np.testing.assert_allclose(both, [plain, tool(DIRECTION).numpy()], rtol=1e-12)
    pushed = wb.jvp(tool, (POINT,), (DIRECTION,))[1].numpy()
    near = [tool(POINT + step * DIRECTION).numpy() for step in (1e-6, -1e-6)]
    np.testing.assert_allclose(pushed, (near[0] - near[1]) / 2e-6, rtol=1e-6, atol=1e-7)
    gradient = wb.grad(lambda x: tool(x).sum())(POINT)
    np.testing.assert_allclose((gradient * DIRECTION).sum().item(), pushed.sum(), rtol=1e-9)
    tracked = wb.tensor(POINT.numpy(), requires_grad=True)
    tool(tracked).sum().backward()
    np.testing.assert_allclose(tracked.grad.numpy(), gradient.numpy(), rtol=1e-12)
    with wb.no_grad():
        np.testing.assert_allclose(tool(POINT).numpy(), plain, rtol=1e-12)


def test_a_curvature_penalty_reaches_captured_weights():
    weights = wb.tensor(DIRECTION.numpy(), requires_grad=True)
    wb.hutchinson_trace(lambda x: (x ** 3 * weights).sum(), POINT).backward()
    np.testing.assert_allclose(weights.grad.numpy(), 6 * POINT.numpy(), rtol=1e-12)


@pytest.mark.parametrize(("call", "error", "says"), [
    (lambda: wb.hutchinson_trace(loss, PARAMS, samples=0), errors.ArgumentError, "samples=0"),
    (lambda: wb.hessian_diagonal(loss, {}), errors.ArgumentError, "empty"),
    (lambda: wb.hessian_diagonal(lambda p: p["b"], PARAMS), errors.ShapeError, "one"),
    (lambda: wb.lanczos(lambda v: v, 3, 0), errors.ArgumentError, "steps=0"),
    (lambda: wb.lanczos(lambda v: v[:2], 3, 2), errors.ShapeError, "product"),
    (lambda: wb.lanczos(lambda v: v, 3, 2, start=wb.ones(2)), errors.ShapeError, "start"),
    (lambda: wb.spectral_density(lambda v: v, 3, probes=0), errors.ArgumentError, "probes=0"),
    (lambda: wb.fisher_vector_product(loss, PARAMS, V), errors.ShapeError, "per example"),
    (lambda: wb.ggnvp(cross_entropy, model, PARAMS, {"w": V["w"]}), errors.ArgumentError, "structure"),
    (lambda: wb.jacrev(wb.sin, chunk_size=0)(wb.ones(2)), errors.ArgumentError, "chunk_size=0"),
])
def test_misuse_is_an_error(call, error, says):
    with pytest.raises(error, match=says):
        call()
