# Two commands: `make demo` and `make test`. Both set up .venv by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LITELLM := .venv-litellm
PAID := .venv-paid
LOCALSTRIPE := .venv-localstripe

.PHONY: help install demo test lint types rooms check torture sdk stripe bench lock catalog clean

help:
	@echo "make install   set up .venv with the marginlake command"
	@echo "make demo      run the whole loop on realistic traffic, print margins"
	@echo "make test      linters, types, import rules and the test suite"
	@echo "make torture   the longer kits: kill -9 under load, fault injection, fuzz"
	@echo "make sdk       the unmodified Paid SDKs (Python, and Node where there is one) against the service"
	@echo "make stripe    the Stripe provider against a stand-in for Stripe's API"
	@echo "make bench     measure this machine: ingest, ack latency, limits, pricing, backfill, freshness"
	@echo "make lock      re-pin requirements.txt and requirements-dev.txt"

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "marginlake needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.12" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/pyvenv.cfg requirements.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

install: $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/marginlake demo

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

rooms: $(VENV)/.installed-dev
	$(BIN)/lint-imports

check: lint types rooms

# Services and commands that tests start load compiled modules, also where Python is told to keep none.
test: export PYTHONDONTWRITEBYTECODE :=
test: check
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

torture: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow --timeout 900
	TEST_EXAMPLES_TIMES=5 $(BIN)/python -m pytest -n 2 --dist loadfile --timeout 900 -k "test_properties or as_if or between" \
		tests/marginlake/test_properties.py tests/marginlake/test_reprice_properties.py tests/marginlake/test_own_prices.py

# The vendor's SDK and its instrumentations, in an environment of their own; npm keeps no lock file.
$(PAID)/.installed: $(VENV)/.installed-dev examples/python/requirements.txt
	$(BIN)/python -m venv $(PAID)
	$(PAID)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r examples/python/requirements.txt
	@touch $@

sdk: $(PAID)/.installed
	if command -v npm >/dev/null; then npm install --prefix examples/node --silent --no-package-lock --no-audit --no-fund; fi
	$(BIN)/python -m scripts.run_examples $(PAID)/bin/python $$(command -v node || true)
	$(BIN)/python -m scripts.build_paid_compatibility $(PAID)/bin/python --check

# A stand-in for Stripe's API whose own needs clash with ours; what it does not know is tested on recorded shapes.
$(LOCALSTRIPE)/.installed: $(VENV)/.installed-dev tests/billing/checkout/localstripe.txt
	$(BIN)/python -m venv $(LOCALSTRIPE)
	$(LOCALSTRIPE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/billing/checkout/localstripe.txt
	@touch $@

stripe: $(LOCALSTRIPE)/.installed
	LOCALSTRIPE=$(CURDIR)/$(LOCALSTRIPE)/bin/localstripe $(BIN)/python -m pytest tests/billing/checkout/test_localstripe.py

bench: $(VENV)/.installed-dev $(LITELLM)/.tried
	$(BIN)/python -m benchmarks.bench_ingest $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.bench_pricing $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.bench_backfill $(BENCH_SIZE)
	$(BIN)/python -m benchmarks.bench_freshness $(BENCH_SIZE)
	$(BIN)/python -m benchmarks.bench_relink $(BENCH_SIZE)
	$(BIN)/python -m benchmarks.bench_billing $(BENCH_SIZE)

# Large and only to be compared with: in an environment of its own; the benchmark does without it where it cannot be had.
$(LITELLM)/.tried: $(VENV)/.installed-dev
	$(BIN)/python -m venv $(LITELLM)
	$(LITELLM)/bin/python -m pip install --quiet --disable-pip-version-check litellm==1.109.1 || rm -rf $(LITELLM)/bin/python
	@touch $@

lock: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/python scripts/lock.py

catalog: $(VENV)/.installed-dev
	$(BIN)/python scripts/fetch_releases.py build/prices
	$(BIN)/python scripts/build_catalog.py build/prices
	$(BIN)/python scripts/build_disagreements_doc.py

clean:
	rm -rf $(VENV) $(LITELLM) $(PAID) $(LOCALSTRIPE) examples/node/node_modules build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
