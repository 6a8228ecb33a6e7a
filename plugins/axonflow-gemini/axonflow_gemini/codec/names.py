"""Names in snake case, which the API takes beside those in camel case: `system_instruction`.

Curl examples and older clients write them, and one object where a list of one is due. `tidied`
reads a request that has some as if it were written in camel case, with lists; what the protocol
only carries (arguments, results, schemas, labels) stays as it is.

Source: Gemini API, quickstart for REST ("system_instruction", "inline_data"); "Get started with
Gemini 4" (`"contents": {"role": "USER", "parts": {"text": …}}`), November 2026; protocol buffers,
"JSON mapping": a parser takes the original names too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from axonflow_core.messages import Json

_CAMEL = (
    "systemInstruction generationConfig toolConfig safetySettings cachedContent serviceTier "
    "inlineData fileData mimeType fileUri displayName functionCall functionResponse "
    "thoughtSignature executableCode codeExecutionResult videoMetadata partMetadata "
    "mediaResolution functionDeclarations parametersJsonSchema functionCallingConfig "
    "allowedFunctionNames retrievalConfig googleSearch codeExecution urlContext googleMaps "
    "maxOutputTokens topP topK stopSequences candidateCount presencePenalty frequencyPenalty "
    "responseMimeType responseSchema responseJsonSchema responseModalities responseLogprobs "
    "speechConfig imageConfig thinkingConfig thinkingBudget thinkingLevel includeThoughts "
    "enableEnhancedCivicAnswers taskType outputDimensionality generateContentRequest"
).split()
_SNAKE: Mapping[str, str] = {
    re.sub(r"[A-Z]", lambda found: "_" + found.group().lower(), name): name for name in _CAMEL
}
"""Name in snake case -> in camel case."""
_CARRIED = frozenset(
    "args response parameters parametersJsonSchema responseSchema responseJsonSchema labels "
    "partMetadata".split()
)
"""Members whose values are the caller's own JSON."""

_LISTS = frozenset({"contents", "parts", "tools", "functionDeclarations"})
"""Members that are lists, and may be the one object that would stand in it."""


def tidied(native: Json) -> Json:
    """`native` with the names that the protocol documents in camel case; itself where it has no
    others."""
    if isinstance(native, list):
        items = [tidied(item) for item in native]
        return native if all(map(_is, items, native)) else items
    if not isinstance(native, dict):
        return native
    renamed = {_name_of(key, native): value for key, value in native.items()}
    renamed |= {
        key: [renamed[key]] for key in _LISTS & renamed.keys() if isinstance(renamed[key], dict)
    }
    changed = {key: value if key in _CARRIED else tidied(value) for key, value in renamed.items()}
    is_same = list(changed) == list(native) and all(map(_is, changed.values(), native.values()))
    return native if is_same else changed


def _name_of(key: str, owner: Mapping[str, Json]) -> str:
    """The name in camel case, unless that stands beside it."""
    name = _SNAKE.get(key, key)
    return key if name != key and name in owner else name


def _is(one: Json, other: Json) -> bool:
    return one is other
