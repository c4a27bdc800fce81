"""The vault's bytecode and its model side by side: every act happens in both and must agree.

Acts take plain parameters from the domains in ACTS, so that hypothesis draws, shrinks and prints
them (test_random_lives.py), and a seeded generator can as well (`live`).
"""

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_utils import keccak
from strongroom.backtest.simulated_vault import (
    DEPOSIT,
    REDEEM,
    Caps,
    Marks,
    Value,
    Vault,
    VaultRefused,
)
from strongroom.chain.artifacts import gnosis
from strongroom.chain.units import WAD
from strongroom.devnet.contracts import TOKENS, condition_id

from tests.ape_devnet import container
from tests.defaults import DAY, FOREVER, LIMITS, UNIT, UNLIMITED, a_class
from tests.property.evm import Contract, Evm, Reverted
from tests.property.model import WholeVault

USERS = ("alice", "bob", "carol", "dave")
ROLES = ("owner", "guardian", "keeper", "reporter", "manager", "partner", "oracle", "maker")
HOLDERS = (*USERS, "manager", "partner")
CENT = WAD // 100
MAX_OPEN = 4
CLASSES = (
    Caps(4_000 * UNIT, 3_000, 6_000 * UNIT, 5_000),
    Caps(2_000 * UNIT, 2_000, 3_000 * UNIT, 4_000),
)
NO_CAPS = (Caps(2**90, 10_000, 2**90, 10_000),) * 2
WORLD_LIMITS = LIMITS | {
    "max_drawdown_bps": 4_000,
    "total_cap_bps": 8_000,
    "total_cap": 8_000 * UNIT,
    "velocity_limit": 5_000 * UNIT,
    "max_redeem_delay": 3 * DAY,
}
FEES = (200, 2_000, 300)
# Other vaults for lives to be lived in: each makes something bind that otherwise does not.
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"total_cap": 3_000 * UNIT, "max_redeem_delay": 0},
    {"total_cap_bps": 2_500},
    {"velocity_limit": 1_500 * UNIT, "max_redeem_delay": 0},
    {"max_redeem_delay": 0, "total_cap": 2**90, "classes": NO_CAPS},
    {"max_drawdown_bps": 300, "fees": (487, 4_321, 1_000)},
    {"max_spread_bps": 150, "max_up_bps": 300, "max_down_bps": 300},
    {"max_day_up_bps": 300, "max_day_down_bps": 300, "fees": (0, 0, 0)},
    {"min_report_interval": 0, "sync_max_age": 100, "max_report_age": 10_000},
)
RECIPIENTS = (("manager", 7_000), ("partner", 3_000))

FILL, OVER = "fill", "over"  # all that the caps let in, and one more
ALL, MORE, HALF, THIRD, DUST, ONE = "all", "more", "half", "third", "dust", "one"
PARTS = (ALL, ALL, HALF, THIRD, DUST, ONE, MORE)
SIDES = (DEPOSIT, REDEEM)
YES_NO = (True, False)
AMOUNTS = (1, 2, 7, 999_999, UNIT, 50 * UNIT, 12_345_678_901, 10**10)
STEPS = (0, 1, -1, 2, -3, 3, 30, -30)

