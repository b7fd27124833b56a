# Everything happens in .venv, which PYTHON makes. The README has the same as plain commands.
PYTHON ?= python3
RUN := .venv/bin/python
PACKAGES := $(patsubst assignments/%,-p s%,$(wildcard assignments/[0-9]*))

.PHONY: demo test browser proof matrix lint types fixtures figures

demo: .venv/ready
	$(RUN) -m groundup demo

test: lint types
	$(RUN) -m pytest --reference all

# The pages in headless Chromium, which has to be installed: CHROMIUM names it if it is not found.
browser: .venv/browser
	$(RUN) -m pytest tests/browser --reference all

# What the grader proves about itself.
proof: .venv/ready
	$(RUN) -m groundup.proof

# Which stage sees which mistake; it takes longer than the proof.
matrix: .venv/ready
	$(RUN) -m groundup.matrix

lint: .venv/ready
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

# The packages in assignments and in solutions have the same names, so mypy sees them apart.
types: .venv/ready
	@for side in assignments solutions; do \
		echo "mypy groundup $$side"; \
		MYPYPATH=`echo $$side/[0-9]* | tr ' ' ':'` $(RUN) -m mypy \
			--cache-dir .mypy_cache/$$side -p groundup $(PACKAGES) || exit 1; \
	done

fixtures: .venv/ready
	$(RUN) -m groundup.snapshots

figures: .venv/ready
	for script in guides/figures/draw_*.py; do $(RUN) $$script || exit 1; done

.venv/ready: pyproject.toml constraints.txt
	test -x $(RUN) || $(PYTHON) -m venv .venv
	$(RUN) -m pip install -c constraints.txt -e '.[dev]'
	touch $@

.venv/browser: .venv/ready
	$(RUN) -m pip install -c constraints.txt -e '.[dev,browser]'
	touch $@
