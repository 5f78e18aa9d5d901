"""The simulator: command line, scenario language, host executive and reports."""

__version__ = "0.1.0"
