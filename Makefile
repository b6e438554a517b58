# `make demo` needs Python 3.11 or later and nothing else; `make test` installs the real parts it runs against.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
BIN := $(VENV)/bin
# The locked packages were resolved for 3.11; 3.12 and 3.13 work too.
PYTHON ?= $(shell for found in python3.11 python3.12 python3.13 python3; do command -v $$found && break; done)
ARGS ?=
# Tests wait as much as they work: more processes than cores.
WORKERS ?= 4
RUNS ?= 5
# Tests start hundreds of processes: what Python has compiled is kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo lab test test-loaded test-unit test-detection soak lint bench screenshots new-detection generate lock dist parts clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.runtime ## A hybrid organisation in a box: conflicts arise, are found, get repaired. ARGS="--objects 20000"
	$(BIN)/synchealth demo $(ARGS)

lab: $(VENV)/.runtime ## The lab alone: LDAPS, Graph and a sync engine to point your own installation at
	$(BIN)/synchealth lab $(ARGS)

test: $(VENV)/.development parts ## Everything, against real parts: Kafka, Samba, Prometheus. ARGS="-k words"
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --durations 30 $(ARGS)

test-loaded: $(VENV)/.development parts ## Everything again and again, beside busy loops on every core: RUNS=5
	$(BIN)/python -m tests.loaded --runs $(RUNS) -n $(WORKERS) --dist loadgroup $(ARGS)

test-unit: $(VENV)/.development ## The tests that need no network and no other program
	$(BIN)/python -m pytest tests/unit -m 'not slow and not soak' -n auto --dist loadgroup $(ARGS)

test-detection: $(VENV)/.development ## The tests of one detection: D=conflict.duplicate_address
	@[[ -n "$(D)" ]] || { echo "which one? make test-detection D=conflict.duplicate_address"; exit 2; }
	$(BIN)/python -m pytest tests/contract/test_detections.py tests/contract/test_product_names.py \
	  tests/contract/test_commands_in_documents.py -k "$(D) or $(subst .,/,$(D))." $(ARGS)

soak: $(VENV)/.development parts ## What takes hours rather than minutes: lives, hostile records, rebalances by the hundred
	$(BIN)/python -m tests.simulation --seeds 0-999
	$(BIN)/python -m tests.fuzz --records 1000000
	$(BIN)/python -m pytest -m soak $(ARGS)
	SYNCHEALTH_EXAMPLES=20 $(BIN)/python -m pytest tests/laws/test_convergence.py $(ARGS)
	SYNCHEALTH_REBALANCES=100 $(BIN)/python -m pytest tests/e2e/test_rebalances.py $(ARGS)

lint: $(VENV)/.development ## Style, types, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.development parts ## Print figures and ratios; asserts nothing
	$(BIN)/python -m tests.bench $(ARGS)

screenshots: $(VENV)/.development ## Every page of the desk in every state, into screenshots/ (needs Chromium). ARGS="--state many"
	$(BIN)/python -m tests.screenshots $(ARGS)

new-detection: $(VENV)/.development ## The three files of a detection, to write yours over: D=conflict.my_rule
	@[[ -n "$(D)" ]] || { echo "which one? make new-detection D=conflict.my_rule"; exit 2; }
	$(BIN)/python -m deploy.generate.new_detection $(D)

generate: $(VENV)/.development ## Write what derives from the detections: alert rules, dashboards
	$(BIN)/python -m deploy.prometheus.build
	$(BIN)/python -m deploy.alertmanager.build
	$(BIN)/python -m grafana.build
	$(BIN)/python -m deploy.generate.catalogue

lock: $(VENV)/.development ## Resolve the locked packages again, list their licences. ARGS=--upgrade takes newer ones
	$(BIN)/python -m deploy.generate.lock $(ARGS)
	$(MAKE) --no-print-directory $(VENV)/.development
	$(BIN)/python -m deploy.generate.licences

dist: $(VENV)/.development ## The wheel and its bill of materials (CycloneDX), in dist/
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	$(BIN)/python -m deploy.generate.sbom

parts: $(VENV)/.development ## Install Samba, Prometheus and Kafka for the tests (apt as root, Maven)
	@PYTHON=$(BIN)/python .ci/parts

clean: ## Remove the virtual environment and everything generated on the way
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@[[ -n "$(PYTHON)" ]] || { echo "Python 3.11 or later is needed"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements-lab.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-lab.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.development: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime
