"""The engine in C: its library and its structures."""

from sim.sizing.engine.library import load as load
