"""Pages of `sim size` and `sim sweep`: words, tables and pictures in one file (docs/sizing_report.md)."""
