"""One transaction's transfers of an account beside what explains them, and what is left open."""

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from strongroom.audit.balances import token_words
from strongroom.audit.conversions import EventTerms
from strongroom.audit.events import CameHome, OrderFilled, PaidInKind, RedeemedInKind
from strongroom.audit.explained import LISTS, SUMS, Explained
from strongroom.audit.logs import RawLog
from strongroom.audit.movements import Moved, Movements, place_of
from strongroom.audit.permissions import Difference
from strongroom.audit.transactions import ByKind
from strongroom.audit.worth import lost


class Moment(Struct):
    """What belongs to one transaction.

    Attributes:
        place: of the first of it
        told: what accounts logged
    """

    transaction: str
    place: tuple[int, int]
    moves: list[Moved] = field(default_factory=list)
    told: list[RawLog] = field(default_factory=list)
    fills: list[OrderFilled] = field(default_factory=list)
    exits: list[RedeemedInKind] = field(default_factory=list)
    paid: list[PaidInKind] = field(default_factory=list)
    home: list[CameHome] = field(default_factory=list)

    @property
    def block(self) -> int:
        """The transaction's block."""
        return self.place[0]


def moments(movements: Movements, kinds: ByKind) -> list[Moment]:
    """Return the transactions in which something of accounts moved or is said to have, in order."""
    found: dict[str, Moment] = {}

    def at(transaction: str, place: tuple[int, int]) -> Moment:
        known = found.get(transaction)
        if known is None:
            known = found[transaction] = Moment(transaction, place)
        known.place = min(known.place, place)
        return known

    for move in movements.moved:
        at(move.transaction, move.place).moves.append(move)
    for log in movements.told:
        at(log["transactionHash"], place_of(log)).told.append(log)
    for fill in movements.fills:
        at(fill.transaction, (fill.block, fill.index)).fills.append(fill)
    for left in kinds.of(RedeemedInKind):
        at(left.transaction, (left.block, left.index)).exits.append(left)
    for paid in kinds.of(PaidInKind):
        at(paid.transaction, (paid.block, paid.index)).paid.append(paid)
    for home in kinds.of(CameHome):
        at(home.transaction, (home.block, home.index)).home.append(home)
    return sorted(found.values(), key=lambda each: each.place)


class AccountFlow(Struct):
    """Transfers of one account in one transaction; token -> amount.

    Attributes:
        came, went: without exits in kind, and without what stayed
        stayed: went from the account to itself, or between it and its wallets
        made, taken: of it, from and to whoever makes and takes tokens
        paid_out: of it, from exchanges, which take in more than they keep
        paid_in: each amount that went to one
        by_hand: each receiver and amount of all else that went, and of what stayed
        times: how often it went
    """

    came: dict[str, int] = field(default_factory=SUMS)
    went: dict[str, int] = field(default_factory=SUMS)
    stayed: dict[str, int] = field(default_factory=SUMS)
    paid_out: dict[str, int] = field(default_factory=SUMS)
    paid_in: dict[str, list[int]] = field(default_factory=LISTS)
    by_hand: dict[str, list[tuple[str, int]]] = field(default_factory=LISTS)
    made: dict[str, int] = field(default_factory=SUMS)
    taken: dict[str, int] = field(default_factory=SUMS)
    times: dict[str, int] = field(default_factory=SUMS)


