PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV := $(VENV)/.dev
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# uv is many times faster; pip has the last word, since uv does not read pip's own settings
install = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(1) || $(PIP) $(1)
COMPILE := pip compile --quiet --no-header --no-annotate --no-emit-index-url
PACKAGES := graph agents tools memory freqtrade_bridge
JOBS ?= 2
# Without compiled files every process of a test or command compiles freqtrade, ccxt and LangChain anew: 10 s.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all picture soak coverage check format type bench docs prompts-page lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# `candlegraph` as one folder of links: what an editor, pyright and mypy follow, since an editable install shows them none.
$(READY): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(PIP) uv
	$(call install,-r requirements.lock)
	$(call install,--no-deps -e .)
	rm -rf .layout && mkdir -p .layout/candlegraph
	for one in $(PACKAGES); do ln -s ../../$$one .layout/candlegraph/$$one; done
	touch $@

$(DEV): $(READY) requirements-dev.lock requirements-local.lock
	$(call install,-r requirements-dev.lock)
	$(call install,--no-deps -r requirements-local.lock)
	touch $@

demo: $(READY)  ## backtest a real month of BTC and ETH, decided by the graph; ends with a table and an HTML report
	$(BIN)/candlegraph demo

test: $(DEV)  ## the tests (minutes)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-all: $(DEV)  ## the tests and the long ones
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m '' --hypothesis-profile=thorough

picture: $(DEV)  ## docs/images/report.png anew: the report of a demo, as the browser test sees it
	$(BIN)/candlegraph demo --userdir user_data/picture
	mkdir -p docs/images
	CANDLEGRAPH_PICTURE=docs/images/report.png CANDLEGRAPH_PICTURED="$$(ls -t user_data/picture/reports/*.html | head -1)" \
		$(BIN)/python -m pytest -q tests/freqtrade_bridge/report/test_browser.py -k picture

soak: $(DEV)  ## seeded live runs for hours: 1,000 seeds x 200 candles x 4 pairs; goes on where it was stopped
	$(BIN)/python -m tests.simulator --soak 1000 --candles 200 --pairs 4 --jobs $(JOBS)

coverage: $(DEV)  ## the tests once more, with branch coverage
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --cov --cov-branch --cov-report=term:skip-covered

check: $(DEV) type  ## ruff, mypy strict, import-linter, the sizes of folders and modules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python .ci/rooms.py

type: $(DEV)
	$(BIN)/mypy $(PACKAGES:%=-p candlegraph.%)
	$(BIN)/mypy benchmarks

format: $(DEV)  ## rewrite the files in house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV)  ## time per decision, and against stock freqtrade
	$(BIN)/python benchmarks/imports.py
	$(BIN)/python benchmarks/context.py
	$(BIN)/python benchmarks/decision.py
	$(BIN)/python benchmarks/walk.py
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/live.py
	$(BIN)/python benchmarks/traces.py
	$(BIN)/python benchmarks/replay.py
	$(BIN)/python benchmarks/backtest.py
	$(BIN)/python benchmarks/memory.py

docs: $(DEV)  ## the documentation as a site in site/, which opens from the disk; an unknown link fails
	$(BIN)/python docs/tables.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --clean

prompts-page: $(DEV)  ## render the examples of docs/prompt.md anew, after `candlegraph demo --synthetic`
	$(BIN)/python docs/render_prompt.py user_data

lock: $(READY)  ## pin the newest versions that fit pyproject.toml
	$(BIN)/uv $(COMPILE) pyproject.toml -o requirements.lock
	$(BIN)/uv $(COMPILE) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:  ## remove what was made here
	rm -rf $(VENV) .layout build site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .langgraph_api user_data
