# `make help` lists what there is to do.
.DEFAULT_GOAL := help
SHELL := bash
.NOTPARALLEL:
.PHONY: help setup docs reference demo test lint format unit e2e faults faults-short soak interplay bench dist packages proto golden picture clean prove

STORE ?= dir
BIN := .venv/bin
PROVE = --seed $(or $(SEED),1) --jobs $(or $(JOBS),2) $(if $(TIME),--time $(TIME)) $(if $(WORLDS),--worlds $(WORLDS))

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## install what is needed: Debian packages, .venv, pinned Python packages
	@scripts/setup

demo: setup  ## secure a host with real packets, step by step (STORE=dir, etcd or etcd2)
	@$(BIN)/catflap lab demo --store $(STORE)

test: setup lint unit e2e packages faults-short  ## the linters and all tests

lint:  ## formatting, lint, types, layers
	@$(BIN)/ruff format --check --quiet . || { echo 'run: make format'; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo --no-cache | tail -n 1; exit $${PIPESTATUS[0]}

format:  ## format the code and fix what can be fixed
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

unit:  ## tests without root or kernel
	@$(BIN)/pytest -q -n 3 --dist worksteal --ignore tests/e2e --ignore tests/faults --ignore tests/packages

e2e:  ## tests with a real kernel, a real etcd and real packets, in network namespaces
	@$(BIN)/pytest -q -n 3 tests/e2e

packages:  ## tests of the packages: built, installed, started, upgraded under load, removed
	@scripts/setup dist
	@$(BIN)/pytest -q -n 2 --dist loadfile tests/packages

faults: setup  ## all faults of the stores, with a real etcd; the table goes into docs/stores.md
	@$(BIN)/pytest -q -n 3 --dist worksteal tests/faults --write-table

faults-short:
	@$(BIN)/pytest -q -n 3 --dist worksteal tests/faults -m 'not long'

soak: setup  ## an agent under a random fault every 30 s (TIME=3600 SEED=1)
	@$(BIN)/python -m tests.faults.soak --time $(or $(TIME),3600) --seed $(or $(SEED),1)

prove: setup  ## hold the kernel against the evaluator (TIME=60 SEED=1 WORLDS= JOBS=2, or REPLAY=folder)
	@$(BIN)/catflap lab prove $(if $(REPLAY),--replay $(REPLAY),$(PROVE))

interplay: setup  ## live beside ufw, firewalld, docker and others: Debian's packages, in files that are thrown away
	@$(BIN)/python -m tests.interplay

bench:  ## measure, and print a table with this machine's facts
	@scripts/setup bench
	@$(BIN)/python -m bench

dist:  ## build wheel, sdist, .deb, .rpm and a bundle for other distributions into dist/
	@scripts/setup dist
	@$(BIN)/python -m distribution

proto: setup  ## generate the etcd messages anew from their .proto
	@$(BIN)/python scripts/generate_proto.py

golden: setup  ## write the golden rule sets of the tests anew
	@$(BIN)/pytest -q tests/nft --write-golden

docs: setup  ## build the site of the documents into site/; a broken link fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict && echo 'site/index.html; or, with a server: python3 -m http.server --directory site'

reference: setup  ## write the pages of the reference that come from the code, and the JSON Schemas, anew
	@$(BIN)/python -m scripts.reference

picture: setup  ## draw the pictures in docs/ anew from real runs
	@$(BIN)/python scripts/draw_pictures.py

clean:  ## remove what was built
	rm -rf .venv build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
