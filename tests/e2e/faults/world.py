"""A vault, its keeper live and on paper, and lines between them and everything that they ask.

What is true is read past the lines, from the chain and from the service's own books: each report's
NAV is held against it, and so is what paper has.
"""

import re
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import tomli_w
from strongroom.chain.contracts import Contract, Contracts
from strongroom.chain.ids import market_of
from strongroom.chain.jsonrpc import LATEST, Answer, Question
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import MICRO
from strongroom.database import paper_url
from strongroom.devnet import polymarket
from strongroom.devnet.clock import DevnetClock
from strongroom.devnet.deployer import devnet_chain
from strongroom.information.gamma import Market
from strongroom.information.sources import Sources
from strongroom.journal import Journal
from strongroom.keeper.configuration import load
from strongroom.keeper.paper import PaperBook, PaperKeeper, kept_paper
from strongroom.keeper.tick import Keeper
from strongroom.keeper.wiring import build

from tests.anvil_devnet import at
from tests.e2e.faults.line import Asked, Said, channel, line
from tests.e2e.keeper_stage import PLENTY, SECTIONS, SERVES, KeeperStage

LIVE, PAPER = "live", "paper"
MODES = (PAPER, LIVE)  # in the order in which they tick
TICK_S = 70  # of the devnet's clock between two ticks: a report is due at each
TOKENS = 100  # that are offered of a market, and bid for: the size that a mark assumes
REST_S = 10  # real seconds in which what the live keeper has ordered comes to its end
CALM_TICKS = 14  # after a fault, at most
MORE = """
[[forecasters]]
kind = "http"
name = "oracle"
url = "FORECASTS"
signal = true
"""
ACCOUNTS = {False: "PolymarketAccount", True: "WalletAccount"}
QUIET = ("started", "stopped", "decided", "opened", "reported", "paper", "passed", "goes_on",
         "settled", "halted", "income")  # fmt: skip


