# Everything that a person types. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# What was typed as ARGS stays as it was typed: make expands no $ in it, and xargs, not a shell, splits it.
override ARGS := $(value ARGS)
export ARGS
READY := $(VENV)/.ready
# see stages/__init__.py
export GOMP_SPINCOUNT ?= 2000
# Without bytecode every stage would compile torch anew, which doubles the time of all imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help repro test lint docs ui bench bench-gpu bench-memory chaos hosts cluster team-proof mutants deps requirements clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## *' '{printf "make %-14s %s\n", $$1, $$2}'

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed (make repro PYTHON=python3.11)" if sys.version_info < (3, 11) else 0)'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@python -m pip install --quiet --disable-pip-version-check 'uv==0.13.9'
	@uv pip install --quiet -r requirements.txt -e .
	@touch $@

repro: $(READY)  ## set up, run the whole pipeline, and say where to look
	@vaeline check-params && $${NNODES:+vaeline hosts} dvc repro
	@test "$${NODE_RANK:-0}" != 0 || $(MAKE) --no-print-directory results

results:
	@echo
	@echo "Report:   outputs/report/report.html      vaeline compare HEAD workspace"
	@echo "Numbers:  outputs/report/summary.md       dvc metrics show"
	@echo "Pictures: outputs/diagnose/plots          outputs/evaluate/plots"
	@echo "Next:     source $(VENV)/bin/activate; dvc exp run -S beta=4; dvc exp show; vaeline ui; vaeline --help"

test: $(READY)  ## set up, and run all tests; a part of them: ARGS=tests/core
	@printf %s "-n auto --dist loadgroup $$ARGS" | xargs python -m pytest

lint: $(READY)  ## check style and types
	@ruff check . && ruff format --check . && mypy

docs: $(READY)  ## build the site into docs/_build/html
	@python -m sphinx -W --keep-going -q -b html docs docs/_build/html

ui: $(READY)  ## open the MLflow UI on every recorded run
	@vaeline ui

# The peers (pythae, pytorch-fid, torchvision) are pinned in requirements.txt, where tests need them too.
bench: $(READY)  ## measure speed beside others; a part: python -m benchmarks epoch iwae
	@python -m benchmarks

bench-gpu: $(READY)  ## measure speed on a CUDA GPU beside its own rates (two minutes)
	@python -m benchmarks.gpu

chaos: $(READY)  ## inject faults, and write docs/results/chaos.md (an hour); a part: ARGS=kills
	@printf %s "$$ARGS" | xargs python -m tests.chaos

hosts: $(READY)  ## train on two hosts, disturb them, and write docs/results/hosts.md (half an hour)
	@python -m tests.hosts

cluster: $(READY)  ## search on two hosts, kill one, and write docs/results/cluster.md (half an hour)
	@uv pip install --quiet -c requirements.txt -e '.[ray]'
	@python -m tests.cluster

mutants: $(READY)  ## put small faults into the source, and write which the tests see (20 minutes); a part: ARGS=fid
	@printf %s "$$ARGS" | xargs python -m tests.mutation

bench-memory: $(READY)  ## measure the memory of stages on image sets of two sizes (ten minutes)
	@python -m benchmarks.flat_memory

team-proof: $(READY)  ## share results through S3 and an MLflow server, and write docs/results/teams.md; a part: ARGS=storage
	@printf %s "$$ARGS" | xargs python -m tests.team

deps: $(READY)  ## rewrite the code entries of dvc.yaml
	@vaeline deps

# Neither ray nor s3, which no test of the suite needs.
PINNED := arrays bench compression dev docs explore huggingface onnx postgres search
PINS := uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url
requirements: $(READY)  ## pin the dependencies of pyproject.toml; newer versions: ARGS=--upgrade
	@printf %s "$(PINNED:%=--extra %) $$ARGS pyproject.toml -o requirements.txt" | xargs $(PINS)
	@{ sed '/^[^#]/,$$d' requirements-cpu.txt; grep -vE '^(cuda-|nvidia-|triton)' requirements.txt; } > $(VENV)/cpu.txt
	@mv $(VENV)/cpu.txt requirements-cpu.txt

clean:  ## remove half-finished trainings, DVC's pages and the built site; data, results and runs stay
	@rm -rf .scratch dvc_plots docs/_build
