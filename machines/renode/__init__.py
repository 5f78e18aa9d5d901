"""Microcontrollers in Renode: program, process, monitor, External Control, platform files."""
