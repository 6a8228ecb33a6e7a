"""Budgets and rate limits: what clients may still spend, decided before each call."""
