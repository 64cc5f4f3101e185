# Every command of this page sets up what it needs. On a bare machine: python3 (3.11 or newer) and make.
#
#   make quickstart   from nothing to a trained model and a report, in minutes
#   make test         the tests, doctests included
#   make check        formatting, lint, types, import layers, and the tests
#   make bench        speed beside that of peers, side by side in one run
#   make docs         the pages of docs/ that are made from the code
#   make setup        only the environment, in $(VENV)
#
# VENV=DIR puts the environment elsewhere, PYTHON=python3.12 chooses the interpreter, JOBS=1 tests in
# one process. pip's own settings (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, ...) are honoured.

VENV ?= .venv
PYTHON ?= python3
JOBS ?= 2
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# With a GPU, pip takes the newest torch; without, one of which small CPU builds exist.
CONSTRAINTS := $(if $(shell command -v nvidia-smi 2>/dev/null),,-c constraints.txt)

.PHONY: help setup quickstart test lint check bench docs

help:
	@sed -n 's/^#   //p' Makefile

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
	  "Expected Python 3.11 or newer as $(PYTHON); name one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo \
	  "$(PYTHON) cannot make environments here; Debian and Ubuntu: apt install python3-venv" >&2; \
	  exit 2; }
	@echo "Installing into $(VENV) (a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) -e '.[dev]'
	@$(BIN)/python scripts/check_torch.py
	@touch $@

quickstart: $(READY)
	@PATH="$(abspath $(BIN)):$$PATH" sh scripts/quickstart.sh

test: $(READY)
	$(BIN)/python -m pytest -q -n $(JOBS)

lint: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) -e '.[bench]'
	$(BIN)/python -m bench

docs: $(READY)
	$(BIN)/python scripts/make_docs.py