class Past(Contracts):
    """A chain as it was at a block."""

    def __init__(self, url: str, block: int) -> None:
        super().__init__(url)
        self._block = hex(block)

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Ask for what was then."""
        then = [
            (method, [self._block if each == LATEST else each for each in parameters])
            for method, parameters in questions
        ]
        return super().ask(then)


class Unearned(AssertionError):
    """A NAV that is not what the vault has, or paper that moved what is real."""


@dataclass
class Seen:
    """What one keeper has done under a fault.

    Attributes:
        names: what it said is wrong
        bitten: how often what it asked was answered otherwise
    """

    names: list[str] = field(default_factory=list)
    halts: list[dict[str, str]] = field(default_factory=list)
    ticks: int = 0
    decisions: int = 0
    reports: int = 0
    bitten: int = 0


class World:
    """See above; `told` has the events of the keeper that ticks."""

    modes = MODES

    def __init__(self, stage: KeeperStage, open_: ExitStack, owned: bool) -> None:
        self.place, self.stage, self.clock = stage, stage.stage, stage.clock
        self.owned, self.next, self.settled = owned, 0, 0
        self.told: list[tuple[str, dict]] = []
        url = self.stage.server.url
        self.service = open_.enter_context(line(url))
        self.node = open_.enter_context(line(self.stage.chain.url))
        door = self.stage.config.cosigner.url.removeprefix("unix:")
        self.cosigner = open_.enter_context(line(path=door))
        self.oracle = open_.enter_context(line())
        self.oracle.honest = self.oracle.change = forecasts
        self.channel = open_.enter_context(channel(url.replace("http", "ws") + "/ws/market"))
        self.lines = (self.service, self.node, self.cosigner, self.channel)
        self.file = self.stage.folder / "keeper.toml"
        self._through_the_lines()
        self._made: dict[tuple[str, bool], Keeper] = {}
        self.keepers: dict[str, Keeper] = {}
        self.use(stream=True)
        self.reports = self.ticks = 0
        self.nav = 0  # of the last report

    def _through_the_lines(self) -> None:
        text = self.file.read_text() + MORE.replace("FORECASTS", self.oracle.url + "/forecasts")
        found = tomllib.loads(text)
        found["chain"]["rpc_url"] = self.node.url
        found["chain"]["timeout_s"] = 2
        found["cosigner"]["url"] = self.cosigner.url
        found["information"]["forecasts_every_s"] = 1
        found["venue"] |= {
            "clob_url": self.service.url,
            "gamma_url": f"{self.service.url}/gamma",
            "stream_url": self.channel.url,
            "heartbeat": True,
        }
        if "relayer" in found["venue"]:
            found["venue"]["relayer"]["url"] = f"{self.service.url}/relayer"
        self.file.write_text(tomli_w.dumps(found))

    def use(self, stream: bool, anew: bool = False) -> None:
        """Let keepers tick that follow the stream, or ask for books at every tick.

        Args:
            anew: start them, as after the end of their process
        """
        for mode in self.modes:
            if anew:
                self._made.pop((mode, stream)).sources.close()
            if (mode, stream) not in self._made:
                self._made[mode, stream] = self._keeper(mode, stream)
            self.keepers[mode] = self._made[mode, stream]

    def close(self) -> None:
        """End the streams."""
        for keeper in self._made.values():
            keeper.sources.close()

    def _keeper(self, mode: str, stream: bool) -> Keeper:
        config = load(self.file)
        if not stream:
            config = config.model_copy(
                update={"venue": config.venue.model_copy(update={"stream_url": ""})}
            )

        def on_event(event: str, fields: dict) -> None:
            self.told.append((event, dict(fields)))

        if mode == LIVE:
            made = build(config, on_event, self.clock, Journal(config.journal))
        else:
            journal = Journal(paper_url(config.journal))
            made = PaperKeeper.of(build(config, on_event, self.clock, journal))
        by_the_devnets_clock(made.sources, self.clock)
        return made

    # what is true

    def truth(self, block: int | None = None) -> int:
        """Return the NAV at the bid, from balances at a block and the service's own books."""
        vault, bids = self.vault_at(block), self._bids(market_of)
        worth = vault.total_idle()
        for market in vault.openMarkets():
            account = at(vault, vault.accountOf(market), ACCOUNTS[self.owned])
            collateral, (position,) = account.positions()
            assert position[NO] == 0
            worth += collateral + position[YES] * bids["0x" + bytes(market).hex()] // MICRO
        return int(worth)

    def vault_at(self, block: int | None) -> Contract:
        """Return the vault as it was at a block; None: as it is."""
        vault = self.stage.vault
        return (
            vault if block is None else Past(vault.chain.url, block).at(vault.address, vault._abi)
        )

    def _bids(self, named=lambda class_id, key: key) -> dict[str, int]:
        """Return the service's best bids of YES, 10**-6."""
        data = self.stage.server.engine.data
        return {
            named(0, each.question_key): data.best(str(each.token_ids[YES]))[0] or 0
            for each in self.place.markets
        }

    def paper_book(self) -> PaperBook:
        """Return what paper has."""
        return kept_paper(self.keepers[PAPER].journal)

    def paper_worth(self) -> int:
        """Return what paper has gained or lost at the bid, by the service's own books."""
        book, bids = self.paper_book(), self._bids()
        held = sum(
            yes * bids[condition] // MICRO
            for conditions in book.held.values()
            for condition, (yes, _) in conditions.items()
        )
        return book.cash + held

    # what happens

    def offer(self, again: Market | None = None) -> Market:
        """Offer YES of a market that nobody has traded, or of one once more."""
        gate = self.stage.server.engine.gate
        number = self.next if again is None else self.place.markets.index(again)
        self.next += again is None
        was, gate.admission = gate.admission, "open"
        market = self.place.offer(number, TOKENS)
        gate.admission = was
        return market

    def held(self, mode: str, market: Market) -> int:
        """Return the micro-tokens of YES that the vault, or paper, has of a market."""
        if mode == PAPER:
            of_all = [held.get(market.condition_id) for held in self.paper_book().held.values()]
            return sum(pair[YES] for pair in of_all if pair is not None)
        vault, account = self.stage.vault, self.place.account_of(market)
        if int(str(account), 16) == 0:
            return 0
        _, (position,) = at(vault, account, ACCOUNTS[self.owned]).positions()
        return int(position[YES])

    def tick(self, mode: str, seen: Seen, seconds: int = TICK_S) -> None:
        """Let time pass and a keeper tick; note what it says, hold its reports against the truth.

        Raises:
            Unearned: see the class. And whatever ends the tick.
        """
        self.clock.sleep(seconds)
        self.told.clear()
        self.ticks += 1
        before, bitten = self._real() if mode == PAPER else (), self.bites()
        tick = self.keepers[mode].tick()
        seen.ticks += 1
        seen.decisions += tick.decisions
        seen.bitten += self.bites() - bitten
        seen.halts.append(dict(tick.halts))
        seen.names += [f"halt {name}: {why}" for name, why in tick.halts.items()]
        seen.names += [
            f"{event}: {' '.join(map(str, fields.values()))}"
            for event, fields in self.told
            if event not in QUIET
        ]
        if "defect" in tick.halts:
            raise Unearned(tick.halts["defect"])
        refused = self.keepers[mode].refused
        seen.names += [f"records: {why}" for why in refused]
        if mode == PAPER and self._real() != before:
            raise Unearned("paper has moved what is real")
        if mode == LIVE:
            before_it = self.reports
            self._check_reports()
            seen.reports += self.reports - before_it

    def bites(self) -> int:
        """Return how many answers were others than the service's own."""
        honest = self.oracle.change is self.oracle.honest
        return sum(each.bitten for each in self.lines) + (0 if honest else self.oracle.bitten)

    def _real(self) -> tuple:
        engine, deadline = self.stage.server.engine, time.monotonic() + REST_S
        while not engine.is_idle and time.monotonic() < deadline:
            time.sleep(0.01)  # what the live keeper has ordered is matched and settled meanwhile
        return self.stage.chain.height(), len(engine.trades), self.stage.safe.nonce()

    # NAV at the bid that a report of a block may say, of the true one
    allowed = staticmethod(lambda truth, block: truth)

    def _check_reports(self) -> None:
        found = self.stage.vault.events("Dealt")
        if len(found) == self.reports:
            return
        self.reports, self.nav = len(found), found[-1].nav_bid
        if found[-1].supply == 0 or self.resolving():
            return
        block = found[-1].block_number
        expected = self.allowed(self.truth(block - 1), block)  # before money came in or went out
        if abs(self.nav - expected) > len(self.stage.vault.openMarkets()):
            raise Unearned(f"reported {self.nav / MICRO:.6f}, true is {expected / MICRO:.6f}")

    def resolving(self) -> bool:
        """Whether a market that has ended is still open: between rows alone."""
        ctf, vault = self.stage.venue.ctf, self.stage.vault
        there = {"0x" + bytes(market).hex() for market in vault.openMarkets()}
        return any(
            market_of(0, each.question_key) in there and ctf.payoutDenominator(each.condition_id)
            for each in self.place.markets[: self.settled]
        )

    def quiet(self) -> bool:
        """Whether nothing of the live keeper is under way."""
        journal = self.keepers[LIVE].journal
        return not (journal.open() or journal.open_tasks() or journal.transactions.open())

    def calm(self, mode: str, until=lambda: True) -> tuple[int, Seen]:
        """Tick until nothing is wrong and nothing is under way; return how many ticks that took.

        Raises:
            AssertionError: it takes too many.
        """
        seen = Seen()
        for number in range(1, CALM_TICKS + 1):
            self.tick(mode, seen)
            if not seen.halts[-1] and (mode == PAPER or self.quiet()) and until():
                return number, seen
        why = f"quiet: {self.quiet()}, done: {until()}, {seen.names[-3:]}"
        raise AssertionError(f"{mode} does not go on: {why}")

    def settle(self, most: int = 40) -> None:
        """Resolve the oldest markets until few are open."""
        while self.next - self.settled > most:
            self.stage.resolve(self.place.markets[self.settled], yes=True)
            self.settled += 1

    # what is broken

    def faults(self, **what) -> None:
        """Turn the service's own switch."""
        httpx.put(f"{self.stage.server.url}/devnet/faults", json=what).raise_for_status()

    def left(self) -> dict[str, int]:
        """Return what is left of the service's switch."""
        return httpx.get(f"{self.stage.server.url}/devnet/faults").raise_for_status().json()

    def habits(self, **what) -> None:
        """Let the services behave otherwise."""
        kept = SERVES.model_dump(exclude_defaults=True) | PLENTY if self.owned else {}
        httpx.put(f"{self.stage.server.url}/devnet/habits", json=kept | what).raise_for_status()

    def mend(self) -> None:
        """End all faults."""
        for each in (self.service, self.node, self.cosigner):
            each.change = None
        self.oracle.change = self.oracle.honest
        self.channel.before = lambda frame: []
        self.allowed = World.allowed
        self.faults()
        self.habits()


