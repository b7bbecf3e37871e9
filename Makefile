# Everything that a person types. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
READY := $(VENV)/.ready
# see stages/__init__.py
export GOMP_SPINCOUNT ?= 2000
# Without bytecode every stage would compile torch anew, which doubles the time of all imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help repro test lint report ui frontier seeds bench docs preset table1 zoo sprites clinic deps requirements clean

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## *' '{printf "make %-14s %s\n", $$1, $$2}'

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed (make repro PYTHON=python3.11)" if sys.version_info < (3, 11) else 0)'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@python -m pip install --quiet --disable-pip-version-check 'uv==0.13.9'
	@uv pip install --quiet -r requirements.txt -e .
	@touch $@

repro: $(READY)  ## set up, run the whole pipeline, and say where to look
	@python -m vaeline.config
	@dvc repro
	@echo
	@echo "Report:   outputs/report/report.html      make report RUNS=\"HEAD workspace\""
	@echo "Numbers:  outputs/report/summary.md       dvc metrics show"
	@echo "Pictures: outputs/diagnose/plots          outputs/evaluate/plots"
	@echo "Compare:  source $(VENV)/bin/activate; dvc exp run -S beta=4; dvc exp show; make ui"

test: $(READY)  ## set up, and run all tests
	@python -m pytest -n auto --dist loadgroup $(ARGS)

lint: $(READY)  ## check the style of the code
	@ruff check . && ruff format --check .

report: $(READY)  ## set runs side by side in one page: RUNS="HEAD workspace", experiments or revisions
	@python -m vaeline.experiments.compare $(RUNS)

ui: $(READY)  ## open the MLflow UI on every recorded run
	@python -m vaeline.tracking.ui

frontier: $(READY)  ## run and tabulate BETA="0.25 0.5 1 2 4", with SET="epochs=10 data.name=digits" for all
	@python -m vaeline.experiments.studies.frontier

seeds: $(READY)  ## run and tabulate SEEDS="1 2 3 4 5", with SET="…" for all
	@python -m vaeline.experiments.studies.seeds

# The peers (pythae, pytorch-fid, torchvision) are pinned in requirements.txt, where tests need them too.
bench: $(READY)  ## measure speed beside others, in at most 15 minutes, or a part: WORK="epoch iwae"
	@python -m benchmarks

docs: $(READY)  ## show the last run in the README: its pictures and figures
	@python -m vaeline.reporting.readme

clean:  ## remove half-finished trainings and DVC's pages; data, results and runs stay
	@rm -rf .scratch dvc_plots

preset: $(READY)  ## train and evaluate a published protocol: make preset NAME=fast-1l-vae-k1
	@python -m vaeline.experiments.presets $(NAME)

table1: $(READY)  ## write docs/table1.md from the presets that were run
	@python -m vaeline.experiments.studies.table1

zoo: $(READY)  ## train what has no record yet of every part, and write docs/models.md; NAME="vamp iaf"
	@python -m vaeline.experiments.studies.zoo $(NAME)

sprites: $(READY)  ## set β-VAE beside VAE on sprites, over seeds, and write docs/sprites.md
	@python -m vaeline.experiments.studies.sprites $(NAME)

clinic: $(READY)  ## provoke each failure, find it, take the printed remedy, and write docs/clinic.md
	@python -m vaeline.experiments.clinic $(NAME)

deps: $(READY)  ## bring the code entries of dvc.yaml's deps up to date
	@python -m vaeline.provenance.closure

requirements: $(READY)  ## pin requirements.in anew into requirements.txt
	@uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		requirements.in -o requirements.txt
