"""A short search with a fixed seed, and whether what it measures is right."""

import random
from collections import Counter

import pytest

from tests.search import arena as scenery
from tests.search.arena import (
    BINARY,
    BPS,
    HOUR,
    PURSE,
    SCENES,
    TERMS,
    UNIT,
    WALLETS,
    Arena,
    K,
    Terms,
)
from tests.search.attacker import MONEY, Attacker
from tests.search.machine import COMPILED, compiled
from tests.search.moves import MOVES, Gene, random_gene, random_phrase

STEPS, SEED = 500, 15  # accepted ones
EVERYBODY = ("friend", "keepers", "reporter", "guardian", "owner", "manager")
CELLS = (
    (("strangers",), "proven", 1),
    (("friend",), "shown", 1),
    (("friend",), "tight", 8),
    (("friend", "guardian"), "partial", 1),
    (("friend", "owner", "manager"), "paid", 1),
    (("friend", "reporter"), "fresh", 1),
    (("friend", "reporter"), "unseen", 8),
    (("friend", "venue"), "several", 1),
    (("friend", "one keeper", "reporter"), "delegated", 1),
    (("friend", "keepers"), "flat", 8),
    (("friend", "keepers", "reporter"), "hidden", 1),
    (("friend", "keepers", "reporter", "day"), "loss", 1),
    (EVERYBODY, "several", 1),
    (("friend", "keepers", "reporter", "guardian"), "ending", 1),
    (("friend", "keepers"), "wallets", 1),
    (("friend", "venue"), "wallets", 8),
    (("friend", "keepers", "reporter", "guardian"), "wallets", 1),
    (("friend", "keepers", "reporter"), "positions", 1),
    (("friend", "one keeper", "reporter"), "positions", 1),
)


def attacker(members: tuple[str, ...], scene: str, loops: int = 1) -> Attacker:
    return Attacker(scene, members, SEED, loops, contracts=compiled(COMPILED))


@pytest.mark.parametrize(("members", "scene", "loops"), CELLS)
def test_nobody_takes_more_than_the_bound(members, scene, loops):
    found = attacker(members, scene, loops).search(STEPS)
    assert found.steps >= STEPS
    assert not found.broken, (found.broken, found.genes)
    assert not found.above, (found.taken, found.bound, found.genes)


def test_every_move_does_something():
    """A move that the contracts always refuse searches nothing."""
    accepted: Counter[str] = Counter()
    for members, scene in (
        *((EVERYBODY, scene) for scene in ("flat", "delegated", "fresh")),
        (("friend", "keepers", "guardian"), "flat"),
        (("friend", "keepers", "guardian"), "wallets"),
        (("friend", "keepers"), "wallets"),
    ):
        searcher = attacker(members, scene)
        for _ in range(150):
            genes: list[Gene] = []
            for _ in range(12):
                genes += random_phrase(searcher.rng, searcher.names)
            searcher.play(genes)
        accepted += searcher.accepted
    assert [name for name in MOVES if not accepted[name]] == []


@pytest.mark.parametrize("scene", ["hidden", "shown", "residue"])
def test_the_search_finds_that_the_inflow_room_is_missing(scene, monkeypatch):
    """A day's room of a hundred NAVs is none: the friend and the reporter take nearly all of a
    profit, and the bound of their time says so. Guardian and reporter make the vault flat."""
    limits = list(scenery.LIMITS)
    limits[7] = 10**9 * UNIT  # inflow_floor: no room binds
    monkeypatch.setattr(scenery, "LIMITS", tuple(limits))
    searcher = attacker(("friend", "reporter"), scene)
    found = searcher.search(30_000)
    assert found.above, (found.taken, found.bound)


