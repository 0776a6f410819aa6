"""Linear algebra beyond the op table: complex matrices, what decompositions promise, singular cases, wrong use."""
import math

import numpy as np
import pytest

import workbench as wb
from workbench import errors

L = wb.linalg


def numbers(*shape, seed=0, dtype=np.complex128, diagonal=0.0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, shape) + (1j * rng.uniform(-1, 1, shape) if np.dtype(dtype).kind == "c" else 0)
    return (x + diagonal * np.eye(*shape[-2:]) if diagonal else x).astype(dtype)


def mH(x):
    return np.swapaxes(x, -1, -2).conj()


S, B, HIGH, WIDE = numbers(3, 3, diagonal=3), numbers(2, 3, 3, seed=1, diagonal=3), numbers(5, 3), numbers(2, 3, 4)
R, V = numbers(3, 2, seed=2), numbers(3, seed=3)
COMPLEX = {
    "solve": ("lib.linalg.solve(x, y)", S, R), "solve of a batch": ("lib.linalg.solve(x, y)", B, R), "solve of a vector": ("lib.linalg.solve(x, y)", S, V),
    "solve from the right": ("lib.linalg.solve(x, y, left=False)", S, numbers(2, 3)),
    "solve_triangular": ("lib.linalg.solve_triangular(lib.triu(x), y, upper=True)", S, R),
    "solve_triangular with ones": ("lib.linalg.solve_triangular(lib.tril(x), y, upper=False, unitriangular=True)", B, R),
    "inv": ("lib.linalg.inv(x)", B), "pinv": ("lib.linalg.pinv(x)", HIGH), "pinv wide": ("lib.linalg.pinv(x)", WIDE),
    "pinv hermitian": ("lib.linalg.pinv(x + lib.adjoint(x), hermitian=True)", S),
    "lstsq": ("lib.linalg.lstsq(x, y)[0]", HIGH, numbers(5, 2, seed=4)), "det": ("lib.linalg.det(x)", B), "slogdet": ("lib.linalg.slogdet(x)", B),
    "logdet": ("lib.logdet(x)", S), "matrix_exp": ("lib.linalg.matrix_exp(x)", B), "matrix_power": ("lib.linalg.matrix_power(x, -3)", B),
    "cholesky": ("lib.linalg.cholesky(x @ lib.adjoint(x))", S), "upper cholesky": ("lib.linalg.cholesky(x @ lib.adjoint(x), upper=True)", S),
    "cholesky_solve": ("lib.cholesky_solve(y, lib.tril(x))", S, R), "cholesky_inverse": ("lib.cholesky_inverse(lib.linalg.cholesky(x @ lib.adjoint(x)))", S),
    "qr": ("(lambda f: (f[0] @ f[1], abs(f[0]), abs(f[1])))(lib.linalg.qr(x))", HIGH), "qr wide": ("(lambda f: (f[0] @ f[1], abs(f[1])))(lib.linalg.qr(x))", WIDE),
    "svd": ("(lambda f: (f[1], abs(f[0]), abs(f[2]), f[0] @ f[2]))(lib.linalg.svd(x, full_matrices=False))", HIGH),
    "svd wide": ("(lambda f: (abs(f[0]), abs(f[2]), f[0] @ f[2]))(lib.linalg.svd(x, full_matrices=False))", WIDE),
    "svdvals": ("lib.linalg.svdvals(x)", WIDE), "nuclear norm": ("lib.linalg.matrix_norm(x, 'nuc')", WIDE), "spectral norm": ("lib.linalg.norm(x, 2)", HIGH),
    "vector_norm": ("lib.linalg.vector_norm(x, 3)", V), "norm": ("lib.linalg.norm(x)", V), "largest size": ("lib.linalg.vector_norm(x, float('inf'))", V),
    "eigh": ("(lambda f: (f[0], abs(f[1])))(lib.linalg.eigh(x + lib.adjoint(x)))", B), "eigvalsh": ("lib.linalg.eigvalsh(x + lib.adjoint(x), UPLO='U')", B),
    "eig": ("(lambda f: ((f[0] ** 2).sum(-1), (abs(f[1]) ** 4).sum((-1, -2))))(lib.linalg.eig(x))", B), "eigvals": ("(lib.linalg.eigvals(x) ** 3).sum(-1)", B),
    "lu": ("(lambda f: (f[1], f[2]))(lib.linalg.lu(x))", B), "lu high": ("(lambda f: (f[1], f[2]))(lib.linalg.lu(x))", HIGH),
    "lu wide": ("(lambda f: (f[1], f[2]))(lib.linalg.lu(x))", WIDE), "lu_solve": ("lib.linalg.lu_solve(*lib.linalg.lu_factor(x), y, adjoint=True)", B, R),
    "householder_product": ("lib.linalg.householder_product(x, y)", HIGH, V), "vecdot": ("lib.linalg.vecdot(x, y)", V, V[::-1].copy()),
    "vdot": ("lib.vdot(x, y)", V, V[::-1].copy()), "multi_dot": ("lib.linalg.multi_dot([x, x, y])", S, V), "cross": ("lib.linalg.cross(x, x.mT)", S),
    "cond": ("lib.linalg.cond(x)", S), "tensorsolve": ("lib.linalg.tensorsolve(x, y)", S, V),
}


