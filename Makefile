# `make demo` and `make test` are all a fresh machine needs: Debian's python3, python3-venv and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV := .venv
RUN := $(VENV)/bin/python
ARGS :=

# The first interpreter of a supported version; `make PYTHON=/path/to/python3.11 …` overrides it.
SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 11))
PYTHON = $(shell for python in python3.11 python3.10 python3; do \
	"$$python" -c '$(SUPPORTED)' 2>/dev/null && { echo "$$python"; break; }; done)

# An installation is valid for one lock file, one pyproject.toml and one place of the checkout. Its stamp is
# written last, so that an interrupted installation is done again, and goes when the interpreter is broken.
FINGERPRINT := $(shell { cat requirements.lock pyproject.toml; pwd; } | sha256sum | cut -c1-16)
STAMP := $(VENV)/installed-$(FINGERPRINT)
$(shell [ ! -d $(VENV) ] || $(RUN) -c 'import pwm' 2>/dev/null || rm -f $(VENV)/installed-*)

TORCH := $(shell grep -o '^torch==[^ ;]*' requirements.lock)
NVIDIA := $(shell command -v nvidia-smi || ls /proc/driver/nvidia/version 2>/dev/null)
PIP = $(RUN) -m pip install --disable-pip-version-check $(if $(MAKE_TERMOUT),,--quiet)
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu

# What a user says goes to the commands below as it is, whatever it holds; only ARGS are words of the shell.
export CLUSTER SEEDS LOGS RUNS OUT SWEEP
# 0, no and false are what they say.
said = $(filter-out 0 no false,$(1))
ON_CLUSTER = $(if $(CLUSTER),--cluster="$$CLUSTER")
SUBMIT = $(RUN) -m pwm suite submit $(ON_CLUSTER) $(if $(SEEDS),--seeds="$$SEEDS") $(if $(call said,$(DRY_RUN)),--dry-run)

.PHONY: help demo mt-demo test lint bench gpu campaign image sif peak-r report lock jobs submit sweep status sync rehearse rehearse-down

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

demo: $(STAMP) ## train all eight experiments at demo scale, then print their peak R (up to 10 minutes)
	@$(RUN) -m pwm suite demo $(ARGS)

mt-demo: $(STAMP) ## world models of four DMControl tasks from data alone, and a policy for each (up to 15 minutes)
	@$(RUN) -m pwm suite mt-demo $(ARGS)

test: $(STAMP) ## run every test
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -n auto --maxprocesses 8 $(ARGS)

lint: $(STAMP) ## ruff, mypy, and which room may import which
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check . && $(RUN) -m mypy && $(VENV)/bin/lint-imports --no-cache --no-logo

bench: $(STAMP) ## measure simulation, updates and whole epochs (ARGS='alg=st_flow_v2 size=5M')
	@$(RUN) -m pwm bench $(ARGS)

gpu: $(STAMP) ## what only a GPU can tell, in 9 minutes: gpu/gpu.md (ARGS=--tiny tries it on a CPU)
	@$(RUN) -m pwm gpu $(ARGS)

campaign: $(STAMP) ## kill, fill disks and lose processes for half an hour, and look that nothing is lost (ARGS=--help)
	@$(RUN) -m tests.campaign $(ARGS)

image: $(STAMP) ## build the image with Docker (ARGS=--cpu for one without CUDA)
	@$(RUN) -m pwm image build $(ARGS)

sif: $(STAMP) ## turn the image into pwm.sif for Apptainer (ARGS='--image pwm:cpu' for another)
	@$(RUN) -m pwm image sif $(ARGS)

peak-r: $(STAMP) ## the highest R of every experiment (LOGS=dir RUNS=dir for other places than logs/ and runs/)
	@$(RUN) -m pwm peak-r $(if $(LOGS),--logs="$$LOGS") $(if $(RUNS),--runs="$$RUNS") $(ARGS)

