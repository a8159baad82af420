# RemitHub. Every target does its own set-up: Python 3.11 or newer, pip and make are enough.
.DEFAULT_GOAL := help
.PHONY: help demo test check quick soak docs lock clean

VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.ready-run
DEV := $(VENV)/.ready-dev
LOCK := pyproject.toml constraints.txt .ci/make-venv
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadscope
ARGS ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(RUN) ## the whole job once on your screen (make demo ARGS=--once ends by itself)
	@$(BIN)/remithub demo $(ARGS)

test: check ## all checks and tests (PYTEST_ARGS= passes options on)
	@$(PYTEST) -m "not soak" --durations=10 $(PYTEST_ARGS)

check: $(DEV) ## format, lint, types, import rules, documents, dead code, packages
	@PATH="$(CURDIR)/$(BIN):$$PATH" .ci/check

quick: $(DEV) ## the two-minute loop: lint and the tests that are not slow
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(PYTEST) -q -m "not slow and not soak" $(PYTEST_ARGS)

soak: $(DEV) ## the tests that take minutes to hours
	@$(BIN)/python -m pytest -m soak $(PYTEST_ARGS) || [ $$? -eq 5 ] # 5: there is none yet

docs: $(DEV) ## write the generated tables anew
	@$(BIN)/remithub docs

lock: ## write constraints.txt from a clean environment
	@.ci/make-lock

clean: ## remove the environment and the caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist

$(RUN): $(LOCK)
	@.ci/make-venv $(VENV) "."
	@touch $@

$(DEV): $(LOCK)
	@.ci/make-venv $(VENV) ".[dev]"
	@touch $@ $(RUN)
