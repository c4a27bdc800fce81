"""Forecasts from elsewhere, by a plug-in protocol: a question goes out, a frozen probability comes.

Three adapters: JSON over HTTP, a CSV file, and an OpenAI-compatible language model, which is off
unless it is asked for by name and leaves prompt, evidence and cost in the record. Whatever comes is
checked here: what is no probability is refused and moves nothing.
"""

import csv
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from strongroom.chain.ids import ConditionId, Json, JsonObject, read_json
from strongroom.errors import Away, BadInput
from strongroom.information.endpoint import Endpoint, Health
from strongroom.information.gamma import Market

SHOWN = 5  # problems of one source that are named in full
LATEST = 10**11  # a timestamp beyond it is none, or counts milliseconds
LONGEST = 10_000  # characters at the end of a model's answer that are looked through
MOST_BRACKETS = 1_000
_DECODER = json.JSONDecoder()
# how else sources call what is read here
_OTHER_NAMES = {
    **dict.fromkeys(("condition", "condition_id", "conditionid", "market_id"), "market"),
    **dict.fromkeys(("probability", "prob", "p", "p_yes", "prob_yes"), "chance"),
    **dict.fromkeys(("evidence_time", "newest_evidence"), "evidence_at"),
}
TRIES = 2  # answers of a model that may fail to come, one after the other, before it is left alone


class BadForecast(BadInput):
    """A probability is none, or its source says nothing of use; the message says which."""


class ForecasterAway(Away):
    """A source does not answer."""


