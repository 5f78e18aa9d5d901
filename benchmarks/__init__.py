"""Benchmarks: what a run costs, each figure beside its target or its rival. `python -m benchmarks` measures them all."""
