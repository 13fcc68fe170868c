VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
CONFIG ?= configs/quickstart.yaml
WORKSPACE ?= quickstart
TEST_PROCESSES ?= 2
PARALLEL := -n $(TEST_PROCESSES) --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-fast test-train train-tiny lint format types contracts docs docs-current infra image check bench check-trainers clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

quickstart: $(VENV)/.core ## set up, then turn the bundled SVGs into a published dataset in ./quickstart
	$(BIN)/svgmill run $(CONFIG) --workspace $(WORKSPACE)

test: $(VENV)/.dev ## set up, then run all tests
	$(BIN)/python -m pytest $(PARALLEL)

test-fast: $(VENV)/.dev ## the tests without Ray, faults and long walks
	$(BIN)/python -m pytest $(PARALLEL) -m 'not ray' tests/stages tests/pipeline tests/data

test-train: $(VENV)/.train ## the tests that need PyTorch (a large download where pip has no CPU build)
	$(BIN)/python -m pytest tests/pipeline/models/test_extend.py tests/pipeline/versions/test_loading.py tests/examples

train-tiny: $(VENV)/.train ## a small decoder learns to draw 7,490 icons (fetched with npm); see docs/ablations.md
	$(BIN)/svgmill run configs/line-icons.yaml --workspace build/line-icons
	test -d build/release || $(BIN)/svgmill checkout build/line-icons 1 build/release
	$(BIN)/python examples/train_tiny.py build/release build/tiny

check: lint types contracts docs-current infra ## ruff, mypy, who imports whom, what is declared, whether docs are current, infra/

lint: $(VENV)/.dev ## ruff: style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev ## let ruff put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev ## mypy on the packages
	$(BIN)/mypy

contracts: $(VENV)/.dev ## import-linter: floors and circles; deptry: what is imported is declared, and the reverse
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry .

docs: $(VENV)/.dev ## write docs/commands.md and docs/configuration.md from the code
	$(BIN)/python tools/make_docs.py

docs-current: $(VENV)/.dev ## whether these are as the code says
	$(BIN)/python tools/make_docs.py --check

infra: $(VENV)/.dev ## what infra/ deploys: schemas and rules of KubeRay and Ray, and versions
	$(BIN)/python tools/check_infra.py
	$(BIN)/python tools/make_requirements.py --check

image: ## build the image of infra/Containerfile; where no container tool works, go through its steps in an empty folder
	sh infra/build.sh

bench: $(VENV)/.dev ## 10,000 real icons through the whole mill (fetched with npm); see benchmarks/README.md
	$(BIN)/python benchmarks/fetch_icons.py build/icons --count 10000
	$(BIN)/python benchmarks/whole_run.py build/icons

check-trainers: $(VENV)/.dev ## whether LLaMA-Factory, TRL, verl and Axolotl read the exports (12 GB, an hour; docs/training.md)
	$(BIN)/python -m benchmarks.trainers.check

clean: ## remove the virtual environment, caches and what quickstart wrote
	rm -rf $(VENV) $(WORKSPACE) build .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis *.egg-info

$(BIN)/python:
	@echo "setting up $(VENV) (about two minutes the first time)"; sh tools/make_venv.sh $(PYTHON) $(VENV)

$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.train: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,train]'
	@touch $@ $(VENV)/.core $(VENV)/.dev

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.core
