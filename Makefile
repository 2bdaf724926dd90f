# On a fresh clone, `make demo` or `make test` is all there is to do.

.POSIX:
.PHONY: help demo test examples docs tutorials lint format clean install-demo install-docs install-dev

## make demo     install, train the quick Table I, write demo/report.html (under 10 minutes)
## make test     install the development tools, run the tests (some eight minutes)
## make examples run every script of examples/ and check what it prints (a minute or two)
## make docs     build the site in site/, warnings are errors, and check its links (a minute)
## make tutorials  run the tutorials anew, with their pictures, for the site (some four minutes)
## make lint     ruff, pyright (needs Node.js) and import-linter (a minute)
## make format   let ruff rewrite the code
## make clean    remove .venv, demo, builds and caches; studies stay
##
## make test PYTHON=python3.12 chooses the interpreter (3.11 or newer), PIP_ARGS="..." adds
## arguments to pip, MIN_FREE_GB=3 is the free disk space that an installation asks for.
## On Linux, pip may bring the large build of torch, with CUDA; PIP_ARGS with the index of
## CPU builds that pytorch.org names brings the small one.

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

install-demo:
	@sh scripts/install.sh demo

install-docs:
	@sh scripts/install.sh docs

install-dev:
	@sh scripts/install.sh dev

demo: install-demo
	@echo "quantum-latents: qlat run table1 --preset quick --out demo (under 5 minutes on 2 cores)"
	@.venv/bin/qlat run table1 --preset quick --out demo || \
		{ code=$$?; echo "error: the demo failed; if demo/ is of an older version, remove it" >&2; exit $$code; }
	@test -s demo/report.html || { echo "error: no demo/report.html was written" >&2; exit 1; }
	@echo "quantum-latents: the report is demo/report.html"

# Bytecode is kept whatever the environment says: tests start many processes that import the same.
test: install-dev
	@echo "quantum-latents: pytest, doctests included (some eight minutes on 2 cores)"
	@PYTHONDONTWRITEBYTECODE= .venv/bin/python -m pytest -n auto --dist loadfile

examples: install-dev
	@echo "quantum-latents: the scripts of examples/, and loops of other libraries (a minute or two)"
	@.venv/bin/python -m pytest -n auto -m "" -rs \
		tests/contracts/test_examples.py tests/latents/test_other_loops.py

docs: install-docs
	@echo "quantum-latents: the site, in site/ (under a minute; nothing is imported or fetched)"
	@NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --quiet --clean --strict
	@.venv/bin/python scripts/check_site.py site

tutorials: install-dev
	@echo "quantum-latents: the tutorials, run from docs/tutorials/*.py (some four minutes)"
	@.venv/bin/python scripts/run_tutorials.py

lint: install-dev
	@echo "quantum-latents: ruff, pyright, import-linter (a minute)"
	@.venv/bin/ruff check src tests benchmarks examples scripts docs/tutorials
	@.venv/bin/ruff format --check src tests benchmarks examples scripts docs/tutorials
	@.venv/bin/pyright
	@.venv/bin/lint-imports --no-logo

format: install-dev
	@.venv/bin/ruff check --fix src tests benchmarks examples scripts docs/tutorials
	@.venv/bin/ruff format src tests benchmarks examples scripts docs/tutorials

clean:
	rm -rf .venv demo site build dist src/*.egg-info
	rm -rf .pytest_cache .ruff_cache .hypothesis .benchmarks .import_linter_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