# act -> how often a seeded life does it, and the domain of each parameter
ACTS: dict[str, tuple[int, dict[str, tuple[Any, ...]]]] = {
    "wait": (10, {"seconds": (1, 30, 61, 3_700, 40_000, 100_000)}),
    "request_deposit": (8, {"who": USERS, "controller": USERS, "amount": AMOUNTS}),
    "request_redeem": (6, {"who": USERS, "controller": USERS, "part": PARTS}),
    "cancel": (3, {"who": USERS, "side": SIDES}),
    "claim": (16, {"who": USERS, "side": SIDES, "by_out": YES_NO, "part": PARTS}),
    "sync_deposit": (4, {"who": USERS, "amount": AMOUNTS}),
    "sync_redeem": (4, {"who": USERS, "part": PARTS}),
    "transfer": (2, {"who": USERS, "to": USERS, "part": PARTS}),
    "open_market": (3, {"kind": (0, 1), "price": (5, 20, 50, 80, 94)}),
    "allocate": (6, {"market": range(MAX_OPEN), "amount": (FILL, OVER, 1, 10**8, 10**9)}),
    "recall": (3, {"market": range(MAX_OPEN), "amount": (1, 10**8, FOREVER)}),
    "buy": (6, {"market": range(MAX_OPEN), "outcome": (0, 1), "part": PARTS, "fair": YES_NO}),
    "sell": (3, {"market": range(MAX_OPEN), "outcome": (0, 1), "part": PARTS, "fair": YES_NO}),
    "resolve": (1, {"market": range(MAX_OPEN), "payout": ((1, 0), (0, 1), (1, 1), (2, 3))}),
    "sync": (2, {"market": range(MAX_OPEN)}),
    "wind_up": (2, {"market": range(MAX_OPEN), "recall_first": YES_NO}),
    "gift": (1, {"amount": (1, 10**6, 10**9)}),
    "report": (12, {"steps": (STEPS,) * MAX_OPEN, "half": (1, 0, 2, 3), "confirm": (2, 0, 1)}),
    "reset_breaker": (1, {}),
    "leave_in_kind": (4, {"who": USERS, "part": (ALL, ALL, HALF, ONE, MORE)}),
}