def test_a_full_room_and_its_refill_are_two_days_rooms_in_one():
    """By hand: NAV 1,300,000 at cost, 150,000 hidden, 900,000 of 1,300,000 shares others', whose
    part is 103,846.15. The room is full, 130,000; a day's refill of NAV grown to 1,430,000 makes it
    1,580,394 (compounding by the second): others keep 1,300,000 parts of it."""
    bound = attacker(("friend", "reporter"), "hidden").bound
    assert (bound.nav // UNIT, bound.inflow // UNIT) == (1_300_000, 130_000)
    assert bound.diluted // UNIT == 103_846
    lost = [(bound.after(s).dealers - bound.dealers) // UNIT for s in (0, 24 * HOUR)]
    assert lost == [9_440, 18_424]


def test_the_search_finds_what_can_be_taken():
    """A keeper with the venue takes all of an account, and the friend leaves before the loss."""
    searcher = attacker(("friend", "keepers"), "shown")
    found = searcher.search(10**6, enough=200_000 * UNIT)
    assert found.taken > 200_000 * UNIT and found.steps < 20_000


def test_the_search_sees_a_bound_that_is_too_low():
    """Leaving in cash before the market is marked down pays cost: what a lie can hide."""
    searcher = attacker(("friend", "reporter"), "unseen")
    play: list[Gene] = [("redeem", 0, 6, 0), ("lie", 0, 6, 0o7777), ("lie", 0, 6, 0o7777)]
    searcher.arena.state.marks["0.0.0"] = 200
    searcher.state = searcher.arena.state
    assert 15_000 * UNIT < searcher.play(play) < 16_000 * UNIT


@pytest.mark.parametrize("scene", list(SCENES))
def test_what_one_has_more_others_have_less(scene):
    """The measure itself: all wealth together is the same at every end."""
    members = ("friend", "keepers", "reporter", "guardian")
    searcher = attacker(members, scene)
    searcher.holders = ("friend", "vic", "leaver", "comer", "manager")
    a = searcher.arena
    a.everything = True
    searcher.pockets += tuple(a.who[each] for each in ("nature", "second", "oracle"))
    searcher.before = a.wealth(searcher.holders, searcher.pockets)
    rng = random.Random(SEED)
    # what is sent to the vault itself is nobody's
    names = [name for name in searcher.names if name not in ("give_vault", "give_shares")]
    for _ in range(12):
        genes = [random_gene(rng, names) for _ in range(15)]
        assert abs(searcher.play(genes)) <= MONEY, genes


def test_an_empty_play_takes_nothing():
    assert attacker(("friend",), "tight").play([]) == 0
    arena = Arena(compiled(COMPILED), TERMS.get("flat", Terms()))
    assert arena.balance(arena.who[WALLETS[0]]) == 0


def test_profit_in_a_delegated_account_takes_no_cost_of_others_along():
    """Who leaves in kind takes at most his part of a market's book with him, however much
    collateral lies in its account: what stays is booked for those who stay."""
    a = attacker(("friend",), "delegated").arena
    market, friend = a.state.markets[0], a.who["friend"]
    a.move(PURSE, market.account, 1_000 * K)
    exposure, bid, ask = a.machine.read_all(a.vault, "bookOf(bytes32)", market.id)
    supply, nav = a.view("totalSupply()"), a.view("totalAssets()")
    a.do("friend", "redeemInKind(uint256,address,bytes32[])", supply // 5, friend, 96, 0)
    part = supply // 5 - -(-supply // 5 * 50 // BPS)
    for before, now in zip(
        (exposure, bid, ask), a.machine.read_all(a.vault, "bookOf(bytes32)", market.id), strict=True
    ):
        assert now == before - before * part // supply
    assert a.view("totalAssets()") * supply >= nav * a.view("totalSupply()")


def test_a_vault_made_flat_over_a_hidden_profit_lets_in_by_the_room_alone():
    """Reporter and guardian together: of 100,000 hidden, who brought 5,000,000 to 1,300,000 took
    54,945 in four hours; the day's room leaves him 1,694."""
    searcher = attacker(("friend", "reporter", "guardian"), "residue")
    a = searcher.arena
    market, own = a.state.markets[0], a.who["friend"]
    a.wait(HOUR)
    a.report([(market.id, 0, 0, 0)])
    a.do("guardian", "closeMarket(bytes32)", market.id)
    assert a.view("isFlat()")
    a.do("friend", "requestDeposit(uint256,address,address)", 5_000 * K, own, own)
    for _ in range(3):
        a.wait(HOUR)
        a.do("oracle", "settle()")
    a.resolve(market.conditions[0])
    a.do("oracle", "sweep(address)", market.account)
    taken = a.wealth(searcher.holders, searcher.pockets) - searcher.before
    assert taken // UNIT == 1_694 and a.machine.time - searcher.start == 4 * HOUR


def test_who_leaves_takes_his_part_of_the_counted_losses_along():
    """A play that the search found: 500,000 of 1,300,000 shares leave after a loss of 60,000 was
    counted, and the caps let out 23,076 more than before."""
    searcher = attacker(("friend", "keepers", "reporter"), "proven", 8)
    a = searcher.arena
    room = a.room(BINARY)
    play: list[Gene] = [
        *(("leaver", 1, 2, 0), ("redeem", 2, 6, 0), ("allocate", 0, 6, 1)),
        *(("report", 4, 6, 0), ("report", 4, 0, 0), ("drain_all", 0, 0, 0)),
    ]
    taken = searcher.play(play)
    assert room // UNIT == 119_999 and searcher.bound.room // UNIT == 143_076
    assert taken // UNIT == 80_000 + 143_076 <= searcher.bound.sharp // UNIT
