"""What a row of the fault matrix is, and the ways in which it breaks what a keeper asks."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from sqlite3 import Connection

from sqlalchemy import event, text
from strongroom.chain.units import BPS, HOUR

from tests.e2e.faults.line import Ask, Asked, Change, Cut, Said
from tests.e2e.faults.world import LIVE, World

Fault = Callable[[World], AbstractContextManager[None]]
STALE_S, HAIRCUT_BPS = 900, 500  # of [reporting]: the defaults
COUNTED = {"fail_count", "lose_answers", "delay_failures", "drop_sockets", "freeze_sockets"}


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        of: the case (K1 to K31), the switch or habit of the devnet, or the part that is broken
        named: pattern of what the live keeper must say; "": it goes on trading, and names nothing
        paper: the same of the keeper on paper; None: as live, where it asks at all
        decides: whether the live keeper may decide something new meanwhile; None: it may or not
        reports: whether the live keeper reports meanwhile; None: as may be
        each: whether it must be named at each of the ticks
        ticks: under the fault, of each keeper
        bites: whether a line must have answered otherwise
        buys: whether the live keeper has bought what was offered, once all is well again
        restarts: whether keepers are started anew under the fault
        owned: in a world whose accounts own wallets
    """

    of: str
    name: str
    fault: Fault
    named: str = ""
    paper: str | None = None
    decides: bool | None = None
    reports: bool | None = None
    each: bool = False
    ticks: int = 3
    bites: bool = True
    buys: bool = True
    restarts: bool = False
    stream: bool = True
    owned: bool = False


# what breaks


def at_service(change: Change) -> Fault:
    """Break the line to Gamma, books, orders and relayer."""
    return _on("service", change)


def at_node(change: Change) -> Fault:
    """Break the line to the node."""
    return _on("node", change)


def on_cosigner(change: Change) -> Fault:
    """Break the line to the co-signer."""
    return _on("cosigner", change)


def _on(name: str, change: Change) -> Fault:
    @contextmanager
    def broken(world: World) -> Iterator[None]:
        getattr(world, name).change = change
        yield

    return broken


def switched(**what) -> Fault:
    """Turn the service's switch; what it counts must be met once at least."""

    @contextmanager
    def broken(world: World) -> Iterator[None]:
        world.faults(**what)
        yield
        left = world.left()
        for name in COUNTED & what.keys():
            assert left[name] < what[name], f"{name} was not met: the row proves nothing"

    return broken


def behaving(**what) -> Fault:
    """Give the services other habits."""

    @contextmanager
    def other(world: World) -> Iterator[None]:
        world.habits(**what)
        yield

    return other


def framed(*frames: str) -> Fault:
    """Send frames before each of the market channel's, and let the channel say something."""

    @contextmanager
    def broken(world: World) -> Iterator[None]:
        world.channel.before = lambda frame: list(frames)
        yield

    return broken


def instead(path: str, *answers: Said | None, method: str = "") -> Change:
    """Answer requests of a path in turn; None cuts the line."""
    turn = iter(range(10**9))

    def change(asked: Asked, ask: Ask) -> Said | None:
        if not asked.path.startswith(path) or method not in ("", asked.method):
            return None
        said = answers[next(turn) % len(answers)]
        if said is None:
            raise Cut
        return said

    return change


def altered(path: str, alter: Callable[[object], object]) -> Change:
    """Ask, and change what is answered, as JSON."""

    def change(asked: Asked, ask: Ask) -> Said | None:
        if not asked.path.startswith(path):
            return None
        said = ask()
        return Said.of(alter(said.json()), said.status) if said.status == 200 else said

    return change


def records(alter: Callable[[dict], object]) -> Change:
    """Change the record of each market that is offered and not yet held."""

    def each_page(answer):
        if isinstance(answer, dict) and "markets" in answer:
            answer["markets"] = [
                alter(record) if record.get("bestAsk") else record for record in answer["markets"]
            ]
        return answer

    return altered("/gamma/markets", each_page)


def put(**fields) -> Callable[[dict], dict]:
    return lambda record: record | fields


def without(*names: str) -> Callable[[dict], dict]:
    return lambda record: {k: v for k, v in record.items() if k not in names}


# answers that are none, of any service

