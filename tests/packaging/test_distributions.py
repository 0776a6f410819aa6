"""What people install: a wheel without Node, an sdist that needs none, an import that costs little."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ("workbench/labextension/package.json", "workbench/static/widget.js")
EXTENSION = "share/jupyter/labextensions/neural-workbench"
IMPORTS = """import sys, time
start = time.perf_counter()
import workbench as wb
seconds = time.perf_counter() - start
HEAVY = {"matplotlib", "sklearn", "scipy", "IPython", "torch", "anywidget"}
heavy = {name.partition(".")[0] for name in sys.modules} & HEAVY
assert not heavy, f"import workbench pulls in {sorted(heavy)}"
x = wb.tensor(3.0, requires_grad=True)
(x * x).backward()
assert x.grad.item() == 6.0
assert wb.nn.Linear(2, 1)(wb.ones(1, 2)).shape == (1, 1)
print(f"{seconds:.3f}")
"""

pytestmark = pytest.mark.slow


def run(*command: str | Path, **options: object) -> str:
    """The output of a command that must succeed; what it printed, if it did not."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and sdist of this tree with the front end as it was last built: an editable install has just done so."""
    missing = [name for name in BUILT if not (ROOT / name).exists()]
    assert not missing, f"not built: {missing}; `make test` builds them (or: npm --prefix extension run build:prod)"
    folder = tmp_path_factory.mktemp("dist")
    # The wheel is built from the sdist, from a registry that is not there: what npm made must come from inside.
    environment = {**os.environ, "npm_config_registry": "http://127.0.0.1:9", "npm_config_offline": "true",
                   "npm_config_cache": str(folder / "npm")}
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, env=environment)
    return folder


def test_the_wheel_is_pure_and_carries_the_front_end_once(distributions: Path) -> None:
    wheel, = distributions.glob("*.whl")
    assert wheel.name.endswith("py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "workbench/static/widget.js" in names
    assert "workbench/lab/protocol.json" in names
    assert [name for name in names if f"data/{EXTENSION}/package.json" in name]
    assert [name for name in names if f"data/{EXTENSION}/install.json" in name]
    assert not [name for name in names if name.startswith(("workbench/labextension", "tests", "extension"))]
    assert wheel.stat().st_size < 4_000_000


def test_the_sdist_needs_no_npm(distributions: Path) -> None:
    sdist, = distributions.glob("*.tar.gz")
    names = {name.partition("/")[2] for name in tarfile.open(sdist).getnames()}
    assert {*BUILT, "pyproject.toml", "LICENSE", "extension/package.json", "extension/install.json"} <= names
    assert not [name for name in names if name.startswith(("extension/node_modules", "extension/lib"))]


def test_the_wheel_works_in_an_empty_environment_without_node(distributions: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    # Only system folders without node stay on the path.
    path = os.pathsep.join(str(folder) for folder in (python.parent, tmp_path) if not (folder / "node").exists())
    environment = {"PATH": path, "HOME": str(tmp_path), **{name: value for name, value in os.environ.items()
                                                            if name.startswith(("PIP_", "SSL_", "REQUESTS_"))}}
    wheel, = distributions.glob("*.whl")
    assert shutil.which("node", path=path) is None
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel, "jupyterlab>=4.6,<5",
        env=environment)
    listed = subprocess.run([python, "-m", "jupyter", "labextension", "list"], capture_output=True, text=True,
                            env=environment, cwd=tmp_path)
    line, = [line for line in (listed.stdout + listed.stderr).splitlines() if "neural-workbench" in line]
    assert "enabled" in line
    assert "OK" in line
    seconds = run(python, "-c", IMPORTS, env=environment, cwd=tmp_path)
    print(f"import workbench took {seconds.strip()} s")
