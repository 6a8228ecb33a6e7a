"""The table of the models of *acme*."""

from __future__ import annotations

MODELS = r"""
as_of = 2026-11-29
vendor = "Acme"
versions = '-\d{3}'
sources = ["acme.example/docs, Models, read 2026-11-29"]
kinds.chat = { surface = "chat", family = "acme" }
kinds.embedding = { surface = "vectors", family = "acme-vectors" }
each.context_tokens = 200_000
columns = ["id", "output_tokens", "price.input", "price.output", "ends_on", "successor"]
models = [
  ["acme-2", 64_000, 1, 4],
  ["acme-1", "", 2.5, 8.0, 2026-11-30, "acme-2"],
  ["acme-1-mini"],
  ["acme-vectors", "", 0.1, 0],
]

[[more]]
models = ["acme-2"]
row.aliases = ["acme"]
row.long_prompts = { above_tokens = 100_000, input = 2, output = 1.5 }
row.later = { begins_on = 2027-01-01, price = { input = 3, output = 6 } }

[[more]]
models = ["acme-vectors"]
row.kind = "embedding"
row.dimensions = [512, 256]

[[rules]]
models = ["acme-"]
source = "acme.example/docs, Sampling, read 2026-11-29"
facts.without = ["temperature"]
facts.max_stop_sequences = 4

[[rules]]
models = ["acme-1"]
source = "acme.example/docs, acme-1, read 2026-11-29"
facts.without = ["images"]
facts.reasoning = { efforts = ["low", "high"], has_history = false }
"""