DEEP = b"[" * 100_000
ODD: dict[str, Said | None] = {
    "nothing": Said(b""),
    "null": Said(b"null"),
    "a number": Said(b"7"),
    "a huge number": Said(b"1e999"),
    "NaN": Said(b"NaN"),
    "a text": Said(b'"x"'),
    "an empty list": Said(b"[]"),
    "an empty object": Said(b"{}"),
    "a list of null": Said(b"[null]"),
    "half of it": Said(b'{"markets": [{"condit'),
    "a page of HTML": Said(b"<html>502 Bad Gateway</html>", headers={"Content-Type": "text/html"}),
    "nested too deep": Said(DEEP),
    "no UTF-8": Said(b"\xff\xfe\x00{"),
    "500": Said(b'{"error": "x"}', 500),
    "403 in HTML": Said(b"<html>", 403),
    "429 with Retry-After": Said(b"{}", 429, {"Retry-After": "60"}),
    "a cut line": None,
}


def in_turn(line: str, path: str, answers: Sequence[Said | None], method: str = "") -> Fault:
    """Give another answer at each tick; None cuts the line."""

    @contextmanager
    def broken(world: World) -> Iterator[None]:
        first = world.ticks + 1

        def change(asked: Asked, ask: Ask) -> Said | None:
            if not asked.path.startswith(path) or method not in ("", asked.method):
                return None
            said = answers[max(0, world.ticks - first) % len(answers)]
            if said is None:
                raise Cut
            return said

        getattr(world, line).change = change
        yield

    return broken


def odd(of: str, line: str, path: str, named: str, paper: str | None = None, **more) -> Row:
    """Return the row of a path's odd answers, one at each tick."""
    method, but = more.pop("method", ""), more.pop("but", ())
    answers = [said for what, said in ODD.items() if what not in but]
    fault = in_turn(line, path, answers, method)
    name = f"{len(answers)} answers that are none, in turn"
    return Row(of, name, fault, named, paper, ticks=len(answers), each=True, **more)


def whole_batch(asked: Asked) -> list[dict]:
    found = asked.json()
    return found if isinstance(found, list) else [found]


def node_says(says: Callable[[dict], dict | None], few: bool = False) -> Change:
    """Answer some questions to the node otherwise.

    Args:
        says: question -> what is in its answer, or None: the node's own
        few: only the second question of a batch
    """

    def change(asked: Asked, ask: Ask) -> Said | None:
        questions = whole_batch(asked)
        chosen = questions[1:2] if few else questions
        told = {each["id"]: found for each in chosen if (found := says(each)) is not None}
        if not told:
            return None
        said = ask().json()
        answers = [
            {"jsonrpc": "2.0", "id": each["id"], **told[each["id"]]} if each["id"] in told else each
            for each in (said if isinstance(said, list) else [said])
        ]
        return Said.of(answers if isinstance(asked.json(), list) else answers[0])

    return change


def newest_block_ahead(seconds: int) -> Change:
    """Tell the newest block's time so many seconds too late."""

    def change(asked: Asked, ask: Ask) -> Said | None:
        newest = [
            each["id"]
            for each in whole_batch(asked)
            if each["method"] == "eth_getBlockByNumber" and each["params"][0] == "latest"
        ]
        if not newest:
            return None
        said = ask().json()
        for each in said if isinstance(said, list) else [said]:
            if each["id"] in newest:
                block = each["result"]
                block["timestamp"] = hex(int(block["timestamp"], 16) + seconds)
        return Said.of(said)

    return change


def of_method(method: str, found: dict) -> Callable[[dict], dict | None]:
    return lambda question: found if question["method"] == method else None


def unheard(method: str) -> Change:
    """Cut the line before the node hears a method."""

    def change(asked: Asked, ask: Ask) -> Said | None:
        if method in {each["method"] for each in whole_batch(asked)}:
            raise Cut
        return None

    return change


def lost(method: str, times: int) -> Change:
    """Cut the line after the node has heard a method, so many times."""
    left = [times]

    def change(asked: Asked, ask: Ask) -> Said | None:
        if left[0] and method in {each["method"] for each in whole_batch(asked)}:
            left[0] -= 1
            ask()
            raise Cut
        return None

    return change


BUSY = {"error": {"code": 429, "message": "exceeded its compute units per second capacity"}}
UNDERPRICED = {
    "error": {"code": -32000, "message": "transaction underpriced: gas tip cap 0, minimum needed "
              "25000000000"}
}  # fmt: skip
SEND = "eth_sendRawTransaction"
READS = ("eth_call", "eth_getBlockByNumber", "eth_getLogs", "eth_blockNumber")


