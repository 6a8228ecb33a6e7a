"""Codecs of models that embed or rerank: one module a family."""
