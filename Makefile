# Two commands do everything on a fresh machine: `make demo` and `make test`.
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := runs/demo
PYTHON ?= python3

.PHONY: demo test fast check bench evaluators clean

demo: $(VENV)/ready  ## set up, train the cascade on synthetic speech, audit it, write the report
	$(BIN)/aclipse corpus synthesize runs/synthetic -o runs/synthetic.csv
	$(BIN)/aclipse train recipes/demo.toml --corpus runs/synthetic.csv --output $(DEMO) --resume
	$(BIN)/aclipse audit $(DEMO)
	$(BIN)/aclipse report $(DEMO)

test: $(VENV)/ready  ## set up, then every test
	$(BIN)/python -m pytest

fast: $(VENV)/ready  ## the tests that end within five minutes together
	$(BIN)/python -m pytest -m "not slow"

check: $(VENV)/ready  ## style, types and the import rule
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/ready  ## speed and memory of `protect`, written to benchmarks/README.md
	$(BIN)/python benchmarks/protect.py

evaluators: $(VENV)/ready  ## train the recognisers that the package carries for the demo (about ten minutes)
	$(BIN)/aclipse corpus synthesize runs/synthetic -o runs/synthetic.csv
	$(BIN)/python -m aclipse.experiments.built_in runs/synthetic.csv recipes/built-in.toml

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[synthetic,dev]'
	touch $@

clean:
	rm -rf $(VENV) runs
