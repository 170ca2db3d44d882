# make demo: environment, then the main job on simulated data.  make test: environment, then the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# of pip, for torch alone: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu spares 3 GB of CUDA without a GPU
TORCH_INDEX ?=
INDEX := $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
TORCH := $(shell sed -n 's/^torch==/torch==/p' requirements.lock)

.DEFAULT_GOAL := help
.PHONY: help env demo test lint format docs lock lowest newest clean

help:  ## show this
	@awk -F ':.*## ' '/^[a-z ]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(VENV)/.ready  ## make the environment in .venv from the lock file

# torch first, at the locked version: a looser request by another package would fetch another build
$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(INDEX) "$(TORCH)"
	$(BIN)/python -m pip install --quiet --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: env  ## train and test on simulated data: about three minutes
	$(BIN)/python train.py experiment=demo

test: env  ## run the tests
	$(BIN)/python -m pytest -n 2

lint: env  ## what pre-commit runs: linter, formatter, type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

format: env  ## format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# beside the versions of the lock file, which the packages of the extra must not change
$(VENV)/.docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --no-build-isolation --editable '.[docs]'
	touch $@

docs: $(VENV)/.docs  ## build the documentation into site/ (python -m http.server -d site)
	$(BIN)/python -m mkdocs build --strict

# not from the environment of the lock file: that one lacks what pyproject.toml newly asks for
lock:  ## make the environment anew from pyproject.toml, and write its versions to requirements.lock
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(INDEX) "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python scripts/lock.py > requirements.lock.new
	mv requirements.lock.new requirements.lock
	touch $(VENV)/.ready

lowest newest:  ## run the demo small in a fresh environment with the lowest, or newest, versions that pyproject.toml allows
	$(PYTHON) scripts/lowest.py $@ --torch-index "$(TORCH_INDEX)"

clean:  ## remove the environment and caches
	rm -rf $(VENV) build dist site .cache .pytest_cache .ruff_cache .mypy_cache .hypothesis
