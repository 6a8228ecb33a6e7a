"""Bedrock Runtime on the wire: paths, envelopes, event streams, and the app that serves them."""
