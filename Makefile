# `make help` lists the commands. Everything is installed into .venv, from hash-pinned lock files.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ONCE ?=
# The packages whose every branch is tested. Their tests alone are traced: tracing doubles the time of all others.
PURE := tests/stages tests/triggers tests/sdk/evaluator
ASSETS := controller/console/static/vendor

.DEFAULT_GOAL := help
.PHONY: help demo run test test-sdk lint differential bench lock screenshots clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.run $(ASSETS) ## Play the whole story on this machine; ONCE=1 exits when it is over
	@$(BIN)/python -m examples.demo $(if $(ONCE),--once)

run: $(VENV)/.run $(ASSETS) ## Start the controller alone, on an embedded SQLite file
	@$(BIN)/headgate serve

test: $(VENV)/.dev $(ASSETS) ## Everything a developer needs, then the whole suite
	@failed=; \
	$(BIN)/python -m pytest $(PURE) --cov --cov-report= && $(BIN)/python -m coverage report || failed=yes; \
	$(BIN)/python -m pytest $(PURE:%=--ignore=%) || failed=yes; \
	test -z "$$failed"

test-sdk: ## The SDK's own tests, in a fresh .venv-sdk: make test-sdk PYTHON=python3.10
	@$(PYTHON) -m venv --clear .venv-sdk
	@.venv-sdk/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes --requirement requirements/sdk.lock
	@.venv-sdk/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable sdk
	@.venv-sdk/bin/python -m pytest tests/sdk --confcutdir tests/sdk

differential: $(VENV)/.dev ## Ask the reference evaluator about 100,000 random rules and contexts
	@HEADGATE_DIFFERENTIAL_RULES=10000 $(BIN)/python -m pytest tests/sdk/evaluator/test_oracle.py -k random -rP \
	  --numprocesses 0 --timeout 0 --quiet

lint: $(VENV)/.dev ## ruff, mypy strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: $(VENV)/.bench $(ASSETS) ## Measure beside peers and print the table
	@$(BIN)/python -m bench

screenshots: $(VENV)/.dev $(ASSETS) ## Take the README's pictures of the console in a real browser
	@HEADGATE_SCREENSHOTS=docs/images $(BIN)/python -m pytest tests/browser --numprocesses 0

lock: $(VENV)/.dev ## Resolve the dependencies again into requirements/*.lock
	@for set in run dev bench node sdk; do \
	  python=3.11; \
	  case $$set in \
	    run) wanted="pyproject.toml --group build --group demo" ;; \
	    dev) wanted="pyproject.toml --group build --group demo --group dev" ;; \
	    bench) wanted="pyproject.toml --group bench" ;; \
	    node) wanted="--group node" ;; \
	    sdk) wanted="sdk/pyproject.toml --group sdk/pyproject.toml:test" python=3.10 ;; \
	  esac; \
	  $(BIN)/uv pip compile $$wanted --universal --python-version $$python --generate-hashes --quiet \
	    --no-emit-package headgate --no-emit-index-url --custom-compile-command "make lock" \
	    $$(test $$set = run || echo "--constraint requirements/run.lock") \
	    --output-file requirements/$$set.lock || exit 1; \
	done

clean: ## Remove what these commands made, but not data
	@rm -rf $(VENV) .venv-sdk $(ASSETS) node_modules .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache

# What the console's pages load from npm; with a wheel of Node.js where there is no npm.
$(ASSETS): package-lock.json package.json .ci/assets | $(VENV)/.run
	@echo "Fetching what the console's pages load"
	@.ci/assets $(BIN)/python
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Headgate needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock pyproject.toml sdk/pyproject.toml | $(VENV)/bin/python
	@echo "Installing Headgate"
	@$(PIP) install --no-deps --require-hashes --requirement requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation --editable sdk --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@echo "Installing the developer tools"
	@$(PIP) install --no-deps --require-hashes --requirement requirements/dev.lock
	@touch $@

$(VENV)/.bench: requirements/bench.lock $(VENV)/.dev
	@$(PIP) install --no-deps --require-hashes --requirement requirements/bench.lock
	@touch $@
