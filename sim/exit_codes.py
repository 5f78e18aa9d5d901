"""What the command line's exit codes mean."""

from __future__ import annotations

EXIT_PASSED = 0
EXIT_FAILED = 1
"""An expectation does not hold, a partition failed, two runs differ, or a model does not fit a board."""
EXIT_USAGE = 2
"""The scenario, a baseline or the usage is wrong, or firmware does not compile or fit; nothing was started."""
EXIT_ENVIRONMENT = 3
"""The computer lacks something that is needed."""
EXIT_INTERRUPTED = 130
"""Ctrl-C or SIGTERM: 128 and the number of SIGINT, as a shell says it."""
