"""Policies: what may be asked and answered, as rules over texts."""