def outputs(lib, source, arrays):
    found = eval(source, {"lib": lib, **dict(zip("xy", arrays, strict=False))})
    return list(found) if isinstance(found, tuple) else [found]


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("case", COMPLEX.values(), ids=COMPLEX)
def test_complex_values_and_gradients_are_pytorchs(case, dtype):
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    source, *arrays = case
    arrays = [a.astype(dtype) for a in arrays]
    tolerance = 1e-8 if dtype == np.complex128 else 3e-3
    ours, theirs = [wb.tensor(a, requires_grad=True) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
    found, wanted = outputs(wb, source, ours), outputs(torch, source, theirs)
    cotangents = []
    for f, w in zip(found, wanted, strict=True):
        assert f.dtype == w.numpy(force=True).dtype
        np.testing.assert_allclose(f.detach().numpy(), w.numpy(force=True), rtol=tolerance, atol=tolerance)
        cotangents.append(np.asarray(numbers(*f.shape, seed=9, dtype=f.dtype)))
    total = sum(wb.real(f * wb.tensor(c)).sum() for f, c in zip(found, cotangents, strict=True))
    total.backward()
    grads = torch.autograd.grad(sum((w * torch.tensor(c)).real.sum() for w, c in zip(wanted, cotangents, strict=True)), theirs)
    for x, g in zip(ours, grads, strict=True):
        assert x.grad.dtype == dtype
        np.testing.assert_allclose(x.grad.numpy(), g.numpy(force=True), rtol=tolerance, atol=tolerance)


def by_parts(source, arrays):
    """Real outputs as a function of real and imaginary parts."""
    def function(*parts):
        pairs = [parts[i] + 1j * parts[i + 1] for i in range(0, len(parts), 2)]
        found = outputs(wb, source.replace("abs(f[0])", "(f[0] * f[0].conj())").replace("abs(f[1])", "(f[1] * f[1].conj())")
                        .replace("abs(f[2])", "(f[2] * f[2].conj())"), pairs)
        return [part(f) for f in found for part in ((wb.real, wb.imag) if f.dtype.kind == "c" else (wb.real,))]

    return function, [part.copy() for a in arrays for part in (a.real, a.imag)]


@pytest.mark.parametrize("name", [name for name in COMPLEX if "norm" not in name and name not in ("largest size",)])
def test_complex_derivatives_of_two_orders(name):
    source, *arrays = COMPLEX[name]
    function, parts = by_parts(source, arrays)
    wb.testing.gradcheck(function, parts, order=2, directions=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (2, 3, 5), (0, 3, 3), (3, 0), (0, 0)])