@dataclass
class Holdings:
    """What a market's account holds, as the venue knows it."""

    collateral: int = 0
    yes: int = 0
    no: int = 0
    payout: tuple[int, int] | None = None
    price: int = 50  # cents, of YES

    def value(self, marks: Marks) -> Value:
        if self.payout is not None:
            yes, no = self.payout
            paid = self.yes * yes // (yes + no) + self.no * no // (yes + no)
            return self.collateral + paid, self.collateral + paid
        pairs = min(self.yes, self.no)
        bid_yes, ask_yes, bid_no, ask_no = marks
        over_yes, over_no = self.yes - pairs, self.no - pairs
        bid = (over_yes * bid_yes + over_no * bid_no) // WAD
        ask = -(-(over_yes * ask_yes + over_no * ask_no) // WAD)
        return self.collateral + pairs + bid, self.collateral + pairs + ask


def part_of(whole: int, part: str) -> int:
    """Return the part of an amount that a name stands for."""
    return {
        ALL: whole,
        MORE: whole + 1,
        HALF: whole // 2,
        THIRD: whole // 3,
        DUST: whole // 10_000 + 1,
        ONE: min(whole, 1),
    }[part]


class World:
    """One vault on a bare EVM, its model, and the acts that a test may do."""

    def __init__(
        self,
        project: Any,
        fees: tuple[int, int, int] = FEES,
        classes: tuple[Caps, ...] = CLASSES,
        **limits: int,
    ):
        self.limits = WORLD_LIMITS | limits
        self.evm = evm = Evm(1_700_000_000)
        self.who = {name: evm.address(name) for name in (*USERS, *ROLES)}
        self.model = WholeVault(dict(self.limits), fees, list(RECIPIENTS), evm.time, list(classes))
        self.accounts: dict[bytes, Contract] = {}
        self.questions: dict[bytes, bytes] = {}
        self.holdings: dict[bytes, Holdings] = {}
        self.evidence = 0
        self.known: dict[object, int] = {}  # every report that was on chain -> how many before it
        self._deploy_venue(project)
        self._deploy_vault(project, fees)
        self._set_terms(classes)
        self._pay()

    def _deploy_venue(self, project: Any) -> None:
        evm = self.evm
        self.usdc = evm.deploy(project.UsdcE.contract_type)
        self.minter = evm.deployer
        self.pusd = evm.deploy(project.PUsd.contract_type, self.usdc.address)
        self.ctf = evm.deploy(container(gnosis(TOKENS, "ConditionalTokens")).contract_type)
        self.adapter = evm.deploy(
            project.CollateralAdapter.contract_type,
            self.ctf.address,
            self.pusd.address,
            self.usdc.address,
        )
        # The venue is whoever the account has approved: here an address without code, which can
        # do to an account all that a hostile exchange could.
        self.exchange = evm.address("exchange")
        evm.set_code(self.exchange, b"\x00")
        self.account_type = project.PolymarketAccount.contract_type
        self.implementation = evm.deploy(
            self.account_type,
            self.exchange,
            "2",
            self.ctf.address,
            self.pusd.address,
            self.usdc.address,
            self.adapter.address,
            False,
        )
        evm.set_code(self.exchange, b"")

    def _deploy_vault(self, project: Any, fees: tuple[int, int, int]) -> None:
        evm = self.evm
        governance = evm.deploy(project.VaultGovernance.contract_type, self.pusd.address)
        desk = evm.deploy(project.VaultDesk.contract_type, self.pusd.address, governance.address)
        parts = [project.Vault, project.VaultDesk, project.VaultGovernance]
        roles = [self.who[r] for r in ("owner", "guardian", "keeper", "reporter", "manager")]
        self.vault = evm.deploy(
            project.Vault.contract_type,
            desk.address,
            (
                *("Strongroom model vault", "MODEL"),
                *(*roles, *fees, UNLIMITED, 1, 0),
                list(self.limits.values()),
            ),
            abis=[part.contract_type.abi for part in parts],
        )

    def _set_terms(self, classes: tuple[Caps, ...]) -> None:
        parties = [(self.who[name], bps) for name, bps in RECIPIENTS]
        self.vault.setFeeRecipients(parties, sender=self.who["owner"])
        for caps in classes:
            terms = a_class(
                self.implementation.address,
                self.who["oracle"],
                cap=caps.market,
                cap_bps=caps.market_bps,
                class_cap=caps.all,
                class_cap_bps=caps.all_bps,
                duration=400 * DAY,
            )
            self.vault.addClass(terms, sender=self.who["owner"])

    def _pay(self) -> None:
        """Give everybody a fortune that the vault may take."""
        minter, fortune = self.minter, 10**9 * UNIT
        for name in (*USERS, "maker"):
            self.usdc.mint(minter, fortune, sender=minter)
            self.usdc.approve(self.pusd.address, fortune, sender=minter)
            self.pusd.wrap(self.who[name], fortune, sender=minter)
            self.pusd.approve(self.vault.address, FOREVER, sender=self.who[name])
        self.pusd.approve(self.adapter.address, FOREVER, sender=self.who["maker"])

    # acting in both

    def both(self, on_chain: Callable[[], Any], in_model: Callable[[], Any]) -> bool:
        """Do it in the model and on chain; both succeed or both refuse with the same reason."""
        self.model.now = self.evm.time
        # a refused dealing must not have booked the payouts that it books first
        before = copy.deepcopy(self.model) if self.unbooked_payouts() else self.model
        try:
            in_model()
        except VaultRefused as refused:
            self.model = before
            self.refused = reason = str(refused)
            try:
                on_chain()
            except Reverted as reverted:
                assert str(reverted) == reason, f"chain: {reverted}; model: {reason}"
                return False
            raise AssertionError(f"the vault accepted what it must refuse: {reason}") from refused
        on_chain()
        return True

    def unbooked_payouts(self) -> dict[bytes, Value]:
        """Return what a sync would book: the value of each market with a payout that is news."""
        return {
            market: self.holdings[market].value(self.model.markets[market].marks)
            for market in self.model.open
            if self.holdings[market].payout and not self.model.markets[market].payout_booked
        }

    def pick(self, index: int) -> bytes | None:
        """Return the open market that a drawn number stands for."""
        return self.model.open[index % len(self.model.open)] if self.model.open else None

    # acts

    def wait(self, seconds: int) -> None:
        self.evm.wait(seconds)

    def request_deposit(self, who: str, controller: str, amount: int) -> None:
        args = (amount, self.who[controller], self.who[who])
        self.both(
            lambda: self.vault.requestDeposit(*args, sender=self.who[who]),
            lambda: self.model.request(DEPOSIT, who, controller, amount),
        )

    def request_redeem(self, who: str, controller: str, part: str) -> None:
        amount = part_of(self.model.shares.get(who, 0), part)
        args = (amount, self.who[controller], self.who[who])
        self.both(
            lambda: self.vault.requestRedeem(*args, sender=self.who[who]),
            lambda: self.model.request(REDEEM, who, controller, amount),
        )

    def cancel(self, who: str, side: int) -> bool:
        call = getattr(self.vault, ("cancelDepositRequest", "cancelRedeemRequest")[side])
        return self.both(
            lambda: call(self.who[who], self.who[who], sender=self.who[who]),
            lambda: self.model.cancel(side, who),
        )

    def claim(self, who: str, side: int, by_out: bool, part: str) -> None:
        amount = part_of(self.model.can_claim(side, who)[by_out], part)
        name = (("deposit", "mint"), ("redeem", "withdraw"))[side][by_out]
        args = (amount, self.who[who], self.who[who])
        self.both(
            lambda: getattr(self.vault, name)(*args, sender=self.who[who]),
            lambda: self.model.claim(side, who, amount, by_out),
        )

    def claim_all(self) -> None:
        """Everybody claims everything, so that nobody's queue outgrows what one claim takes."""
        for who in USERS:
            for side in SIDES:
                for by_out in (False, True):  # the second takes what rounding left
                    self.claim(who, side, by_out, ALL)

    def sync_deposit(self, who: str, amount: int) -> None:
        self.both(
            lambda: self.vault.syncDeposit(amount, self.who[who], sender=self.who[who]),
            lambda: self.model.sync_deposit(who, amount, self.unbooked_payouts()),
        )

    def sync_redeem(self, who: str, part: str) -> None:
        amount = part_of(self.model.shares.get(who, 0), part)
        args = (amount, self.who[who], self.who[who])
        self.both(
            lambda: self.vault.syncRedeem(*args, sender=self.who[who]),
            lambda: self.model.sync_redeem(who, amount, self.unbooked_payouts()),
        )

    def transfer(self, who: str, to: str, part: str) -> None:
        amount = part_of(self.model.shares.get(who, 0), part)
        self.both(
            lambda: self.vault.transfer(self.who[to], amount, sender=self.who[who]),
            lambda: self.model.move(who, to, amount),
        )

    def open_market(self, kind: int, price: int) -> None:
        if len(self.model.open) >= MAX_OPEN:
            return
        question = keccak(text=f"question {len(self.questions)}")
        market = condition_id(self.who["oracle"], question)
        self.ctf.prepareCondition(self.who["oracle"], question, 2, sender=self.who["oracle"])
        terms = (kind, question, 1, self.evm.time + 300 * DAY)
        self.questions[market] = question
        done = self.both(
            lambda: self.vault.openMarket(*terms, sender=self.who["keeper"]),
            lambda: self.model.open_market(market, kind),
        )
        if not done:
            return
        self.holdings[market] = Holdings(price=price)
        self.accounts[market] = self.evm.at(self.vault.accountOf(market), self.account_type)
        zero = b"\0" * 32
        self.adapter.splitPosition(
            self.pusd.address, zero, market, [1, 2], 10**6 * UNIT, sender=self.who["maker"]
        )

    def allocate(self, market: int, amount: int | str) -> None:
        chosen = self.pick(market)
        if chosen is None:
            return
        if isinstance(amount, str):
            self.model.now = self.evm.time
            amount = self.model.room(chosen) + (amount == OVER)
        done = self.both(
            lambda: self.vault.allocate(chosen, amount, sender=self.who["keeper"]),
            lambda: self.model.allocate(chosen, amount, not self.holdings[chosen].payout),
        )
        if done:
            self.holdings[chosen].collateral += amount

    def recall(self, market: int, amount: int) -> None:
        chosen = self.pick(market)
        if chosen is None:
            return
        sent = min(amount, self.holdings[chosen].collateral)
        who = "dave" if self.model.winding_down else "keeper"  # then anyone may
        done = self.both(
            lambda: self.vault.recall(chosen, amount, sender=self.who[who]),
            lambda: self.model.recall(chosen, sent),
        )
        if done:
            self.holdings[chosen].collateral -= sent

    def buy(self, market: int, outcome: int, part: str, fair: bool) -> None:
        """The venue fills a BUY of the account, at a fair or at a ruinous price."""
        chosen = self.pick(market)
        if chosen is None or self.holdings[chosen].payout or part == MORE:
            return
        state, account = self.holdings[chosen], self.accounts[chosen].address
        spend = part_of(state.collateral, part) if state.collateral else 0
        fair_price = state.price if outcome == 0 else 100 - state.price
        bought = min(spend * 100 // (fair_price if fair else 99), 10**5 * UNIT)
        token, maker = self.accounts[chosen].tokenIds()[outcome], self.who["maker"]
        self.pusd.transferFrom(account, maker, spend, sender=self.exchange)
        self.ctf.safeTransferFrom(maker, account, token, bought, b"", sender=maker)
        state.collateral -= spend
        state.yes += bought * (outcome == 0)
        state.no += bought * (outcome == 1)

    def sell(self, market: int, outcome: int, part: str, fair: bool) -> None:
        """The venue fills a SELL of the account, at a fair or at a ruinous price."""
        chosen = self.pick(market)
        if chosen is None or self.holdings[chosen].payout or part == MORE:
            return
        state, account = self.holdings[chosen], self.accounts[chosen].address
        tokens = (state.yes, state.no)[outcome]
        sold = part_of(tokens, part) if tokens else 0
        fair_price = state.price if outcome == 0 else 100 - state.price
        gained = sold * (fair_price if fair else 1) // 100
        token, maker = self.accounts[chosen].tokenIds()[outcome], self.who["maker"]
        self.ctf.safeTransferFrom(account, maker, token, sold, b"", sender=self.exchange)
        self.pusd.transfer(account, gained, sender=maker)
        state.collateral += gained
        state.yes -= sold * (outcome == 0)
        state.no -= sold * (outcome == 1)

    def resolve(self, market: int, payout: tuple[int, int]) -> None:
        chosen = self.pick(market)
        if chosen is None or self.holdings[chosen].payout:
            return
        self.ctf.reportPayouts(self.questions[chosen], list(payout), sender=self.who["oracle"])
        self.holdings[chosen].payout = payout

    def sync(self, market: int) -> None:
        chosen = self.pick(market)
        if chosen is not None:
            self._sync(chosen)

    def _sync(self, market: bytes) -> None:
        news = self.unbooked_payouts()
        self.both(
            lambda: self.vault.sync(market, sender=self.who["dave"]),
            lambda: self.model.sync(market, news[market]) if market in news else None,
        )

    def sync_all(self) -> None:
        for market in list(self.model.open):
            self._sync(market)

    def wind_up(self, market: int, recall_first: bool) -> None:
        """Redeem a resolved market's tokens, perhaps recall, close it."""
        chosen = self.pick(market)
        if chosen is None or not self.holdings[chosen].payout:
            return
        state = self.holdings[chosen]
        self.accounts[chosen].redeem(0, sender=self.who["dave"])
        state.collateral, _ = state.value((0, 0, 0, 0))
        state.yes = state.no = 0
        if recall_first:
            self.recall(market, FOREVER)
        news = self.unbooked_payouts()

        def close() -> None:
            if chosen in news:
                self.model.sync(chosen, news[chosen])
            self.model.recall(chosen, state.collateral)
            self.model.close(chosen)

        self.both(lambda: self.vault.closeMarket(chosen, sender=self.who["dave"]), close)
        state.collateral = 0

    def gift(self, amount: int) -> None:
        self.pusd.transfer(self.vault.address, amount, sender=self.who["maker"])

    def report(
        self, steps: tuple[int, ...] = (0,) * MAX_OPEN, half: int = 1, confirm: int = 2
    ) -> str:
        """Report quotes `half` cents around prices that move by `steps` cents.

        A pending report is left (confirm 0), confirmed (1), or confirmed and sent again (2).
        """
        marks = {}
        for market, step in zip(self.model.open, steps, strict=False):
            state = self.holdings[market]
            state.price = price = min(97, max(3, state.price + step))
            marks[market] = (
                (price - half) * CENT,
                (price + half) * CENT,
                (100 - price - half) * CENT,
                (100 - price + half) * CENT,
            )
        return self.report_marks(marks, confirm)

    def report_marks(self, marks: dict[bytes, Marks], confirm: int = 2) -> str:
        self.evidence += 1
        outcome = self._send_report(marks, self.evidence)
        if outcome == "pending" and confirm:
            pending = self.vault.pending_report()
            self.vault.confirmReport(pending, sender=self.who["guardian"])
            self.model.confirmed = self.model.pending
            if confirm == 2:
                outcome = self._send_report(marks, self.evidence)
                assert outcome == "settled"
        return outcome

    def _send_report(self, marks: dict[bytes, Marks], evidence: int) -> str:
        outcome = []
        sent = [(market, *marks[market]) for market in self.model.open]
        values = {m: self.holdings[m].value(marks[m]) for m in self.model.open}
        key = (tuple(sent), evidence)
        news = self.unbooked_payouts()
        done = self.both(
            lambda: self.vault.report(
                sent, evidence.to_bytes(32, "big"), sender=self.who["reporter"]
            ),
            lambda: outcome.append(self.model.report(values, marks, key, news)),
        )
        if not done:
            return "refused"
        self.known.setdefault(key, len(self.known))
        self.last_key = key
        return outcome[0]

    def reset_breaker(self) -> None:
        self.both(
            lambda: self.vault.resetBreaker(sender=self.who["owner"]),
            self.model.reset_breaker,
        )

    def leave_in_kind(self, who: str, part: str) -> None:
        """Out of the oldest redemption request, or in wind-down out of the wallet."""
        if self.model.winding_down:
            most = self.model.shares.get(who, 0)
        else:
            waiting = [
                epoch.asked[who] - epoch.entitled(who)[0]
                for epoch in self.model.epochs[REDEEM]
                if epoch.asked.get(who, 0)
                and not (epoch.closed and epoch.settled_in == epoch.total)
            ]
            most = waiting[0] if waiting else 1
        self.redeem_in_kind(who, part_of(most, part))

    def redeem_in_kind(self, who: str, shares: int) -> bool:
        left: list[tuple[int, int]] = []
        done = self.both(
            lambda: self.vault.redeemInKind(shares, self.who[who], sender=self.who[who]),
            lambda: left.append(self.model.redeem_in_kind(who, shares)),
        )
        if done:
            ((part, whole),) = left
            for market in self.model.open:
                state = self.holdings[market]
                state.collateral -= state.collateral * part // whole
                state.yes -= state.yes * part // whole
                state.no -= state.no * part // whole
        return done

    def wind_down(self, who: str) -> bool:
        return self.both(
            lambda: self.vault.windDown(sender=self.who[who]),
            lambda: self.model.wind_down(who),
        )

    # a seeded life

    def step(self, chance: random.Random) -> tuple[str, dict[str, Any]]:
        """Do one act by chance; return it."""
        names = list(ACTS)
        name = chance.choices(names, [ACTS[name][0] for name in names])[0]
        arguments = {}
        for parameter, domain in ACTS[name][1].items():
            if parameter == "steps":
                arguments[parameter] = tuple(chance.choice(each) for each in domain)
            else:
                arguments[parameter] = chance.choice(domain)
        getattr(self, name)(**arguments)
        return name, arguments

    # comparing

    def compare(self) -> None:
        """Every number that the vault shows is the model's."""
        self.model.now = self.evm.time
        compare(self.vault, self.model, self.who)


def compare(vault: Contract, model: Vault[bytes], who: dict[str, str]) -> None:
    """Assert that every number that the vault shows is the model's."""
    assert vault.navs() == model.nav
    assert vault.totalSupply() == model.supply
    assert vault.total_idle() == model.idle
    assert vault.claimable_assets() == model.claimable
    assert vault.highWaterMark() == model.mark
    assert vault.dayAnchor() == (model.anchor, model.anchored)
    assert vault.lastReport() == model.reported
    assert (vault.pending_report() != b"\0" * 32) or model.pending is None
    assert vault.breakerTripped() == model.tripped
    assert vault.windingDown() == model.winding_down
    assert vault.total_exposure() == model.exposure
    assert vault.recentAllocation() == model.recent_allocation
    for kind in range(len(CLASSES)):
        assert vault.classExposureOf(kind) == model.class_exposure(kind)
    assert list(vault.openMarkets()) == model.open
    for market in model.open:
        state = model.markets[market]
        assert vault.bookOf(market) == state.book
        assert vault.exposureOf(market) == state.exposure
        assert vault.markOf(market, 0) == state.marks
    for name in HOLDERS:
        address = who[name]
        assert vault.balanceOf(address) == model.shares.get(name, 0)
        deposits, redemptions = (model.can_claim(side, name) for side in SIDES)
        assert (vault.maxDeposit(address), vault.maxMint(address)) == deposits
        assert (vault.maxRedeem(address), vault.maxWithdraw(address)) == redemptions
    assert vault.balanceOf(vault.address) == model.shares.get("vault", 0)
