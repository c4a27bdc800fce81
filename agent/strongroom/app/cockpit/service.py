"""The cockpit over HTTP: a page, what there is to see as it changes, and the buttons."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from importlib.resources import files
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from strongroom.app.cockpit.acts import ACTS, MOST_REASON, carry_out
from strongroom.app.cockpit.door import Door, Guarded
from strongroom.app.cockpit.log_tail import LogTail
from strongroom.app.cockpit.looking import JournalAway, Looker
from strongroom.app.cockpit.shown import CockpitView
from strongroom.app.live import script
from strongroom.app.render import render
from strongroom.errors import Away, StrongroomError

SCRIPT, STYLES = "cockpit.js", ("chart.css", "style.css", "app.css", "cockpit.css")
LOOK_S = 1.0  # between looks while somebody watches
MOST_NUMBER = 2**63 - 1  # that a database takes
PING_S = 15.0  # that a page hears something, so that a dead connection is noticed
_VIEW, _LOG = TypeAdapter(CockpitView), TypeAdapter(LogTail)


class Pressed(BaseModel):
    """A button, and whether it was asked once more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sure: bool = False
    why: str = ""


def create_app(looker: Looker, door: Door) -> ASGIApp:
    """Return the application.

    Raises:
        ScriptMissing: the page's script is not in this package.
    """
    code = script(SCRIPT)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    page = render("cockpit.html", acts=ACTS, config=looker.config, most_reason=MOST_REASON)
    styles = "".join((files("strongroom.app") / "templates" / name).read_text() for name in STYLES)

    @app.exception_handler(StrongroomError)
    def refuse(request: Request, error: StrongroomError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 503 if isinstance(error, Away) else 400)

    @app.get("/")
    def show() -> HTMLResponse:
        return HTMLResponse(page)

    @app.get(f"/{SCRIPT}")
    def behave() -> Response:
        return Response(code, media_type="text/javascript")

    @app.get("/cockpit.css")
    def dress() -> Response:
        return Response(styles, media_type="text/css")

    @app.get("/api/now")
    def now() -> Response:
        return Response(_VIEW.dump_json(looker.look()), media_type="application/json")

    @app.get("/api/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(_changes(looker), media_type="text/event-stream")

    @app.get("/api/decisions")
    def decisions(before: Annotated[int, Query(ge=1, le=MOST_NUMBER)]) -> JSONResponse:
        return JSONResponse([asdict(each) for each in looker.older(before)])

    @app.get("/api/explanation")
    def explanation(name: Annotated[str, Query(max_length=100)]) -> JSONResponse:
        return JSONResponse({"text": looker.explain(name.strip())})

    @app.post("/api/ask/{name}")
    def ask(name: str, pressed: Pressed) -> JSONResponse:
        return JSONResponse({"told": carry_out(looker, name, pressed.sure, pressed.why)})

    return Guarded(app, door)


async def _changes(looker: Looker) -> AsyncIterator[bytes]:
    """Yield server-sent events: `now` and `log` at the start and when they change, `away` while the
    journal cannot be read, a comment when nothing does."""

    def document() -> tuple[str, bytes]:
        try:
            return "now", _VIEW.dump_json(looker.look())
        except JournalAway as error:
            return "away", TypeAdapter(str).dump_json(str(error))

    def log() -> tuple[str, bytes]:
        return "log", _LOG.dump_json(looker.log())

    sent: dict[Callable[[], tuple[str, bytes]], tuple[str, bytes]] = {}
    silent = 0.0
    while True:
        for look in (document, log):
            found = await run_in_threadpool(look)
            if sent.get(look) != found:
                sent[look] = found
                silent = 0.0
                yield b"event: " + found[0].encode() + b"\ndata: " + found[1] + b"\n\n"
        if silent >= PING_S:
            silent = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(LOOK_S)
        silent += LOOK_S
