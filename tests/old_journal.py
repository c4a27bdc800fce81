"""Journals as earlier versions made them: their tables, word for word, and one life in them."""

from sqlalchemy import inspect

KINDS = {
    "sqlite": {"whole": "INTEGER", "bytes": "BLOB", "serial": "INTEGER NOT NULL"},
    "postgresql": {"whole": "BIGINT", "bytes": "BYTEA", "serial": "BIGSERIAL NOT NULL"},
}
TABLES = """
CREATE TABLE facts (name VARCHAR NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY (name));
CREATE TABLE decisions (id VARCHAR NOT NULL, record VARCHAR NOT NULL, PRIMARY KEY (id));
CREATE TABLE tasks (number {serial}, decision VARCHAR NOT NULL, time {whole} NOT NULL,
    state VARCHAR NOT NULL, reason VARCHAR NOT NULL, revealed {whole} NOT NULL,
    PRIMARY KEY (number), UNIQUE (decision));
CREATE TABLE intents (key VARCHAR NOT NULL, decision VARCHAR NOT NULL, account VARCHAR NOT NULL,
    condition VARCHAR NOT NULL, token VARCHAR NOT NULL, side VARCHAR NOT NULL,
    price {whole} NOT NULL, size {whole} NOT NULL, time {whole} NOT NULL, kind VARCHAR NOT NULL,
    exchange VARCHAR NOT NULL, maker VARCHAR NOT NULL, state VARCHAR NOT NULL,
    venue VARCHAR NOT NULL, answer VARCHAR NOT NULL, order_hash VARCHAR NOT NULL,
    signature {bytes} NOT NULL, expiry {whole} NOT NULL, block {whole} NOT NULL,
    filled {whole} NOT NULL, reason VARCHAR NOT NULL, PRIMARY KEY (key));
CREATE TABLE steps (number {serial}, intent VARCHAR NOT NULL, state VARCHAR NOT NULL,
    venue VARCHAR NOT NULL, detail VARCHAR NOT NULL, PRIMARY KEY (number));
CREATE TABLE fills ("transaction" VARCHAR NOT NULL, log_index {whole} NOT NULL,
    intent VARCHAR NOT NULL, making {whole} NOT NULL, taking {whole} NOT NULL,
    fee {whole} NOT NULL, PRIMARY KEY ("transaction", log_index));
CREATE TABLE trades (id VARCHAR NOT NULL, intent VARCHAR NOT NULL, status VARCHAR NOT NULL,
    PRIMARY KEY (id, intent));
CREATE TABLE forecasts (source VARCHAR NOT NULL, market VARCHAR NOT NULL, event VARCHAR NOT NULL,
    chance FLOAT NOT NULL, mid FLOAT NOT NULL, frozen_at {whole} NOT NULL,
    evidence_at {whole} NOT NULL, detail VARCHAR NOT NULL, outcome FLOAT,
    PRIMARY KEY (source, market));
CREATE TABLE transactions (key VARCHAR NOT NULL, number {whole} NOT NULL, purpose VARCHAR NOT NULL,
    calls VARCHAR NOT NULL, time {whole} NOT NULL, state VARCHAR NOT NULL, nonce {whole} NOT NULL,
    safe_hash VARCHAR NOT NULL, signatures {bytes} NOT NULL, block {whole} NOT NULL,
    hashes VARCHAR NOT NULL, executor_nonce {whole}, max_fee {whole}, mined {whole} NOT NULL,
    reason VARCHAR NOT NULL{safe}, PRIMARY KEY (key));
INSERT INTO facts VALUES ('day', '1700000000');
INSERT INTO intents VALUES ('0x01', '0x02', '0xAcc', '0x05', '77', 'BUY', 333333, 10000000,
    1700000000, 'GTC', '0xEx', '', 'ACKED', 'LIVE', '', '0x12', {empty}, 9, 1, 5, '');
INSERT INTO steps (intent, state, venue, detail) VALUES ('0x01', 'PLANNED', 'NONE', ''),
    ('0x01', 'SIGNED', 'NONE', ''), ('0x01', 'SENT', 'NONE', ''), ('0x01', 'ACKED', 'LIVE', '');
INSERT INTO fills VALUES ('0xaa', 1, '0x01', 2, 5, 0);
INSERT INTO trades VALUES ('t1', '0x01', 'MATCHED');
INSERT INTO transactions VALUES ('0x09', 0, 'fund', '[["0xAcc", "0x12"]]', 5, '{state}', 3, '0xab',
    {empty}, 4, '["0xcc"]', 1, 9, 8, ''{keeper});
"""


def statements(version, dialect, state="DONE"):
    """Return the SQL of a journal of a version (4 or 5), with one order and one transaction.

    Args:
        state: of the transaction
    """
    more = {"safe": ", safe VARCHAR NOT NULL", "keeper": ", '0xSafe'"} if version >= 5 else {}
    empty = "X''" if dialect == "sqlite" else "''"
    made = TABLES.format(
        **KINDS[dialect], **{"safe": "", "keeper": ""} | more, empty=empty, state=state
    )
    kept = f"INSERT INTO facts VALUES ('journal version', '{version}')"
    mark = f"PRAGMA user_version={version}" if dialect == "sqlite" else kept
    return [each for each in made.split(";\n") if each.strip()] + [mark]


def make(engine, version, state="DONE"):
    """Write it."""
    with engine.begin() as connection:
        for statement in statements(version, engine.dialect.name, state):
            connection.exec_driver_sql(statement)


def shape(engine):
    """Return what a database has: columns, keys and indexes by table."""
    found = inspect(engine)
    return {
        table: (
            [(at["name"], str(at["type"]), at["nullable"]) for at in found.get_columns(table)],
            found.get_pk_constraint(table)["constrained_columns"],
            sorted((each["name"], each["column_names"]) for each in found.get_indexes(table)),
        )
        for table in found.get_table_names()
    }
