"""Around all routes: bodies above the limit are refused, and a fault of ours is still a sentence."""

from __future__ import annotations

import logging

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("p5rec.serving")


class Guard:
    """ASGI middleware. Answering faults here, not in the framework, keeps the client's connection open."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413 or 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._limit:
            refusal = JSONResponse({"detail": self._told()}, status_code=413, headers={"connection": "close"})
            await refusal(scope, receive, send)
            return
        await self._pass_on(scope, self._counting(receive), send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            log.exception("%s %s", scope["method"], scope["path"][:200])
            if started:
                raise
            told = f"this request met a fault of the service ({type(error).__name__}); its log has the details"
            await JSONResponse({"detail": told}, status_code=500)(scope, receive, send)

    def _counting(self, receive: Receive) -> Receive:
        """The announced length may be missing or wrong; raises the web fault in the route that reads the body."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise HTTPException(413, self._told())
            return message

        return counted

    def _told(self) -> str:
        return f"the body is larger than {self._limit / 2**20:g} MB; send it in parts"