class Doubt(Struct, frozen=True):
    """An account's transfers in one transaction beside what explains them.

    Attributes:
        tokens: of its market
        takers_known: whether it is known who takes tokens that are redeemed
    """

    account: str
    block: int
    transaction: str
    tokens: Sequence[str]
    flow: AccountFlow
    explained: Explained
    takers_known: bool

    @property
    def all_tokens(self) -> set[str]:
        """Of which something moved, or is said to have."""
        flow, told = self.flow, self.explained
        return {*flow.came, *flow.went, *told.comes, *told.goes}

    @property
    def is_settled(self) -> bool:
        """Whether nothing went that is not explained, and all came that must have."""
        return not any(
            self.went_beyond(each) or self.is_short_of(each)
            for each in self.all_tokens
            if not self._is_plain(each)
        )

    def _is_plain(self, token: str) -> bool:
        """Whether of a token at most what may have gone went, even with all that stayed, and all
        came that must have: then nothing went beyond, and nothing is short."""
        flow, told = self.flow, self.explained
        went = flow.went.get(token, 0) + flow.stayed.get(token, 0)
        came = flow.came.get(token, 0)
        return went <= told.goes.get(token, 0) and came >= told.comes.get(token, 0)

    def went_beyond(self, token: str) -> int:
        """Return what of a token went beyond what may have gone, without what an exchange took in
        beyond its fills and gave back."""
        flow = self.flow
        beyond = (
            flow.went.get(token, 0) + self.met_itself(token) - self.explained.goes.get(token, 0)
        )
        taken_in = self.taken_in(token) - self.explained.through.get(token, 0)
        back = min(flow.paid_out.get(token, 0), self.came_beyond(token))
        return max(0, beyond) - max(0, min(beyond, taken_in, back))

    def taken_in(self, token: str) -> int:
        """Return what exchanges took in of takers' orders: all that went there but what went there
        for makers' orders, each with exactly its amount; others of these went from hand to hand."""
        paid_in = Counter(self.flow.paid_in.get(token, ()))
        if not paid_in:
            return 0
        as_maker = Counter(self.explained.as_maker.get(token, ()))
        by_hand = Counter(self.flow.by_hand.get(token, ()))
        for taker, gives, fee in self.explained.handed.get(token, ()):
            if by_hand[taker, gives + fee]:
                by_hand[taker, gives + fee] -= 1
            elif by_hand[taker, gives]:
                by_hand[taker, gives] -= 1
                as_maker[fee] += 1
            else:
                as_maker[gives + fee] += 1
        return sum((paid_in - as_maker).elements())

    def came_beyond(self, token: str) -> int:
        """Return what of a token came beyond what must have come; below zero: so much did not."""
        came = self.flow.came.get(token, 0) + self.met_itself(token)
        return came - self.explained.comes.get(token, 0)

    def met_itself(self, token: str) -> int:
        """Return what stayed, as far as fills say that it came, and it came from nobody: a bid was
        filled by an ask of the same account, so that it came and went."""
        flow = self.flow
        came = flow.came.get(token, 0) - flow.made.get(token, 0)
        short = self.explained.got.get(token, 0) - came
        return max(0, min(flow.stayed.get(token, 0), short))

    def is_short_of(self, token: str) -> int:
        """Return what of a token must have come and did not."""
        return max(0, -self.came_beyond(token))

    def given(self, token: str) -> int:
        """Return what went to whoever makes and takes tokens, beyond what may have gone."""
        beyond = self.went_beyond(token)
        if token in self.explained.redeemed and not self.takers_known:
            return beyond
        return min(beyond, self.flow.taken.get(token, 0))

    def got(self, token: str) -> int:
        """Return what came from there, beyond what must have come."""
        return min(max(0, self.came_beyond(token)), self.flow.made.get(token, 0))


def unexplained(
    doubt: Doubt, payouts: Sequence[tuple[int, int, int]], terms: EventTerms | None
) -> Iterator[Difference]:
    """Yield what of an account's transfers nothing explains, by token.

    Args:
        payouts: of YES, of NO and of both of each condition; of none where they are not known
        terms: of its event; None: not known, or there is none
    """
    if terms is not None:
        doubt.explained.cost_fee(doubt.tokens, terms.fee_bps)
    count, tokens = len(doubt.tokens) // 2, sorted(doubt.all_tokens)
    known = payouts if len(payouts) == count else [(0, 0, 0)] * count
    gave = {each: doubt.given(each) for each in tokens}
    got = {each: doubt.got(each) for each in tokens}
    is_whole = terms is not None and terms.questions == count
    is_lost = lost(gave, got, doubt.tokens, known, doubt.flow.times, is_whole) > 0
    for token in tokens:
        amount = doubt.went_beyond(token) - gave[token] + doubt.is_short_of(token)
        amount += gave[token] if is_lost else 0
        if amount:
            net = doubt.explained.net(token)
            what = f"account {doubt.account}: {token_words(token)} that nothing explains"
            yield Difference(doubt.block, doubt.transaction, what, str(net), str(net - amount))
