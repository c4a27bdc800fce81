"""Attacks, each written out: who does what, what he hopes for, and what he gets.

They run on the bare EVM against the real bytecode (and its model, where the world's acts are
used). The exchange of this world is a thief's address: it may do to an account all that an
approval allows.
"""

import pytest
from eth_abi import encode
from eth_utils import keccak
from strongroom.backtest.simulated_vault import DEPOSIT, REDEEM
from strongroom.chain.units import BPS, VIRTUAL_SHARES

from tests.defaults import DAY, FOREVER, LIMITS, UNIT, UNLIMITED, WAD
from tests.property.evm import Evm, Reverted
from tests.property.world import ALL, CENT, NO_CAPS, World

NOTHING = b"\0" * 32
THOUSAND = 1_000 * UNIT


def vault_of(project, *depositors, assets=THOUSAND, fees=(0, 0, 0), **terms) -> World:
    """Return a world in which each depositor has claimed shares of `assets`."""
    world = World(project, fees=fees, **terms)
    for who in depositors:
        world.request_deposit(who, who, assets)
    world.evm.wait(61)
    world.report()
    for who in depositors:
        world.claim(who, DEPOSIT, False, ALL)
    return world


def hold_yes(world, assets, price=50):
    """Open a market, buy YES for `assets` at `price` cents, report that price."""
    world.open_market(0, price)
    world.allocate(0, assets)
    world.buy(0, 0, ALL, True)
    world.evm.wait(61)
    assert world.report(half=0) == "settled"


def pusd(world, who):
    return world.pusd.balanceOf(world.who[who])


def refuse(reason, call, *arguments, sender):
    with pytest.raises(Reverted) as error:
        call(*arguments, sender=sender)
    assert str(error.value) == reason


def give(world, market, assets):
    """Somebody sends collateral to a market's account."""
    account = world.accounts[market].address
    world.pusd.transfer(account, assets, sender=world.who["maker"])
    world.holdings[market].collateral += assets


# the first depositor


def test_inflation_by_the_first_depositor_costs_him_more_than_it_takes(project):
    """Alice buys one unit's worth of shares, then gives so much that Bob's deposit should round to
    nothing. A gift to the vault is not seen; one to an account is; Bob loses next to nothing."""
    world = vault_of(project, "alice", assets=1, max_up_bps=2**32 - 1, max_day_up_bps=2**32 - 1)
    start = pusd(world, "alice") + 1
    world.open_market(0, 50)
    (market,) = world.model.open
    gift = 10_000 * UNIT
    world.pusd.transfer(world.vault.address, gift, sender=world.who["alice"])
    world.evm.wait(61)
    world.report()
    assert world.vault.totalAssets() == 1  # unseen
    world.pusd.transfer(world.accounts[market].address, gift, sender=world.who["alice"])
    world.holdings[market].collateral += gift
    world.request_deposit("bob", "bob", THOUSAND)
    world.evm.wait(61)
    assert world.report() == "settled"
    world.claim("bob", DEPOSIT, False, ALL)
    value = world.vault.convertToAssets(world.model.shares["bob"])
    assert value >= THOUSAND * 99 // 100
    world.recall(0, FOREVER)
    world.request_redeem("alice", "alice", ALL)
    world.evm.wait(61)
    world.report()
    world.claim("alice", REDEEM, False, ALL)
    assert start - pusd(world, "alice") > gift  # the first gift whole, and most of the second


def test_a_donation_moves_no_price_that_somebody_deals_at(project):
    """Alice gives to the vault and to an account between reports: idle and book are ledgers."""
    world = vault_of(project, "alice", "bob")
    world.open_market(0, 50)
    (market,) = world.model.open
    before = world.vault.navs(), world.vault.convertToAssets(10**12)
    world.gift(10**12)
    give(world, market, 500 * UNIT)
    assert (world.vault.navs(), world.vault.convertToAssets(10**12)) == before
    world.compare()


# dealing around what is known


def test_a_deposit_in_front_of_a_good_report_pays_its_price(project):
    """Dave sees a report coming that lifts NAV and deposits before it: he pays its ask."""
    world = vault_of(project, "alice")
    hold_yes(world, 300 * UNIT)
    start = pusd(world, "dave")
    world.request_deposit("dave", "dave", THOUSAND)
    world.evm.wait(61)
    assert world.report((30, 0, 0, 0), half=0) == "settled"
    world.claim("dave", DEPOSIT, False, ALL)
    world.request_redeem("dave", "dave", ALL)
    world.recall(0, FOREVER)
    world.evm.wait(61)
    world.report(half=0)
    world.claim("dave", REDEEM, False, ALL)
    assert pusd(world, "dave") <= start


