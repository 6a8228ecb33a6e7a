"""The toy vendor's chat service on a socket, in threads: it answers with the user's own words.

What a question contains decides how it is answered: `slowly` pauses between the pieces of a stream,
`never` sends nothing.
"""

from __future__ import annotations

import re
import socketserver
import threading
import time
from typing import Self

import toy_chat
from attrs import evolve

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.http.blocking import BlockingTransport
from axonflow_core.http.client import HttpClient, HttpRequest
from axonflow_core.messages import Text
from axonflow_core.plugin_spec import ProviderSpec, Services
from axonflow_core.runtime import Runtime
from axonflow_core.testing.provider_laws import ANSWER

PAUSE_S = 0.02
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")


class ChatServer:
    """Serves in a daemon thread while its `with` block runs, and counts."""

    def __init__(self) -> None:
        self.connections = self.open_connections = 0
        self.questions: list[str] = []
        self.released = threading.Event()
        self._counting = threading.Lock()

    def __enter__(self) -> Self:
        service = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                service.count(1)
                try:
                    while service.answer(self):
                        pass
                except OSError:
                    pass  # the client left
                finally:
                    service.count(-1)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, allow_reuse_address, request_queue_size = True, True, 512
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def count(self, change: int) -> None:
        with self._counting:
            self.connections += change > 0
            self.open_connections += change

    def answer(self, handler: socketserver.StreamRequestHandler) -> bool:
        """Read one request and answer it. False: there was none."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = handler.rfile.readline()
            if not line:
                return False
            head += line
        length = _LENGTH.search(head)
        body = handler.rfile.read(int(length[1])) if length else b""
        sent = HttpRequest("POST", self.url, {}, body)
        question = toy_chat.SERVICE.request(sent).messages[-1].text
        self.questions.append(question)
        if "never" in question:
            handler.rfile.read(1)  # until the client leaves
            return False
        answer = toy_chat.SERVICE.answer(sent, evolve(ANSWER, content=(Text(question),)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        handler.wfile.write(
            f"HTTP/1.1 200 OK\r\n{lines}Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        data, size = b"".join(answer.reads), 40 if "slowly" in question else 4096
        for start in range(0, len(data), size):
            if "slowly" in question:
                time.sleep(PAUSE_S)
            piece = data[start : start + size]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")
        return True


def runtime_at(
    url: str,
    client: HttpClient | None = None,
    spec: ProviderSpec | None = None,
    **timeouts: float,
) -> Runtime:
    """A runtime of the toy vendor's provider, for a `BlockingRuntime`."""
    from axonflow_core.http.client import Timeouts

    spec = spec or toy_chat.spec()
    shared = client or BlockingTransport()
    config = toy_chat.ToyChatConfig(endpoint=url, timeouts=Timeouts(**timeouts))
    services = Services(
        name="toy",
        client=shared,
        codecs=CodecRegistry(),
        credentials={"api_key": toy_chat.SECRET},
    )
    provider = spec.create(config, services)
    needs_event_loop = spec.needs_event_loop or getattr(shared, "needs_event_loop", True)
    return Runtime({"toy": provider}, shared, needs_event_loop=needs_event_loop)
