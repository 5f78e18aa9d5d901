"""Bare-metal firmware of microcontrollers: its C core, its services, and how they become an ELF file."""
