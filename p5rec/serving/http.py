"""The service on the web: FastAPI routes, each a few lines over `Service`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from p5rec.core.errors import InputError, P5Error
from p5rec.serving import faults
from p5rec.serving.admission import shown
from p5rec.serving.answer import Added, Appended, Erased, Explanation, Fault, Recommendation, Reply, State
from p5rec.serving.batcher import Busy
from p5rec.serving.bodies import EventBody, ItemBody, OneOrMoreEvents, OneOrMoreItems, PromptBody, QuestionBody
from p5rec.serving.counters import Counted, Counters
from p5rec.serving.guard import Guard
from p5rec.serving.questions import Question
from p5rec.serving.service import NotFound, Service

FAULTS: dict[int | str, dict[str, Any]] = {
    422: {"model": Fault, "description": "Something in the request is wrong; the sentence says what"},
    503: {"model": Fault, "description": "Not now; send it again"},
}
FIELDS: dict[str, type[BaseModel]] = {
    "/events": EventBody,
    "/recommendations": QuestionBody,
    "/items": ItemBody,
    "/ask": PromptBody,
}
Wanted = Annotated[int, Query(ge=1, description="items wanted")]
DESCRIPTION = """Ids are strings. Every answer that is not 2xx is `{"detail": "one sentence"}`.
After an event is answered 2xx the next recommendations of its user reflect it, after a crash too.
Ids with slashes may be sent url-encoded, or in the body of `POST /recommendations`."""


def app(service: Service) -> FastAPI:
    """The web application of a service; it warms up when started and closes the service when stopped."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=service.warm, name="p5rec-warm", daemon=True).start()
        yield
        await asyncio.to_thread(service.close)

    web = FastAPI(
        title="p5rec",
        version=service.version,
        description=DESCRIPTION,
        lifespan=life,
        redirect_slashes=False,
        responses=FAULTS,
    )
    counters = Counters()
    web.add_middleware(Guard, limit=int(service.limits.body_mb * 2**20))
    web.add_middleware(Counted, counters=counters)
    _faults(web)
    _events(web, service)
    _recommendations(web, service)
    _prompts(web, service)
    _items(web, service)
    _health(web, service, counters)
    return web


def _events(web: FastAPI, service: Service) -> None:
    @web.post("/events", tags=["events"], summary="Keep one event or a list, all or nothing")
    async def post_events(body: OneOrMoreEvents) -> Appended:
        bodies = body if isinstance(body, list) else [body]
        return await asyncio.wrap_future(service.take([one.event() for one in bodies]))

    @web.delete("/users/{user_id:path}", tags=["users"], summary="Forget a user")
    def erase(user_id: str) -> Erased:
        return service.erase(user_id)


def _recommendations(web: FastAPI, service: Service) -> None:
    @web.get("/users/{user_id:path}/recommendations", tags=["recommendations"], response_model_exclude_none=True)
    async def recommend(user_id: str, k: Wanted = 10, reasons: bool = False, instruction: str = "") -> Recommendation:
        """What a user may like next; `reasons` says which event speaks for each item, and takes longer."""
        question = Question(user_id=user_id, k=k, reasons=reasons, instruction=instruction)
        return await asyncio.wrap_future(service.ask(question))

    @web.post("/recommendations", tags=["recommendations"], response_model_exclude_none=True)
    async def post_recommendations(body: QuestionBody) -> Recommendation:
        """What a user, or someone with this history, may like next."""
        return await asyncio.wrap_future(service.ask(body.question()))

    @web.get(
        "/items/{item_id:path}/similar",
        tags=["recommendations"],
        response_model_exclude_none=True,
        responses={404: {"model": Fault, "description": "The item is not known"}},
    )
    def similar(item_id: str, k: Wanted = 10) -> Recommendation:
        """Items like an item."""
        return service.similar(item_id, k)


def _prompts(web: FastAPI, service: Service) -> None:
    @web.post("/ask", tags=["prompts"], response_model=Reply, response_model_exclude_none=True)
    async def ask(body: PromptBody) -> Any:
        """A prompt in words, answered with items, a number or a text, as it asks."""
        return await asyncio.wrap_future(service.reply(body.asked()))

    @web.get(
        "/users/{user_id:path}/explanations/{item_id:path}",
        tags=["prompts"],
        response_model=Explanation,
        response_model_exclude_none=True,
        responses={404: {"model": Fault, "description": "The item is not known"}},
    )
    async def explain(user_id: str, item_id: str, feature: str = "") -> Any:
        """Why a user may like an item, or not: a sentence, and the event that speaks most for it."""
        return await asyncio.wrap_future(service.explain(user_id, item_id, feature))


def _items(web: FastAPI, service: Service) -> None:
    @web.post("/items", tags=["items"], response_model_exclude_none=True)
    def post_items(body: OneOrMoreItems) -> Added:
        """Take in one new item or a list, with content; recommendable at once by models with content towers."""
        bodies = body if isinstance(body, list) else [body]
        return service.add_items([one.row() for one in bodies])


def _health(web: FastAPI, service: Service, counters: Counters) -> None:
    @web.head("/health/live", include_in_schema=False)
    @web.get("/health/live", tags=["health"], response_model_exclude_none=True)
    async def live() -> State:
        """The process runs."""
        return State(status="live")

    @web.head("/health/ready", include_in_schema=False)
    @web.get("/health/ready", tags=["health"])
    def ready(response: Response) -> State:
        """It is warm and takes requests; 503 until then."""
        fine = service.ready()
        response.status_code = 200 if fine else 503
        return State(status="ready" if fine else "starting", version=service.version, events=service.store.count())

    @web.get("/metrics", response_class=PlainTextResponse, include_in_schema=False)
    def metrics() -> str:
        """Counts and seconds of requests for Prometheus."""
        return counters.text({"events_total": service.store.count(), "ready": service.ready()})


def _faults(web: FastAPI) -> None:
    """Every fault becomes a status and a sentence."""

    @web.exception_handler(RequestValidationError)
    async def wrong_body(request: Request, error: RequestValidationError) -> JSONResponse:
        body = FIELDS.get(request.url.path)
        fields = list(body.model_fields) if body else ["k", "reasons", "instruction", "feature"]
        found = faults.of_body(error.errors(), fields, request.headers.get("content-type", ""))
        return _told(422, faults.sentence(found))

    @web.exception_handler(InputError)
    async def wrong_input(_: Request, error: InputError) -> JSONResponse:
        return _told(422, faults.sentence(error.faults))

    @web.exception_handler(P5Error)
    async def not_now(_: Request, error: P5Error) -> JSONResponse:
        if isinstance(error, NotFound):
            return _told(404, str(error))
        return _told(503, str(error), {"retry-after": "1"} if isinstance(error, Busy) else {})

    @web.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        asked = f"{request.method} {shown(request.url.path)}"
        words = {
            400: "the body cannot be read as JSON in UTF-8",
            404: f"there is no {asked}; see /docs",
            405: f"{asked} is not allowed; see the Allow header or /docs",
        }
        status = 422 if error.status_code == 400 else error.status_code
        return _told(status, words.get(error.status_code, str(error.detail)), dict(error.headers or {}))


def _told(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    # lone halves of surrogate pairs may come in as ids, they cannot go out as UTF-8
    safe = sentence.encode("utf-8", "replace").decode()
    return JSONResponse({"detail": safe}, status_code=status, headers=headers)