@dataclass(frozen=True)
class Given:
    """One frozen forecast.

    Attributes:
        chance: of YES
        frozen_at, evidence_at: timestamps; evidence_at is of the youngest thing it rests on, None
            where the source does not say
        detail: what must be kept of how it came about: prompt, model, cost
    """

    source: str
    market: ConditionId
    chance: float
    frozen_at: int
    evidence_at: int | None
    detail: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no probability.

        Raises:
            BadForecast: not within [0, 1], or not a number.
        """
        if not isinstance(self.chance, float) or not 0 <= self.chance <= 1:
            raise BadForecast(
                f"{self.source} gives {self.chance!r} for {self.market}: "
                "a chance is a number between 0 and 1"
            )


@dataclass(frozen=True)
class Answers:
    """What one round with a source has brought: an item that fails costs itself and is named.

    Attributes:
        dollars: what the round cost, as far as it is known
    """

    given: tuple[Given, ...] = ()
    problems: tuple[str, ...] = ()
    dollars: Decimal = Decimal(0)


class Forecaster(Protocol):
    """A source of forecasts."""

    @property
    def name(self) -> str:
        """What its forecasts are kept under."""

    def forecast(self, markets: Sequence[Market], now: int) -> Answers:
        """Return forecasts for some of the markets.

        Raises:
            BadForecast: what came holds no forecasts at all.
            ForecasterAway: nothing came.
        """


@dataclass(frozen=True)
class CsvForecaster:
    """A file with the columns market, chance, evidence_at, or by one of their other names; between
    them commas, semicolons (numbers may then have a decimal comma) or tabs."""

    path: Path
    name: str = "csv"

    def forecast(self, markets: Sequence[Market], now: int) -> Answers:
        """Return the file's forecasts of the markets; of several rows the last one counts. Bad rows
        are named by their line, rows of other markets counted."""
        wanted = _by_lower_case(markets)
        found: dict[ConditionId, Given] = {}
        problems, others = [], 0
        try:
            # utf-8-sig: without the mark that some programs put first; what is no text spoils a row
            with self.path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
                mark = _mark_of(file.readline())
                file.seek(0)
                rows = csv.DictReader(file, delimiter=mark)
                self._check(rows.fieldnames)
                for row in rows:
                    known = _named({str(k): v for k, v in row.items()})
                    if mark == ";":
                        known |= {n: _pointed(known[n]) for n in ("chance", "evidence_at")}
                    market = wanted.get(str(known["market"]).strip().lower())
                    if market is None and known["market"]:
                        others += 1
                        continue
                    try:
                        given = _given(self.name, market, _wanted(known), now)
                        found[given.market] = given
                    except BadForecast as error:
                        problems.append(f"{self.name}: line {rows.line_num}: {error}")
        except OSError as error:
            raise ForecasterAway(f"{self.name}: {error}") from error
        except csv.Error as error:
            problems.append(f"{self.name}: {self.path} cannot be read further: {error}")
        if others:
            problems.append(f"{self.name}: {others} rows are of no market that is watched")
        return Answers(tuple(found.values()), _shortened(self.name, problems))

    def _check(self, names: Sequence[str] | None) -> None:
        known = _named(dict.fromkeys(names or (), ""))
        lacking = [name for name in ("market", "chance", "evidence_at") if name not in known]
        if lacking:
            raise BadForecast(f"{self.name}: {self.path} lacks columns: {', '.join(lacking)}")


class HttpForecaster:
    """POST {"questions": [{market, question, rules, end}]} -> [{market, chance, evidence_at}], also
    as the one list of an object, and by the other names of these.

    `evidence_at` is a time, or null where it is not known.
    """

    def __init__(self, url: str, name: str = "http", timeout_s: float = 20.0) -> None:
        self.name, self._url = name, url
        self._endpoint = Endpoint(name, "", ForecasterAway, timeout_s)

    @property
    def health(self) -> Health:
        """How the service is."""
        return self._endpoint.health

    def forecast(self, markets: Sequence[Market], now: int) -> Answers:
        """Ask for all markets at once."""
        asked: Json = {"questions": [_question(market) for market in markets]}
        answer = self._endpoint.post(self._url, asked)
        if isinstance(answer, dict) and len(answer) == 1:
            (answer,) = answer.values()
        return forecasts_in(self.name, answer, markets, now)


def forecasts_in(name: str, answer: Json, markets: Sequence[Market], now: int) -> Answers:
    """Return what a list of {market, chance, evidence_at} says of markets; a bad item is named.

    Args:
        name: of the source

    Raises:
        BadForecast: it is no list.
    """
    if not isinstance(answer, list):
        raise BadForecast(f"{name} answers {str(answer)[:80]}, not a list")
    wanted = _by_lower_case(markets)
    found, problems = [], []
    for number, each in enumerate(answer):
        try:
            item = _named(each) if isinstance(each, dict) else {}
            if "market" not in item:
                raise BadForecast(f"{str(each)[:60]!r} names no market")
            market = wanted.get(str(item["market"]).lower())
            if market is not None:
                found.append(_given(name, market, item, now))
        except BadForecast as error:
            problems.append(f"{name}: answer {number}: {error}")
    return Answers(tuple(found), _shortened(name, problems))


@dataclass
class LlmForecaster:
    """An OpenAI-compatible chat model; off unless `enabled`. Costs money at every question.

    Attributes:
        budget_s: how long a round may take; who is not asked comes first in the next
    """

    url: str  # .../v1/chat/completions
    model: str
    key: str = field(repr=False)
    enabled: bool = False
    name: str = "llm"
    dollars_per_million_tokens: float = 0.0
    timeout_s: float = 60.0
    budget_s: float = 60.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _asked_at: dict[ConditionId, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Open no connection yet."""
        self._endpoint = Endpoint(
            self.name, "", ForecasterAway, min(self.timeout_s, self.budget_s), clock=self.clock
        )

    @property
    def health(self) -> Health:
        """How the service is."""
        return self._endpoint.health

    def forecast(self, markets: Sequence[Market], now: int) -> Answers:
        """Ask one question a market; the record has prompt, answer, tokens and cost. An answer that
        was paid for is kept whatever becomes of the others."""
        if not self.enabled:
            return Answers()
        start, failed, dollars = self.clock(), 0, Decimal(0)
        found, problems = [], []
        queue = sorted(markets, key=lambda each: self._asked_at.get(each.condition_id, 0))
        left = len(queue)
        for market in queue:
            if self.clock() - start >= self.budget_s or failed >= TRIES:
                why = "it does not answer" if failed >= TRIES else f"{self.budget_s:g} s are over"
                problems.append(f"{self.name}: {left} markets were not asked about: {why}")
                break
            left -= 1
            self._asked_at[market.condition_id] = now
            prompt = _prompt(market)
            try:
                answer = self._ask(prompt)
            except ForecasterAway as error:
                failed += 1
                problems.append(str(error))
                continue
            failed = 0
            tokens = _tokens(answer)
            cost = None if tokens is None else self._cost(tokens)
            dollars += cost or 0
            if cost is None:
                problems.append(f"{self.name}: an answer does not say its tokens: cost unknown")
            try:
                found.append(self._read(market, now, prompt, answer, tokens))
            except BadForecast as error:
                problems.append(f"{self.name}: {error}")
        return Answers(tuple(found), _shortened(self.name, problems), dollars)

    def _ask(self, prompt: str) -> Json:
        body: Json = {
            "model": self.model,
            "temperature": 0,
            "messages": [{"role": "user", "content": prompt}],
        }
        return self._endpoint.post(self.url, body, {"Authorization": f"Bearer {self.key}"})

    def _cost(self, tokens: int) -> Decimal:
        return (Decimal(str(self.dollars_per_million_tokens)) * tokens).scaleb(-6)

    def _read(
        self, market: Market, now: int, prompt: str, answer: Json, tokens: int | None
    ) -> Given:
        text = _content(answer)
        said = said_in(text)
        try:
            evidence_at = timestamp(said.get("evidence_at"))
        except BadForecast:
            evidence_at = None  # a model's idea of a date is no time
        detail: JsonObject = {
            "model": self.model,
            "prompt": prompt,
            "answer": text,
            "tokens": tokens,
            "dollars": None if tokens is None else f"{self._cost(tokens):.6f}",
        }
        chance = _number(said.get("chance"))
        return Given(self.name, market.condition_id, chance, now, evidence_at, detail)


