"""What the co-signer has signed: its own counters, so that no keeper can set them back."""

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
)

from agent.cosigner.policy import DAY, Signed
from agent.journal.tables import be_durable

_META = MetaData()
_signed = Table(
    "signed",
    _META,
    Column("digest", LargeBinary, primary_key=True),
    Column("time", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("assets", Integer, nullable=False),
)


class Store:
    """One SQLite file."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", be_durable)
        _META.create_all(self._engine)

    def knows(self, digest: bytes) -> bool:
        """Whether it was signed before; signing the same again counts nothing."""
        with self._engine.connect() as connection:
            return connection.execute(_of(digest)).first() is not None

    def recent(self, now: int) -> list[Signed]:
        """Return what was signed within a day."""
        chosen = select(_signed).where(_signed.c.time > now - DAY)
        with self._engine.connect() as connection:
            return [Signed(row.time, row.kind, row.assets) for row in connection.execute(chosen)]

    def add(self, digest: bytes, signed: Signed) -> None:
        """Count it; before the signature leaves."""
        with self._engine.begin() as connection:
            if connection.execute(_of(digest)).first() is None:
                connection.execute(insert(_signed).values(digest=digest, **vars(signed)))


def _of(digest: bytes):  # type: ignore[no-untyped-def]
    return select(_signed.c.digest).where(_signed.c.digest == digest)
