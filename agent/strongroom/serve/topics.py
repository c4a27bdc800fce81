"""What is sold: five topics, read by the readers that exist. Unknown is a value, with its reason.

nav      a line a report, from the lines that an audit writes
audit    the verdict that an audit writes
signals  a keeper's decisions, once nothing of them is carried out any more
curves   bid, ask and middle of each market of a curve, now
radar    the same questions at other venues, now
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from strongroom.chain.ids import ConditionId, Json, JsonObject, read_json
from strongroom.chain.orders import YES
from strongroom.chain.units import DAY
from strongroom.errors import Away, BadInput, StrongroomError
from strongroom.foreign_text import plain
from strongroom.information.books import Book, BookReader
from strongroom.information.gamma import GammaClient
from strongroom.information.pairs import load_pairs
from strongroom.journal.journal import Journal
from strongroom.keeper.radar import radar_document, radar_now
from strongroom.serve.configuration import CurvesSection, SoldSection, Topic
from strongroom.settings import ConfigError
from strongroom.strategy.record import DecisionRecord

SCHEMA = "strongroom-serve/1"
REPORTS, VERDICT = "reports.jsonl", "verdict.json"
NAV = (
    *("block", "time", "nav_bid", "nav_ask", "price_bid", "price_ask", "supply_after", "idle"),
    *("exposure", "is_settlement", "evidence"),
)
HEAD = ("vault", "chain_id", "verdict", "from_block", "to_block", "to_time")


class TopicUnknown(Away):
    """A topic cannot be answered now; nothing is sold and nothing is free of it."""


@dataclass(frozen=True)
class Reading:
    """What is known of a topic.

    Attributes:
        at: when it was read, timestamp
        data: None: unknown
        unknown: what is not in it, and why
    """

    at: int
    data: Json
    unknown: tuple[str, ...] = ()

    def document(self, topic: Topic, tier: str) -> JsonObject:
        """Return it as JSON takes it."""
        return {
            "schema": SCHEMA,
            "topic": topic,
            "tier": tier,
            "at": self.at,
            "data": self.data,
            "unknown": list(self.unknown),
        }


@dataclass(frozen=True)
class TopicSource:
    """How a topic is read.

    Attributes:
        read: all of it, at a time
        thin: of that what is free: no newer than a time, and coarser; None: nothing of it yet
        lives: it tells of now alone: what is free is an earlier reading
    """

    read: Callable[[int], Reading]
    thin: Callable[[Json, int], Json]
    lives: bool = False


def sources_of(data: SoldSection) -> Mapping[Topic, TopicSource]:
    """Return how each topic is read that a file names; nothing is read yet."""
    found: dict[Topic, TopicSource] = {}
    if data.audit is not None:
        found["nav"] = TopicSource(partial(_nav, data.audit), _a_day)
        found["audit"] = TopicSource(partial(_audit, data.audit), _head)
    if data.journal:
        found["signals"] = TopicSource(_Signals(data.journal).read, _older)
    if data.radar is not None:
        found["radar"] = TopicSource(partial(_radar, data.radar), _gaps, lives=True)
    if data.curves is not None:
        reader = _Curves(data.curves)
        found["curves"] = TopicSource(reader.read, _middles, lives=True)
    return found


def _lines(path: Path) -> list[JsonObject]:
    """Return a file's lines; a last one that is being written is none yet."""
    try:
        text = path.read_text()
    except OSError as error:
        raise TopicUnknown(f"{path.name} is not there ({error.strerror}): run the audit") from error
    whole, _, _ = text.rpartition("\n")
    # other marks that end a line in a text, such as U+2028, may stand in a stranger's words
    return [_object(line, path) for line in whole.split("\n") if line]


def _object(text: str, path: Path) -> JsonObject:
    try:
        found = read_json(text)
    except ValueError as error:
        raise TopicUnknown(f"{path.name} cannot be read: run the audit again") from error
    if not isinstance(found, dict):
        raise TopicUnknown(f"{path.name} is of something else: name the audit's folder")
    return found


def _nav(folder: Path, now: int) -> Reading:
    lines = _lines(folder / REPORTS)
    if not lines:
        raise TopicUnknown("no report was audited yet")
    return Reading(now, [{name: line.get(name) for name in NAV} for line in lines])


def _audit(folder: Path, now: int) -> Reading:
    path = folder / VERDICT
    try:
        return Reading(now, _object(path.read_text(), path))
    except OSError as error:
        raise TopicUnknown(f"{VERDICT} is not there ({error.strerror}): run the audit") from error


# Said always: whether there are any, and how many, would tell when the keeper trades.
_WITHHELD = "decisions that are still carried out, if there are any"


