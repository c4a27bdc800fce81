"""What the co-signer has signed: its own counters, so that no keeper can set them back."""

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
)

from strongroom.chain.units import DAY
from strongroom.cosigner.policy import Before
from strongroom.database import keep_private_and_durable, open_engine

_META = MetaData()
_signed = Table(
    "signed",
    _META,
    Column("digest", LargeBinary, primary_key=True),
    Column("time", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("assets", Integer, nullable=False),
    Index("signed_kind_time", "kind", "time"),
)
_mandates = Table(
    "mandates",
    _META,
    Column("vault", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("hash", String, nullable=False),
)
MINUTE = 60
# made once: making a statement takes longer than SQLite does with it
_KNOWN = select(_signed.c.digest).where(_signed.c.digest == bindparam("its_digest"))
_OF_KIND = (_signed.c.kind == bindparam("its_kind")) & (_signed.c.time > bindparam("since"))
_LATELY = case((_signed.c.time > bindparam("lately"), 1), else_=0)
_BEFORE = select(
    func.coalesce(func.sum(_LATELY), 0), func.coalesce(func.sum(_signed.c.assets), 0)
).where(_OF_KIND)
_NEW = insert(_signed)


class Store:
    """One SQLite file."""

    def __init__(self, url: str) -> None:
        """Open it.

        Raises:
            ConfigError: it is no database, or its folder is not there.
        """
        self._engine = open_engine(url, "store")
        if self._engine.dialect.name == "sqlite":
            keep_private_and_durable(self._engine)
        _META.create_all(self._engine)

    def knows(self, digest: bytes) -> bool:
        """Whether it was signed before; signing the same again counts nothing."""
        with self._engine.connect() as connection:
            return connection.execute(_KNOWN, {"its_digest": digest}).first() is not None

    def before(self, kind: str, now: int) -> Before:
        """Return what was signed of a kind within a minute and a day."""
        with self._engine.connect() as connection:
            asked = {"its_kind": kind, "since": now - DAY, "lately": now - MINUTE}
            in_minute, in_day = connection.execute(_BEFORE, asked).one()
            return Before(int(in_minute), int(in_day))

    def add(self, digest: bytes, kind: str, now: int, assets: int) -> None:
        """Count it; before the signature leaves."""
        with self._engine.begin() as connection:
            if connection.execute(_KNOWN, {"its_digest": digest}).first() is None:
                row = {"digest": digest, "time": now, "kind": kind, "assets": assets}
                connection.execute(_NEW, row)

    def last_mandate(self, vault: str) -> tuple[int, str] | None:
        """Return version and hash of the last mandate that was taken up; None: none was."""
        asked = select(_mandates.c.version, _mandates.c.hash).where(_mandates.c.vault == vault)
        with self._engine.connect() as connection:
            found = connection.execute(asked).one_or_none()
            return None if found is None else (int(found[0]), str(found[1]))

    def take_up_mandate(self, vault: str, version: int, name: str) -> None:
        """Remember a mandate, so that no older one is taken up after a restart."""
        with self._engine.begin() as connection:
            connection.execute(delete(_mandates).where(_mandates.c.vault == vault))
            row = {"vault": vault, "version": version, "hash": name}
            connection.execute(insert(_mandates).values(row))
