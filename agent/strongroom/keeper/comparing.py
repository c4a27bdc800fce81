"""A journal beside its chain: what either has and the other lacks, by name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from strongroom.chain.calls import Ask, DecodedLog
from strongroom.chain.failures import CallReverted
from strongroom.chain.outside import whole
from strongroom.chain.rpc import Chain
from strongroom.execution.account_kinds import AccountKind, served_classes
from strongroom.journal import Journal
from strongroom.journal.states import TransactionState
from strongroom.keeper.configuration import Config
from strongroom.keeper.status import open_journal
from strongroom.keeper.wiring import connect
from strongroom.settings import ConfigError

EXECUTED = (TransactionState.MINED, TransactionState.DONE)
OWNERS = {  # kind of account -> its view of who trades for it
    AccountKind.WALLET: "wallet",
    AccountKind.SAFE: "safe",
    AccountKind.DELEGATED: "wallet",
}
NAMED = ("accountOf", "marketOf")
AT_ONCE = 100  # makers in one question


@dataclass(frozen=True)
class ChainFill:
    """A fill that the chain has and the journal lacks; `tokens` in micro-units. `decision` is what
    the order commits to."""

    block: int
    transaction: str
    order: str
    decision: str
    maker: str
    tokens: int


@dataclass(frozen=True)
class ChainExecution:
    """A transaction of a Safe that the chain has and the journal lacks."""

    block: int
    transaction: str
    safe: str


@dataclass(frozen=True)
class Compared:
    """Journal and chain since a block.

    Attributes:
        fills, executions: how many both have
        lacks_fills, lacks_executions: what the journal does not have
        not_on_chain: what only the journal has, in words
    """

    since: int
    until: int
    fills: int
    executions: int
    lacks_fills: tuple[ChainFill, ...] = ()
    lacks_executions: tuple[ChainExecution, ...] = ()
    not_on_chain: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether neither has what the other lacks."""
        return not (self.lacks_fills or self.lacks_executions or self.not_on_chain)


def compare(config: Config, since: int | None = None) -> Compared:
    """Return how a keeper's journal stands beside the chain.

    Args:
        since: the first block; None: the first that the journal knows

    Raises:
        ConfigError: journal or chain are not there, or the journal is empty and no block was given.
        ChainAway: the chain does not answer.
    """
    journal, chain = open_journal(config), connect(config)
    first = _first_block(journal) if since is None else since
    until = chain.head().number
    safes = [config.safe.address] + ([config.reporter.safe] if config.reporter else [])
    executed = _executed(chain, safes, first, until)
    mine = {each.safe_hash: each for each in journal.transactions.all() if each.state in EXECUTED}
    exchanges = [each.address for each in config.venue.exchanges]
    seen = _filled(chain, exchanges, _makers(config, chain, journal, first, until), first, until)
    known = {
        (fill.transaction, fill.log_index): intent
        for intent in journal.all()
        if intent.exchange.lower() in {each.lower() for each in exchanges}
        for fill in journal.fills_of(intent.key)
    }
    lacks = [log for name, log in seen.items() if name not in known]
    gone = [
        f"transaction {each.purpose!r} of Safe {each.safe}, block {each.mined}"
        for name, each in mine.items()
        if name not in executed and each.mined >= first
    ]
    gone += [
        f"fill {transaction} of order {intent.order_hash}"
        for (transaction, index), intent in known.items()
        if (transaction, index) not in seen and intent.block >= first
    ]
    others = [each for name, each in executed.items() if name not in mine]
    return Compared(
        since=first,
        until=until,
        fills=len(seen) - len(lacks),
        executions=len(executed) - len(others),
        lacks_fills=tuple(_lacking(log) for log in lacks),
        lacks_executions=tuple(others),
        not_on_chain=tuple(gone),
    )


def _first_block(journal: Journal) -> int:
    blocks = [each.block for each in journal.transactions.all() if each.block]
    blocks += [each.block for each in journal.all() if each.block]
    if not blocks:
        raise ConfigError("[journal] it has sent nothing: name a block with --since")
    return min(blocks)


def _executed(
    chain: Chain, safes: Iterable[str], first: int, last: int
) -> dict[str, ChainExecution]:
    """Return what Safes have executed, by the hash that their owners signed."""
    return {
        log.args["txHash"]: ChainExecution(log.block, log.transaction, safe)
        for safe in safes
        for event in ("ExecutionSuccess", "ExecutionFailure")
        for log in chain.logs(safe, "Safe", event, first, last)
    }


def _filled(
    chain: Chain, exchanges: Iterable[str], makers: Sequence[str], first: int, last: int
) -> dict[tuple[str, int], DecodedLog]:
    """Return the fills of makers' orders, by transaction and place in it."""
    parts = [tuple(makers[start : start + AT_ONCE]) for start in range(0, len(makers), AT_ONCE)]
    return {
        (log.transaction, log.index): log
        for exchange in exchanges
        for part in parts
        for log in chain.logs(exchange, "Exchange", "OrderFilled", first, last, {"maker": part})
    }


def _makers(config: Config, chain: Chain, journal: Journal, first: int, last: int) -> list[str]:
    """Return who makes the keeper's orders: whoever the journal names, its wallets, the accounts
    of its classes that are open or were opened since, and what they own."""
    found = {each.address for each in config.venue.wallets}
    found |= {each.maker or each.account for each in journal.all()}
    kinds = served_classes(chain, config.vault, config.classes).kinds
    open_ = chain.ask_one(config.vault, "Vault", "openMarkets")
    asked = [Ask(config.vault, "Vault", name, (each,)) for each in open_ for name in NAMED]
    answers = chain.ask(asked)
    accounts = {
        str(account): int(market[1])
        for account, market in zip(answers[::2], answers[1::2], strict=True)
    }
    for log in chain.logs(config.vault, "Vault", "MarketOpened", first, last):
        accounts[str(log.args["account"])] = whole(log.args["class_id"])
    for account, number in accounts.items():
        if number in config.classes:
            found.add(account)
            if (kind := kinds.get(number)) in OWNERS:
                found |= _owned_by(chain, account, kind)
    return sorted({each.lower() for each in found})


def _owned_by(chain: Chain, account: str, kind: AccountKind) -> set[str]:
    """Return the wallet or Safe that an account has, if it has one."""
    try:
        owned = str(chain.ask_one(account, kind, OWNERS[kind]))
    except CallReverted:
        return set()
    return {owned} if int(owned, 16) else set()


def _lacking(log: DecodedLog) -> ChainFill:
    args = log.args
    side = "takerAmountFilled" if whole(args["side"]) == 0 else "makerAmountFilled"
    return ChainFill(
        log.block, log.transaction, args["orderHash"], args["metadata"], args["maker"],
        whole(args[side]),
    )  # fmt: skip
