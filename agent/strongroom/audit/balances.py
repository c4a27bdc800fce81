"""What holders' transfers add up to, beside the balances that the tokens' contracts give, and what
accounts say themselves, at the blocks of reports. Of many reports all is asked at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter

from strongroom.audit.checkpoint import Progress
from strongroom.audit.columns import Remembered
from strongroom.audit.contracts import Views
from strongroom.audit.events import MarketClosed, MarketOpened
from strongroom.audit.movements import MovementReader, Movements, balance_call
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference
from strongroom.audit.transactions import ByKind
from strongroom.audit.wallets import WalletsOverTime

ASSET = ""
_BALANCE_OF = "balanceOf"
MANY = 5_000  # sums, beyond which they are asked for while more are added up


@dataclass(frozen=True)
class _Span:
    """The first and the last block of an open market, where these blocks say it."""

    opened: int = 0
    closed: int = 2**64


@dataclass
class Sums:
    """Sums at some blocks.

    Attributes:
        always: accounts of markets that are open in all these blocks, or of none that is known
        spans: accounts whose markets are opened or closed in these blocks
        opened: accounts that there were, or are
        held: block, holder and token -> sum
        said: block and account -> token -> sum with its wallets
    """

    reader: MovementReader
    always: frozenset[str]
    spans: Mapping[str, _Span]
    opened: frozenset[str]
    held: dict[tuple[int, str, str], int] = field(default_factory=dict)
    said: dict[tuple[int, str], Mapping[str, int]] = field(default_factory=dict)

    @property
    def are_many(self) -> bool:
        """Whether so many wait that they must not become more."""
        return len(self.held) > MANY

    def forget(self) -> None:
        """Keep no sums any more."""
        self.held, self.said = {}, {}

    def add_up(
        self, progress: Progress, wallets: WalletsOverTime, block: int, is_last: bool
    ) -> None:
        """Keep the sums of a block: of each wallet, and of each account of an open market. What a
        closed account holds is looked at after a change, and at the audit's last block: else dust
        that anybody sends to all of them would cost questions at each report."""
        spans = self.spans.items()
        open_now = {each for each, span in spans if span.opened <= block <= span.closed}
        some = progress.held.keys() if is_last else progress.changed & progress.held.keys()
        progress.changed.clear()
        strangers = wallets.named.keys() - self.opened
        for holder in sorted({*self.always, *open_now, *some, *strangers}):
            held = progress.held.get(holder, {})
            account = wallets.account_of(holder) or holder
            tokens = [ASSET, *self.reader.tokens_of(account, block)]
            for token in dict.fromkeys([*tokens, *held]):
                self.held[block, holder, token] = held.get(token, 0)
            if holder in self.opened:
                both = [progress.held.get(each, {}) for each in wallets.holders_of(holder)]
                self.said[block, holder] = {
                    token: sum(each.get(token, 0) for each in both) for token in tokens
                }


class Balances:
    """Holds sums against what contracts say."""

    def __init__(self, node: Node, views: Views, vault: str, reader: MovementReader) -> None:
        """Take whom to ask, of which vault, and what is known of accounts' tokens."""
        self._node, self._views, self._vault, self._reader = node, views, vault, reader

    def over(self, progress: Progress, movements: Movements, kinds: ByKind) -> Sums:
        """Return no sums yet, of blocks with these events; of none of them the ledger knows."""
        ledger, spans = progress.ledger, _spans(kinds)
        opened = frozenset({*ledger.accounts, *movements.owners})
        open_now = {each.account for each in ledger.markets.values()}
        always = {
            each
            for each in opened - spans.keys()
            if each not in ledger.accounts or each in open_now
        }
        return Sums(self._reader, frozenset(always), spans, opened)

    def denied(self, sums: Sums, must_answer: bool = False) -> list[Difference]:
        """Return where balances deny sums, by block; forget these.

        Args:
            must_answer: no report names accounts that do not answer

        Raises:
            NodeAway: the node does not answer, or refuses.
        """
        found = [*self._denied(sums), *self._said_otherwise(sums, must_answer)]
        sums.forget()
        return sorted(found, key=lambda each: each.block)

    def of(self, token: str, holder: str, block: int) -> int:
        """Return a balance; raises as `denied` does."""
        answer = self._node.ask(
            "eth_call", balance_call(self._reader.asset, token, holder), hex(block)
        )
        return int(self._views.decoded(_BALANCE_OF, answer))

    def _denied(self, sums: Sums) -> Iterator[Difference]:
        calls = Remembered(lambda named: balance_call(self._reader.asset, *named))
        answers = self._node.ask_all(
            [("eth_call", [calls[token, holder], hex(block)]) for block, holder, token in sums.held]
        )
        numbers = self._views.decoded_all(_BALANCE_OF, answers)
        for (key, summed), there in zip(sums.held.items(), numbers, strict=True):
            if there != summed:
                what = f"balance of {key[1]}: {token_words(key[2])}"
                yield Difference(key[0], "", what, str(summed), str(there))

    def _said_otherwise(self, sums: Sums, must_answer: bool) -> Iterator[Difference]:
        """Yield where an account says that it and its wallet hold something else: reports count
        what it says, and name one that does not answer."""
        asked = [(account, "positions", (), block) for block, account in sums.said]
        answers = self._views.call_each(asked)
        for ((block, account), held), answer in zip(sums.said.items(), answers, strict=True):
            if answer is None:
                self._views.call(self._vault, "totalSupply", (), block)  # else it is the node
                if must_answer:
                    what = f"account {account}: what it holds, by its own word"
                    yield Difference(block, "", what, "an answer", "none")
                continue
            collateral, positions = answer
            tokens = [each for each in held if each]
            said = {ASSET: collateral}
            pairs = zip(*[iter(tokens)] * 2, strict=True)
            for (yes, no), position in zip(pairs, positions, strict=False):
                said[yes], said[no] = position[:2]
            for token, amount in said.items():
                if held[token] != amount:
                    what = f"account {account}: {token_words(token)} by its own word"
                    yield Difference(block, "", what, str(held[token]), str(amount))


def token_words(token: str) -> str:
    """Return what a token is called in a difference."""
    return f"token {token.partition(' ')[2]}" if token else "asset"


def _spans(kinds: ByKind) -> dict[str, _Span]:
    """Return the spans of the accounts whose markets are opened or closed by some events."""
    found: dict[str, _Span] = {}
    events: list[MarketOpened | MarketClosed] = [
        *kinds.of(MarketOpened),
        *kinds.of(MarketClosed),
    ]
    for each in sorted(events, key=attrgetter("block", "index")):
        if isinstance(each, MarketOpened):
            found[each.account] = _Span(each.block)
        else:
            found[each.account] = replace(found.get(each.account, _Span()), closed=each.block)
    return found
