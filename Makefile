# `make demo` shows the idea, `make test` checks everything; each sets up .venv by itself, in either order.
PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin

.PHONY: demo test prove every mutants bench catalogue format clean

demo: .venv/.demo
	@$(BIN)/adaspec demo

test: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

# Every dialect beside its original in every trial, every rule on every target, and the mutants.
prove: .venv/.test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --prove -m prove

# Every manner that a plain run tries with a sample of the rules, with all the others.
every: .venv/.test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --every -m every

mutants: .venv/.test
	$(BIN)/python tests/mutants.py

# One step in every framework beside its peers and the machine's limit: make bench ARGS="--target torch --workload tiny".
bench: .venv/.test
	$(BIN)/python -m benchmarks $(ARGS)

# docs/catalogue.md and docs/same-name.md, from the library and from every dialect measured beside its original.
catalogue: .venv/.test
	$(BIN)/python tests/catalogue.py --measure

format: .venv/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist demo-output *.egg-info .pytest_cache .ruff_cache .hypothesis

# A stamp is written last, so an interrupted set-up is taken up again. The editable install follows every change of the
# code; only a change of what is needed renews it.
.venv/.demo: pyproject.toml constraints.txt | .venv/.made
	@echo "Setting up .venv for the demo: NumPy and the laboratory, no deep-learning framework."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lab]'
	@touch $@

.venv/.test: pyproject.toml constraints.txt | .venv/.made
	@echo "Setting up .venv for the tests: torch, JAX, TensorFlow and the tools. The first time takes some minutes."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,test,originals]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps timm==1.0.31 heavyball==3.2.1
	@touch .venv/.demo $@

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "adaspec needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@
