"""A place for tests of the MCP server: a keeper's file with a journal, a venue made by hand, and
the server over real HTTP, asked by the SDK's own client."""

import asyncio
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from strongroom.app_server import app_server, opened
from strongroom.information.books import Book, Level
from strongroom.information.gamma import OpenMarkets
from strongroom.journal import Journal
from strongroom.keeper.configuration import McpSection, ProposalsSection, load
from strongroom.keeper.standing import StandingKeeper
from strongroom.mcp_server import reading, serving
from strongroom.mcp_server.tokens import audience_of, make_token
from strongroom.strategy.api import make_pack
from strongroom.strategy.decide import decide

from tests.agent.test_decide import NOW, STATE, TAIL, market, rules, view

EXAMPLE = Path("docs/examples/keeper.toml")
OTHER = "0x" + "99" * 20  # another vault
MICRO = 1_000_000


class Gamma:
    """A listing of markets made by hand; counts how often it was read."""

    def __init__(self, markets):
        self.markets, self.asked = markets, 0

    def open_markets(self):
        self.asked += 1
        return OpenMarkets(self.markets, [], "")


class Books:
    """Books made by hand, by token."""

    def __init__(self, books):
        self.books = books

    def read(self, tokens, now):
        return SimpleNamespace(
            books={each: self.books[each] for each in tokens if each in self.books}
        )


class Place:
    """A keeper's file in a folder, with a journal that has a decision."""

    def __init__(self, folder, markets=None, clients=None, **mcp):
        found = load(EXAMPLE)
        operations = found.operations.model_copy(
            update={"mode": "live", "log": None, "metrics_port": 0}
        )
        proposing = {}
        if clients is not None:
            proposing = {
                "packs": {"proposals": {"clients": clients}},
                "proposals": ProposalsSection(folder=folder / "proposals", most_waiting=3),
            }
        mcp = {"requests_a_minute": 100_000, **mcp}
        section = McpSection(tokens=folder / "tokens.json", log=folder / "calls.log", **mcp)
        self.config = found.model_copy(
            update={
                "operations": operations,
                "journal": f"sqlite:///{folder / 'keeper.db'}",
                "notify": (),
                "mcp": section,
                **proposing,
            }
        )
        self.folder = folder
        self.journal = Journal(self.config.journal)
        StandingKeeper(self.journal, "live", lambda: NOW).see(NOW, {"odd": "a node's words"}, STATE)
        (self.decision,) = decide(view(TAIL), [make_pack("tail", {})], rules(), "salt").decisions
        self.journal.decide(self.decision.id, self.decision.record, task_at=NOW)
        self.markets = [market(1, rules="It resolves."), market(2)] if markets is None else markets
        first = self.markets[0]
        book = Book((Level(960_000, 5 * MICRO),), (Level(970_000, 7 * MICRO),), NOW)
        self.gamma, self.books = Gamma(self.markets), Books({first.token_ids[0]: book})

    def token(self, client="desk", *scopes, vault=None, days=1, now=None):
        """Make a token; return it."""
        audience = audience_of(self.config.chain.chain_id, vault or self.config.vault)
        made = int(time.time()) if now is None else now
        return make_token(self.config.mcp.tokens, client, audience, scopes, days, made)

    def stand_in(self, monkeypatch):
        """Let the server read this venue, and no node."""
        monkeypatch.setattr(reading, "GammaClient", lambda url: self.gamma)
        monkeypatch.setattr(reading, "BookReader", lambda url: self.books)
        monkeypatch.setattr(reading.VaultReadings, "asset", lambda this: "pUSD")

    @contextmanager
    def served(self):
        """Run the server at a port of this machine; yield its URL."""
        server = serving.server_of(self.config, None, serving.client_of_request, "http://127.0.0.1")
        app = serving.http_app(server, ("127.0.0.1",), self.config.mcp.requests_a_minute)
        running, door = app_server(app, serving.LEAVE_S), opened("127.0.0.1", 0)
        thread = threading.Thread(target=running.run, args=([door],), daemon=True)
        thread.start()
        while not running.started:
            time.sleep(0.01)
        port = door.getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}{serving.PATH}"
        finally:
            running.should_exit = True
            thread.join()


@asynccontextmanager
async def connected(url, token):
    """The SDK's client over HTTP with a bearer token."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=120) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


def ask(url, token, *calls):
    """Call tools one after the other; return (is an error, what came) of each: structured content,
    or the text of an error."""

    async def run():
        found = []
        async with connected(url, token) as client:
            for name, arguments in calls:
                found.append(told(await client.call_tool(name, arguments)))
        return found

    return asyncio.run(run())


def told(result):
    if result.is_error:
        return True, " ".join(each.text for each in result.content)
    return False, result.structured_content


def with_text(number, text):
    """A market in every text of which stands the same."""
    return replace(
        market(number), question=text, rules=text, event=text, category=text, outcomes=(text, text)
    )