def test_a_redemption_in_front_of_a_bad_report_gets_its_price(project):
    """Dave knows of a loss and asks out before its report: he bears his part of it."""
    world = vault_of(project, "alice", "dave")
    hold_yes(world, 500 * UNIT)
    world.request_redeem("dave", "dave", ALL)
    world.evm.wait(61)
    world.report((-20, 0, 0, 0), half=0)
    world.claim("dave", REDEEM, False, ALL)
    lost = THOUSAND - world.model.got_out
    assert lost >= 500 * UNIT * 20 // 50 // 2 - 2  # half of what 20 of 50 cents cost the vault


def test_nobody_deals_at_a_stale_price(project):
    """With synchronous dealing on, an old price is no price: dealing and allocating stop."""
    world = vault_of(project, "alice")
    world.evm.wait(LIMITS["sync_max_age"] + 1)
    dave = world.who["dave"]
    refuse("stale NAV", world.vault.syncDeposit, UNIT, dave, sender=dave)
    refuse(
        "stale NAV", world.vault.syncRedeem, 1, *[world.who["alice"]] * 2, sender=world.who["alice"]
    )
    world.evm.wait(LIMITS["max_report_age"])
    world.open_market(0, 50)
    refuse("stale NAV", world.vault.allocate, world.model.open[0], 1, sender=world.who["keeper"])
    assert World(project, sync_max_age=0).vault.limit(6) == 0  # and by default it is off


@pytest.mark.parametrize("payout", [(1, 0), (1, 1), (0, 1)])
def test_nobody_deals_around_a_payout_that_is_on_chain(project, payout):
    """The market has paid (1, 1/2 or 0 a YES) and nobody has told the vault: Dave deals at once, in
    and out, hoping for the old price."""
    world = vault_of(project, "alice", "dave")
    hold_yes(world, 600 * UNIT)
    world.resolve(0, payout)
    start = pusd(world, "dave"), world.model.shares["dave"]
    world.sync_deposit("dave", THOUSAND)
    yes_value = payout[0] * 1_200 * UNIT // sum(payout)
    assert world.vault.totalAssets() == 1_400 * UNIT + yes_value + THOUSAND
    bought = world.model.shares["dave"] - start[1]
    world.vault.syncRedeem(bought, *[world.who["dave"]] * 2, sender=world.who["dave"])
    assert pusd(world, "dave") <= start[0]


# stolen keeper