def first_of(path: str, times: int, said: Said | None, method: str = "") -> Change:
    """Answer the first requests of a path otherwise; None: heard, and the answer is lost."""
    left = [times]

    def change(asked: Asked, ask: Ask) -> Said | None:
        if not left[0] or not asked.path.startswith(path) or method not in ("", asked.method):
            return None
        left[0] -= 1
        if said is None:
            ask()
            raise Cut
        return said

    return change


@contextmanager
def books_forgotten(world: World) -> Iterator[None]:
    """The journal lacks its books, as on a new machine; neither Gamma nor books answer."""
    facts = "facts WHERE name LIKE 'books of %'"
    with world.keepers[LIVE].journal._engine.begin() as connection:
        assert connection.execute(text(f"SELECT count(*) FROM {facts}")).scalar()
        connection.execute(text(f"DELETE FROM {facts}"))
    world.service.change = down("/gamma", "/books", "/book")
    yield


def down(*paths: str) -> Change:
    """Cut the line for some paths."""

    def change(asked: Asked, ask: Ask) -> Said | None:
        if asked.path.startswith(paths):
            raise Cut
        return None

    return change


def marked_by_rule(fault: Fault, hours: int = 0) -> Fault:
    """Break books, and let hours pass: what is held is marked down by rule, 5 % of the bid an hour
    begun after the first quarter of one."""

    @contextmanager
    def broken(world: World) -> Iterator[None]:
        seen_at = int(world.clock())

        def by_rule(truth: int, block: int) -> int:
            idle = world.vault_at(block).total_idle()
            (time,) = world.stage.chain.times([block])
            late = -(-(time - seen_at - STALE_S) // HOUR)
            return idle + (truth - idle) * (BPS - HAIRCUT_BPS * max(0, late)) // BPS

        world.allowed = by_rule
        with fault(world):
            world.clock.sleep(hours * HOUR)
            yield

    return broken


@contextmanager
def cosigner_down(world: World) -> Iterator[None]:
    """Its process has ended."""
    world.stage.stop_cosigner()
    try:
        yield
    finally:
        world.stage.start_cosigner()


@contextmanager
def cosigner_frozen(world: World) -> Iterator[None]:
    """Its process is there and says nothing."""
    pid = world.stage._cosigner.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def exchange_paused(world: World) -> Iterator[None]:
    """The exchange's admin has paused it."""
    exchange, admin = world.stage.venue.exchange, world.stage.people["deployer"]
    exchange.pauseTrading(sender=admin)
    yield
    exchange.unpauseTrading(sender=admin)


def clock_off(seconds: int) -> Fault:
    """The keeper's clock differs."""

    @contextmanager
    def broken(world: World) -> Iterator[None]:
        clocks = [(keeper, keeper.clock) for keeper in world.keepers.values()]
        for keeper, clock in clocks:
            keeper.clock = lambda clock=clock: clock() + seconds
        yield
        for keeper, clock in clocks:
            keeper.clock = clock

    return broken


@contextmanager
def stop_file(world: World) -> Iterator[None]:
    """A person wants it to stop."""
    path = world.stage.folder / "STOP"
    path.touch()
    yield
    path.unlink()


@contextmanager
def no_folder(world: World) -> Iterator[None]:
    """The folder of evidence is a file."""
    folder = world.stage.folder / "evidence"
    aside = folder.with_name("evidence aside")
    folder.rename(aside)
    folder.write_text("no folder")
    yield
    folder.unlink()
    aside.rename(folder)


@contextmanager
def disk_full(world: World) -> Iterator[None]:
    """SQLite's own error, by a limit on its file's pages."""
    engines = [keeper.journal._engine for keeper in world.keepers.values()]

    def tight(connection: Connection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        used = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count={used}")
        cursor.close()

    for engine in engines:
        engine.dispose()
        event.listen(engine, "connect", tight)
    yield
    for engine in engines:
        event.remove(engine, "connect", tight)
        engine.dispose()


@contextmanager
def reorganised(world: World) -> Iterator[None]:
    """The newest blocks are undone."""
    world.stage.chain.request("anvil_rollback", 2)
    yield


def oracle_says(*answers: Said | None) -> Fault:
    """The forecaster answers in turn; None cuts the line."""
    return _on("oracle", instead("", *answers))


def forecast(alter: Callable[[dict], object]) -> Fault:
    """The forecaster's answers are changed, each in the same way."""

    @contextmanager
    def broken(world: World) -> Iterator[None]:
        def change(asked: Asked, ask: Ask) -> Said:
            return Said.of([alter(each) for each in world.oracle.honest(asked, ask).json()])

        world.oracle.change = change
        yield

    return broken
