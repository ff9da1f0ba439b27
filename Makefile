# Every task of the checkout. `make` alone lists them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# A stamp is renewed only after its whole step worked, so a broken install is done again.
BASE := $(VENV)/.base-installed
DEV := $(VENV)/.dev-installed

# The lock holds for all of these; `make lock` remakes it.
LOCKS := base server dev
LOCK_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-emit-package tracker

# Tests often wait for a process or a browser: one worker more than processors, at most eight.
WORKERS ?= $(shell n=$$(( $$(nproc) + 1 )); echo $$(( n > 8 ? 8 : n )))

PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PLUGIN_FLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test prepare-tests test-plugins test-fast lint format bench chaos lock translations vendor bundle clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(BASE) ## make the virtual environment and install the application from the lock

install-dev: $(DEV) ## the same, and what tests and checks need

run: $(BASE) ## install, load the demo and start the server
	$(BIN)/tracker demo
	$(BIN)/tracker run

test: $(DEV) ## install what the tests need; check the code; run every test on both databases
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target prepare-tests lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=30
	$(MAKE) --no-print-directory test-plugins

prepare-tests: $(DEV)
	$(BIN)/python -m tools.prepare_tests

test-plugins: $(DEV) ## run the tests of the plug-ins, each in its own folder, on both databases
	@for folder in $(PLUGINS); do echo "== $$folder"; \
	(cd "$$folder" && "$(CURDIR)/$(BIN)/python" -m pytest -n $(WORKERS) $(PLUGIN_FLAGS)) \
	|| exit 1; done

test-fast: $(DEV) ## the quick loop: no PostgreSQL, no browser, no packaging
	@echo "Quick loop: SQLite only, no browser, no packaging. 'make test' runs everything."
	$(BIN)/python -m pytest -n $(WORKERS) --database sqlite -m "not browser and not packaging"
	@$(MAKE) --no-print-directory test-plugins PLUGIN_FLAGS="--tracker-database sqlite"

lint: $(DEV) ## check style, types, layers and vendored files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/vendor.py --check

format: $(DEV) ## write the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV) ## run the benchmarks; each prints a table
	@for file in bench/bench_*.py; do echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

chaos: prepare-tests ## kill job processes and take databases away for longer than 'make test' does
	TRACKER_TEST_FAULT_ROUNDS=200 TRACKER_TEST_OUTAGE_SECONDS=30 \
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=0 tests/faults

lock: $(DEV) ## remake the lock files from setup.py and requirements/*.in
	@for name in $(LOCKS); do echo "requirements/$$name.txt"; \
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile $(LOCK_FLAGS) \
	$(UPGRADE) requirements/$$name.in --output-file requirements/$$name.txt > /dev/null || exit 1; done

translations: $(DEV) ## bring the English catalogue up to date with the code and compile it
	$(BIN)/pybabel -q extract -F pyproject.toml -k _l -k lazy_gettext -k lazy \
	--no-location --sort-output --project tracker -o tracker/locale/messages.pot .
	$(BIN)/pybabel -q update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
	--init-missing -l en -i tracker/locale/messages.pot -d tracker/locale
	rm -f tracker/locale/messages.pot
	$(BIN)/pybabel compile --statistics -d tracker/locale

vendor: $(DEV) ## fetch the front-end files again and verify them against their lock
	$(BIN)/python tools/vendor.py

bundle: $(DEV) ## wheelhouse/ with everything to install on a machine without internet
	rm -rf wheelhouse
	$(PIP) download --require-hashes --only-binary :all: -r requirements/server.txt -d wheelhouse
	$(BIN)/python -m build --no-isolation --outdir wheelhouse .
	rm -f wheelhouse/*.tar.gz
	cp requirements/server.txt wheelhouse/requirements.txt
	@echo "On the other machine: python3 -m venv VENV, then"
	@echo "  VENV/bin/pip install --no-index --find-links wheelhouse -r wheelhouse/requirements.txt"
	@echo "  VENV/bin/pip install --no-index --no-deps wheelhouse/tracker-*.whl"

clean: ## remove what builds and tests leave; keeps .venv and the instance
	rm -rf build dist wheelhouse *.egg-info .pytest_cache .mypy_cache .ruff_cache \
	.import_linter_cache .hypothesis htmlcov .coverage .coverage.*
	find tracker plugins migrations tests tools bench -name __pycache__ -type d -prune \
	-exec rm -rf {} + 2>/dev/null || true

$(BASE): setup.py pyproject.toml requirements/base.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into $(VENV); the first time this takes a minute."
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --require-hashes -r requirements/base.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(BASE) requirements/dev.txt
	@echo "Installing what tests and checks need."
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