def said_in(text: str) -> JsonObject:
    """Return the JSON object of a model's answer: bare, in a fence, after its thoughts, or amid
    words; with the names that are known here.

    Raises:
        BadForecast: there is none with a chance, or several that differ.
    """
    spoken = text.rpartition("</think>")[2]
    found: list[JsonObject] = []
    for part in _objects(spoken):
        said = _named(part)
        if "chance" in said:
            found.append(said)
    if len({str(each["chance"]) for each in found}) != 1:
        raise BadForecast(f"the model does not answer as asked: {text[-80:]!r}")
    return found[0]


def _objects(text: str) -> Iterator[JsonObject]:
    """Return the JSON objects that stand side by side in the end of a text."""
    text, place = text[-LONGEST:], 0
    if text.count("{") + text.count("[") > MOST_BRACKETS:
        return  # so deep a text would end the process
    while (place := text.find("{", place)) >= 0:
        try:
            _, end = _DECODER.raw_decode(text, place)
            said = read_json(text[place:end])
        except (ValueError, RecursionError):
            place += 1
            continue
        place = end
        if isinstance(said, dict):
            yield said


def timestamp(value: Json) -> int | None:
    """Return when the newest evidence is of, from seconds or from an ISO text with its zone; None:
    the source says that it does not know.

    Raises:
        BadForecast: it is no such time.
    """
    if value is None:
        return None
    text = str(value).strip()
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            seconds = Decimal(text) if "T" not in text else _iso(text)
            if 0 < seconds < LATEST:
                return int(seconds)
    except (ArithmeticError, ValueError):  # no number, or NaN; no ISO text
        pass
    raise BadForecast(
        f"evidence_at {text[:40]!r} is no timestamp in seconds, and no ISO time with a zone"
    )


