"""Benchmarks: what a run costs, each figure beside a target or a rival. `python -m benchmarks` measures them all."""
