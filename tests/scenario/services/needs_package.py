"""Imports what is not installed."""

import a_package_that_nobody_has

detect = a_package_that_nobody_has.detect
