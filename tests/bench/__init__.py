"""Measurements: ratios against a baseline of the same run, never a test. `python -m tests.bench`
prints them in one table."""
