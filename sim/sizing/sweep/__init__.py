"""Sweeps: many variants of one plan simulated, in parallel, resumably, and their results as one table."""
