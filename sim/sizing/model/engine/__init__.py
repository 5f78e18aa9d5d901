"""The engine in C: its library and its structures."""

from sim.sizing.model.engine.library import load as load
