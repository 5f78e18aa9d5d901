"""Runs by the wall clock: the same scenarios, and nobody waits for anybody."""