def by_the_devnets_clock(sources: Sources, clock: DevnetClock) -> None:
    """Let pauses that sources are given end with the devnet's time."""
    for endpoint in (sources.gamma._endpoint, sources.reader._endpoint):
        endpoint._clock = clock
    for each in sources.forecasters:
        each._endpoint._clock = clock
    if sources.stream is not None:
        sources.stream._stopwatch = sources.kept._clock = clock


def forecasts(asked: Asked, ask: object) -> Said:
    """Answer as a good forecaster does."""
    questions = asked.json()["questions"]
    return Said.of(
        [{"market": each["market"], "chance": 0.985, "evidence_at": None} for each in questions]
    )


@contextmanager
def world(folder: Path, markets: int, owned: bool = False) -> Iterator[World]:
    """Yield a vault with 100,000 pUSD whose keepers have gone round a few times."""
    with ExitStack() as open_:
        chain = open_.enter_context(devnet_chain(polymarket.CHAIN_ID))
        more = {"owned": True, "habits": SERVES} if owned else {}
        stage = KeeperStage(
            folder, chain, markets, SECTIONS, marks_required=0, max_drawdown_bps=10_000, **more
        )
        open_.callback(stage.stage.close)
        stage.invest()
        made = World(stage, open_, owned)
        open_.callback(made.close)
        made.mend()
        for mode in (LIVE, PAPER):
            made.calm(mode, lambda: made.stage.vault.totalSupply() > 0)
        yield made


def matching(pattern: str, seen: Seen, since: int = 0) -> str:
    """Return the first of what was said that a pattern is found in; "": none."""
    return next((each for each in seen.names[since:] if re.search(pattern, each)), "")
