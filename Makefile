# Everything runs in a virtual environment of its own, $(VENV), which the first target that needs it makes.
VENV ?= .venv
NEWEST := python3 python3.14 python3.13 python3.12 python3.11
OK := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(NEWEST); do command -v $$p >/dev/null 2>&1 && $$p -c '$(OK)' && echo $$p && break; done)
RUN := $(VENV)/bin/python
EXPERIMENTS := $(wildcard experiments/*.py)
CLAIMS := $(notdir $(basename $(EXPERIMENTS)))

.DELETE_ON_ERROR:
.PHONY: help sweep teach test test-slow check format figures paper results results-smoke bench bench-gpu bench-smoke lock clean

sweep: $(VENV)/.core  ## the headline sweep; ARGS="--seed 7" passes options on
	$(RUN) -m simlab.sweep $(ARGS)

teach: $(VENV)/.teach  ## the demonstrations, in a browser; ARGS="exam --no-browser" passes options on
	$(RUN) -m simlab.teach $(ARGS)

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

test: $(VENV)/.dev  ## all tests but the slow ones
	$(RUN) -m pytest -n auto --dist worksteal -m "not slow" --test-report test-report.json $(ARGS)

test-slow: $(VENV)/.dev  ## the slow tests, minutes each
	$(RUN) -m pytest -m slow $(ARGS)

check: $(VENV)/.dev  ## lint, format and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(VENV)/.dev  ## mend what ruff can
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

figures: $(VENV)/.core  ## every figure, from the committed tables
	for figure in figures/*.py; do $(RUN) $$figure || exit 1; done

paper: $(VENV)/.paper  ## paper/output/paper.pdf, from the committed tables and the last test report
	$(RUN) paper/build.py

results: $(VENV)/.core  ## every experiment at the published size, resumed; a table that drifted fails, ACCEPT=1 takes it over
	$(RUN) -m simlab.sweep --out results/headline --resume
	for claim in $(CLAIMS); do $(RUN) -m simlab.sweep experiments/$$claim.py --out results/$$claim --resume || exit 1; done
	$(RUN) docs/drift.py results || test -n "$(ACCEPT)"
	for claim in headline $(CLAIMS); do cp results/$$claim/summary.csv experiments/results/$$claim.csv || exit 1; done
	$(RUN) docs/which_interval.py
	$(RUN) docs/claims.py
	mkdir -p figures/readme
	for shown in headline missing_mass_intervals; do \
		$(RUN) figures/$$shown.py && cp figures/output/$$shown.png figures/readme/ || exit 1; \
	done

results-smoke: $(VENV)/.core  ## every experiment at smoke size; copies nothing
	$(RUN) -m simlab.sweep --smoke --out results/smoke/headline
	for claim in $(CLAIMS); do $(RUN) -m simlab.sweep experiments/$$claim.py --smoke --out results/smoke/$$claim || exit 1; done

bench: $(VENV)/.bench  ## speed, as ratios within one run; writes benchmarks/results/
	$(RUN) benchmarks/run.py --out benchmarks/results/cpu.json
	$(RUN) benchmarks/engine.py --out benchmarks/results/engine.json
	$(RUN) benchmarks/fits.py --out benchmarks/results/fits.json
	$(RUN) benchmarks/ngrams.py --out benchmarks/results/ngrams.json
	$(RUN) benchmarks/monofacts.py --study --out benchmarks/results/monofacts.json
	$(RUN) benchmarks/audit_rows.py --rows 5e7 --out benchmarks/results/audit_rows.json
	$(RUN) benchmarks/evals_rows.py --rows 2e6 --out benchmarks/results/evals_rows.json
	$(RUN) benchmarks/teach.py --out benchmarks/results/teach.json

bench-gpu: $(VENV)/.core  ## the fits on a GPU; writes benchmarks/results/gpu.json
	$(RUN) benchmarks/gpu.py --out benchmarks/results/gpu.json

bench-smoke: $(VENV)/.dev  ## the benchmarks at their smallest size
	$(RUN) benchmarks/run.py --smoke
	$(RUN) benchmarks/engine.py --smoke
	$(RUN) benchmarks/fits.py --smoke
	$(RUN) benchmarks/gpu.py --smoke
	$(RUN) benchmarks/ngrams.py --smoke
	$(RUN) benchmarks/monofacts.py --smoke
	$(RUN) benchmarks/audit_rows.py
	$(RUN) benchmarks/evals_rows.py
	$(RUN) benchmarks/teach.py --smoke

lock: $(VENV)/.dev  ## renew uv.lock, the exact versions that were tested
	$(RUN) -m pip install --quiet uv
	$(VENV)/bin/uv lock --upgrade

clean:  ## remove the environment, drawn figures and the PDF; your results stay
	rm -rf $(VENV) figures/output paper/output

$(VENV)/.core: pyproject.toml | $(VENV)/.made
	@echo "installing simlab and what it needs into $(VENV): about a minute"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	@echo "installing simlab, what it needs and what its tests need into $(VENV): about a minute"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev,paper,teach]'
	@touch $@ $(VENV)/.core $(VENV)/.paper $(VENV)/.teach

$(VENV)/.paper: pyproject.toml | $(VENV)/.made
	@echo "installing simlab, what it needs and the compiler of the paper into $(VENV): about a minute"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[paper]'
	@touch $@ $(VENV)/.core

$(VENV)/.teach: pyproject.toml | $(VENV)/.made
	@echo "installing simlab, what it needs and what serves its demonstrations into $(VENV): about a minute"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[teach]'
	@touch $@ $(VENV)/.core

$(VENV)/.bench: pyproject.toml | $(VENV)/.made
	@echo "installing simlab, what it needs and what it is compared with (PyTorch: several GB) into $(VENV): minutes"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[bench,teach]'
	@touch $@ $(VENV)/.core $(VENV)/.teach

# stamped when it is whole: an environment that was cut short is made again
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "simlab: no Python 3.11 or newer was found: install one, or name it with make PYTHON=/path/to/python3" >&2; exit 2; }
	@"$(PYTHON)" -c pass 2>/dev/null || { echo "simlab: PYTHON = $(PYTHON) does not run: name a Python 3.11 or newer with make PYTHON=/path/to/python3" >&2; exit 2; }
	@"$(PYTHON)" -c '$(OK)' || { echo "simlab: PYTHON = $(PYTHON) is older than 3.11: name a newer one with make PYTHON=/path/to/python3" >&2; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "simlab: $(PYTHON) cannot make virtual environments: install the package python3-venv (sudo apt install python3-venv)" >&2; exit 2; }
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@
