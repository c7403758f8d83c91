# The verbs of the project. `make demo` and `make test` set everything up themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ORACLE := .oracle
CLIENTS := .clients
JOBS ?= 2

.PHONY: demo test check format bench bench-gpu mutate oracle clients clean

$(BIN)/drltrade: pyproject.toml
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.dev: pyproject.toml $(BIN)/drltrade
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

demo: $(BIN)/drltrade  ## train, backtest and report, from nothing
	$(BIN)/drltrade demo

test: $(VENV)/.dev  ## the whole test suite
	$(BIN)/pytest -n $(JOBS)

check: $(VENV)/.dev  ## what a commit must pass: style, types, layers, quick tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(JOBS) -m 'not slow'

format: $(VENV)/.dev  ## let ruff tidy up
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## every benchmark, the ladder (hours) last; compare with benchmarks/RESULTS.md
	$(BIN)/pip install --quiet --editable '.[bench]'
	for script in market data features backtest ppo recurrent memory seeds startup ladder; do \
	    $(BIN)/python benchmarks/bench_$$script.py || exit 1; done

bench-gpu: $(VENV)/.dev  ## the same on a GPU, where there is one
	$(BIN)/pip install --quiet --editable '.[bench]'
	$(BIN)/python benchmarks/bench_gpu.py

mutate: $(VENV)/.dev  ## so many small faults (hours): how many do the tests find?
	$(BIN)/pip install --quiet 'cosmic-ray>=8.4'
	$(BIN)/python benchmarks/mutate.py

$(ORACLE)/.installed: tests/oracles/requirements.txt
	test -d $(ORACLE) || $(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/pip install --quiet --requirement $<
	touch $@

oracle: $(ORACLE)/.installed  ## have vectorbt and backtrader execute the golden orders anew
	$(ORACLE)/bin/python tests/oracles/make_golden.py

$(CLIENTS)/.installed: tests/clients/requirements.txt pyproject.toml
	test -d $(CLIENTS) || $(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/pip install --quiet --editable . --requirement $<
	touch $@

clients: $(CLIENTS)/.installed  ## have other libraries use the environments; make test skips those
	$(CLIENTS)/bin/python -m pytest tests/clients

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
