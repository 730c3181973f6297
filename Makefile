# Vintner: `make run` and `make test` do everything; `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash

DATA ?= data
PORT ?= 8080
# An installed terraform or tofu takes precedence over the launcher that the setup installs.
export PATH := $(PATH):$(CURDIR)/.tools/bin

# An import of a target or product that Package.swift does not declare is an error.
STRICT := --explicit-target-dependency-import-check error
# The build's own sets in one order: otherwise flags of packages change places, and much is built again for nothing.
BUILD := SWIFT_DETERMINISTIC_HASHING=1 swift build $(STRICT)

.PHONY: run
run: ## Install, build and start Vintner with the examples; print a sign-in link
	@scripts/setup.sh
	@scripts/bundle.sh
	@$(MAKE) --no-print-directory release-build
	.build/release/vintner up --data $(DATA) --port $(PORT) --example examples/orchard --example examples/frost

.PHONY: release-build
release-build:
	$(BUILD) -c release --product vintner

.PHONY: test
test: ## Install, check, build and run every test: unit, storage, end to end, protocol, browser, faults
	@scripts/setup.sh test
	@scripts/run-tests.sh

.PHONY: build
build: ## Build the program and the Swift tests
	@scripts/setup.sh
	@scripts/bundle.sh
	$(BUILD) --build-tests

.PHONY: unit
unit: build ## Run only the Swift tests
	scripts/test-swift.sh

.PHONY: lint
lint: ## Check formatting, the types of the pages' scripts, and Markdown; warnings are errors
	@scripts/setup.sh test
	swift format lint --strict --recursive --parallel Package.swift Sources Tests
	tsc --project jsconfig.json
	scripts/lint-markdown.py

.PHONY: format
format: ## Format the sources in place
	swift format --in-place --recursive --parallel Package.swift Sources Tests

.PHONY: openapi
openapi: ## Write docs/openapi.json anew, after a change of the API
	$(BUILD) --product vintner
	.build/debug/vintner openapi >docs/openapi.json

.PHONY: bench
bench: ## Run the benchmarks and print a table
	@scripts/setup.sh test
	@scripts/bundle.sh
	@$(MAKE) --no-print-directory release-build
	.tools/venv/bin/python Benchmarks/bench.py

.PHONY: shots
shots: ## Take the screenshots of the README from a real run, light and dark
	@scripts/setup.sh test
	@scripts/bundle.sh
	$(BUILD) --product vintner
	.tools/venv/bin/pip install --quiet --disable-pip-version-check 'pillow==12.0.0'
	.tools/venv/bin/python Browser/shots.py

ROUNDS ?= 100
SEED ?= 1
ENGINE ?= sqlite

.PHONY: chaos
chaos: ## Run ROUNDS rounds of faults against real jobs on ENGINE (sqlite, postgres), starting at SEED
	@scripts/setup.sh test
	$(BUILD)
	.tools/venv/bin/python Chaos/chaos.py --rounds $(ROUNDS) --seed $(SEED) --engine $(ENGINE)

.PHONY: clean
clean: ## Remove build products (not your data)
	rm -rf .build

.PHONY: help
help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
