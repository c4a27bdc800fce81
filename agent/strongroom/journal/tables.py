"""The journal's tables as this version has them; see migrations.py before you change one."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

from strongroom.chain.outside import kept_text
from strongroom.errors import BadInput, Differs

META = MetaData()


class KeptText(TypeDecorator[str]):
    """Text of which a venue's or a node's words may be a part: what no database takes is replaced,
    so that no answer stops what is kept of it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return text as it is written."""
        return None if value is None else kept_text(value)


Text = KeptText()
# 64 bits: amounts in micro-units are more than PostgreSQL's INTEGER takes.
Whole = BigInteger().with_variant(Integer(), "sqlite")
facts = Table(  # single values: the salt of decisions, the day's opening NAV
    "facts",
    META,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
decisions = Table(
    "decisions",
    META,
    Column("id", Text, primary_key=True),  # keccak of the record: an order's metadata
    Column("record", Text, nullable=False),  # canonical JSON
)
tasks = Table(  # decisions that are carried out
    "tasks",
    META,
    Column("number", Whole, primary_key=True, autoincrement=True),
    Column("decision", Text, nullable=False, unique=True),
    Column("time", Whole, nullable=False),  # of the decision, timestamp
    Column("state", Text, nullable=False),  # OPEN or CLOSED
    Column("reason", Text, nullable=False),
    Column("revealed", Whole, nullable=False),  # what reports have said of it
    Index("tasks_state", "state"),
)
approvals = Table(  # decisions that wait for a person's yes, or did
    "approvals",
    META,
    Column("decision", Text, primary_key=True),
    Column("time", Whole, nullable=False),  # asked, timestamp
    Column("expires", Whole, nullable=False),  # timestamp
    Column("state", Text, nullable=False),
    Column("answered", Whole),  # timestamp, by the clock of who answered; NULL: nobody did
    Column("reason", Text, nullable=False),
    Column("fills", Text),  # JSON: what it would have been filled with; NULL: nobody can say
    Column("profit", Whole),  # of those fills, micro-units; NULL: not known yet
    Index("approvals_state", "state"),
)
intents = Table(  # orders: see rows.OrderIntent
    "intents",
    META,
    Column("key", Text, primary_key=True),  # decision, leg, attempt
    Column("decision", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("condition", Text, nullable=False),
    Column("token", Text, nullable=False),  # decimal: it has 256 bits
    Column("side", Text, nullable=False),
    Column("price", Whole, nullable=False),  # 10**-6
    Column("size", Whole, nullable=False),  # micro-tokens
    Column("time", Whole, nullable=False),  # of the decision, timestamp
    Column("kind", Text, nullable=False),
    Column("exchange", Text, nullable=False),  # address
    Column("maker", Text, nullable=False),  # a wallet; empty: the account
    Column("state", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("answer", Text, nullable=False),  # of the venue to the order; empty: none yet
    Column("order_hash", Text, nullable=False),  # from SIGNED on, as the next three
    Column("signature", LargeBinary, nullable=False),  # the envelope
    Column("expiry", Whole, nullable=False),  # of the envelope, timestamp
    Column("block", Whole, nullable=False),  # no fill can be older
    Column("filled", Whole, nullable=False),  # micro-tokens, by the chain's evidence
    Column("reason", Text, nullable=False),
    Column("signer", Text, nullable=False),  # a Safe's key; empty: the maker itself
    Index("intents_state", "state"),
    Index("intents_decision", "decision"),
)
steps = Table(  # of intents and transactions
    "steps",
    META,
    Column("number", Whole, primary_key=True, autoincrement=True),
    Column("intent", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("steps_intent", "intent", "state"),
)
fills = Table(
    "fills",
    META,
    Column("transaction", Text, primary_key=True),
    Column("log_index", Whole, primary_key=True),
    Column("intent", Text, nullable=False),
    Column("making", Whole, nullable=False),
    Column("taking", Whole, nullable=False),
    Column("fee", Whole, nullable=False),
    Index("fills_intent", "intent"),
)
trades = Table(  # matches as the venue tells them; provisional until CONFIRMED or FAILED
    "trades",
    META,
    Column("id", Text, primary_key=True),
    Column("intent", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Index("trades_intent", "intent"),
)
forecasts = Table(  # the first of each source on each market, and what came of it
    "forecasts",
    META,
    Column("source", Text, primary_key=True),
    Column("market", Text, primary_key=True),  # condition id, 0x...
    Column("event", Text, nullable=False),
    Column("chance", Float, nullable=False),
    Column("mid", Float, nullable=False),  # the market's, at the freeze
    Column("frozen_at", Whole, nullable=False),
    Column("evidence_at", Whole),  # NULL: the source does not say
    Column("detail", Text, nullable=False),  # JSON
    Column("outcome", Float),  # 1 YES, 0 NO, 0.5 void; once known
    Column("known_at", Whole),  # when that was learnt, timestamp; NULL: an older journal's
)
transactions = Table(  # of our Safes: see rows.SafeTransaction
    "transactions",
    META,
    Column("key", Text, primary_key=True),
    Column("number", Whole, nullable=False),  # in the order they were planned
    Column("purpose", Text, nullable=False),
    Column("calls", Text, nullable=False),  # JSON: [[to, data], ...]
    Column("time", Whole, nullable=False),  # planned, timestamp
    Column("state", Text, nullable=False),
    Column("nonce", Whole, nullable=False),  # of the Safe; -1: not signed
    Column("safe_hash", Text, nullable=False),  # what the owners signed, 0x...
    Column("signatures", LargeBinary, nullable=False),
    Column("block", Whole, nullable=False),  # it cannot have been executed before
    Column("hashes", Text, nullable=False),  # JSON: of the transactions that carried it
    Column("executor_nonce", Whole),
    Column("max_fee", Whole),  # wei a gas, of the last one sent
    Column("mined", Whole, nullable=False),  # block
    Column("reason", Text, nullable=False),
    Column("safe", Text, nullable=False),  # whose it is, address
    Column("until", Whole),  # the last moment at which it is sent, timestamp; NULL: any
    Column("sent", Whole, nullable=False),  # last, timestamp; 0: never
    Index("transactions_state", "state"),
)


class NotRecorded(BadInput):
    """The journal has nothing under this name; the message says which name."""


class JournalMismatch(Differs):
    """The file is another version's, or a key stands for something else already."""
