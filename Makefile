# make run    set up everything and run the IVI camera scenario
# make test   set up everything, check the code and run all tests
.PHONY: run test check bench setup clean
.DEFAULT_GOAL := run

SIM := .venv/bin/sim

run: setup
	$(SIM) run scenarios/ivi_camera.yaml

test: setup-test check
	.venv/bin/pytest -n 2

check: setup-test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

bench: setup-bench
	.venv/bin/python -m benchmarks

setup:
	@./setup.sh run

setup-test:
	@./setup.sh test

setup-bench:
	@./setup.sh bench

clean:
	rm -rf .venv runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
