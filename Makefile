# Two commands are enough: `make demo` runs the product, `make test` passes the tests.
# Each sets up what it needs in .venv; a second run is quick.

RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(RECENT)' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

TOO_OLD := crm-audit needs Python 3.11 or newer. If it is installed under another name: make PYTHON=/path/to/python3.11
NO_VENV := This Python cannot make a virtual environment. On Debian or Ubuntu: apt install python3-venv

.PHONY: demo test check reference bench bench-sync bench-write bench-live soak clean

demo: $(READY)
	@$(BIN)/crm-audit demo

test: $(READY)
	@$(BIN)/pytest -q -n auto --tb=short

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

reference: $(READY)
	@$(BIN)/python -m crm_audit.reference docs/reference
	@$(BIN)/python -m tests.recordings docs/reference

bench: $(READY)
	@$(BIN)/python -m bench

# Half an hour and more: the reference org of a million activities, read over HTTP, three nights, both CRMs and databases.
bench-sync: $(READY)
	@$(BIN)/python -m bench.sync

# A few minutes: 30,000 first flags and a night of 1,000 changes, written to the emulated CRMs.
bench-write: $(READY)
	@$(BIN)/python -m bench.write

# A minute: webhook to annotation.
bench-live: $(READY)
	@$(BIN)/python -m bench.live

# An hour and more: 500 random histories of each CRM on each database; `make test` lives 25.
soak: $(READY)
	@CRM_AUDIT_SOAK=500 $(BIN)/pytest -q -n auto --tb=short tests/soak

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/clients/node_modules tests/salesforce_kit/node_modules tests/hubspot_kit/node_modules

$(READY): requirements-dev.lock pyproject.toml
	@'$(PYTHON)' -c '$(RECENT)' 2>/dev/null || { echo '$(TOO_OLD)' >&2; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { echo '$(NO_VENV)' >&2; exit 1; }
	@echo 'Setting up $(VENV): a minute or two, once.' >&2
	@'$(PYTHON)' -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
