"""What all tests have in common."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow tests last, so that a simple mistake is known soon."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
