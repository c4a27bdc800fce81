"""The vault's bytecode and its model side by side: every act happens in both and must agree."""

import random
from typing import Any

from eth_utils import keccak

from agent.devnet.parts import conditional_tokens
from agent.devnet.venue import condition_id
from tests.defaults import DAY, FOREVER, LIMITS, UNIT, UNLIMITED
from tests.property.evm import Contract, Evm, Reverted
from tests.property.model import DEPOSIT, REDEEM, WAD, Market, Refused, Vault

USERS = ("alice", "bob", "carol", "dave")
ROLES = ("owner", "guardian", "keeper", "reporter", "manager", "oracle", "maker")
CAP, CAP_BPS = 4_000 * UNIT, 3_000
MAX_OPEN = 4


class World:
    """One vault on a bare EVM, its model, and the acts that a test may do."""

    def __init__(self, project: Any, seed: int, management: int = 200, performance: int = 2_000):
        self.random = random.Random(seed)
        self.evm = evm = Evm(1_700_000_000)
        self.who = {name: evm.address(name) for name in (*USERS, *ROLES)}
        types = project
        self.usdc = evm.deploy(types.UsdcE.contract_type)
        minter = evm.deployer
        self.pusd = evm.deploy(types.PUsd.contract_type, self.usdc.address)
        self.ctf = evm.deploy(conditional_tokens().contract_type)
        self.adapter = evm.deploy(
            types.CollateralAdapter.contract_type,
            self.ctf.address,
            self.pusd.address,
            self.usdc.address,
        )
        # The venue is whoever the account has approved: here an address without code, which can
        # do to an account all that a hostile exchange could.
        self.exchange = evm.address("exchange")
        evm.set_code(self.exchange, b"\x00")
        self.account_type = types.PolymarketAccount.contract_type
        implementation = evm.deploy(
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
        desk = evm.deploy(types.VaultDesk.contract_type, self.pusd.address)
        self.vault = evm.deploy(
            types.Vault.contract_type,
            self.pusd.address,
            desk.address,
            "Probity model vault",
            "MODEL",
            tuple(self.who[r] for r in ("owner", "guardian", "keeper", "reporter")),
            (management, performance, self.who["manager"]),
            list(LIMITS.values()),
            UNLIMITED,
            1,
            abis=[types.Vault.contract_type.abi, types.VaultDesk.contract_type.abi],
        )
        terms = (implementation.address, self.who["oracle"], CAP, CAP_BPS, 400 * DAY)
        self.vault.addClass(terms, sender=self.who["owner"])
        fortune = 10**9 * UNIT
        for name in (*USERS, "maker"):
            self.usdc.mint(minter, fortune, sender=minter)
            self.usdc.approve(self.pusd.address, fortune, sender=minter)
            self.pusd.wrap(self.who[name], fortune, sender=minter)
            self.pusd.approve(self.vault.address, FOREVER, sender=self.who[name])
        self.pusd.approve(self.adapter.address, FOREVER, sender=self.who["maker"])
        self.model = Vault(dict(LIMITS), management, performance, CAP, CAP_BPS, evm.time, "manager")
        self.accounts: dict[bytes, Contract] = {}
        self.questions: dict[bytes, bytes] = {}
        self.prices: dict[bytes, int] = {}
        self.evidence = 0

    # acting in both

    def both(self, on_chain: Any, in_model: Any) -> bool:
        """Do it in the model and on chain; both succeed or both refuse with the same reason."""
        self.model.now = self.evm.time
        try:
            in_model()
        except Refused as refused:
            reason = str(refused)
            try:
                on_chain()
            except Reverted as reverted:
                assert str(reverted) == reason, f"chain: {reverted}; model: {reason}"
                return False
            raise AssertionError(f"the vault accepted what it must refuse: {reason}") from refused
        on_chain()
        return True

    # acts; each draws its own numbers

    def wait(self) -> None:
        self.evm.wait(self.random.choice((1, 30, 61, 3_700, 40_000)))

    def request_deposit(self) -> None:
        who, controller = self.random.choice(USERS), self.random.choice(USERS)
        amount = self.random.choice((1, 7, 999_999, 50 * UNIT, self.random.randrange(10**10)))
        args = (amount, self.who[controller], self.who[who])
        self.both(
            lambda: self.vault.requestDeposit(*args, sender=self.who[who]),
            lambda: self.model.request(DEPOSIT, who, controller, amount),
        )

    def request_redeem(self) -> None:
        who, controller = self.random.choice(USERS), self.random.choice(USERS)
        held = self.model.shares.get(who, 0)
        amount = self.random.choice((1, held, held // 3, held + 1, held // 1_000))
        args = (amount, self.who[controller], self.who[who])
        self.both(
            lambda: self.vault.requestRedeem(*args, sender=self.who[who]),
            lambda: self.model.request(REDEEM, who, controller, amount),
        )

    def cancel(self) -> None:
        who, side = self.random.choice(USERS), self.random.choice((DEPOSIT, REDEEM))
        name = ("cancelDepositRequest", "cancelRedeemRequest")[side]
        call = getattr(self.vault, name)
        self.both(
            lambda: call(self.who[who], self.who[who], sender=self.who[who]),
            lambda: self.model.cancel(side, who),
        )

    def claim(self) -> None:
        who, side = self.random.choice(USERS), self.random.choice((DEPOSIT, REDEEM))
        by_out = self.random.random() < 0.5
        most = self.model.can_claim(side, who)[by_out]
        amount = self.random.choice((most, most, most // 2, most + 1, min(most, 1)))
        name = (("deposit", "mint"), ("redeem", "withdraw"))[side][by_out]
        args = (amount, self.who[who], self.who[who])
        self.both(
            lambda: getattr(self.vault, name)(*args, sender=self.who[who]),
            lambda: self.model.claim(side, who, amount, by_out),
        )

    def claim_all(self) -> None:
        """Everybody claims everything, so that nobody's queue outgrows what one claim takes."""
        for who in USERS:
            for side, name in ((DEPOSIT, "deposit"), (REDEEM, "redeem")):
                most = self.model.can_claim(side, who)[0]
                call, args = getattr(self.vault, name), (most, self.who[who], self.who[who])
                call(*args, sender=self.who[who])
                self.model.claim(side, who, most, False)

    def sync_deposit(self) -> None:
        who = self.random.choice(USERS)
        amount = self.random.choice((1, 2, 999, UNIT, self.random.randrange(10**9)))
        self.both(
            lambda: self.vault.syncDeposit(amount, self.who[who], sender=self.who[who]),
            lambda: self.model.sync_deposit(who, amount),
        )

    def sync_redeem(self) -> None:
        who = self.random.choice(USERS)
        held = self.model.shares.get(who, 0)
        amount = self.random.choice((1, held, held // 2, held // 10_000 + 1))
        args = (amount, self.who[who], self.who[who])
        self.both(
            lambda: self.vault.syncRedeem(*args, sender=self.who[who]),
            lambda: self.model.sync_redeem(who, amount),
        )

    def transfer(self) -> None:
        who, to = self.random.choice(USERS), self.random.choice(USERS)
        amount = self.model.shares.get(who, 0) // self.random.choice((1, 2, 100))
        self.both(
            lambda: self.vault.transfer(self.who[to], amount, sender=self.who[who]),
            lambda: self.model.move(who, to, amount),
        )

    def open_market(self) -> None:
        if len(self.model.open) >= MAX_OPEN:
            return
        question = keccak(text=f"question {len(self.questions)}")
        market = condition_id(self.who["oracle"], question)
        self.ctf.prepareCondition(self.who["oracle"], question, 2, sender=self.who["oracle"])
        deadline = self.evm.time + 300 * DAY
        self.vault.openMarket(0, question, 1, deadline, sender=self.who["keeper"])
        self.model.markets[market] = Market()
        self.model.open.append(market)
        self.questions[market] = question
        self.prices[market] = self.random.randrange(5, 95)
        self.accounts[market] = self.evm.at(self.vault.accountOf(market), self.account_type)
        zero = b"\0" * 32
        self.adapter.splitPosition(
            self.pusd.address, zero, market, [1, 2], 10**6 * UNIT, sender=self.who["maker"]
        )

    def some_market(self) -> bytes | None:
        return self.random.choice(self.model.open) if self.model.open else None

    def allocate(self) -> None:
        market = self.some_market()
        if market is None:
            return
        amount = self.random.choice((1, 100 * UNIT, self.random.randrange(CAP)))
        self.both(
            lambda: self.vault.allocate(market, amount, sender=self.who["keeper"]),
            lambda: self.model.allocate(market, amount),
        )

    def recall(self) -> None:
        market = self.some_market()
        if market is None:
            return
        amount = self.random.choice((1, 100 * UNIT, FOREVER))
        self.both(
            lambda: self.vault.recall(market, amount, sender=self.who["keeper"]),
            lambda: self.model.recall(market, amount),
        )

    def trade(self) -> None:
        """Whatever the venue may do to an account: buys and sells at fair or ruinous prices."""
        market = self.some_market()
        if market is None or self.model.markets[market].payout is not None:
            return
        state, account = self.model.markets[market], self.accounts[market].address
        side = self.random.randrange(2)
        token = self.accounts[market].tokenIds()[side]
        maker = self.who["maker"]
        if self.random.random() < 0.7:
            spend = state.collateral // self.random.choice((1, 2, 5))
            price = self.random.choice((self.prices[market], 99))
            bought = min(spend * 100 // price, 10**5 * UNIT)
            self.pusd.transferFrom(account, maker, spend, sender=self.exchange)
            self.ctf.safeTransferFrom(maker, account, token, bought, b"", sender=maker)
            state.collateral -= spend
            state.yes, state.no = state.yes + bought * (1 - side), state.no + bought * side
        else:
            sold = (state.yes, state.no)[side] // self.random.choice((1, 2))
            gained = sold * self.random.choice((self.prices[market], 1)) // 100
            self.ctf.safeTransferFrom(account, maker, token, sold, b"", sender=self.exchange)
            self.pusd.transfer(account, gained, sender=maker)
            state.collateral += gained
            state.yes, state.no = state.yes - sold * (1 - side), state.no - sold * side

    def resolve(self) -> None:
        market = self.some_market()
        if market is None or self.model.markets[market].payout is not None:
            return
        payout = self.random.choice(((1, 0), (0, 1), (1, 1), (2, 3)))
        self.ctf.reportPayouts(self.questions[market], list(payout), sender=self.who["oracle"])
        self.model.markets[market].payout = payout

    def sync(self) -> None:
        market = self.some_market()
        if market is None:
            return
        self.both(
            lambda: self.vault.sync(market, sender=self.who["dave"]),
            lambda: self.model.sync(market),
        )

    def wind_up(self) -> None:
        """Redeem a resolved market's tokens, perhaps recall, try to close."""
        market = self.some_market()
        if market is None or self.model.markets[market].payout is None:
            return
        state = self.model.markets[market]
        self.accounts[market].redeem(0, sender=self.who["dave"])
        state.collateral, _ = state.value(state.marks)
        state.yes = state.no = 0
        if self.random.random() < 0.8:
            self.both(
                lambda: self.vault.recall(market, FOREVER, sender=self.who["keeper"]),
                lambda: self.model.recall(market, FOREVER),
            )
        self.both(
            lambda: self.vault.closeMarket(market, sender=self.who["dave"]),
            lambda: self.model.close(market),
        )

    def gift(self) -> None:
        self.pusd.transfer(
            self.vault.address, self.random.randrange(10**9), sender=self.who["maker"]
        )

    def marks(self) -> dict[bytes, tuple[int, int, int, int]]:
        """Quotes around a price that walks, in cents; now and then a wide or wild one."""
        quotes = {}
        for market in self.model.open:
            step = self.random.choice((0, 1, 2, 3, 30))
            price = self.prices[market] + self.random.choice((-step, step))
            self.prices[market] = price = min(97, max(3, price))
            half = self.random.choice((0, 1, 1, 2, 3))
            cent = WAD // 100
            quotes[market] = (
                (price - half) * cent,
                (price + half) * cent,
                (100 - price - half) * cent,
                (100 - price + half) * cent,
            )
        return quotes

    def report(self, marks: dict[bytes, tuple[int, int, int, int]] | None = None) -> str:
        marks = self.marks() if marks is None else marks
        self.evidence += 1
        evidence = self.evidence.to_bytes(32, "big")
        outcome = self._send_report(marks, evidence)
        if outcome == "pending" and self.random.random() < 0.5:
            report_hash = self.vault.pending_report()
            self.vault.confirmReport(report_hash, sender=self.who["guardian"])
            self.model.confirmed = self.model.pending
            if self.random.random() < 0.7:
                outcome = self._send_report(marks, evidence)
                assert outcome == "settled"
        return outcome

    def _send_report(self, marks: dict[bytes, tuple[int, int, int, int]], evidence: bytes) -> str:
        outcome = []
        sent = [(market, *marks[market]) for market in self.model.open]
        done = self.both(
            lambda: self.vault.report(sent, evidence, sender=self.who["reporter"]),
            lambda: outcome.append(self.model.report(marks, evidence)),
        )
        return outcome[0] if done else "refused"

    # comparing

    def compare(self) -> None:
        """Every number that the vault shows is the model's."""
        vault, model = self.vault, self.model
        assert vault.navs() == model.nav
        assert vault.totalSupply() == model.supply
        assert vault.total_idle() == model.idle
        assert vault.claimable_assets() == model.claimable
        assert vault.high_water_mark() == model.mark
        assert vault.day_anchor() == (model.anchor, model.anchored)
        assert vault.last_report() == model.reported
        assert (vault.pending_report() != b"\0" * 32) or model.pending is None
        assert list(vault.openMarkets()) == model.open
        for market in model.open:
            assert vault.bookOf(market) == model.markets[market].book
            assert vault.exposureOf(market) == model.markets[market].exposure
        for name in (*USERS, "manager"):
            address = self.who[name]
            assert vault.balanceOf(address) == model.shares.get(name, 0)
            deposits, redemptions = (model.can_claim(side, name) for side in (DEPOSIT, REDEEM))
            assert (vault.maxDeposit(address), vault.maxMint(address)) == deposits
            assert (vault.maxRedeem(address), vault.maxWithdraw(address)) == redemptions
        assert vault.balanceOf(vault.address) == model.shares.get("vault", 0)
