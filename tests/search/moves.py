"""What each of a coalition can do in one step, with amounts from nothing to too much.

A step is a gene: the move's name, which market or person (six), how much (eight), and a number of
which a lie is made. A call that is refused changes nothing; the play goes on.
"""

import random
from collections.abc import Callable

from eth_utils import to_checksum_address

from tests.search.arena import (
    BINARY,
    BPS,
    DAY,
    DELEGATED,
    DEPOSIT,
    FOREVER,
    HOUR,
    KEEPERS,
    PURSE,
    REDEEM,
    SMALL,
    WALLETS,
    Arena,
    K,
    Market,
)
from tests.search.machine import Refused, selector, words
from tests.search.newer import ADMIN, DELAY, LONGEST_DELAY

Gene = tuple[str, int, int, int]
WHICH, AMOUNTS, LIES = 6, 8, 8**8
HOURS = (1, 1, 1, 6, 24, 24)
LEVELS = (0, 10, 200, 500, 900, 1_000)


class Broken(Exception):
    """A promise besides the bound does not hold; the message says which."""


def part(whole: int, x: int) -> int:
    """Return nothing, one, a part, all, or one more than all."""
    return (0, 1, whole // 100, whole // 20, whole // 5, whole // 2, whole, whole + 1)[x]


def _market(a: Arena, i: int) -> Market:
    markets = a.state.markets
    if not markets:
        raise Refused("no market")
    return markets[i % len(markets)]


def _delegated(a: Arena, i: int) -> Market:
    found = [market for market in a.state.markets if market.class_id == DELEGATED]
    if not found:
        raise Refused("no delegated market")
    return found[i % len(found)]


def _wallet(a: Arena, market: Market) -> str:
    wallet = a.machine.read(market.account, "wallet()")
    if not wallet:
        raise Refused("no wallet")
    return to_checksum_address(wallet.to_bytes(20, "big"))


def _closed(a: Arena, i: int) -> Market:
    """Return a closed market, where there is one."""
    found = [m for m in a.state.markets if a.view("remainsOf(address)", m.account)]
    return found[i % len(found)] if found else _market(a, i)


# Holders, and anybody


def deposit(a: Arena, i: int, x: int, code: int) -> None:
    own = a.who["friend"]
    assets = part(a.balance(own), x)
    a.do("friend", "requestDeposit(uint256,address,address)", assets, own, own)


def redeem(a: Arena, i: int, x: int, code: int) -> None:
    own = a.who["friend"]
    a.claim("friend")
    shares = part(a.view("balanceOf(address)", own), x)
    a.do("friend", "requestRedeem(uint256,address,address)", shares, own, own)


def _undo(a: Arena, side: int, i: int, call: str) -> None:
    epochs = a.epochs(side, "friend")
    if not epochs:
        raise Refused("no request")
    own = a.who["friend"]
    a.do("friend", f"{call}(uint256,address,address)", epochs[i % len(epochs)], own, own)


def undo_deposit(a: Arena, i: int, x: int, code: int) -> None:
    _undo(a, DEPOSIT, i, "cancelDepositRequest")


def undo_redeem(a: Arena, i: int, x: int, code: int) -> None:
    _undo(a, REDEEM, i, "cancelRedeemRequest")


def claim(a: Arena, i: int, x: int, code: int) -> None:
    a.claim("friend")


def claim_part(a: Arena, i: int, x: int, code: int) -> None:
    own = a.who["friend"]
    view, call = (
        ("maxMint(address)", "mint(uint256,address,address)"),
        ("maxDeposit(address)", "deposit(uint256,address,address)"),
        ("maxRedeem(address)", "redeem(uint256,address,address)"),
        ("maxWithdraw(address)", "withdraw(uint256,address,address)"),
    )[i % 4]
    a.do("friend", call, part(a.view(view, own), x), own, own)


def in_kind(a: Arena, i: int, x: int, code: int) -> None:
    own = a.who["friend"]
    a.claim("friend")
    shares = part(a.view("balanceOf(address)", own), x)
    skip = (1, _market(a, i).id) if code % 8 == 0 and a.state.markets else (0,)
    a.do("friend", "redeemInKind(uint256,address,bytes32[])", shares, own, 96, *skip)


def queued_in_kind(a: Arena, i: int, x: int, code: int) -> None:
    epochs = a.epochs(REDEEM, "friend")
    if not epochs:
        raise Refused("no request")
    own = a.who["friend"]
    a.do(
        *("friend", "redeemRequestInKind(uint256,address,address,bytes32[])"),
        *(epochs[i % len(epochs)], own, own, 128, 0),
    )


def give_shares(a: Arena, i: int, x: int, code: int) -> None:
    shares = part(a.view("balanceOf(address)", a.who["friend"]), x)
    a.do("friend", "transfer(address,uint256)", a.vault, shares)


def give_cash(a: Arena, i: int, x: int, code: int) -> None:
    market = _market(a, i)
    a.move(PURSE, market.purse if code % 2 else market.account, part(500 * K, x))


def give_vault(a: Arena, i: int, x: int, code: int) -> None:
    a.move(PURSE, a.vault, part(500 * K, x))


def give_tokens(a: Arena, i: int, x: int, code: int) -> None:
    """Any outcome token, bought at the truth: worthless ones for nothing."""
    market = _market(a, i)
    condition = market.conditions[code // 2 % len(market.conditions)]
    a.buy(market.account, condition, code % 2, part(2_000 * K, x), PURSE)


def give_worthless(a: Arena, i: int, x: int, code: int) -> None:
    market = _market(a, i)
    for n in range(len(market.conditions)):
        condition = market.conditions[(n + code) % len(market.conditions)]
        for side in (0, 1):
            if a.price(condition, side) == 0:
                a.buy(market.account, condition, side, part(20_000 * K, x), PURSE)
                return
    raise Refused("nothing is worthless")


def harvest(a: Arena, i: int, x: int, code: int) -> None:
    a.do("oracle", "harvest(bytes32)", _market(a, i).id)


def close(a: Arena, i: int, x: int, code: int) -> None:
    a.do("oracle", "closeMarket(bytes32)", _market(a, i).id)


def sweep(a: Arena, i: int, x: int, code: int) -> None:
    a.do("oracle", "sweep(address)", _closed(a, i).account)


def cash_tokens(a: Arena, i: int, x: int, code: int) -> None:
    a.machine.call(a.who["oracle"], _market(a, i).account, "redeemResolved()")


def settle(a: Arena, i: int, x: int, code: int) -> None:
    a.do("oracle", "settle()")


def anyone_ends(a: Arena, i: int, x: int, code: int) -> None:
    a.do("oracle", "windDown()")


def anyone_recalls(a: Arena, i: int, x: int, code: int) -> None:
    a.do("oracle", "recall(bytes32,uint256)", _market(a, i).id, FOREVER)


def wait(a: Arena, i: int, x: int, code: int) -> None:
    a.wait((60, HOUR, DAY, DAY, 3 * DAY, 15 * DAY)[i])


def comer(a: Arena, i: int, x: int, code: int) -> None:
    own = a.who["comer"]
    a.do("comer", "requestDeposit(uint256,address,address)", a.balance(own), own, own)


def leaver(a: Arena, i: int, x: int, code: int) -> None:
    own = a.who["leaver"]
    shares = a.view("balanceOf(address)", own)
    a.do("leaver", "requestRedeem(uint256,address,address)", shares, own, own)


def resolve(a: Arena, i: int, x: int, code: int) -> None:
    market = _market(a, i)
    a.resolve(market.conditions[code % len(market.conditions)])


# The reporter


def report(a: Arena, i: int, x: int, code: int) -> None:
    a.wait(HOUR * HOURS[i])
    a.report(a.honest_marks())


def lie(a: Arena, i: int, x: int, code: int) -> None:
    """Any marks at all; of an event as high as its bids may be together."""
    a.wait(HOUR * HOURS[i])
    marks, rest = [], code
    last: tuple[bytes, int] = (b"", 0)
    for market, condition, true, _ in a.honest_marks():
        digit, rest = rest % 8, rest // 8 or code
        bid, ask = (true, true)
        if digit < len(LEVELS):
            bid = ask = LEVELS[digit]
        elif digit == 6:
            bid, ask = 0, 1_000
        if x == 0 and digit == 7:
            continue
        if market == last[0]:
            bid = min(bid, 1_000 - last[1])
        last = (market, bid + (last[1] if market == last[0] else 0))
        marks.append((market, condition, bid, ask))
    a.report(marks)


# Keepers, with the venue on their side


def _room(a: Arena, market: Market) -> int:
    return max(
        0,
        min(
            a.room(market.class_id),
            a.terms.velocity - a.view("recentAllocation()"),
            a.view("total_idle()"),
        ),
    )


def allocate(a: Arena, i: int, x: int, code: int) -> None:
    market = _market(a, i)
    whole = _room(a, market) if code % 4 else 200 * K
    assets = part(whole, x)
    a.do(KEEPERS[market.class_id], "allocate(bytes32,uint256)", market.id, assets)
    if a.room(market.class_id) < 0:
        raise Broken("total cap")


def recall(a: Arena, i: int, x: int, code: int) -> None:
    market = _market(a, i)
    assets = FOREVER if x == 7 else part(a.balance(market.account), x)
    a.do(KEEPERS[market.class_id], "recall(bytes32,uint256)", market.id, assets)


def _open(a: Arena, kind: int, number: int) -> None:
    market = a.open(kind, number)
    for n, each in enumerate(market.conditions):
        a.state.truth.setdefault(each.name, 500 if n == 0 and kind == BINARY else 0)


def open_next(a: Arena, i: int, x: int, code: int) -> None:
    kind = code % 4
    number = a.state.opened.get(kind, 0)
    if number == len(a.pools[kind]):
        raise Refused("no question left")
    _open(a, kind, number)


def open_again(a: Arena, i: int, x: int, code: int) -> None:
    market = _market(a, i)
    pool = a.pools[market.class_id]
    number = next(n for n, q in enumerate(pool) if q.conditions == market.conditions)
    _open(a, market.class_id, number)


def keeper_closes(a: Arena, i: int, x: int, code: int) -> None:
    market = _market(a, i)
    a.do(KEEPERS[market.class_id], "closeMarket(bytes32)", market.id)


def _stopped(a: Arena, market: Market) -> bool:
    """Say whether the exchange may move nothing any more; a wallet's allowances live until the
    venue's delay is over, or its batch home was carried in."""
    if market.wallet:
        return not a.machine.read(a.pusd, "allowance(address,address)", market.wallet, PURSE)
    return bool(a.machine.read(market.account, "halted()"))


def drain(a: Arena, i: int, x: int, code: int) -> None:
    """The venue takes collateral for nothing."""
    market = _market(a, i)
    stopped = _stopped(a, market)
    assets = part(a.balance(market.purse), x)
    a.take(market.purse, PURSE, assets)
    if stopped and assets:
        raise Broken("a halted account pays")


def drain_all(a: Arena, i: int, x: int, code: int) -> None:
    """The venue takes all there is, collateral and tokens."""
    market = _market(a, i)
    stopped = _stopped(a, market)
    took = 0
    for each in market.conditions:
        for token in each.tokens:
            amount = a.tokens(market.purse, token)
            if amount:
                a.move_token(PURSE, market.purse, PURSE, token, amount)
                took += amount
    assets = a.balance(market.purse)
    if assets:
        a.take(market.purse, PURSE, assets)
    if stopped and took + assets:
        raise Broken("a halted account pays")


def junk(a: Arena, i: int, x: int, code: int) -> None:
    """All for worthless tokens."""
    drain_all(a, i, x, code)
    give_worthless(a, i, min(x, 6), code)


def refill(a: Arena, i: int, x: int, code: int) -> None:
    a.move(PURSE, _market(a, i).purse, part(500 * K, x))


def invest(a: Arena, i: int, x: int, code: int) -> None:
    """Collateral for tokens at the truth."""
    market = _market(a, i)
    condition = market.conditions[code // 2 % len(market.conditions)]
    price = a.price(condition, code % 2)
    if price == 0:
        raise Refused("worthless")
    amount = part(a.balance(market.purse), x) * 1_000 // price
    a.buy(market.purse, condition, code % 2, amount, market.purse)


def split(a: Arena, i: int, x: int, code: int) -> None:
    market = _market(a, i)
    a.machine.call(
        *(a.who[KEEPERS[market.class_id]], market.account, "split(uint256,uint256)"),
        *(code % len(market.conditions), part(a.balance(market.account), x)),
    )


def merge(a: Arena, i: int, x: int, code: int) -> None:
    market = _market(a, i)
    n = code % len(market.conditions)
    sets = min(a.tokens(market.account, token) for token in market.conditions[n].tokens)
    a.machine.call(
        *(a.who[KEEPERS[market.class_id]], market.account, "merge(uint256,uint256)"),
        *(n, part(sets, x)),
    )


def halt(a: Arena, i: int, x: int, code: int) -> None:
    market = _market(a, i)
    a.machine.call(a.who[KEEPERS[market.class_id]], market.account, "halt()")


def set_wallet(a: Arena, i: int, x: int, code: int) -> None:
    market = _delegated(a, i)
    wallet = a.who[WALLETS[code % 2]]
    a.machine.call(wallet, a.pusd, "approve(address,uint256)", market.account, FOREVER)
    keeper = a.who[KEEPERS[market.class_id]]
    a.machine.call(keeper, market.account, "setWallet(address)", wallet)


def forward(a: Arena, i: int, x: int, code: int) -> None:
    market = _delegated(a, i)
    a.machine.call(
        *(a.who[KEEPERS[market.class_id]], market.account, "forward(uint256)"),
        part(a.balance(market.account), x),
    )


def take_back(a: Arena, i: int, x: int, code: int) -> None:
    market = _delegated(a, i)
    a.machine.call(
        *(a.who[KEEPERS[market.class_id]], market.account, "takeBack(uint256)"), part(200 * K, x)
    )


def take_back_tokens(a: Arena, i: int, x: int, code: int) -> None:
    market = _delegated(a, i)
    wallet = _wallet(a, market)
    a.machine.call(
        *(wallet, a.ctf, "setApprovalForAll(address,bool)", market.account, 1),
    )
    token = market.conditions[0].tokens[code // 2 % 2]
    a.machine.call(
        *(a.who[KEEPERS[market.class_id]], market.account, "takeBackTokens(uint256,uint256)"),
        *(code // 2 % 2, part(a.tokens(wallet, token), x)),
    )


def release_wallet(a: Arena, i: int, x: int, code: int) -> None:
    a.machine.call(a.who["oracle"], _delegated(a, i).account, "releaseWallet()")


def wallet_out(a: Arena, i: int, x: int, code: int) -> None:
    wallet = a.who[WALLETS[code % 2]]
    a.move(wallet, PURSE, part(a.balance(wallet), x))


def wallet_in(a: Arena, i: int, x: int, code: int) -> None:
    a.move(PURSE, a.who[WALLETS[code % 2]], part(500 * K, x))


def wallet_tokens(a: Arena, i: int, x: int, code: int) -> None:
    """Outcome tokens into a market's wallet, at the truth."""
    market = _delegated(a, i)
    condition = market.conditions[0]
    a.buy(_wallet(a, market), condition, code // 2 % 2, part(1_000 * K, x), PURSE)


# Wallets that accounts own


def _owner(a: Arena, i: int) -> Market:
    markets = [each for each in a.state.markets if each.wallet]
    if not markets:
        raise Refused("no wallet")
    return markets[i % len(markets)]


def fund_wallet(a: Arena, i: int, x: int, code: int) -> None:
    market = _owner(a, i)
    keeper = a.who[KEEPERS[market.class_id]]
    assets = part(a.balance(market.account), x)
    a.machine.call(keeper, market.account, "fund(uint256)", assets)


def bring_home(a: Arena, i: int, x: int, code: int) -> None:
    """By the relayer."""
    market = _owner(a, i)
    keeper = a.who[KEEPERS[market.class_id]]
    a.wallets.home(market.account, keeper, part(a.balance(market.wallet), x))


def pause_wallet(a: Arena, i: int, x: int, code: int) -> None:
    market = _owner(a, i)
    a.machine.call(a.who[KEEPERS[market.class_id]], market.account, "pauseWallet()")


def withdraw(a: Arena, i: int, x: int, code: int) -> None:
    """Anyone, or the keeper, of an open wallet."""
    market = _owner(a, i)
    who = a.who[("oracle", KEEPERS[market.class_id])[code % 2]]
    a.machine.call(who, market.account, "withdraw()")


def change_delay(a: Arena, i: int, x: int, code: int) -> None:
    """The venue's admin."""
    delay = LONGEST_DELAY if code % 2 else DELAY
    a.machine.call(ADMIN, a.wallets.factory, "setTimelockDelay(uint256)", delay)


def guardian_opens(a: Arena, i: int, x: int, code: int) -> None:
    """The guardian begins a wallet's pause, or ends it."""
    call = ("pauseWallet()", "unpauseWallet()")[code % 2]
    a.machine.call(a.who["guardian"], _owner(a, i).account, call)


# The guardian


def pause(a: Arena, i: int, x: int, code: int) -> None:
    a.do("guardian", "pause()")


def unpause(a: Arena, i: int, x: int, code: int) -> None:
    a.do("guardian", "unpause()")


def guardian_closes(a: Arena, i: int, x: int, code: int) -> None:
    a.do("guardian", "closeMarket(bytes32)", _market(a, i).id)


def guardian_halts(a: Arena, i: int, x: int, code: int) -> None:
    a.machine.call(a.who["guardian"], _market(a, i).account, "halt()")


def guardian_recalls(a: Arena, i: int, x: int, code: int) -> None:
    a.do("guardian", "recall(bytes32,uint256)", _market(a, i).id, FOREVER)


def drop_keeper(a: Arena, i: int, x: int, code: int) -> None:
    a.do("guardian", "setKeeper(uint256,address)", code % 4, 0)


def drop_reporter(a: Arena, i: int, x: int, code: int) -> None:
    a.do("guardian", "setReporter(address)", 0)


def retire(a: Arena, i: int, x: int, code: int) -> None:
    a.do("guardian", "retireClass(uint256)", code % 4)


def guardian_ends(a: Arena, i: int, x: int, code: int) -> None:
    a.do("guardian", "windDown()")


# The owner, inside the timelock


def owner_pause(a: Arena, i: int, x: int, code: int) -> None:
    a.do("owner", "unpause()" if x % 2 else "pause()")


def safer_limit(a: Arena, i: int, x: int, code: int) -> None:
    which = code % 19
    now = a.view("limit(uint256)", which)
    new = part(now, x % 7)
    if which in (5, 12):
        new = now + part(DAY, x % 7)
    a.do("owner", "setLimit(uint256,uint256)", which, new)


RISKY: tuple[Callable[[Arena, int, Market], tuple[str, bytes]], ...] = (
    lambda a, n, m: ("setLimit(uint256,uint256)", words((n % 19, FOREVER >> 200))),
    lambda a, n, m: ("setLimit(uint256,uint256)", words((n % 19, BPS))),
    lambda a, n, m: ("setFees(uint256,uint256,uint256)", words((500, 5_000, 0))),
    lambda a, n, m: ("setKeeper(uint256,address)", words((n % 4, a.who["owner"]))),
    lambda a, n, m: ("setReporter(address)", words((a.who["owner"],))),
    lambda a, n, m: ("setGuardian(address)", words((a.who["owner"],))),
    lambda a, n, m: ("forgiveLosses(uint256,uint256)", words((n % 4, 60 * K))),
    lambda a, n, m: ("resetBreaker()", b""),
    lambda a, n, m: ("setAllowList(address,bool)", words((a.vault, 1))),
    lambda a, n, m: ("closeMarket(bytes32)", words((m.id,))),
    lambda a, n, m: (
        "setClassCaps(uint256,(uint256,uint256,uint256,uint256))",
        words((SMALL, 2**90, BPS, 2**90, BPS)),
    ),
    lambda a, n, m: (
        "decreaseDelay(bytes4,uint256)",
        selector("setLimit(uint256,uint256)") + bytes(28) + words((0,)),
    ),
    lambda a, n, m: (
        "addClass((address,address,address,uint256,uint256,uint256,uint256,uint256,uint256))",
        words(
            (
                *(a.implementations[2], a.who["oracle"], a.who["owner"]),
                *(2, 2**90, BPS, 2**90, BPS, 1_000 * DAY),
            )
        ),
    ),
)


def announce(a: Arena, i: int, x: int, code: int) -> None:
    """Submit a call, or try one that was submitted, or that was not."""
    signature, arguments = RISKY[code % len(RISKY)](a, code // 16, _market(a, i))
    call = selector(signature) + arguments
    padded = call + bytes(-len(call) % 32)
    if x % 3 == 0:
        a.do("owner", "submit(bytes)", 32, len(call), padded)
        return
    at_once = signature == "closeMarket(bytes32)"  # what anybody may close
    if signature.startswith("setLimit"):
        which, new = (int.from_bytes(arguments[n : n + 32], "big") for n in (0, 32))
        now = a.view("limit(uint256)", which)
        at_once = new >= now if which in (5, 12) else new <= now
    if x % 3 == 1:
        a.do("owner", "accept(bytes)", 32, len(call), padded)
    else:
        a.do("owner", signature, arguments)
    if not at_once:
        raise Broken(f"{signature} before its time")


def owner_costs(a: Arena, i: int, x: int, code: int) -> None:
    """Whatever costs holders nothing, it is said: recipients, terms, allow-list, lower rates."""
    kind = code % 4
    if kind == 0:
        recipients = (32, 1, a.who["owner"], BPS)
        a.do("owner", "setFeeRecipients((address,uint256)[])", *recipients)
    elif kind == 1:
        a.do("owner", "setDepositTerms(uint256,uint256)", part(2_000 * K, x), part(1_000 * K, x))
    elif kind == 2:
        a.do("owner", "setAllowList(address,bool)", a.vault if x % 2 else 0, 0)
    else:
        a.do("owner", "setFees(uint256,uint256,uint256)", x, x, x)


def owner_ends(a: Arena, i: int, x: int, code: int) -> None:
    a.do("owner", "windDown()")


Move = Callable[[Arena, int, int, int], None]


def _table(*moves: Move) -> dict[str, Move]:
    return {move.__name__: move for move in moves}


# Those listed twice are tried twice as often.
ANYBODY = (report, report, wait, comer, leaver, resolve, harvest, close, sweep, settle)
ANYBODY += (cash_tokens, anyone_ends, anyone_recalls, withdraw)
FRIEND = (deposit, deposit, redeem, redeem, undo_deposit, undo_redeem, claim, claim_part, in_kind)
FRIEND += (queued_in_kind, give_shares, give_cash, give_vault, give_tokens, give_worthless)
KEEPER = (allocate, allocate, allocate, recall, open_next, open_again, keeper_closes, keeper_closes)
KEEPER += (split, merge, halt)
WALLET = (set_wallet, forward, take_back, take_back_tokens, release_wallet)
WALLET += (wallet_out, wallet_in, wallet_tokens)
OWNED = (fund_wallet, fund_wallet, bring_home, pause_wallet)
OF_OWNED = frozenset(each.__name__ for each in (*OWNED, withdraw, change_delay, guardian_opens))
VENUE = (change_delay, drain, drain_all, drain_all, junk, refill, invest)
REPORTER = (lie, lie, lie)
GUARDIAN = (pause, unpause, guardian_closes, guardian_halts, guardian_recalls, drop_keeper)
GUARDIAN += (drop_reporter, retire, guardian_ends, guardian_opens)
OWNER = (owner_pause, safer_limit, safer_limit, announce, announce, owner_costs, owner_ends)
MEMBERS: dict[str, tuple[Move, ...]] = {
    "friend": FRIEND,
    "strangers": FRIEND,
    "venue": VENUE,
    "keepers": KEEPER + VENUE + WALLET + OWNED,
    "one keeper": KEEPER + VENUE + OWNED,
    "manager": (),
    "day": (),
    "reporter": REPORTER,
    "guardian": GUARDIAN,
    "owner": OWNER,
}
MOVES = _table(*ANYBODY, *(move for moves in MEMBERS.values() for move in moves))
# None of these lowers what a share of the others is worth as booked.
GENTLE = frozenset(
    move.__name__
    for move in (
        *(deposit, redeem, undo_deposit, undo_redeem, claim, claim_part, in_kind, queued_in_kind),
        *(give_cash, give_vault, give_tokens, give_worthless, harvest, sweep, cash_tokens, comer),
        *(
            leaver,
            resolve,
            recall,
            anyone_recalls,
            guardian_recalls,
            refill,
            merge,
            split,
            allocate,
        ),
    )
)


# What seldom helps but together: a change may put in one of these whole.
PHRASES = (
    ("deposit", "report", "report"),
    ("deposit", "lie", "lie"),
    ("redeem", "report", "report"),
    ("redeem", "lie", "lie"),
    ("comer", "lie", "lie"),
    ("leaver", "lie", "lie"),
    ("open_next", "allocate", "drain_all"),
    ("wait", "report", "allocate", "drain_all"),
    ("resolve", "close"),
    ("resolve", "harvest"),
    ("drain_all", "keeper_closes", "open_again", "allocate"),
    ("open_next", "allocate", "set_wallet", "forward"),
    ("open_next", "allocate", "fund_wallet", "drain_all"),
    ("halt", "wait", "withdraw"),
    ("pause_wallet", "wait", "withdraw"),
    ("in_kind", "allocate", "fund_wallet", "drain_all"),
    ("set_wallet", "wallet_tokens", "take_back_tokens"),
    ("forward", "take_back"),
    ("wallet_in", "wallet_out"),
    ("open_next", "set_wallet", "keeper_closes", "release_wallet"),
    ("wait", "settle"),
    ("wait", "anyone_ends"),
    ("resolve", "close", "wait", "settle"),
    ("lie", "guardian_closes"),
    ("allocate", "guardian_recalls"),
    ("guardian_ends", "anyone_recalls"),
    ("pause", "unpause"),
)


def random_phrase(rng: random.Random, names: list[str]) -> list[Gene]:
    """Return one step, or a few that belong together: of one market, and a lie told twice, as a
    rule."""
    phrases = [phrase for phrase in PHRASES if set(phrase) <= set(names)]
    if rng.random() < 0.75 or not phrases:
        return [random_gene(rng, names)]
    phrase = rng.choice(phrases)
    which, code = rng.randrange(WHICH), rng.randrange(LIES)
    return [(name, which, random_gene(rng, names)[2], code) for name in phrase]


def random_gene(rng: random.Random, names: list[str]) -> Gene:
    """Return any step."""
    return (
        rng.choice(names),
        rng.randrange(WHICH),
        rng.choice((0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7)),
        rng.randrange(LIES),
    )
