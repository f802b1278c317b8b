# Two commands matter: `make learn` opens the course, `make test` checks all of it.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell \
	command -v $(p) >/dev/null 2>&1 && $(p) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $(p))))
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
NBVAL := --nbval-lax --nbval-kernel-name tinyml-course --nbval-cell-timeout 120

.PHONY: learn test fast check bench book book-serve book-pdf setup-learn setup-dev setup-book clean
.DEFAULT_GOAL := help

help:
	@echo "make learn    set up and open the course in JupyterLab (ARGS=--no-browser prints the address)"
	@echo "make test     set up and run every test, the notebooks too"
	@echo "make fast     the tests that need no TensorFlow (seconds)"
	@echo "make check    style, types and layers"
	@echo "make bench    side-by-side measurements"
	@echo "make book     build the online book (make book-serve shows it, make book-pdf prints it)"
	@echo "make clean    remove the virtual environment"

learn: setup-learn
	@$(BIN)/tinyml learn $(ARGS)

test: setup-dev
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(NBVAL) tests tinyml_course chapters solutions exercises $(ARGS)

fast: setup-dev
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" tests tinyml_course $(ARGS)

check: setup-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
	@$(BIN)/tinyml assign --check

bench: setup-dev
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

book: setup-book
	@$(BIN)/tinyml book $(ARGS)

book-serve: book
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

book-pdf: setup-book
	@$(BIN)/tinyml book --pdf $(ARGS)

setup-learn setup-dev setup-book: setup-%: need-python
	@$(PYTHON) tinyml_course/bootstrap.py --venv $(VENV) --extra $*

need-python:
	@test -n "$(PYTHON)" || { \
	echo "No Python 3.11, 3.12 or 3.13 found on the PATH."; \
	echo "On Debian or Ubuntu: sudo apt install python3 python3-venv"; \
	echo "Elsewhere, name it: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3.12"; exit 1; }

clean:
	rm -rf $(VENV)
