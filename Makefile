# Every target is safe to repeat; whatever is longer than a few lines is in scripts/.

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
INSTALLED_FROM := pyproject.toml scripts/venv

.DEFAULT_GOAL := help
.PHONY: help run image test check venv lint unit unit-others unit-operations bench changes coverage clean

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r target text; \
	  do printf '  make %-8s %s\n' "$$target" "$$text"; done

run: $(RUNTIME) ## Start the emulator on port 4566, with real instances where there is Docker
	@if [ -S /var/run/docker.sock ]; then scripts/guest-tools || true; fi
	@exec $(BIN)/ec2-emulator start

image: ## Build the container image; BASE= names another base than Debian's slim one
	@BASE='$(BASE)' scripts/image

test: $(DEV) ## Run everything this machine can run, and say what was skipped and why
	@scripts/test

check: $(DEV) ## Lint, types and unit tests side by side, in under a minute
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target EXAMPLES=check lint unit-others unit-operations

venv: $(DEV) ## Make .venv, with .venv/bin/ec2-emulator and the development tools

lint: $(DEV)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# In two halves that take about the same time, and not by several workers of one run, of which
# each would collect every test. EXAMPLES=check has the generating tests try fewer examples.
EXAMPLES := whole
UNIT := $(BIN)/pytest -q -p no:xdist --hypothesis-profile=$(EXAMPLES)

# What asks for operations of whole services takes as long as all the rest but for a lint.
OPERATIONS := tests/unit/services tests/unit/test_every_operation.py tests/unit/test_read_back.py

unit: unit-operations unit-others

unit-others: $(DEV)
	@$(UNIT) tests/unit $(OPERATIONS:%=--ignore=%)

unit-operations: $(DEV)
	@$(UNIT) $(OPERATIONS)

bench: $(RUNTIME) ## Compare with moto, ministack and a bare echo; BENCH=--quick for a short run
	@scripts/system-package wrk wrk
	@$(BIN)/python -m benchmarks $(BENCH)

changes: $(DEV) ## Show the change notes of the next release
	@$(BIN)/towncrier build --draft

coverage: $(RUNTIME) ## Write docs/coverage.md
	@$(BIN)/ec2-emulator coverage --markdown >docs/coverage.md.new
	@mv docs/coverage.md.new docs/coverage.md

clean: ## Remove what the other targets made
	rm -rf $(VENV) .bench .lab .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUNTIME): $(INSTALLED_FROM)
	@scripts/venv $(VENV)
	@touch $@

$(DEV): $(INSTALLED_FROM)
	@scripts/venv $(VENV) dev
	@touch $(RUNTIME) $@
