# Vintner: `make run` and `make test` do everything; `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash

DATA ?= data
PORT ?= 8080
# An installed terraform or tofu wins over the launcher that the set-up installs.
export PATH := $(PATH):$(CURDIR)/.tools/bin

.PHONY: run
run: ## Install, build and start Vintner; the first example's plan runs when you sign in
	@scripts/setup.sh
	swift build -c release --product vintner
	.build/release/vintner up --data $(DATA) --port $(PORT) --example examples/orchard --example examples/frost

.PHONY: test
test: ## Install, build and run every test: unit, storage, end to end, protocol, browser, faults
	@scripts/setup.sh test
	swift build --build-tests
	swift test --skip-build
	tsc --project jsconfig.json
	.tools/venv/bin/python -m pytest -q -p no:cacheprovider Engine
	.tools/venv/bin/python -m pytest -q -p no:cacheprovider Protocol
	.tools/venv/bin/python -m pytest -q -p no:cacheprovider Browser
	.tools/venv/bin/python -m pytest -q -p no:cacheprovider Chaos

.PHONY: unit
unit: ## Only the tests in Swift
	@scripts/setup.sh
	swift test

.PHONY: lint
lint: ## Check the format, and the types of the pages' scripts; warnings are errors
	@scripts/setup.sh test
	swift format lint --strict --recursive --parallel Package.swift Sources Tests
	tsc --project jsconfig.json

.PHONY: format
format: ## Format the sources in place
	swift format --in-place --recursive --parallel Package.swift Sources Tests

.PHONY: bench
bench: ## Run the benchmarks and print a table
	@scripts/setup.sh test
	swift build -c release --product vintner
	.tools/venv/bin/python Benchmarks/bench.py

.PHONY: shots
shots: ## Take the README's pictures from a real run, light and dark
	@scripts/setup.sh test
	swift build --product vintner
	.tools/venv/bin/pip install --quiet --disable-pip-version-check 'pillow==12.0.0'
	.tools/venv/bin/python Browser/shots.py

ROUNDS ?= 100
SEED ?= 1

.PHONY: chaos
chaos: ## Run ROUNDS rounds of faults against real jobs, from SEED on, and print the table
	@scripts/setup.sh test
	swift build
	.tools/venv/bin/python Chaos/chaos.py --rounds $(ROUNDS) --seed $(SEED)

.PHONY: clean
clean: ## Remove what was built (not your data)
	rm -rf .build

.PHONY: help
help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