def _iso(text: str) -> Decimal:
    """Return an ISO time's seconds, up; raises ValueError, also where its zone is missing."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return Decimal(math.ceil(moment.timestamp()))


def _named(row: Mapping[str, Json]) -> dict[str, Json]:
    """Return a row by the names that are known here.

    Raises:
        BadForecast: it says something twice, and not the same.
    """
    found: dict[str, Json] = {}
    for name, value in row.items():
        plain = re.sub(r"[\s-]+", "_", name.strip().lower())
        known = _OTHER_NAMES.get(plain, plain)
        if known in found and found[known] != value:
            raise BadForecast(f"says {known} twice: {found[known]!r} and {value!r}"[:120])
        found[known] = value
    return found


def _mark_of(head: str) -> str:
    """Return what stands between the columns of a file, by its first line."""
    return next((mark for mark in (",", ";", "\t") if mark in head), ",")


def _pointed(value: Json) -> Json:
    """Return a number's text with a decimal point."""
    return value.replace(",", ".") if isinstance(value, str) else value


def _given(source: str, market: ConditionId | None, row: JsonObject, now: int) -> Given:
    """Read a row of a file or an item of an answer; raises BadForecast."""
    if market is None:
        raise BadForecast("names no market")
    lacking = [name for name in ("chance", "evidence_at") if name not in row]
    if lacking:
        raise BadForecast(f"lacks {lacking[0]}")
    kept = {k: v for k, v in row.items() if k not in ("market", "chance", "evidence_at")}
    evidence_at = timestamp(row["evidence_at"])
    return Given(source, market, _number(row["chance"]), now, evidence_at, kept)


def _wanted(row: JsonObject) -> JsonObject:
    """Return what a forecast is made of; a row that ends early lacks the rest."""
    names = ("market", "chance", "evidence_at")
    return {name: row[name] for name in names if row.get(name) is not None}


def _by_lower_case(markets: Sequence[Market]) -> dict[str, ConditionId]:
    return {market.condition_id.lower(): market.condition_id for market in markets}


def _shortened(source: str, problems: Sequence[str]) -> tuple[str, ...]:
    rest = len(problems) - SHOWN
    more = (f"{source}: and {rest} more",) if rest > 0 else ()
    return (*problems[:SHOWN], *more)


def _question(market: Market) -> dict[str, Json]:
    return {
        "market": market.condition_id,
        "question": market.question,
        "rules": market.rules,
        "end": market.end.isoformat() if market.end else None,
    }


def _prompt(market: Market) -> str:
    return (
        f"Question: {market.question}\nRules: {market.rules}\nEnds: {market.end}\n"
        'Answer with JSON only: {"chance": <probability of YES between 0 and 1>, '
        '"why": <one sentence>, "evidence_at": <when the newest thing that you rely on was '
        "published, seconds since 1970, or null if you do not know>}"
    )


def _content(answer: Json) -> str:
    """Return the text of a chat model's answer: one text, or a list of parts."""
    try:
        content = answer["choices"][0]["message"]["content"]  # type: ignore[index, call-overload]
        if isinstance(content, list):
            content = "".join(str(each["text"]) for each in content)
    except (KeyError, IndexError, TypeError) as error:
        raise BadForecast(f"does not answer as asked: {str(answer)[:80]}") from error
    if not isinstance(content, str):
        raise BadForecast(f"does not answer as asked: {str(content)[:80]}")
    return content


def _tokens(answer: Json) -> int | None:
    """Return how many tokens an answer says that it took; None: it does not say."""
    usage = answer.get("usage") if isinstance(answer, dict) else None
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) else None


def _number(value: Json) -> float:
    try:
        if isinstance(value, str) and value.strip().endswith("%"):
            return float(Decimal(value.strip().removesuffix("%")).scaleb(-2))
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return float(value)
    except (ArithmeticError, ValueError, OverflowError):
        pass
    raise BadForecast(f"{str(value)[:40]!r} is no number: a chance is one")