@pytest.mark.parametrize("total_cap", [5_000 * UNIT, 8_000 * UNIT, 9_000 * UNIT])
def test_a_stolen_keeper_with_the_venues_operator_loses_no_more_than_the_bound(project, total_cap):
    """All owners of the keeper's Safe and the exchange's operator are one thief. Every hour he
    allocates all he can, buys at 99 cents from himself, sells at 1, recalls and allocates again.
    Reports are honest. A day costs at most the velocity limit; all days together at most the total
    cap, since lost budget counts as exposure for ever; and the breaker may stop him before."""
    world = vault_of(project, "alice", "bob", assets=10_000 * UNIT, total_cap=total_cap)
    drawdown, velocity = world.limits["max_drawdown_bps"], world.limits["velocity_limit"]
    start, vault, began = world.vault.navs()[0], world.vault, world.evm.time
    lost = stopped_at = 0
    for hour in range(24 * 6):
        world.open_market(hour % 2, 50)
        for market in range(4):
            for amount in (4_000 * UNIT, 1_000 * UNIT, 100 * UNIT, UNIT):
                world.allocate(market, amount)
            world.buy(market, hour % 2, ALL, False)
            world.sell(market, hour % 2, ALL, False)
            world.recall(market, FOREVER)
        world.evm.wait(3_600)
        world.report(half=0)
        world.compare()
        lost = start - vault.navs()[0]
        days = (world.evm.time - began) // DAY + 1
        assert lost <= min(velocity * days, total_cap)
        if world.model.tripped and not stopped_at:
            stopped_at = lost
    if stopped_at:
        assert lost == stopped_at  # nothing after it
        assert lost <= start * drawdown // BPS + velocity
    assert bool(stopped_at) == (total_cap > start * drawdown // BPS)
    assert lost > total_cap * 8 // 10  # the thief did try


def test_junk_markets_cost_the_vault_only_room(project):
    """The thief opens markets that never resolve until the list is full; the guardian revokes him
    and closes them, empty as they are."""
    world = vault_of(project, "alice")
    keeper, guardian = world.who["keeper"], world.who["guardian"]
    opened = []
    for number in range(64):
        question = keccak(text=f"junk {number}")
        world.ctf.prepareCondition(world.who["oracle"], question, 2, sender=keeper)
        terms = (0, question, 1, world.evm.time + DAY)
        opened.append(world.vault.openMarket(*terms, sender=keeper))
    world.ctf.prepareCondition(world.who["oracle"], keccak(text="one more"), 2, sender=keeper)
    one_more = (0, keccak(text="one more"), 1, world.evm.time + DAY)
    refuse("too many markets", world.vault.openMarket, *one_more, sender=keeper)
    assert world.vault.totalAssets() == THOUSAND
    world.vault.setKeeper("0x" + "00" * 20, sender=guardian)
    for market in opened:
        world.vault.closeMarket(market, sender=guardian)
    assert list(world.vault.openMarkets()) == []
    refuse("not the keeper", world.vault.openMarket, *one_more, sender=keeper)


def test_a_pre_approved_order_dies_with_a_halt(project):
    """The operator has pre-approved an order and is never asked again: only the withdrawn allowance
    stops him, which is what halt does."""
    world = vault_of(project, "alice")
    world.open_market(0, 50)
    world.allocate(0, 300 * UNIT)
    (market,) = world.model.open
    account, thief = world.accounts[market], world.who["maker"]
    world.pusd.transferFrom(account.address, thief, UNIT, sender=world.exchange)
    account.halt(sender=world.who["guardian"])
    refuse(
        "erc20: insufficient allowance",
        world.pusd.transferFrom,
        account.address,
        thief,
        UNIT,
        sender=world.exchange,
    )


# lying reporter


def test_over_marking_both_sides_costs_newcomers_at_most_the_spread_bound(project):
    """The reporter marks the ask far above what tokens are worth, so that newcomers overpay."""
    world = vault_of(project, "alice", max_spread_bps=500)
    hold_yes(world, 300 * UNIT)
    (market,) = world.model.open
    world.request_deposit("bob", "bob", THOUSAND)
    world.evm.wait(61)
    wide = {market: (50 * CENT, 99 * CENT, CENT, 50 * CENT)}  # 294 above 1,000: far out of bounds
    assert world.report_marks(wide, confirm=0) == "pending"
    within = {market: (50 * CENT, 58 * CENT, 42 * CENT, 50 * CENT)}  # 48 above 1,000
    assert world.report_marks(within, confirm=0) == "settled"
    world.claim("bob", DEPOSIT, False, ALL)
    paid_for = world.model.shares["bob"] * (world.vault.totalAssets() + 1)
    worth = paid_for // (world.model.supply + VIRTUAL_SHARES)
    assert THOUSAND * 9_500 // BPS < worth < THOUSAND


def test_marks_moved_in_every_report_stay_within_the_days_bound(project):
    """The reporter moves NAV by what one report may, as often as he may, for a day."""
    world = vault_of(project, "alice", max_up_bps=1_000, max_day_up_bps=2_000)
    world.open_market(0, 10)
    world.allocate(0, 300 * UNIT)
    world.buy(0, 0, ALL, True)  # 3,000 YES: a cent is 3 % of NAV
    world.evm.wait(DAY)
    world.report(half=0)
    (market,) = world.model.open
    start, highest = world.vault.totalAssets(), 0
    for number in range(300):
        world.evm.wait(61)
        price = min(97, 10 + number // 3)
        marks = {market: (price * CENT, price * CENT, (100 - price) * CENT, (100 - price) * CENT)}
        world.report_marks(marks, confirm=0)
        highest = max(highest, world.vault.totalAssets())
    assert highest <= start * 12_000 // BPS
    again = [(market, 0, WAD, 0, WAD)]
    world.report_marks({market: (12 * CENT, 12 * CENT, 88 * CENT, 88 * CENT)}, confirm=0)
    refuse("report too soon", world.vault.report, again, NOTHING, sender=world.who["reporter"])


def test_reports_between_the_blocks_of_a_request_price_nothing_before_they_are_known(project):
    """The reporter friend asks in between a pending report and its confirmation."""
    world = vault_of(project, "alice")
    hold_yes(world, 300 * UNIT)
    (market,) = world.model.open
    low = {market: (CENT, CENT, 99 * CENT, 99 * CENT)}  # a lie: NAV 29 % lower
    world.evm.wait(61)
    world.report((-10, 0, 0, 0), half=0)
    world.evm.wait(61)
    world.model.limits["max_down_bps"] = 100
    world.vault.setLimit(1, 100, sender=world.who["owner"])
    assert world.report_marks(low, confirm=0) == "pending"
    world.request_deposit("dave", "dave", THOUSAND)  # knows the low price, hopes to enter at it
    pending = world.vault.pending_report()
    world.vault.confirmReport(pending, sender=world.who["guardian"])
    world.model.confirmed = world.model.pending
    sent = [(market, *low[market])]
    evidence = world.evidence.to_bytes(32, "big")
    world.vault.report(sent, evidence, sender=world.who["reporter"])
    assert world.vault.maxDeposit(world.who["dave"]) == 0


def test_pending_reports_cannot_fill_the_queue_with_epochs(project):
    """Reporter and a friend: a dust request, a report out of bounds, again and again."""
    world = vault_of(project, "alice")
    world.open_market(0, 50)
    give(world, world.model.open[0], 100_000 * UNIT)
    before = world.vault.epochs()
    for _ in range(20):
        world.request_deposit("dave", "dave", 1)
        world.evm.wait(61)
        assert world.report(confirm=0) == "pending"
    assert world.vault.epochs()[DEPOSIT] == before[DEPOSIT] + 1


# hostile guardian, hostile owner


def test_a_hostile_guardian_can_stop_but_takes_nothing(project):
    """He does all he may: pauses, revokes, halts, lowers caps, confirms lies, winds down. Holders
    leave with all of theirs."""
    world = vault_of(project, "alice", "bob")
    world.open_market(0, 50)
    world.allocate(0, 300 * UNIT)
    guardian, vault = world.who["guardian"], world.vault
    (market,) = world.model.open
    refuse("not the keeper", vault.allocate, market, 1, sender=guardian)
    refuse("not the reporter", vault.report, [], NOTHING, sender=guardian)
    owners = (
        (vault.setKeeper, (guardian,)),
        (vault.setReporter, (guardian,)),
        (vault.setGuardian, (guardian,)),
        (vault.transferOwnership, (guardian,)),
        (vault.setLimit, (0, 0)),
        (vault.setFees, (0, 0, 0)),
        (vault.setFeeRecipients, ([(guardian, BPS)],)),
        (vault.setDepositTerms, (0, 0)),
        (vault.setAllowList, (world.pusd.address,)),
        (vault.resetBreaker, ()),
        (vault.submit, (vault.address.encode()[:4],)),
        (vault.abdicate, (b"\1\2\3\4",)),
        (vault.setClassCaps, (0, (2**90, 10_000, 2**90, 10_000))),
    )
    for call, arguments in owners:
        refuse("ownable: caller is not the owner", call, *arguments, sender=guardian)
    vault.pause(sender=guardian)
    world.accounts[market].halt(sender=guardian)
    vault.setClassCaps(0, (0, 0, 0, 0), sender=guardian)
    vault.setKeeper("0x" + "00" * 20, sender=guardian)
    vault.setReporter("0x" + "00" * 20, sender=guardian)
    world.wind_down("guardian")
    for who in ("alice", "bob"):
        before = pusd(world, who)
        assert world.redeem_in_kind(who, world.model.shares[who])
        assert THOUSAND - 5 <= pusd(world, who) - before <= THOUSAND


def test_a_hostile_owner_cannot_act_before_holders_have_left(project):
    """He announces a class whose accounts are his. Within the delay nothing of it is possible, and
    a holder who is not even served by the reporter leaves in kind."""
    world = vault_of(project, "alice", max_redeem_delay=2 * DAY)
    owner, vault = world.who["owner"], world.vault
    words = "(address,address,uint256,uint256,uint256,uint256,uint256,uint256)"
    functions = ("setKeeper(address)", "setReporter(address)", "setLimit(uint256,uint256)")
    for name in (f"addClass({words})", *functions):
        vault.increaseDelay(keccak(text=name)[:4], 3 * DAY, sender=owner)
    evil = (world.pusd.address, owner, 1, 2**90, BPS, 2**90, BPS, 400 * DAY)
    call = keccak(text=f"addClass({words})")[:4] + encode([words], [evil])
    vault.submit(call, sender=owner)
    world.request_redeem("alice", "alice", ALL)
    selector = keccak(text=f"addClass({words})")[:4]
    vault.submit(
        keccak(text="decreaseDelay(bytes4,uint256)")[:4]
        + encode(["bytes4", "uint256"], [selector, 0]),
        sender=owner,
    )
    world.evm.wait(2 * DAY + 1)
    refuse("timelocked", vault.addClass, evil, sender=owner)
    refuse("timelocked", vault.accept, call, sender=owner)
    refuse("timelocked", vault.decreaseDelay, selector, 0, sender=owner)
    refuse("not submitted", vault.setKeeper, owner, sender=owner)
    refuse("not submitted", vault.setLimit, 0, 2**32 - 1, sender=owner)
    before = pusd(world, "alice")
    assert world.redeem_in_kind("alice", 1_000 * 10**12)
    assert pusd(world, "alice") - before >= THOUSAND - 2


# re-entrancy and strange assets


def hooked_vault(project):
    """A vault whose asset calls back in every transfer."""
    evm = Evm(1_700_000_000)
    token = evm.deploy(project.HostileToken.contract_type)
    governance = evm.deploy(project.VaultGovernance.contract_type, token.address)
    desk = evm.deploy(project.VaultDesk.contract_type, token.address, governance.address)
    roles = [evm.address(name) for name in ("owner", "guardian", "keeper", "reporter", "manager")]
    terms = ("Hook", "HOOK", *roles, 0, 0, 0, UNLIMITED, 1, 0, list(LIMITS.values()))
    parts = [project.Vault, project.VaultDesk, project.VaultGovernance]
    vault = evm.deploy(
        project.Vault.contract_type,
        desk.address,
        terms,
        abis=[part.contract_type.abi for part in parts],
    )
    mallory = evm.address("mallory")
    token.mint(mallory, THOUSAND, sender=mallory)
    token.approve(vault.address, FOREVER, sender=mallory)
    evm.wait(61)
    vault.report([], NOTHING, sender=evm.address("reporter"))
    return evm, token, vault, mallory


def data_of(name, *types_and_values):
    types, values = types_and_values[::2], types_and_values[1::2]
    return keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, values)


def test_an_asset_that_calls_back_finds_the_door_locked(project):
    """ERC-777-like: in the middle of each transfer the vault is called again, in every way."""
    evm, token, vault, mallory = hooked_vault(project)
    vault.syncDeposit(100 * UNIT, mallory, sender=mallory)
    again = [
        data_of("syncDeposit", "uint256", 1, "address", mallory),
        data_of("requestDeposit", "uint256", 1, "address", mallory, "address", mallory),
        data_of("redeemInKind", "uint256", 1, "address", mallory),
        data_of("sync", "bytes32", NOTHING),
        data_of("windDown"),
        data_of("setOperator", "address", mallory, "bool", True),
    ]
    moves = [
        lambda: vault.syncDeposit(UNIT, mallory, sender=mallory),
        lambda: vault.requestDeposit(UNIT, mallory, mallory, sender=mallory),
        lambda: vault.cancelDepositRequest(mallory, mallory, sender=mallory),
        lambda: vault.syncRedeem(10**12, mallory, mallory, sender=mallory),
    ]
    for move in moves:
        for call in again:
            token.set_hook(vault.address, call, sender=mallory)
            point = evm.snapshot()
            move()
            assert token.reason_seen() == b""  # the lock: reverted without a reason
            assert token.balanceOf(vault.address) >= vault.total_idle()
            evm.revert(point)
        move()


def test_a_receiver_of_outcome_tokens_that_calls_back_finds_the_door_locked(project):
    """The ERC-1155 hook of an exit in kind tries to exit twice, to claim, to recall."""
    world = vault_of(project, "alice", "bob")
    world.open_market(0, 50)
    world.allocate(0, 300 * UNIT)
    world.buy(0, 0, ALL, True)
    world.wind_down("owner")
    receiver = world.evm.deploy(project.ReentrantReceiver.contract_type)
    world.transfer("alice", "dave", ALL)
    shares = 500 * 10**12
    (market,) = world.model.open
    for call in (
        data_of("redeemInKind", "uint256", 1, "address", receiver.address),
        data_of("recall", "bytes32", market, "uint256", 1),
        data_of("closeMarket", "bytes32", market),
        data_of("redeem", "uint256", 0, "address", receiver.address),
    ):
        receiver.set_hook(world.vault.address, call, sender=world.who["dave"])
        point = world.evm.snapshot()
        before = world.vault.total_idle()
        world.vault.redeemInKind(shares, receiver.address, sender=world.who["dave"])
        assert receiver.calls() == 1
        assert receiver.reason_seen() == b""
        part = before * shares // (2_000 * 10**12 + VIRTUAL_SHARES)
        assert world.vault.total_idle() == before - part
        world.evm.revert(point)


def test_an_asset_that_takes_a_fee_of_transfers_is_refused(project):
    """Else the vault would credit what never arrived, at the others' expense."""
    _, token, vault, mallory = hooked_vault(project)
    vault.syncDeposit(UNIT, mallory, sender=mallory)
    token.set_fee(1, sender=mallory)
    for call, arguments in (
        (vault.syncDeposit, (UNIT, mallory)),
        (vault.requestDeposit, (UNIT, mallory, mallory)),
    ):
        refuse("asset takes a fee", call, *arguments, sender=mallory)


# griefing


def test_a_thousand_dust_requests_make_no_settlement_dearer(project):
    """Mallory asks from a thousand addresses: the report costs what it costs with one."""
    costs = []
    for crowd in (1, 1_000):
        world = vault_of(project, "alice")
        sender = world.who["maker"]
        world.pusd.approve(world.vault.address, FOREVER, sender=sender)
        for number in range(crowd):
            controller = world.evm.address(f"dust {number}")
            world.vault.requestDeposit(1, controller, sender, sender=sender)
        world.evm.wait(61)
        world.vault.report([], NOTHING, sender=world.who["reporter"])
        costs.append(world.evm.gas_used)
        last = world.evm.address(f"dust {crowd - 1}")
        assert world.vault.maxDeposit(last) == 1
    assert abs(costs[1] - costs[0]) < 100


def test_dust_in_a_victims_queue_costs_him_calls_but_no_money(project):
    """Mallory requests a unit for Alice in forty epochs; she claims all in a few calls."""
    world = vault_of(project, "alice")
    alice, mallory = world.who["alice"], world.who["maker"]
    world.pusd.approve(world.vault.address, FOREVER, sender=mallory)
    for _ in range(40):
        world.vault.requestDeposit(1, alice, mallory, sender=mallory)
        world.evm.wait(61)
        world.vault.report([], NOTHING, sender=world.who["reporter"])
    world.vault.requestDeposit(50 * UNIT, alice, alice, sender=alice)
    world.evm.wait(61)
    world.vault.report([], NOTHING, sender=world.who["reporter"])
    calls = 0
    while most := world.vault.maxDeposit(alice):
        world.vault.deposit(most, alice, sender=alice)
        assert world.evm.gas_used < 1_000_000
        calls += 1
    assert calls == 3
    assert world.vault.balanceOf(alice) >= 1_050 * 10**12


# the high-water mark


def test_minting_and_burning_around_a_report_moves_no_mark(project):
    """The manager deposits before a profit's report and leaves after it, to move the mark of the
    others' next profit."""
    marks = []
    for games in (False, True):
        world = vault_of(project, "alice", fees=(0, 2_000, 0))
        hold_yes(world, 300 * UNIT)
        if games:
            world.sync_deposit("dave", 50_000 * UNIT)
        world.evm.wait(61)
        world.report((10, 0, 0, 0), half=0)
        if games:
            world.sync_redeem("dave", ALL)
        marks.append(world.vault.highWaterMark())
        assert (
            world.vault.highWaterMark() * (world.model.supply)
            <= (world.vault.totalAssets() + 1) * 10**24 * 1_001 // 1_000
        )
    assert (
        marks[1] < marks[0]
    )  # the profit is spread over more shares: the mark is each share's own


def test_a_vault_emptied_and_refilled_starts_a_new_mark(project):
    """All leave at a loss, one comes back: his profit is above his price, not the old mark; and
    what rounding left behind is nobody's profit."""
    world = vault_of(project, "alice", fees=(0, 2_000, 0))
    world.request_redeem("alice", "alice", ALL)
    world.evm.wait(61)
    world.report()
    world.claim("alice", REDEEM, False, ALL)
    assert world.model.supply == 0
    world.request_deposit("bob", "bob", THOUSAND)
    world.evm.wait(61)
    world.report()
    world.claim("bob", DEPOSIT, False, ALL)
    manager = world.model.shares.get("manager", 0)
    world.evm.wait(61)
    world.report()
    assert world.model.shares.get("manager", 0) == manager  # no profit, no fee
    price = (world.vault.totalAssets() + 1) * 10**24 // (world.model.supply + VIRTUAL_SHARES)
    assert abs(world.vault.highWaterMark() - price) <= price // 10**6


def test_a_spike_is_paid_once_and_locks_the_mark(project):
    """The reporter lifts NAV for one report so that the manager earns on it, then lets it fall: the
    fee is within the bound, and nothing more is due until the spike is reached again."""
    world = vault_of(project, "alice", fees=(0, 2_000, 0))
    world.open_market(0, 50)
    world.allocate(0, 300 * UNIT)
    world.buy(0, 0, ALL, True)
    for step in (0, 20, -20, 19, -19, 19):
        world.evm.wait(61)
        world.report((step, 0, 0, 0), half=0)
        if step == 20:
            fee = world.model.last_fees
            assert 0 < fee <= 120 * UNIT * 2_000 // BPS
        elif step:
            assert world.model.last_fees == 0
    world.compare()


# rounding and ends


def test_a_thousand_dealings_of_one_unit_bring_nothing(project):
    world = vault_of(project, "alice", assets=THOUSAND + 7)
    hold_yes(world, 300 * UNIT + 1, price=30)
    dave = world.who["dave"]
    start = pusd(world, "dave")
    for _ in range(1_000):
        world.vault.syncDeposit(1, dave, sender=dave)
        world.vault.syncRedeem(world.vault.balanceOf(dave), dave, dave, sender=dave)
    assert pusd(world, "dave") <= start - 900  # nearly each loses its unit
    assert world.vault.balanceOf(dave) == 0


def test_a_market_that_never_resolves_holds_nobody(project):
    """Its tokens are marked while there is a reporter; without one, holders take them along."""
    world = vault_of(project, "alice")
    world.open_market(0, 50)
    world.allocate(0, 300 * UNIT)
    world.buy(0, 0, ALL, True)
    world.evm.wait(400 * DAY)
    (market,) = world.model.open
    refuse("market not resolved", world.vault.closeMarket, market, sender=world.who["dave"])
    world.wind_down("dave")
    yes = world.accounts[market].tokenIds()[0]
    assert world.redeem_in_kind("alice", world.model.shares["alice"])
    assert world.ctf.balanceOf(world.who["alice"], yes) >= 600 * UNIT - 2


@pytest.mark.parametrize(("assets", "ends"), [(10_000, False), (10_001, True), (THOUSAND, True)])
def test_a_vault_that_lost_all_but_nothing_winds_itself_down(project, assets, ends):
    """A share below a ten-thousandth of its first price would mint absurd sums to newcomers, until
    words overflow and settlement is stuck. The report that finds it ends the vault; deposits that
    wait are taken back. (A vault of 10,000 units that has lost them all is just at the border.)"""
    world = vault_of(
        project,
        "alice",
        assets=assets,
        max_down_bps=BPS,
        max_day_down_bps=BPS,
        total_cap_bps=BPS,
        classes=NO_CAPS,
    )
    world.open_market(0, 50)
    world.allocate(0, assets)
    (market,) = world.model.open
    held, thief = world.holdings[market], world.who["maker"]
    account = world.accounts[market].address
    world.pusd.transferFrom(account, thief, held.collateral, sender=world.exchange)
    held.collateral = 0
    world.request_deposit("bob", "bob", THOUSAND)
    world.evm.wait(61)
    assert world.report() == "settled"
    assert world.vault.windingDown() == ends
    if ends:
        assert world.vault.maxDeposit(world.who["bob"]) == 0
        world.cancel("bob", DEPOSIT)
        assert pusd(world, "bob") == 10**9 * UNIT
    world.compare()


def test_a_worthless_share_is_not_sold_at_once_either(project):
    """A payout takes all between two reports: a synchronous deposit would mint absurd sums."""
    world = vault_of(project, "alice", total_cap_bps=BPS, classes=NO_CAPS)
    hold_yes(world, THOUSAND)
    world.resolve(0, (0, 1))
    bob = world.who["bob"]
    refuse("shares are worthless", world.vault.syncDeposit, UNIT, bob, sender=bob)