report: $(STAMP) ## compare the runs in runs/ in report/report.html (RUNS=dir LOGS=dir for others, OUT=dir)
	@$(RUN) -m pwm report $(if $(LOGS),--logs="$$LOGS") $(if $(RUNS),--runs="$$RUNS") \
		$(if $(OUT),--out="$$OUT") $(ARGS)

jobs: $(STAMP) ## render the eight batch scripts (CLUSTER=name for another than pace_l40s)
	@$(RUN) -m pwm suite jobs $(ON_CLUSTER) $(ARGS)

submit: $(STAMP) ## submit all eight; submit-mt, submit-st or submit-<name> some (SEEDS=0,1,2 DRY_RUN=1 CLUSTER=name)
	@$(SUBMIT) all $(ARGS)

submit-%: export NAME = $*
submit-%: $(STAMP)
	@$(SUBMIT) "$$NAME" $(ARGS)

sweep: $(STAMP) ## submit a sweep, at W&B if there is a key (SWEEP=multi_task DRY_RUN=1 CLUSTER=name ARGS=--local)
	@$(RUN) -m pwm suite sweep "$${SWEEP:-all}" $(ON_CLUSTER) $(if $(call said,$(DRY_RUN)),--dry-run) $(ARGS)

status: $(STAMP) ## jobs and progress of every run in one table (WATCH=1 keeps it up to date)
	@$(RUN) -m pwm suite status $(ON_CLUSTER) $(if $(call said,$(WATCH)),--watch 10) $(ARGS)

sync: $(STAMP) ## copy to W&B what offline runs left (needs a key; RUNS=dir for another place than runs/)
	@$(RUN) -m pwm suite sync $(if $(RUNS),"$$RUNS") $(ARGS)

rehearse: $(STAMP) ## all eight jobs, small, on a pretend Slurm in Docker (up to 25 minutes)
	@$(RUN) -m pwm suite rehearse $(ARGS)

rehearse-down: $(STAMP) ## remove the pretend cluster and runs/rehearsal
	@$(RUN) -m pwm suite rehearse --down

# The CUDA build of torch pins its nvidia-*, cuda-* and triton packages itself, and the CPU build has none of
# them: left out, one lock file serves both. Interpreters that pyproject.toml excludes are left out too.
lock: ## bring requirements.lock up to date with pyproject.toml (needs uv; ARGS=--upgrade for new versions)
	@echo '$(TORCH)' > lock.tmp
	@uv pip compile pyproject.toml --extra dmcontrol --extra image --extra test --universal --python-version 3.10 --constraint lock.tmp \
		--no-header --quiet --output-file requirements.lock $(ARGS) > /dev/null
	@{ echo '# Exact versions for Python 3.10 and 3.11, written by `make lock`. The nvidia-*, cuda-* and triton'; \
	   echo '# packages are left out on purpose: the CUDA build of torch pins them itself, the CPU build has none.'; \
	   awk '/^[a-z]/ { skip = /^(nvidia-|cuda-|triton)|>= .3\.12/ } !skip' requirements.lock; } \
		| sed -E 's/ \(.*pyproject\.toml\)//; /# +-c lock\.tmp/d' > lock.tmp
	@mv lock.tmp requirements.lock

$(STAMP):
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' 2> /dev/null || { echo 'pwm needs Python 3.10 or 3.11: install it' \
		'(Debian 12: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { echo '$(PYTHON) lacks the venv module: install it' \
		'(Debian 12: apt-get install python3-venv)' >&2; exit 1; }
	@echo 'Installing the locked packages into $(VENV), once; this takes some minutes.'
	@$(PYTHON) -m venv --clear $(VENV)
ifeq ($(NVIDIA),)
	@echo 'No NVIDIA driver here: looking for the CPU build of $(TORCH).'
	@timeout 900 $(PIP) --quiet --timeout 10 --retries 0 --no-deps --index-url $(TORCH_CPU_INDEX) '$(TORCH)' 2> /dev/null \
		|| echo 'It is out of reach: taking the build that the package index offers.'
endif
	@$(PIP) --use-pep517 --requirement requirements.lock
	@$(PIP) --no-deps --editable .
	@touch $@
