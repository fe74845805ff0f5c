# The two commands that matter: `make demo` and `make test`. Everything they need goes into .venv, made here.
# Other Python: make PYTHON=/path/to/python3 ...   Other place: make VENV=/somewhere ...

VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTHONS = python3 python3.14 python3.13 python3.12 python3.11
CAN_RUN = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
# Two workers: more of them would start more servers than a small machine has cores for. With worksteal each has half of
# the files in one piece, so that few servers start twice.
WORKERS ?= 2
PYTEST  ?=

.PHONY: help demo test lint format check bench test-matrix venv lock clean

help:
	@echo 'make demo         the whole story on real local stores, in two minutes'
	@echo 'make test         lint and all tests, on real local stores'
	@echo 'make lint         ruff and mypy --strict'
	@echo 'make format       let ruff format the code'
	@echo 'make check        only the tests; PYTEST="-k name" says which'
	@echo 'make bench        the benchmarks'
	@echo 'make test-matrix  the slow tests that make test leaves out'
	@echo 'make venv         only the virtual environment, in $(VENV)'
	@echo 'make lock         write requirements.lock anew from pyproject.toml'
	@echo 'make clean        remove what these commands made; the stores of `reconcile up` stay'

demo: $(STAMP)
	@"$(BIN)/python" -m demo

test: lint check

lint: $(STAMP)
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"

format: $(STAMP)
	"$(BIN)/ruff" check --fix .
	"$(BIN)/ruff" format .

check: $(STAMP)
	"$(BIN)/python" -m pytest -m 'not matrix' -n $(WORKERS) --dist worksteal $(PYTEST)

test-matrix: $(STAMP)
	"$(BIN)/python" -m pytest -m matrix $(PYTEST)

bench: $(STAMP)
	"$(BIN)/python" -m benchmarks.start_up
	"$(BIN)/python" -m benchmarks.postgres_plan
	"$(BIN)/python" -m benchmarks.peers
	"$(BIN)/python" -m benchmarks.dynamodb_plan
	"$(BIN)/python" -m benchmarks.neo4j_schema

venv: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@found=; \
	for python in '$(PYTHON)' $(PYTHONS); do \
		if "$$python" -c '$(CAN_RUN)' >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'reconcile needs Python 3.11 or newer with its venv module, and found none as' >&2; \
		echo '$(PYTHON) $(PYTHONS).' >&2; \
		echo 'Debian, Ubuntu: apt-get install python3 python3-venv. Or: make PYTHON=/path/to/python3' >&2; \
		exit 1; \
	fi; \
	if ! "$(BIN)/python" -c '$(CAN_RUN)' >/dev/null 2>&1; then \
		echo "making $(VENV) with $$("$$found" --version)"; \
		"$$found" -m venv --clear "$(VENV)" || exit 1; \
	fi
	@echo 'installing what requirements.lock names (once)'
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch "$@"

# uv resolves for all systems and Python versions at once. Its first lines say who ran it and how; ours say what it is.
lock: $(STAMP)
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check uv
	{ echo '# Everything of `make`, pinned and hashed; made by `make lock` from pyproject.toml.'; \
	  echo 'setuptools>=77' | "$(BIN)/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra dev pyproject.toml -; \
	} > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:
	-@test ! -d .reconcile/demo || RECONCILE_LOCAL_HOME=.reconcile/demo/stores "$(BIN)/reconcile" down
	rm -rf "$(VENV)" .reconcile .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist benchmarks/out *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
