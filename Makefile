# Two commands do everything on a fresh machine: `make demo` and `make test`.
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := runs/demo
PYTHON ?= python3

.PHONY: demo test fast check bench results recognisers clean

demo: $(VENV)/ready  ## set up, train the cascade on synthetic speech, audit it, write the report
	@if [ $(DEMO)/run.json -ot recipes/demo.toml ]; then rm -rf $(DEMO); fi  # the recipe has changed
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

bench: $(VENV)/ready  ## speed and memory of `protect`, a training step, federations and encryption, written to benchmarks/README.md
	$(BIN)/python benchmarks/protect.py
	$(BIN)/python benchmarks/training_step.py
	$(BIN)/python benchmarks/federation.py
	$(BIN)/python benchmarks/encryption.py

results: $(VENV)/ready  ## write the README's tables from the audited runs
	$(BIN)/python benchmarks/results.py $(wildcard runs/crema-d runs/demo runs/beside runs/rae-sad runs/udp-crema-d runs/reproduce/*.csv)

recognisers: $(VENV)/ready  ## train the recognisers that the package carries for the demo (about 20 minutes)
	$(BIN)/aclipse corpus synthesize runs/synthetic-4000 --clips 4000 -o runs/synthetic-4000.csv
	$(BIN)/aclipse train recipes/built-in.toml --corpus runs/synthetic-4000.csv --only-recognisers --resume
	cp runs/built-in/emotion/weights.safetensors src/aclipse/assets/emotion.safetensors
	cp runs/built-in/words/weights.safetensors src/aclipse/assets/words.safetensors

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[synthetic,backbones,tracking,asr,opensmile,parquet,federated,encryption,dev]'
	@if command -v cc >/dev/null; then \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pesq \
	  || echo "pesq cannot be compiled here: that measure is left out"; \
	else echo "no C compiler: the PESQ measure is left out"; fi
	touch $@

clean:
	rm -rf $(VENV) runs