def test_decompositions_give_the_matrix_back(shape, dtype):
    x = numbers(*shape, dtype=dtype)
    A, close = wb.tensor(x), dict(rtol=1e-4, atol=1e-5) if dtype in (np.float32, np.complex64) else dict(rtol=1e-10, atol=1e-12)
    eye = lambda n: np.broadcast_to(np.eye(n), (*shape[:-2], n, n))
    P, lower, upper = (part.numpy() for part in L.lu(A))
    np.testing.assert_allclose(P @ lower @ upper, x, **close)
    for complete in ("reduced", "complete"):
        Q, R = (part.numpy() for part in L.qr(A, complete))
        np.testing.assert_allclose(Q @ R, x, **close)
        np.testing.assert_allclose(mH(Q) @ Q, eye(Q.shape[-1]), **close)
    for full in (False, True):
        U, S, Vh = (part.numpy() for part in L.svd(A, full))
        k = S.shape[-1]
        np.testing.assert_allclose((U[..., :k] * S[..., None, :]) @ Vh[..., :k, :], x, **close)
        np.testing.assert_allclose(mH(U) @ U, eye(U.shape[-1]), **close)
        np.testing.assert_allclose(Vh @ mH(Vh), eye(Vh.shape[-2]), **close)
        assert (U.dtype, S.dtype, Vh.dtype) == (dtype, np.zeros(0, dtype).real.dtype, dtype)
    if shape[-1] == shape[-2]:
        w, v = (part.numpy() for part in L.eigh(wb.tensor(x + mH(x))))
        np.testing.assert_allclose((v * w[..., None, :]) @ mH(v), x + mH(x), **close)
        w, v = (part.numpy() for part in L.eig(A))
        np.testing.assert_allclose(x @ v, v * w[..., None, :], **close)
        triangle = L.cholesky(wb.tensor(x @ mH(x) + np.eye(shape[-1], dtype=dtype))).numpy()
        np.testing.assert_allclose(triangle @ mH(triangle), x @ mH(x) + np.eye(shape[-1]), **close)


def test_results_have_names():
    A = wb.tensor(S)
    assert L.svd(A).S.shape == (3,)
    assert L.qr(A).R.shape == (3, 3)
    assert L.eigh(A).eigenvalues.dtype == wb.float64
    assert L.eig(A).eigenvectors.dtype == wb.complex128
    assert L.slogdet(A).logabsdet.shape == ()
    assert L.lu(A).P.dtype == wb.complex128
    assert L.lu_factor(A).pivots.dtype == wb.int32
    assert L.lstsq(A, A).rank.item() == 3
    assert L.qr(A, "r").Q.shape == (0,)


def test_least_squares_of_many_rows_has_residuals():
    A, b = wb.tensor(HIGH.real.copy()), wb.tensor(numbers(5, 2, dtype=float))
    out = L.lstsq(A, b)
    np.testing.assert_allclose(out.residuals.numpy(), np.linalg.lstsq(A.numpy(), b.numpy(), rcond=None)[1], rtol=1e-9)
    assert L.lstsq(A.mT, A[:3]).residuals.shape == (0,)
    assert L.lstsq(wb.ones(4, 2), wb.ones(4)).rank.item() == 1


