# SignalCraft. Needs make, and Python 3.11 or newer with venv; all else comes from pinned and hashed requirements.
#
# Every path below is relative, so that the folder may be called anything, blanks included.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
PY := $(VENV)/bin/python
LOCK_VENV := build/lock-venv
UV_VERSION := 0.13.9
AUDIT_VENV := build/audit-venv
AUDIT_VERSION := 2.10.1
# Packages that are already built, so that no compiler is needed, and only the very files that were pinned.
PIP_INSTALL := $(PY) -m pip install --disable-pip-version-check --no-input --quiet
PINNED := --require-hashes --only-binary :all:
# More for `signalcraft demo`, for instance ARGS="--for 30".
ARGS ?=

.PHONY: help install demo test programs check audit lock bench prove clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "  %-14s %s\n", $$1, $$2 }'

install: $(VENV)/runtime.stamp ## Make .venv with what the service needs

demo: $(VENV)/runtime.stamp ## Run the service, eight simulated sensors and a live table; Ctrl-C ends it
	@$(PY) -m signalcraft demo $(ARGS)

test: $(VENV)/dev.stamp programs ## Run all tests against a real PostgreSQL
	$(PY) -m pytest --numprocesses 2 --dist loadfile

programs: ## Install the programs that the tests run (Nginx, Chromium), where missing and allowed
	@tools/install_test_programs.sh

check: $(VENV)/dev.stamp ## Check format, lint, types, imports and migrations
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) tools/check_migrations.py

audit: $(AUDIT_VENV)/bin/pip-audit ## Ask PyPI for known vulnerabilities of what the service runs on
	@$< --strict --progress-spinner off --require-hashes --disable-pip -r requirements/runtime.txt || \
		{ echo "Either there are vulnerabilities, or not every package could be asked about: see above." >&2; exit 1; }

bench: $(VENV)/dev.stamp ## Measure the speed, as ratios, and print the table
	$(PY) bench/run.py

prove: check test bench ## Check, test, measure (also the chart of ten million rows), and run the demo for 30 s
	$(PY) bench/chart.py
	FAULT_CLIPS=200 $(PY) -m pytest -q tests/faults/test_tasks.py
	$(PY) -m signalcraft demo --for 30

lock: $(LOCK_VENV)/bin/uv ## Pin the newest versions that fit pyproject.toml, with their hashes
	$< pip compile pyproject.toml --group build $(COMPILE) --output-file requirements/runtime.txt
	$< pip compile pyproject.toml --group build --group dev --constraint requirements/runtime.txt $(COMPILE) \
		--output-file requirements/dev.txt

COMPILE := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url

clean: ## Remove the environment and everything that was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .schemathesis

# A Python that is new enough and can make virtual environments: the one given as PYTHON=, else the first found.
$(PY):
	@for python in "$${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			"$$python" -m venv --clear $(VENV) && exit 0; \
		fi; \
	done; \
	echo "SignalCraft needs Python 3.11 or newer with venv; on Debian and Ubuntu: apt install python3-venv." >&2; \
	echo "If it has another name here: make PYTHON=/path/to/python3" >&2; \
	exit 1

$(VENV)/runtime.stamp: requirements/runtime.txt pyproject.toml | $(PY)
	@echo "Installing what the service needs into $(VENV) ..."
	@$(PIP_INSTALL) $(PINNED) -r requirements/runtime.txt
	@$(PIP_INSTALL) --no-build-isolation --no-deps --no-index -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/runtime.stamp
	@echo "Installing what the tests need into $(VENV) ..."
	@$(PIP_INSTALL) $(PINNED) -r requirements/dev.txt
	@touch $@

$(AUDIT_VENV)/bin/pip-audit: | $(PY)
	@$(PY) -m venv $(AUDIT_VENV)
	@$(AUDIT_VENV)/bin/python -m pip install --disable-pip-version-check --quiet pip-audit==$(AUDIT_VERSION)

$(LOCK_VENV)/bin/uv: | $(PY)
	@$(PY) -m venv $(LOCK_VENV)
	@$(LOCK_VENV)/bin/python -m pip install --disable-pip-version-check --quiet uv==$(UV_VERSION)
