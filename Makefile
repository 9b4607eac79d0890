# What there is to type. Each target sets up what it needs by itself; a second time there is nothing to set up.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-sentence-transformers run check lint types documents test chaos \
	test-containers test-sentence-transformers bench lock clean

PYTHON := .venv/bin/python
ST := .venv-st
ST_REQUIREMENTS := requirements-sentence-transformers.txt
KILLS := 300
PACKAGES := oboegaki chat_api memory_consumer memory_store connectors devstack tests benchmarks

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | sort | awk -F'\t' '{printf "make %-26s %s\n", $$1, $$2}'

setup:  ## Python packages, MySQL, Kafka and Debezium, as far as they are missing
	@./setup.sh requirements.txt

setup-dev:
	@./setup.sh requirements-dev.txt

run: setup  ## start everything and say what to paste next; Ctrl-C stops it
	@.venv/bin/oboegaki run

check: lint types documents  ## ruff, mypy --strict, import-linter, documents; -j 2 for two at once

lint: setup-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports --no-logo

types: setup-dev
	.venv/bin/mypy

documents: setup-dev
	$(PYTHON) -m pytest -q tests/docs

# The folders' order begins with those whose files take longest, which must not be left to the end.
test: setup-dev  ## every test, on a real MySQL, Kafka, Debezium and store
	$(PYTHON) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

chaos: setup-dev  ## kill, stop and starve every part under load, 300 times or KILLS=n; takes an hour or more
	$(PYTHON) -m pytest -q -s tests/chaos --kills $(KILLS) --moves 40 --lives 1000

test-containers: setup-dev  ## docker-compose.yml as users start it, on an engine and images made where there are none
	$(PYTHON) -m tests.containers

test-sentence-transformers: $(ST)/$(ST_REQUIREMENTS)  ## its tests, in an environment of their own: torch, 6.4 GB
	$(ST)/bin/python -m pytest -q tests/local_model tests/contract/test_embedders.py \
		-k "local_model or sentence-transformers"

setup-sentence-transformers: $(ST)/$(ST_REQUIREMENTS)

$(ST)/$(ST_REQUIREMENTS): $(ST_REQUIREMENTS)
	python3 -m venv $(ST)
	$(ST)/bin/pip install --disable-pip-version-check -q --no-cache-dir --require-hashes --only-binary :all: -r $<
	cp $< $@

bench: setup-dev  ## benchmarks: figures and ratios, with their medians
	$(PYTHON) -m benchmarks

lock: setup-dev  ## write the requirements anew from pyproject.toml
	./lock.sh

clean:  ## remove what was set up; data in .oboegaki stays
	rm -rf .venv $(ST) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
