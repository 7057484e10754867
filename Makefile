# `make demo` and `make test` do all their own set-up, starting from a clean clone.
# Needed: Linux, make and Python 3.11 or newer with its venv module.

VENV := .venv
BIN := $(VENV)/bin
# A stamp newer than setup.py means that everything in setup.py is installed.
INSTALLED := $(VENV)/installed
WORKERS ?= 2
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,\
    $(if $(shell $(name) -c 'import sys; print(1 if sys.version_info >= (3, 11) else "")' 2>/dev/null),$(name))))

export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo models test lint install clean
.DEFAULT_GOAL := test

demo: $(INSTALLED)
	$(BIN)/python -m keras_pose.demo --output_dir=demo

models: $(INSTALLED)
	$(BIN)/python -m keras_pose.weights.mediapipe --output=savedmodels

# One TensorFlow thread per worker: two workers then use two cores without competing for them. Files run in the
# order of tests/conftest.py, slow ones first; pytest-xdist alone would begin with the files with the most tests.
# At the end it says which files cost most.
test: lint
	TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1 \
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder -p tools.gate_time tests

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/mypy

install: $(INSTALLED)

# uv installs TensorFlow several times faster than pip; if it is missing or fails, pip is used.
# The two variables make it trust the machine's certificates, which is needed behind a corporate proxy.
$(INSTALLED): setup.py
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found: install one, or name it with make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) -m venv failed: install the venv module of this Python (Debian: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade uv || echo "uv is not available: pip is used instead"
	@{ test -x $(BIN)/uv && UV_NATIVE_TLS=1 UV_SYSTEM_CERTS=1 \
	    $(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --editable '.[dev]'; } \
	    || $(BIN)/python -m pip install --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist demo *.egg-info .mypy_cache .pytest_cache .ruff_cache
