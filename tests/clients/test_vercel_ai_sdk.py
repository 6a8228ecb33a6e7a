"""Vercel's AI SDK for Node, with both of its providers: responses and chat of `@ai-sdk/openai`, and
`@ai-sdk/openai-compatible`.

Over responses it refers to items of earlier answers, which OpenAI stores, unless it is told
`store: false`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from .conftest import Endpoint
from .node import evaluated, package

PROVIDERS = {
    "responses": "createOpenAI({ baseURL, apiKey }).responses",
    "chat": "createOpenAI({ baseURL, apiKey }).chat",
    "compatible": "createOpenAICompatible({ name: 'axonflow', baseURL, apiKey, includeUsage: true, "
    "supportsStructuredOutputs: true })",
}
HEAD = """\
import { generateText, streamText, tool, stepCountIs, generateObject } from 'ai';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { z } from 'zod';
const baseURL = process.env.BASE_URL, apiKey = process.env.API_KEY;
const made = %(provider)s;
const maxRetries = 0, providerOptions = { openai: { store: false } };
const getWeather = tool({
  description: 'Tells the weather.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => { cities.push(city); return 'rain'; },
});
const cities = [];
const result = await (async () => {
%(body)s
})();
console.log(JSON.stringify(result));
"""

Evaluate = Callable[..., Mapping[str, Any]]


@pytest.fixture(scope="module")
def modules() -> Path:
    return package("ai", "@ai-sdk/openai", "@ai-sdk/openai-compatible", "zod")


@pytest.fixture(params=PROVIDERS)
def evaluate(
    request: pytest.FixtureRequest, modules: Path, endpoint: Endpoint, tmp_path: Path
) -> Evaluate:
    def evaluate(body: str, key: str = endpoint.key) -> Mapping[str, Any]:
        script = HEAD % {"provider": PROVIDERS[request.param], "body": body}
        environment = {"BASE_URL": f"{endpoint.url}/v1", "API_KEY": key}
        return evaluated(modules, tmp_path, script, environment)

    return evaluate


def test_a_text_is_answered_whole_and_streamed(evaluate: Evaluate) -> None:
    answer = evaluate("""
      const model = made('claude');
      const whole = await generateText({ model, prompt: 'hi', maxRetries });
      const stream = streamText({ model, prompt: 'hi', maxRetries });
      let streamed = '';
      for await (const piece of stream.textStream) streamed += piece;
      const usage = await stream.usage;
      return { whole: whole.text, streamed, counts: [whole.usage.totalTokens, usage.totalTokens] };
    """)

    assert "You said: hi" in answer["whole"] and answer["streamed"] == answer["whole"]
    assert answer["counts"][0] == answer["counts"][1] > 0


@pytest.mark.parametrize("call", ["generateText", "streamText"])
def test_a_tool_is_run(evaluate: Evaluate, call: str) -> None:
    answer = evaluate(f"""
      const ran = await {call}({{
        model: made('claude'), prompt: 'weather', maxRetries, providerOptions,
        tools: {{ get_weather: getWeather }}, stopWhen: stepCountIs(3),
      }});
      return {{ text: await ran.text, cities }};
    """)

    assert answer == {"text": "Take an umbrella.", "cities": ["Oslo"]}


def test_an_answer_is_an_object_of_its_schema(evaluate: Evaluate) -> None:
    answer = evaluate("""
      const schema = z.object({ city: z.string(), degrees: z.number() });
      const { object } = await generateObject({
        model: made('claude'), prompt: 'hi', schema, maxRetries,
      });
      return object;
    """)

    assert answer.keys() == {"city", "degrees"}


@pytest.mark.parametrize("evaluate", ["responses"], indirect=True)
def test_a_reference_to_what_is_not_stored_says_what_to_do(evaluate: Evaluate) -> None:
    answer = evaluate("""
      try {
        await generateText({
          model: made('claude'), prompt: 'weather', maxRetries,
          tools: { get_weather: getWeather }, stopWhen: stepCountIs(3),
        });
        return {};
      } catch (error) {
        return { status: error.statusCode, message: error.message };
      }
    """)

    assert answer["status"] == 400 and "`store: false`" in answer["message"]


CAUGHT = """
  try {
    await generateText({ model: made('%s'), prompt: '%s', maxRetries });
    return {};
  } catch (error) {
    return { name: error.name, status: error.statusCode, message: error.message };
  }
"""


def test_errors_are_exceptions_that_can_be_read(evaluate: Evaluate) -> None:
    blocked = evaluate(CAUGHT % ("claude", "project aurora"))
    missing = evaluate(CAUGHT % ("gpt-99", "hi"))
    stranger = evaluate(CAUGHT % ("claude", "hi"), key="unknown")

    assert (blocked["name"], blocked["status"]) == ("AI_APICallError", 400)
    assert "no-aurora" in blocked["message"]
    assert (missing["status"], stranger["status"]) == (404, 401)
    assert "API key" in stranger["message"]


def test_a_block_in_mid_stream_is_an_error_that_can_be_read(evaluate: Evaluate) -> None:
    answer = evaluate("""
      const told = [];
      const stream = streamText({
        model: made('claude'), prompt: 'late', maxRetries, onError: () => {},
      });
      for await (const part of stream.fullStream) {
        if (part.type === 'error') told.push(JSON.stringify(part.error.message ?? part.error));
      }
      return { told };
    """)

    assert answer["told"] and "no-heliotrope" in answer["told"][0]
