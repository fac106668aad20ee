# `make` prints what it can do. Python >= 3.11 with venv and pip, and this make, are all it needs.
SHELL := /bin/sh
PYTHON ?= $(firstword $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p; done; true))
PY := .venv/bin/python
READY := .venv/.ready
SDK := client_sdk/dist/modori.js
SDK_SOURCES := $(wildcard client_sdk/package-lock.json client_sdk/package.json client_sdk/scripts/* client_sdk/tsconfig.json) \
	$(shell find client_sdk/src -name '*.ts' 2>/dev/null)
.DEFAULT_GOAL := help
.PHONY: help demo dev test check fix bench forms chaos migration seed sdk

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-10s %s\n' "$$name" "$$what"; done

demo: $(READY) $(SDK) ## the whole product on this machine, with a shop, a phone and an inbox to play with
	@exec $(PY) -m modori.entrypoints.demo

dev: $(READY) $(SDK) ## as demo, and each process starts again when its code changes
	@exec $(PY) -m modori.entrypoints.demo --reload

test: $(READY) $(SDK) ## every test, browser included, and the SDK's own
	$(PY) -m modori.sandbox.node test
	$(PY) -m pytest -n 3 --dist worksteal

check: $(READY) ## formatting, lints, types, import contracts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PY) -m pytest tests/architecture
	$(PY) -m modori.sandbox.node run check
	$(PY) -m tests.architecture.largest

fix: $(READY) ## format, and mend what can be mended without thought
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: $(READY) $(SDK) ## measure this machine: ingest, claims, lateness, the queue page, the SDK
	$(PY) -m tests.benchmarks

forms: $(READY) $(SDK) ## score what the SDK understands of labelled forms: make forms CORPUS=../a/folder
	$(PY) -m tests.forms $(if $(CORPUS),--corpus $(CORPUS)) $(if $(ONLY),--only '$(ONLY)') $(if $(V),-v)

chaos: $(READY) $(SDK) ## 500 leads through kills, wipes and a misbehaving world, judged from the ledgers
	MODORI_CHAOS_LEADS=500 $(PY) -m pytest tests/chaos -s

migration: $(READY) ## write a migration from the tables' classes: make migration m="add a column"
	@test -n "$(m)" || { echo 'say what it does: make migration m="add a column"'; exit 2; }
	$(PY) -m modori.entrypoints.new_migration "$(m)"

seed: $(READY) $(SDK) ## forget the demo's database and start the demo from its first day
	@exec $(PY) -m modori.entrypoints.demo --reseed

sdk: $(SDK) ## build the browser SDK

$(SDK): $(SDK_SOURCES) | $(READY)
	@echo "building the browser SDK"
	@$(PY) -m modori.sandbox.node run build
	@touch $(SDK)

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found. Install it, or say which: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PY) -c 'import pip' 2>/dev/null || { echo "making .venv with $$($(PYTHON) --version)"; $(PYTHON) -m venv --clear .venv; }
	@echo "installing Python packages (a minute or so the first time)"
	@$(PY) -m pip install --disable-pip-version-check --progress-bar off --require-hashes -r requirements.lock
	@$(PY) -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $(READY)
