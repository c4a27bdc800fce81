"""A stage for keepers under attack: many small markets, each offered once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from eth_utils import keccak
from strongroom.chain.ids import market_of
from strongroom.chain.orders import NO, YES
from strongroom.chain.terms import UNLIMITED_ASSETS, Limits
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.clob.habits import DEFAULT, Habits
from strongroom.devnet.clock import DevnetClock
from strongroom.devnet.contracts import condition_id
from strongroom.devnet.deployer import devnet_keys
from strongroom.devnet.setup import StageOptions, set_up
from strongroom.devnet.traders import Trader

from tests.anvil_devnet import DevnetDeployer
from tests.defaults import DAY, UNIT

ORACLE = devnet_keys()[10]
OFFER = "0.97"

SECTIONS = """
[packs.tail]

[limits]
rest_s = 1000000
cooldown_s = 0
daily_loss_bps = 10000
total_bps = 9000
category_bps = 9000

[information]
markets_every_s = 1
books_max_age_s = 600

[execution]
start_within_s = 3600
patience_s = 1

[reporting]
evidence = "evidence"
every_s = 60
when_asked_s = 60

[operations]
mode = "live"
max_skew_s = 100000
"""


def record(venue, number, end, **changes):
    """Return a market's record as Gamma has it."""
    question = keccak(text=f"stage question {number}")
    condition = condition_id(ORACLE.address, question)
    tokens = []
    for index_set in (1, 2):
        collection = venue.ctf.getCollectionId(b"\0" * 32, condition, index_set)
        tokens.append(str(venue.ctf.getPositionId(venue.usdc, collection)))
    return {
        "id": str(number),
        "slug": f"market-{number}",
        "question": f"Will number {number} come true?",
        "conditionId": "0x" + condition.hex(),
        "questionID": "0x" + question.hex(),
        "resolvedBy": ORACLE.address,
        "outcomes": '["Yes", "No"]',
        "clobTokenIds": f'["{tokens[0]}", "{tokens[1]}"]',
        "orderPriceMinTickSize": 0.01,
        "orderMinSize": 5,
        "liquidityNum": 5_000,
        "volumeNum": 5_000,
        "endDate": end.isoformat().replace("+00:00", "Z"),
        "closed": False,
        "negRisk": False,
        "umaResolutionStatuses": "[]",
        "description": "Resolves YES if it does.",
        "events": [{"slug": f"market-{number}"}],
    } | changes


# Services that let contracts own wallets: one answer to what no public text says (VENUE g).
SERVES = Habits(contract_owners=True, foreign_keys=True)
# The relayer counts by this machine's clock, which many lives in an hour are too many for.
PLENTY = {"submits_a_minute": 10_000, "transactions_a_day": 10_000}
# Wider than a vault's defaults: what stands in a keeper's way here are faults, not limits.
WIDE = {
    "price_band_bps": 0,
    "max_up_bps": 9_000,
    "max_down_bps": 9_000,
    "max_premium_bps": 9_000,
    "inflow_floor": UNLIMITED_ASSETS,
    "min_report_interval_s": 60,
    "max_report_age_s": 10 * DAY,
    "total_cap_bps": 9_000,
    "velocity_bps": 10_000,
    "total_cap": UNLIMITED_ASSETS,
    "velocity": UNLIMITED_ASSETS,
}


class KeeperStage:
    """A vault with 100,000 pUSD, its keeper's files, and a maker who offers on demand."""

    def __init__(
        self,
        folder,
        chain,
        markets,
        sections=SECTIONS,
        more_classes=lambda venue, keeper: (),
        wallets=0,
        owned=False,
        safes=False,
        habits=DEFAULT,
        hours=lambda number: 90,
        changes=lambda number: {},
        **limits,
    ):
        """Deploy and start everything.

        Args:
            hours: of a market, from now to its end
            changes: of a market's record
        """
        clock = DevnetClock(chain)
        running = polymarket.deploy(DevnetDeployer(devnet_keys()[0].account, chain), [])
        now = datetime.fromtimestamp(int(clock()), UTC)
        records = [
            record(running.venue, number, now + timedelta(hours=hours(number)), **changes(number))
            for number in range(markets)
        ]
        options = StageOptions(
            folder,
            records,
            sections,
            limits=Limits(**WIDE | limits),
            market_cap=5_000 * UNIT,
            max_duration_s=9 * DAY,
            more_classes=more_classes,
            wallets=wallets,
            owned=owned,
            safes=safes,
            habits=habits,
        )  # fmt: skip
        self.stage = set_up(chain, clock, options, running)
        self.records = records  # as Gamma shows them
        self.folder, self.clock, self.markets = folder, clock, self.stage.markets
        self.maker = Trader(self.stage.seat("maker"))
        self.stage.start_cosigner()

    def invest(self):
        """Alice asks to deposit 100,000; the keeper's first report closes her epoch, the second
        settles it."""
        self.stage.request_deposit("alice", 100_000 * UNIT)

    def offer(self, number, tokens=500, price=OFFER):
        """Offer YES of a market, and bid a cent below, so that it has a spread."""
        market, ask = self.markets[number], Decimal(price)
        orders = [
            self.maker.order(market.token_ids[NO], True, 1 - ask, tokens * MICRO),
            self.maker.order(market.token_ids[YES], True, ask - Decimal("0.01"), tokens * MICRO),
        ]
        answers = self.maker.post(orders)
        assert all(answer["success"] for answer in answers), answers
        return market

    def account_of(self, market):
        """Return the account of a market of the first class; zero where there is none."""
        return self.stage.vault.accountOf(market_of(0, market.question_key))

    def tick(self, keeper, seconds=70):
        """Let time pass, then let a keeper tick."""
        self.clock.sleep(seconds)
        return keeper.tick()

    def settled_trades(self, client):
        """Return the statuses of a client's trades."""
        return [trade["status"] for trade in client.get_trades()]


def said(world, name):
    """Return the fields of each event of one name that a stage was told."""
    return [fields for event, fields in world.told if event == name]


def offer(world, number, **terms):
    """The market maker is an EOA; otherwise the venue admits its own wallets alone."""
    engine = world.stage.server.engine
    engine.gate.admission = "open"
    market = world.offer(number, **terms)
    engine.gate.admission = "known_wallets"
    return market


def ticks(world, most, until, seconds=70):
    """Tick without a halt until something holds."""
    for _ in range(most):
        halts = world.tick(world.keeper, seconds).halts
        assert not halts, halts
        if until():
            return
    raise AssertionError(world.told[-12:])
