"""The journal's version: tables are made where there are none, an older journal is brought up.

Each version is one step from the one before, in SQL that SQLite and PostgreSQL take alike. All
steps of a journal are one transaction: after a crash it has its old version, whole. Whoever changes
`tables.py` adds a step here; the test of a migrated journal beside a new one says when one is
missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import insert, inspect, select, text, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import CreateSchema

from strongroom.database import SQLITE, keep_private_and_durable
from strongroom.journal.tables import META, JournalMismatch, Whole, facts

VERSION_FACT = "journal version"  # on a server; a file has a number of its own for it


@dataclass(frozen=True)
class Migration:
    """One step to the next version.

    Attributes:
        statements: of SQL, in order; {whole} is the database's type of whole numbers
        unfinished: a query; where it finds something, the release that wrote the journal must
            finish first
    """

    statements: tuple[str, ...]
    unfinished: str = ""


# the version that a journal has -> what makes it the next one
MIGRATIONS: Mapping[int, Migration] = MappingProxyType(
    {
        4: Migration(  # transactions name their Safe; one that is open does not say which
            ("ALTER TABLE transactions ADD COLUMN safe VARCHAR NOT NULL DEFAULT ''",),
            "SELECT 1 FROM transactions WHERE state NOT IN ('DONE', 'DROPPED')",
        ),
        5: Migration(  # what every tick asks for is found without reading the whole journal
            (
                "CREATE INDEX steps_intent ON steps (intent, state)",
                "CREATE INDEX fills_intent ON fills (intent)",
                "CREATE INDEX trades_intent ON trades (intent)",
                "CREATE INDEX intents_state ON intents (state)",
                "CREATE INDEX transactions_state ON transactions (state)",
            )
        ),
        6: Migration(  # what a source does not say of its evidence's time is unknown
            (
                "ALTER TABLE forecasts RENAME TO forecasts_of_6",
                "CREATE TABLE forecasts (source VARCHAR NOT NULL, market VARCHAR NOT NULL, "
                "event VARCHAR NOT NULL, chance FLOAT NOT NULL, mid FLOAT NOT NULL, "
                "frozen_at {whole} NOT NULL, evidence_at {whole}, detail VARCHAR NOT NULL, "
                "outcome FLOAT, PRIMARY KEY (source, market))",
                "INSERT INTO forecasts SELECT source, market, event, chance, mid, frozen_at, "
                "evidence_at, detail, outcome FROM forecasts_of_6",
                "DROP TABLE forecasts_of_6",
            )
        ),
        7: Migration(  # decisions wait for a person's yes
            (
                "CREATE TABLE approvals (decision VARCHAR NOT NULL, time {whole} NOT NULL, "
                "expires {whole} NOT NULL, state VARCHAR NOT NULL, answered {whole}, "
                "reason VARCHAR NOT NULL, fills VARCHAR, profit {whole}, PRIMARY KEY (decision))",
                "CREATE INDEX approvals_state ON approvals (state)",
            )
        ),
        8: Migration(  # an order of a Safe names the key that signs it
            ("ALTER TABLE intents ADD COLUMN signer VARCHAR NOT NULL DEFAULT ''",)
        ),
        9: Migration(  # when an outcome was learnt; of those before nobody knows
            ("ALTER TABLE forecasts ADD COLUMN known_at {whole}",)
        ),
        10: Migration(  # a transaction has a last moment, as all had; when it was sent is kept
            (
                "ALTER TABLE transactions ADD COLUMN until {whole}",
                "ALTER TABLE transactions ADD COLUMN sent {whole} NOT NULL DEFAULT 0",
                "UPDATE transactions SET until = time + 600 "
                "WHERE substr(purpose, 1, 6) <> 'cancel'",
            )
        ),
        11: Migration(  # open tasks, and the orders of one, are found without reading all
            (
                "CREATE INDEX tasks_state ON tasks (state)",
                "CREATE INDEX intents_decision ON intents (decision)",
            )
        ),
    }
)
VERSION = max(MIGRATIONS) + 1


def prepare(engine: Engine, upgrade: bool = True) -> None:
    """Make the tables where they are missing; bring an older journal to this version.

    Args:
        upgrade: whether an older journal may be changed: not where another process may use it

    Raises:
        JournalMismatch: another version wrote them, and it cannot or may not be brought up.
    """
    on_file = engine.dialect.name == SQLITE
    if on_file:
        keep_private_and_durable(engine)
    with engine.begin() as connection:
        if on_file:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver begins none for a table
        else:
            make_schema(connection)
        found = version_of(connection)
        if found == VERSION:
            return
        if found:
            _bring_up(connection, found, upgrade)
        META.create_all(connection)
        keep_version(connection)


def make_schema(connection: Connection) -> None:
    """Make PostgreSQL's schema of the search path where there is none."""
    if connection.execute(text("SELECT current_schema()")).scalar() is None:
        name = connection.execute(text("SHOW search_path")).scalar_one()
        connection.execute(CreateSchema(name, if_not_exists=True))


def _bring_up(connection: Connection, found: int, upgrade: bool) -> None:
    told = f"journal version {found}, this code writes {VERSION}"
    if found > VERSION:
        raise JournalMismatch(f"{told}: use a newer release")
    if found not in MIGRATIONS:
        raise JournalMismatch(f"{told}: finish with the release that wrote it")
    if not upgrade:
        raise JournalMismatch(f"{told}: `strongroom keeper start` brings it up")
    for version in range(found, VERSION):
        step = MIGRATIONS[version]
        if step.unfinished and connection.execute(text(step.unfinished)).first() is not None:
            raise JournalMismatch(
                f"{told}: something is still under way: finish with the release that wrote it"
            )
        whole = Whole.compile(connection.dialect)
        for statement in step.statements:
            connection.execute(text(statement.format(whole=whole)))


def version_of(connection: Connection) -> int:
    """Return a journal's version; 0: it is new."""
    if connection.dialect.name == SQLITE:
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if not inspect(connection).has_table(facts.name):
        return 0
    chosen = select(facts.c.value).where(facts.c.name == VERSION_FACT).with_for_update()
    return int(connection.execute(chosen).scalar() or 0)


def keep_version(connection: Connection) -> None:
    """Write down that a journal has this version."""
    if connection.dialect.name == SQLITE:
        connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
        return
    mine = update(facts).where(facts.c.name == VERSION_FACT)
    if not connection.execute(mine.values(value=str(VERSION))).rowcount:
        connection.execute(insert(facts).values(name=VERSION_FACT, value=str(VERSION)))
