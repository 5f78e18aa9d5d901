"""labwired as a backend: an emulator of microcontrollers from PyPI, one process per node."""
