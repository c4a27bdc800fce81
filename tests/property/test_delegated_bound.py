"""Promises 2 and 3 under delegated custody: the holder of the wallet's key owns shares as well.

He moves money in and out of the wallet around reports, comes and leaves as he likes. Whatever he
does, the other holder keeps her deposit but for the budget that was handed out and never returned.
"""

from contextlib import suppress

import ape
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strongroom.devnet.contracts import condition_id

from tests.defaults import DAY, FOREVER, UNIT, a_class
from tests.property.evm import Reverted
from tests.property.world import World
from tests.seeds import LIVES

CAP = 1_000 * UNIT
ALICE, MALLORY = 9_000 * UNIT, 6_000 * UNIT
DUST = 200  # micro-units: a rounding or two a step
HALF = 5 * 10**17
MARKS = (HALF, HALF, HALF, HALF)

ACTS = (
    "allocate",
    "forward",
    "steal",
    "steal half",
    "refill",
    "stuff",
    "take back",
    "recall",
    "deposit",
    "claim",
    "redeem",
    "redeem half",
    "report",
)


class Theft:
    """A vault of Alice's and Mallory's, one delegated market, its wallet Mallory's."""

    def __init__(self):
        self.world = world = World(ape.project, fees=(0, 0, 0))
        evm, self.vault, self.pusd = world.evm, world.vault, world.pusd
        registry = evm.deploy(ape.project.WalletRegistry.contract_type)
        kind = ape.project.DelegatedAccount.contract_type
        implementation = evm.deploy(
            kind,
            registry.address,
            world.ctf.address,
            world.pusd.address,
            world.usdc.address,
            world.adapter.address,
            False,
        )
        self.who = who = world.who
        terms = a_class(implementation.address, who["oracle"], grade=2, cap=CAP)
        self.vault.addClass(terms, sender=who["owner"])
        question = b"\x77" * 32
        world.ctf.prepareCondition(who["oracle"], question, 2, sender=who["oracle"])
        self.market = condition_id(who["oracle"], question)
        self.vault.openMarket(
            self.vault.class_count() - 1, question, 1, evm.time + 60 * DAY, sender=who["keeper"]
        )
        self.account = evm.at(self.vault.accountOf(self.market), kind)
        self.wallet = evm.address("wallet")
        self.pusd.approve(self.account.address, FOREVER, sender=self.wallet)
        self.account.setWallet(self.wallet, sender=who["keeper"])
        self.evidence = 0
        self.mallory = who["dave"]
        self.take_all_but(MALLORY)
        self.request_deposit(who["alice"], ALICE)
        self.do("report")
        self.vault.deposit(ALICE, who["alice"], sender=who["alice"])

    def take_all_but(self, amount):
        """Leave Mallory as much as he is meant to have."""
        rest = self.pusd.balanceOf(self.mallory) - amount
        self.pusd.transfer(self.who["maker"], rest, sender=self.mallory)

    def request_deposit(self, who, amount):
        if amount:
            self.vault.requestDeposit(amount, who, who, sender=who)

    def do(self, act):
        """Do one act, as far as it is possible."""
        vault, me, keeper = self.vault, self.mallory, self.who["keeper"]
        in_wallet, mine = self.pusd.balanceOf(self.wallet), self.pusd.balanceOf(me)
        shares = vault.balanceOf(me)
        match act:
            case "allocate":
                free = CAP - vault.exposureOf(self.market)
                amount = min(free, vault.total_idle() // 4)
                with suppress(Reverted):  # a report is pending
                    vault.allocate(self.market, amount, sender=keeper)
            case "forward":
                held = self.pusd.balanceOf(self.account.address)
                room = vault.exposureOf(self.market) - self.account.outstanding()
                if room > 0:
                    self.account.forward(min(held, room), sender=keeper)
            case "steal":
                self.pusd.transfer(me, in_wallet, sender=self.wallet)
            case "steal half":
                self.pusd.transfer(me, in_wallet // 2, sender=self.wallet)
            case "refill":
                self.pusd.transfer(self.wallet, min(mine, CAP), sender=me)
            case "stuff":
                self.pusd.transfer(self.wallet, mine, sender=me)
            case "take back":
                self.account.takeBack(FOREVER, sender=keeper)
            case "recall":
                vault.recall(self.market, FOREVER, sender=keeper)
            case "deposit":
                self.request_deposit(me, max(0, mine - CAP))  # the rest is for the wallet
            case "claim":
                if vault.maxDeposit(me):
                    vault.deposit(vault.maxDeposit(me), me, sender=me)
                if vault.maxRedeem(me):
                    vault.redeem(vault.maxRedeem(me), me, me, sender=me)
            case "redeem" | "redeem half":
                part = shares if act == "redeem" else shares // 2
                if part:
                    vault.requestRedeem(part, me, me, sender=me)
            case "report" | "confirmed report":
                self.world.evm.wait(61)
                self.evidence += 1
                self.report()
                if act == "confirmed report":
                    with suppress(Reverted):  # none is pending
                        vault.confirmReport(vault.pending_report(), sender=self.who["guardian"])
                        self.report()

    def report(self):
        evidence = self.evidence.to_bytes(32, "big")
        self.vault.report([(self.market, *MARKS)], evidence, sender=self.who["reporter"])

    def leave(self):
        """Mallory takes what he can get: the wallet, and every share at the best he can do.

        A report outside its bounds settles nothing: a deposit that still waits becomes shares at
        a later one only, and they have to be asked back again. So he goes round until he is out;
        in the end the guardian lets through the reports that his wallet keeps out of bounds.
        """
        for the_end in (False, False, True):
            report = "confirmed report" if the_end else "report"
            for act in ("steal", "refill", report, "claim", "stuff", "redeem", report, "claim"):
                self.do(act)
            # where that was too much for a report, it settles at what the wallet cost
            for act in ("steal", "refill", report, "claim", "steal", "redeem", report, "claim"):
                self.do(act)
            if self.is_out():
                return

    def is_out(self):
        """Whether he has nothing left in the vault: no share, and nothing asked for."""
        vault, me = self.vault, self.mallory
        deposits, redemptions = vault.epochs()
        return (
            vault.balanceOf(me) == 0
            and not any(vault.pendingDepositRequest(each, me) for each in range(deposits + 1))
            and not any(vault.pendingRedeemRequest(each, me) for each in range(redemptions + 1))
        )

    def alice_has(self):
        """What is really there for her: idle and what the account itself holds."""
        held = self.pusd.balanceOf(self.account.address)
        return self.vault.total_idle() + held


@settings(max_examples=LIVES // 6)
@given(st.lists(st.sampled_from(ACTS), max_size=40))
@example(
    # the pump: come while the wallet is empty, leave while it is full, again and again
    ["allocate", "forward", "report"]
    + 6 * ["steal", "deposit", "report", "claim", "refill", "redeem", "report", "claim"]
)
@example(
    # the boast: the wallet holds more than was handed out while he leaves, nothing when he comes
    ["allocate", "forward", "deposit", "report", "claim"]
    + 5 * ["steal", "stuff", "redeem", "report", "claim", "steal", "deposit", "report", "claim"]
)
def test_promise_2_no_more_is_lost_than_was_handed_out(acts):
    lived(acts)


def lived(acts):
    """Live through the acts, let Mallory leave, and hold what is there for Alice to the promise."""
    theft = Theft()
    for act in acts:
        theft.do(act)
    theft.leave()
    assert theft.is_out(), "what he took shows"
    # a recall of what he gave lowers the exposure, and not what is outstanding
    handed_out = max(theft.vault.exposureOf(theft.market), theft.account.outstanding())
    assert handed_out <= CAP
    assert theft.alice_has() >= ALICE - handed_out - DUST
    return theft


def near(amount):
    return pytest.approx(amount, abs=DUST)


def test_a_deposit_that_waited_through_a_pending_report_leaves_as_well():
    """His gift of 3,000 lifts the value by a third, which is out of bounds: his deposit becomes
    shares a report later than the first redemption he asks for. He buys at 13 (the ask counts what
    he keeps in the wallet) and sells at the bid of 14 without it: 2 * 9 / 13 of 9 + 2 * 9 / 13
    shares are 2 in 15."""
    theft = lived(["allocate", "refill", "refill", "refill", "take back", "deposit"])
    assert theft.alice_has() == near(ALICE + 5_000 * UNIT - 14_000 * UNIT * 2 // 15)


def test_what_he_gave_and_took_out_again_is_a_gift_less_the_budget():
    """2,000 of his come home, 1,000 go out again and are stolen; her share is the rest."""
    theft = lived(["allocate", "refill", "refill", "take back", "deposit", "forward"])
    assert theft.account.outstanding() == CAP
    assert theft.alice_has() == near(ALICE + 2_000 * UNIT - CAP)


def test_a_gift_does_not_become_budget():
    """Counted as cost, his own 1,000 in the wallet would make his shares dearer: he would leave
    with 5/14 of them and then empty the wallet, without any budget having been handed out."""
    theft = lived(["deposit", "report", "refill", "take back", "forward"])
    assert theft.account.outstanding() == 0
    assert theft.alice_has() == near(ALICE + 1_000 * UNIT * 9 // 14)
