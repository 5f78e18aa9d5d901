"""`python -m sim` is the program `sim`, where its script is not in the path."""

from __future__ import annotations

from sim.entry import main

main()
