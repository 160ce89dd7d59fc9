# Needs Python 3.11 or newer and make. Each target sets up what it needs, once; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
# Where another build of torch comes from: the index that PyTorch's install selector names, as TORCH_INDEX_URL=...
TORCH_INDEX_URL ?=
# Arguments for `make demo` (e.g. ARGS=--no-serve) and for pytest (e.g. ARGS="-k masks").
ARGS ?=
TEST_WORKERS ?= 2

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Two workers with a thread each: more threads than cores cost more than they bring.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench science wheel clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

demo: $(VENV)/.installed ## run the demo study on real images and open the explorer on 127.0.0.1
	@$(BIN)/pruneviz demo $(ARGS)

test: $(VENV)/.installed-dev $(VENV)/.chromium ## run all tests but the science ones
	@$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(TEST_WORKERS) --dist loadfile $(ARGS)

check: $(VENV)/.installed-dev ## lint, formatting, types, and who imports whom
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted: make format"; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev ## format and mend what can be mended without thought
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

bench: $(VENV)/.installed-dev ## what the README's performance table is made with
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

science: $(VENV)/.installed-dev ## tests too slow for every commit
	@$(BIN)/python -m pytest -q -m science --timeout 0 $(ARGS)

wheel: $(VENV)/.installed-dev ## build the wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

clean: ## remove the virtual environment and caches; runs/ stays
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.created:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON); name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}; name another: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.created
	@echo "Installing into $(VENV) (once, takes a minute or more) ..."
	@$(if $(TORCH_INDEX_URL),$(INSTALL) --extra-index-url $(TORCH_INDEX_URL) torch,true)
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what tests and checks need ..."
	@$(INSTALL) --editable '.[dev]'
	@touch $@

# A browser that starts: one that is there, else Playwright's own, else the system's package.
$(VENV)/.chromium: tests/chromium.py $(VENV)/.installed-dev
	@$(BIN)/python tests/chromium.py --install
	@touch $@
