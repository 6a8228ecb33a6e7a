"""Server-sent events as Google streams them.

    data: {"candidates": […]}

    {
      "error": {"code": 503, "status": "UNAVAILABLE", "message": "…"}
    }

An error that comes once the stream began, may stand there as bare JSON over several lines, which
the standard of such streams skips. Google's own clients look for it, and so does this reader.

Source: google-genai 3.6.1, `_api_client.HttpResponse._iter_response_stream`; November 2026.
"""

from __future__ import annotations

from axonflow_core.framing.sse import SseDecoder
from axonflow_core.json_text import loads_answer

from .errors import ERRORS


class GoogleEvents(SseDecoder):
    """Bytes as they were read in, events out."""

    def finish(self) -> None:
        """There are no more bytes. `ProviderError` where an error stands beside the events."""
        super().finish()
        try:
            beside = loads_answer(self.strays)
        except ValueError:
            return
        ERRORS.raise_reported(beside)
