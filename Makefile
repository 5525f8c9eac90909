# What people do with a checkout. Needs Python 3.11 or newer, make and git; `make help` lists it.
#
# .venv/ is made on first use. Its stamps are older than what they depend on only when there is
# something to install, so a second run starts at once.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# What an editable install cannot pick up by itself: dependencies and the compiled contracts.
INSTALLED := pyproject.toml hatch_build.py $(wildcard protos/*/*.proto)

.DEFAULT_GOAL := help
.PHONY: run demo test check docs live bench fuzz clean help

run: $(VENV)/.run  ## Show what runs on this machine; a recorded host if there is nothing here
	@$(BIN)/stackscope tree --or-demo $(ARGS)

demo: $(VENV)/.run  ## Show a recorded host; ARGS="why REF" and the like ask it something else
	@$(BIN)/stackscope demo $(ARGS)

test: $(VENV)/.dev  ## Run the tests that need no engine
	@$(BIN)/pytest $(ARGS)

check: $(VENV)/.dev  ## Check format, lint, types, layers and that the reference pages are fresh
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.house.docs_fresh

docs: $(VENV)/.dev  ## Write the reference pages anew from the code
	@$(BIN)/python -m docs.generate

live: $(VENV)/.dev  ## Run the tests against real engines, which they start themselves; as root
	@$(BIN)/pytest -m live tests/live $(ARGS)

bench: $(VENV)/.dev  ## Measure how long a crowded host takes
	@$(BIN)/python -m bench $(ARGS)

FUZZ ?= fuzz

fuzz: $(VENV)/.dev  ## Run the property tests with many more examples; FUZZ=fuzz-short with some more
	@$(BIN)/pytest --hypothesis-profile=$(FUZZ) --timeout=1800 -m "not live" -k "fuzz or test_text" $(ARGS)

clean:  ## Remove what was made here: the virtual environment, the build and the caches
	rm -rf $(VENV) build dist stackscope/wire/containerd stackscope/wire/contracts.binpb
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find stackscope tests -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## Show this
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "stackscope needs Python 3.11 or newer, and $(PYTHON) is" \
	    "$$({ $(PYTHON) --version; } 2>/dev/null || echo not there)." \
	    "Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "No virtual environment without ensurepip. On Debian: apt-get install python3-venv" >&2; \
	  exit 1; }

$(VENV)/.run: $(INSTALLED) | $(BIN)/python
	@echo "Installing stackscope into $(VENV) ..." >&2
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.dev: $(INSTALLED) | $(BIN)/python
	@echo "Installing stackscope and its tools into $(VENV) ..." >&2
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/.run