def test_the_determinant_of_a_singular_matrix_has_its_gradient():
    A = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 1.0, 1.0]])
    minors = [[(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(A, i, 0), j, 1)) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(wb.grad(wb.det)(wb.tensor(A)).numpy(), minors, atol=1e-12)
    assert wb.det(wb.zeros(0, 0)).item() == 1.0
    assert wb.slogdet(wb.tensor(A * 0)).logabsdet.item() == -math.inf


def test_equal_singular_values_have_gradients_of_their_own():
    np.testing.assert_allclose(wb.grad(lambda a: L.svdvals(a).sum())(wb.eye(3)).numpy(), np.eye(3), atol=1e-6)
    _, pushed = wb.jvp(L.svdvals, (wb.eye(2),), (wb.tensor([[1.0, 0.0], [0.0, 1.0]]),))
    np.testing.assert_allclose(pushed.numpy(), [1.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(wb.grad(lambda a: L.svd(a).S.sum())(wb.eye(2)).numpy(), np.eye(2), atol=1e-6)
    np.testing.assert_allclose(wb.grad(lambda a: L.eigvalsh(a).sum())(wb.eye(2)).numpy(), np.eye(2), atol=1e-6)


def test_norms_of_zero_have_gradient_zero():
    for order in (0.5, 1, 1.5, 2, 3, math.inf):
        assert wb.grad(lambda v, order=order: L.vector_norm(v, order))(wb.zeros(2)).tolist() == [0.0, 0.0]
    assert wb.grad(L.matrix_norm)(wb.zeros(2, 2)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_exponentials_of_large_small_and_broken_matrices():
    x = np.array([[0.0, 30.0], [-30.0, 0.0]])
    np.testing.assert_allclose(L.matrix_exp(wb.tensor(x)).numpy(), [[np.cos(30), np.sin(30)], [-np.sin(30), np.cos(30)]], rtol=1e-9)
    together = L.matrix_exp(wb.tensor(np.stack([x, x * 0, x / 1e9]))).numpy()
    np.testing.assert_allclose(together[2], np.eye(2) + x / 1e9, rtol=1e-12)
    assert np.isnan(L.matrix_exp(wb.tensor([[math.nan, 0.0], [0.0, 0.0]])).numpy()).all()


def test_condition_of_singular_matrices_is_infinite():
    singular = wb.tensor([[1.0, 2.0], [2.0, 4.0]])
    assert [L.cond(singular, p).item() for p in (1, "fro", math.inf)] == [math.inf] * 3
    assert L.cond(singular).item() > 1e7


def test_beta_zero_ignores_the_tensor():
    assert wb.addmm(wb.full((1, 1), math.nan), wb.ones(1, 2), wb.ones(2, 1), beta=0).tolist() == [[2.0]]


def test_float32_stays_float32():
    A = wb.tensor(S.real.astype(np.float32), requires_grad=True)
    for function in (L.inv, L.det, L.matrix_exp, L.pinv, L.svdvals, L.cond, L.norm, lambda a: L.solve(a, a), lambda a: L.qr(a).R, lambda a: L.eigh(a)[1]):
        out = function(A)
        assert out.dtype == wb.float32
        (grad,) = wb.autograd.grad(out.sum(), [A])
        assert grad.dtype == wb.float32


def test_methods():
    A = wb.tensor(S.real.copy())
    assert A.det().item() == L.det(A).item()
    assert A.inverse().tolist() == L.inv(A).tolist()
    assert A.matrix_power(2).tolist() == (A @ A).tolist()
    assert A.diag_embed().shape == (3, 3, 3)
    np.testing.assert_array_equal(wb.tensor(S).mH.numpy(), mH(S))


M, BAD, SQ, I = wb.ones(2, 3), wb.ones(3), wb.eye(3), wb.eye(3, dtype="int64")
SINGULAR = wb.stack([wb.eye(2), wb.ones(2, 2)])
REFUSED = {
    **{f"{name} of a matrix that is not square": (lambda name=name: getattr(L, name)(M), errors.ShapeError, f"{name}.*square.*2, 3") for name in (
        "inv", "det", "slogdet", "cholesky", "eigh", "eigvalsh", "eig", "eigvals", "matrix_exp")},
    **{f"{name} of a vector": (lambda name=name: getattr(L, name)(BAD), errors.ShapeError, rf"{name}.*\(3,\)") for name in (
        "inv", "det", "cholesky", "qr", "svd", "svdvals", "eigh", "eig", "pinv", "lu", "lu_factor", "matrix_norm", "matrix_rank", "cond")},
    **{f"{name} of integers": (lambda name=name: getattr(L, name)(I), errors.DTypeError, f"{name}.*int64.*float") for name in (
        "inv", "det", "cholesky", "qr", "svd", "eigh", "eig", "pinv", "lu", "matrix_exp", "norm", "vector_norm", "matrix_rank")},
    **{f"{name} of half precision": (lambda name=name: getattr(L, name)(SQ.half()), errors.DTypeError, f"{name}.*float16") for name in ("inv", "svd")},
    "inv of a singular matrix": (lambda: L.inv(wb.ones(2, 2)), errors.ArgumentError, "inv: the matrix is singular.*pinv"),
    "inv of a batch with a singular one": (lambda: L.inv(SINGULAR), errors.ArgumentError, "matrix 1 of the batch"),
    "solve with a singular one": (lambda: L.solve(SINGULAR, wb.ones(2, 1)), errors.ArgumentError, "solve: matrix 1 of the batch"),
    "solve of a deep batch": (lambda: L.inv(wb.stack([SINGULAR, SINGULAR])), errors.ArgumentError, r"matrix \(0, 1\)"),
    "solve_triangular with zeros": (lambda: L.solve_triangular(wb.zeros(2, 2), wb.ones(2, 1), upper=True), errors.ArgumentError, "singular"),
    "cholesky of an indefinite matrix": (lambda: L.cholesky(-SQ), errors.ArgumentError, "cholesky: the matrix is not positive-definite"),
    "cholesky of a batch with an indefinite one": (lambda: L.cholesky(wb.stack([SQ, SQ, -SQ])), errors.ArgumentError, "matrix 2 of the batch"),
    "svd of NaN": (lambda: L.svd(SQ * math.nan), errors.ArgumentError, "finite"),
    "eig of NaN": (lambda: L.eig(SQ * math.nan), errors.ArgumentError, "finite"),
    "solve of rows that do not fit": (lambda: L.solve(SQ, wb.ones(2, 2)), errors.ShapeError, "3 rows.*2"),
    "solve of batches that do not fit": (lambda: L.solve(wb.ones(2, 3, 3), wb.ones(4, 3, 1)), errors.ShapeError, "broadcast"),
    "solve of dtypes": (lambda: L.solve(SQ, wb.ones(3, 1, dtype="float64")), errors.DTypeError, "float32 and float64"),
    "solve of a matrix that is not square": (lambda: L.solve(M, BAD), errors.ShapeError, "square"),
    "lstsq of rows": (lambda: L.lstsq(M, wb.ones(3, 1)), errors.ShapeError, "lstsq"),
    "lstsq of ranks": (lambda: L.lstsq(M, wb.ones(1, 2, 3, 1)), errors.ShapeError, "lstsq"),
    "lstsq with an unknown driver": (lambda: L.lstsq(M, M, driver="fast"), errors.ArgumentError, "driver='fast'"),
    "qr with an unknown mode": (lambda: L.qr(M, "full"), errors.ArgumentError, "mode='full'"),
    "eigh with an unknown triangle": (lambda: L.eigh(SQ, UPLO="R"), errors.ArgumentError, "UPLO='R'"),
    "gradient of a complete qr": (lambda: wb.grad(lambda a: L.qr(a, "complete").Q.sum())(M.mT), errors.GraphError, "reduced"),
    "gradient of full vectors": (lambda: wb.grad(lambda a: L.svd(a).U.sum())(M.mT), errors.GraphError, "full_matrices=False"),
    "lu without pivots": (lambda: L.lu(SQ, pivot=False), errors.ArgumentError, "pivot"),
    "matrix_power of a fraction": (lambda: L.matrix_power(SQ, 0.5), errors.DTypeError, "0.5"),
    "matrix_power of a matrix that is not square": (lambda: L.matrix_power(M, 2), errors.ShapeError, "square"),
    "vector_norm with a name": (lambda: L.vector_norm(BAD, "fro"), errors.ArgumentError, "'fro'"),
    "vector_norm of nothing": (lambda: L.vector_norm(wb.zeros(0), math.inf), errors.ShapeError, "nothing"),
    "matrix_norm with an unknown order": (lambda: L.matrix_norm(M, 3), errors.ArgumentError, "ord=3"),
    "matrix_norm of one axis": (lambda: L.matrix_norm(M, 1, dim=(0,)), errors.ArgumentError, "two axes"),
    "matrix_norm of an axis twice": (lambda: L.matrix_norm(M, 1, dim=(0, -2)), errors.AxisError, "twice"),
    "norm of three axes": (lambda: L.norm(wb.ones(2, 2, 2), 2), errors.ArgumentError, "3 axes"),
    "nuclear norm of a vector": (lambda: L.norm(BAD, "nuc"), errors.ArgumentError, "'nuc'"),
    "cond of a matrix that is not square": (lambda: L.cond(M, 1), errors.ShapeError, "square"),
    "cond with an unknown norm": (lambda: L.cond(SQ, 3), errors.ArgumentError, "ord=3"),
    "cross of length 2": (lambda: wb.cross(wb.ones(2), wb.ones(2)), errors.ShapeError, "length 3"),
    "cross of ranks": (lambda: L.cross(wb.ones(3), wb.ones(2, 3)), errors.ShapeError, "as many axes"),
    "multi_dot of one": (lambda: L.multi_dot([M]), errors.ArgumentError, "two"),
    "multi_dot of shapes": (lambda: L.multi_dot([M, M]), errors.ShapeError, "tensors 0 and 1"),
    "multi_dot with a vector inside": (lambda: L.multi_dot([M, BAD, M]), errors.ShapeError, "tensor 1"),
    "tensorinv of sizes": (lambda: L.tensorinv(wb.ones(2, 3, 4)), errors.ShapeError, "as many"),
    "tensorinv of no axes": (lambda: L.tensorinv(SQ, ind=0), errors.ArgumentError, "ind=0"),
    "tensorsolve of sizes": (lambda: L.tensorsolve(M, wb.ones(2)), errors.ShapeError, "tensorsolve"),
    "householder_product of a wide matrix": (lambda: L.householder_product(M, wb.ones(2)), errors.ShapeError, "rows"),
    "addmm of vectors": (lambda: wb.addmm(SQ, BAD, SQ), errors.ShapeError, "mat1"), "mv of matrices": (lambda: wb.mv(SQ, SQ), errors.ShapeError, "vec"),
    "vdot of matrices": (lambda: wb.vdot(SQ, SQ), errors.ShapeError, "vdot"), "baddbmm of batches": (
        lambda: wb.baddbmm(SQ, wb.ones(2, 3, 3), wb.ones(4, 3, 3)), errors.ShapeError, "2 and 4"),
    "dot of matrices": (lambda: wb.dot(SQ, SQ), errors.ShapeError, "dot: x must be a vector"),
    "dot of lengths": (lambda: wb.dot(BAD, wb.ones(2)), errors.ShapeError, ""),
    "mm of a batch": (lambda: wb.mm(wb.ones(2, 3, 3), SQ), errors.ShapeError, "mm: x"), "bmm of matrices": (lambda: wb.bmm(SQ, SQ), errors.ShapeError, "bmm"),
    "bmm of batches": (lambda: wb.bmm(wb.ones(1, 3, 3), wb.ones(2, 3, 3)), errors.ShapeError, "bmm.*1 and 2"),
    "outer of matrices": (lambda: wb.outer(SQ, SQ), errors.ShapeError, "outer"),
    "tensordot of too many axes": (lambda: wb.tensordot(M, M, dims=3), errors.ArgumentError, "dims=3"),
    "tensordot of lengths that happen to multiply to the same": (
        lambda: wb.tensordot(wb.ones(2, 6), wb.ones(3, 4), dims=((0, 1), (0, 1))), errors.ShapeError, "same lengths"),
    "inner of lengths": (lambda: wb.inner(wb.ones(2), wb.ones(3)), errors.ShapeError, "last axes"),
    "mH of a vector": (lambda: BAD.mH, errors.ShapeError, "adjoint"),
    "vander of a number": (lambda: L.vander(wb.tensor(1.0)), errors.ShapeError, "vander"),
}


@pytest.mark.parametrize(("call", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_wrong_input(call, error, says):
    with pytest.raises(error, match=f"(?s){says}") as caught, np.errstate(all="ignore"):
        call()
    assert len(str(caught.value)) < 400