class _Signals:
    """Reads a keeper's journal, beside the keeper."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._journal: Journal | None = None

    def read(self, now: int) -> Reading:
        """Return what was decided; a decision that is carried out still is nobody's to know."""
        try:
            self._journal = self._journal or Journal(self._url, upgrade=False)
            # in this order: else one that is opened in between would be told
            found = self._journal.decided_after(0)
            open_ones = {task.number for task in self._journal.open_tasks()}
        except (StrongroomError, SQLAlchemyError) as error:
            raise TopicUnknown("the journal cannot be read") from error
        told = [_signal(record) for number, record in found if number not in open_ones]
        return Reading(now, told, (_WITHHELD,))


def _signal(record: DecisionRecord) -> JsonObject:
    """Return what a decision says of markets; the salt of its id, its sizes and NAV stay here."""
    return {
        "time": record.time,
        "pack": record.pack,
        "question": plain(record.question),
        "chance": record.chance,
        "cost": record.cost,
        "edge": record.edge,
        "legs": [
            {
                "market": leg.condition,
                "outcome": plain(leg.outcome),
                "side": str(leg.side),
                "price": str(leg.price),
            }
            for leg in record.legs
        ],
    }


def _radar(path: Path, now: int) -> Reading:
    try:
        return Reading(now, radar_document(radar_now(load_pairs(path)))["pairs"])
    except ConfigError:
        raise
    except StrongroomError as error:
        raise TopicUnknown(f"the radar cannot look: {error}") from error


class _Curves:
    """Reads the books of curves."""

    def __init__(self, section: CurvesSection) -> None:
        self._section = section
        self._gamma, self._books = GammaClient(section.gamma_url), BookReader(section.clob_url)

    def read(self, now: int) -> Reading:
        """Return each curve's points; a market that cannot be had is unknown, with its reason."""
        unknown: list[str] = []
        curves: list[Json] = []
        for curve in self._section.curves:
            points = [self._point(ConditionId(each), now, unknown) for each in curve.markets]
            curves.append({"name": curve.name, "points": points})
        if len(unknown) == sum(len(each.markets) for each in self._section.curves):
            raise TopicUnknown(f"no market of the curves can be read: {unknown[0]}")
        return Reading(now, curves, tuple(unknown))

    def _point(self, condition: ConditionId, now: int, unknown: list[str]) -> JsonObject:
        point: dict[str, Json] = {
            "market": condition, "question": None, "bid": None, "ask": None, "middle": None,
        }  # fmt: skip
        try:
            market = self._gamma.market(condition)
            point["question"] = plain(market.question)
            token = market.token_ids[YES]
            book = self._books.read([token], now).books.get(token)
        except (Away, BadInput) as error:
            unknown.append(f"{condition}: {plain(str(error))}")
            return point
        if book is None:
            unknown.append(f"{condition}: the venue shows no book")
            return point
        return point | _quotes(book)


def _quotes(book: Book) -> dict[str, Json]:
    """Return a book's best prices in millionths, and their middle; None: that side is empty."""
    bid, ask = book.bid, book.ask
    middle = None if bid is None or ask is None else (bid + ask) / 2
    return {"bid": bid, "ask": ask, "middle": middle}


def _a_day(data: Json, until: int) -> Json:
    """Return the last line of each day."""
    last: dict[int, Json] = {}
    for line in _dated(data, until):
        last[time_of(line) // DAY] = line
    return list(last.values()) or None


def _older(data: Json, until: int) -> Json:
    return list(_dated(data, until))


def _head(data: Json, until: int) -> Json:
    """Return whether anything differs, which nobody should have to buy."""
    return {name: data.get(name) for name in HEAD} if isinstance(data, dict) else None


def _gaps(data: Json, until: int) -> Json:
    """Return what each pair is called and its kind, without money and legs."""
    pairs = data if isinstance(data, list) else []
    names = ("name", "kind", "gap")
    return [{name: each.get(name) for name in names} for each in pairs if isinstance(each, dict)]


def _middles(data: Json, until: int) -> Json:
    """Return each curve's middles to five hundredths."""
    found: list[Json] = []
    for curve in data if isinstance(data, list) else []:
        if isinstance(curve, dict):
            points = curve.get("points")
            kept = [_coarse(each) for each in points] if isinstance(points, list) else []
            found.append({"name": curve.get("name"), "points": kept})
    return found


def _coarse(point: Json) -> Json:
    said = point if isinstance(point, dict) else {}
    middle = said.get("middle")
    rounded = round(middle / 50_000) * 50_000 if isinstance(middle, int | float) else None
    return {"market": said.get("market"), "middle": rounded}


def _dated(data: Json, until: int) -> list[JsonObject]:
    lines = data if isinstance(data, list) else []
    return [each for each in lines if isinstance(each, dict) and time_of(each) <= until]


def time_of(line: JsonObject) -> int:
    """Return a line's time, 0 where it has none."""
    time = line.get("time")
    return time if isinstance(time, int) else 0
