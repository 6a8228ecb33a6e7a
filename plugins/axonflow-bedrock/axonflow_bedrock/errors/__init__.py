"""Errors of Bedrock: the table, its reader, and the page made from it."""
