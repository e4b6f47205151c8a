# The one task runner, for people, hooks and CI. `make` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help venv demo up stop status test test-fast lint format docs bench lock clean

PROFILE ?= demo
# The first of these that runs and is new enough makes the environment; or name one: make venv PYTHON=/path/to/python
PYTHON ?= python3.13 python3.12 python3.11 python3
# Ports of the local servers, remembered once chosen: make demo AIRFLOW_PORT=8081
$(foreach port,MINIO_PORT MINIO_CONSOLE_PORT MLFLOW_PORT AIRFLOW_PORT,$(if $($(port)),$(eval export OI_$(port) := $($(port)))))

BIN := .venv/bin
STAMP := .venv/.made-from
# The locks hold no package newer than this day, so that all of them agree.
NEWEST ?= 2026-11-10
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# A package index may fail, or lack a version for a moment: $(call retried,command) tries 5 times.
# Every second try trusts the certificates of the machine, which may know a company's proxy, and not those of uv.
retried = try=1; until UV_SYSTEM_CERTS=$$((1 - try % 2)) $(1); do \
	test $$try -lt 5 || { echo "environment: the package index still fails after 5 tries" >&2; exit 1; }; \
	try=$$((try + 1)); echo "environment: the package index failed; try $$try of 5" >&2; sleep 3; done

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: ## make the environment (.venv) from the hashed locks; nothing to do when they are unchanged
	@key=$$({ cat locks/uv.txt locks/dev.txt pyproject.toml; pwd; } | sha256sum | cut -c1-64); \
	if test "$$(cat $(STAMP) 2>/dev/null)" = "$$key" && $(BIN)/python -c '' 2>/dev/null; then \
		echo "environment: up to date"; exit 0; fi; \
	python=; found=; \
	for candidate in $(PYTHON); do \
		version=$$("$$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
		found="$$found $$candidate is $$version"; \
		case $$version in 3.11 | 3.12 | 3.13) ;; *) continue ;; esac; \
		"$$candidate" -c 'import ensurepip, venv' 2>/dev/null || { found="$$found without venv"; continue; }; \
		python=$$candidate; break; done; \
	test -n "$$python" || { echo "environment: Python 3.11 to 3.13 with its venv module is needed;" \
		"looked for $(PYTHON), found:$${found:- none that runs}" >&2; exit 1; }; \
	$(BIN)/python -c 'import sys, pip; assert (3, 11) <= sys.version_info < (3, 14)' 2>/dev/null || { \
		echo "environment: made with $$python, Python $$version"; "$$python" -m venv --clear .venv || exit 1; }; \
	echo "environment: installing locks/dev.txt (6 GB and some minutes the first time)"; \
	$(call retried,$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt); \
	$(call retried,$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r locks/dev.txt); \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation -e . || exit 1; \
	echo "$$key" > $(STAMP); echo "environment: ready"

demo: venv ## start MinIO, MLflow and Airflow, ingest, train and promote a small model [PROFILE=demo, AIRFLOW_PORT=8080, …]
	@$(BIN)/oi demo --profile $(PROFILE)

up: venv ## start the local servers
	@$(BIN)/oi up

stop: ## end the local servers
	@if test -x $(BIN)/oi; then $(BIN)/oi down; else echo "nothing runs"; fi

status: ## tell what runs: pid, address, health, memory
	@if test -x $(BIN)/oi; then $(BIN)/oi status; else echo "nothing runs"; fi

test: venv ## run all tests
	$(BIN)/pytest

test-fast: venv ## run the tests that take seconds, two at a time
	$(BIN)/pytest -m "not slow" -n 2

lint: venv ## check style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: venv ## format the code, and mend what the linter can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: venv ## write anew the documents that are made from the code, and build the site of all of them: build/docs
	$(BIN)/oi profiles --reference > docs/profile.md
	$(BIN)/python docs/draw.py
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -c docs -d build/doctrees . build/docs
	@echo "the site: build/docs/index.html"

bench: venv ## measure [ONLY=name]
	$(BIN)/python -m bench $(ONLY)

lock: venv ## compile the locks anew from pyproject.toml [NEWEST=2026-11-10]
	@$(call retried,$(COMPILE) --exclude-newer $(NEWEST) pyproject.toml --all-extras -o locks/dev.txt)
	@for extra in trainer orchestrator server; do \
		$(call retried,$(COMPILE) pyproject.toml --extra $$extra -c locks/dev.txt -o locks/$$extra.txt); done
	@$(call retried,$(COMPILE) locks/uv.in -o locks/uv.txt)
	@$(call retried,$(COMPILE) locks/go.in -o locks/go.txt)

clean: stop ## end the servers and remove all that was made here: their data (.oi), the environment, caches
	rm -rf .oi .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis
