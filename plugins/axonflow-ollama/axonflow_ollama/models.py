"""What follows from a model's name.

What a server can call is what was pulled there, and only it knows: `GET /api/tags`. A model that
the table lacks is called as any other; whether one has tools or sees pictures is refused by the
server, which knows its template.
"""

from __future__ import annotations

from axonflow_core.codec import ModelFacts
from axonflow_core.frozen import evolve
from axonflow_core.tables.models import ModelTable

MODELS = ModelTable.beside(__file__)


def family_of(model: str) -> str:
    """The name of a model's family: `qwen3` of `hf.co/me/qwen3:8b`."""
    return model.rpartition("/")[2].partition(":")[0].lower()


def full_name(model: str) -> str:
    """The name with its tag, as `ollama list` shows it."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def facts_of(model: str, limit: int | None = None) -> ModelFacts:
    """What is known of a model by its family."""
    facts = MODELS.facts(family_of(model), limit=limit)
    return evolve(facts, model_id=model, base_id=model)
