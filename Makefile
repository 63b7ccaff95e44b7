PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCAL := $(VENV)/.local
PACKAGES := graph agents tools memory freqtrade_bridge
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check format type bench docs lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(READY): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(LOCAL): $(READY) requirements-local.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-local.lock
	touch $@

demo: $(READY)  ## backtest the sample market, decided by the graph; ends with a table and an HTML report
	$(BIN)/candlegraph demo

test: $(LOCAL)  ## the tests (minutes)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-all: $(LOCAL)  ## the tests and the long ones
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m ''

check: $(READY) type  ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: $(READY)
	mkdir -p .layout && ln -sfn .. .layout/candlegraph
	$(BIN)/mypy $(PACKAGES:%=-p candlegraph.%)

format: $(READY)  ## rewrite the files in house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## time per decision, and against stock freqtrade
	$(BIN)/python benchmarks/context.py
	$(BIN)/python benchmarks/decision.py
	$(BIN)/python benchmarks/walk.py
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/replay.py
	$(BIN)/python benchmarks/backtest.py
	$(BIN)/python benchmarks/memory.py

docs: $(READY)  ## render the examples of docs/prompt.md anew, after `make demo`
	$(BIN)/python docs/render_prompt.py user_data

lock: $(READY)  ## pin the newest versions that fit pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --extra dev pyproject.toml -o requirements.lock

clean:  ## remove what was made here
	rm -rf $(VENV) .layout build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .langgraph_api user_data
