# `make` alone lists the commands.
SHELL := /bin/bash
.DEFAULT_GOAL := list
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; done)
EXTRAS := serving,orchestration,local,dev
CHROMIUM := chromium chromium-browser google-chrome google-chrome-stable
INSTALLED := $(VENV)/.installed

.PHONY: list demo dev serve install chromium check format test bench bench-cf bench-serving docs lock milvus-server-env clean \
	check-format check-lint check-types check-imports check-sql

list: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install chromium ## Everything: packages, stores, servers and the sample market; prints where to look
	@$(BIN)/soko up

dev: install chromium ## The same, and the API starts anew when its code changes
	@$(BIN)/soko up --reload

serve: install ## The API alone, on stores named by SOKO_ variables
	@OPENBLAS_NUM_THREADS=1 $(BIN)/uvicorn --factory serving.app:app_from_environment --host 127.0.0.1 --port $${PORT:-8000}

install: $(INSTALLED) ## The virtual environment with the locked packages

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; none was found on PATH" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the locked packages; the first time takes some minutes"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

chromium: ## A Chromium to read catalogue pages with, unless there is one
	@for name in $(CHROMIUM); do command -v $$name >/dev/null && exit 0; done; \
	if [ -n "$$SOKO_CHROMIUM_PATH" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then become=none; \
	elif [ "$$(id -u)" = 0 ]; then become=; \
	elif sudo -n true 2>/dev/null; then become="sudo -n"; \
	else become=none; fi; \
	if [ "$$become" = none ]; then \
		echo "No Chromium was found, and this user may not install one. Ask an administrator for the package" >&2; \
		echo "chromium, or name a Chromium or Chrome of your own: export SOKO_CHROMIUM_PATH=/path/to/chrome" >&2; \
		exit 1; \
	fi; \
	echo "installing Chromium"; \
	$$become apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$become apt-get install -y -qq --no-install-recommends chromium </dev/null >/dev/null

check: check-format check-lint check-types check-imports check-sql ## Format, lint, types, import contracts, SQL

check-format: install
	@$(BIN)/ruff format --check .

check-lint: install
	@$(BIN)/ruff check .

check-types: install
	@$(BIN)/mypy

check-imports: install
	@$(BIN)/lint-imports

check-sql: install
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project

format: install ## Mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/sqlfluff fix --disable-progress-bar dbt_project

test: install ## Every test, on embedded stores; files go to as many workers as there are cores, four at most
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

bench: install ## Every figure the documentation names; DATA is the folder of the grocery photos
	@test -n "$(DATA)" || { echo "make bench DATA=folder-of-grocery-photos" >&2; exit 1; }
	@$(BIN)/python -m benchmarks.photo_search --data $(DATA)

bench-cf: install ## Recommenders beside the published table and popularity; DATA is the folder of gowalla and afrimash
	@test -n "$(DATA)" || { echo "make bench-cf DATA=folder-that-holds-gowalla-and-afrimash" >&2; exit 1; }
	@$(BIN)/python -m benchmarks.collaborative_gowalla $(DATA)/gowalla
	@$(BIN)/python -m benchmarks.collaborative_markets --afrimash $(DATA)/afrimash/Transaction_Data.xlsx
	@$(BIN)/python -m benchmarks.collaborative_training --no-spark

bench-serving: install ## What recommendations cost to serve: beside a bare route, fold-in, answers an hour
	@$(BIN)/python -m benchmarks.serving


docs: install ## dbt's documentation of the marts, from the running market, in dbt_project/target
	@$(BIN)/soko exec dbt docs generate --static --project-dir dbt_project --profiles-dir dbt_project
	@echo "open dbt_project/target/static_index.html"

lock: ## Choose every version anew and write constraints.txt
	@rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/pip install --quiet --disable-pip-version-check -e '.[$(EXTRAS)]'
	@.venv-lock/bin/pip freeze --exclude soko --exclude-editable | sed 's/+cpu$$//' > constraints.txt
	@rm -rf .venv-lock && echo "constraints.txt: $$(wc -l < constraints.txt) packages"

milvus-server-env: ## A virtual environment with a real Milvus server, for the tests of the server side
	@test -x .venv-milvus/bin/python || $(PYTHON) -m venv .venv-milvus
	@.venv-milvus/bin/pip install --quiet --disable-pip-version-check 'milvus==2.3.5' 'setuptools<81'

clean: ## Remove what tools left behind; the virtual environment and the market stay
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dbt_project/target dbt_project/logs
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
