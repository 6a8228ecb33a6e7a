"""A client that leaves, while its request is being answered.

The connection itself tells, through the `Delivery` of its answer: no task waits for the disconnect.
A handler that outlives its client (`single_flight`) watches the delivery itself, which ends this.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from axonflow_core.http.asgi import CLIENT_CLOSED, ClientLeft
from axonflow_core.server.delivery import Delivery


class cancelled_with_client:  # noqa: N801 - it is used as a block, as a function would be
    """What runs inside is cancelled when the client closes its connection, and ends in
    `ClientLeft`. A cancel from elsewhere is passed on. Without a delivery nobody tells."""

    __slots__ = ("_delivery", "_has_left", "_task")

    def __init__(self, delivery: Delivery | None) -> None:
        self._delivery = delivery
        self._has_left = False
        self._task: asyncio.Task[object] | None = None
        """The task that runs inside; None outside."""

    def __enter__(self) -> None:
        if self._delivery is not None:
            self._task = asyncio.current_task(self._delivery.loop)
            self._delivery.watch(self._settled)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if not self._has_left or task is None or not isinstance(error, asyncio.CancelledError):
            return
        if not task.uncancel():  # else another cancel wants this task to end
            raise ClientLeft from None

    def _settled(self, is_read: bool) -> None:
        if self._task is not None and not is_read:
            self._has_left = True
            self._task.cancel(CLIENT_CLOSED)
