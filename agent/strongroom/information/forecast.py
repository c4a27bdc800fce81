"""Forecasts from elsewhere, by a plug-in protocol: a question goes out, a frozen probability comes.

Three adapters: JSON over HTTP, a CSV file, and an OpenAI-compatible language model, which is off
unless it is asked for by name and leaves prompt, evidence and cost in the record. Whatever comes is
checked here: what is no probability is refused and moves nothing.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx

from strongroom.chain.ids import ConditionId, Json
from strongroom.errors import Away, BadInput
from strongroom.information.gamma import Market


class BadForecast(BadInput):
    """A probability is none, or its source says nothing of use; the message says which."""


class ForecasterAway(Away):
    """A source does not answer."""


@dataclass(frozen=True)
class Given:
    """One frozen forecast.

    Attributes:
        chance: of YES
        frozen_at, evidence_at: timestamps; evidence_at is of the youngest thing it rests on
        detail: what must be kept of how it came about: prompt, model, cost
    """

    source: str
    market: ConditionId
    chance: float
    frozen_at: int
    evidence_at: int
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


class Forecaster(Protocol):
    """A source of forecasts."""

    @property
    def name(self) -> str:
        """What its forecasts are kept under."""

    def forecast(self, markets: Sequence[Market], now: int) -> list[Given]:
        """Return forecasts for some of the markets.

        Raises:
            BadForecast: something came that is none.
            ForecasterAway: nothing came.
        """


@dataclass(frozen=True)
class CsvForecaster:
    """A file with the columns market, chance, evidence_at."""

    path: Path
    name: str = "csv"

    def forecast(self, markets: Sequence[Market], now: int) -> list[Given]:
        """Return the file's forecasts of the markets; of several rows the last one counts."""
        wanted = {market.condition_id for market in markets}
        found: dict[ConditionId, Given] = {}
        try:
            with self.path.open(newline="") as file:
                for row in csv.DictReader(file):
                    if row["market"] in wanted:
                        chance, seen = _number(self.name, row["chance"]), int(row["evidence_at"])
                        market = ConditionId(row["market"])
                        found[market] = Given(self.name, market, chance, now, seen)
        except OSError as error:
            raise ForecasterAway(f"{self.name}: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, BadForecast):
                raise
            raise BadForecast(f"{self.name}: {self.path}: {error!r}") from error
        return list(found.values())


@dataclass(frozen=True)
class HttpForecaster:
    """POST {"questions": [{market, question, rules, end}]} -> [{market, chance, evidence_at}]."""

    url: str
    name: str = "http"
    timeout_s: float = 20.0

    def forecast(self, markets: Sequence[Market], now: int) -> list[Given]:
        """Ask for all markets at once."""
        asked = {"questions": [_question(market) for market in markets]}
        answer = _post(self.name, self.url, asked, {}, self.timeout_s)
        if not isinstance(answer, list):
            raise BadForecast(f"{self.name} answers {str(answer)[:80]}, not a list")
        wanted = {market.condition_id for market in markets}
        try:
            return [
                Given(
                    self.name,
                    each["market"],
                    _number(self.name, each["chance"]),
                    now,
                    int(each["evidence_at"]),
                    {k: v for k, v in each.items() if k not in ("market", "chance", "evidence_at")},
                )
                for each in answer
                if each["market"] in wanted
            ]
        except (KeyError, TypeError) as error:
            raise BadForecast(f"{self.name}: {error!r}") from error


@dataclass(frozen=True)
class LlmForecaster:
    """An OpenAI-compatible chat model; off unless `enabled`. Costs money at every question."""

    url: str  # .../v1/chat/completions
    model: str
    key: str = field(repr=False)
    enabled: bool = False
    name: str = "llm"
    dollars_per_million_tokens: float = 0.0
    timeout_s: float = 60.0

    def forecast(self, markets: Sequence[Market], now: int) -> list[Given]:
        """Ask one question a market; the record has prompt, answer, tokens and cost."""
        if not self.enabled:
            return []
        return [self._ask(market, now) for market in markets]

    def _ask(self, market: Market, now: int) -> Given:
        prompt = (
            f"Question: {market.question}\nRules: {market.rules}\nEnds: {market.end}\n"
            'Answer with JSON only: {"chance": <probability of YES between 0 and 1>, '
            '"why": <one sentence>}'
        )
        body = {
            "model": self.model,
            "temperature": 0,
            "messages": [{"role": "user", "content": prompt}],
        }
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = _post(self.name, self.url, body, headers, self.timeout_s)
        try:
            text = answer["choices"][0]["message"]["content"]
            forecast = json.loads(text)
            tokens = int(answer.get("usage", {}).get("total_tokens", 0))
            chance = _number(self.name, forecast["chance"])
        except (KeyError, IndexError, TypeError, json.JSONDecodeError) as error:
            raise BadForecast(f"{self.name} does not answer as asked: {error!r}") from error
        detail = {
            "model": self.model,
            "prompt": prompt,
            "answer": text,
            "tokens": tokens,
            "dollars": f"{tokens * self.dollars_per_million_tokens / 1e6:.6f}",
        }
        return Given(self.name, market.condition_id, chance, now, now, detail)


def _question(market: Market) -> dict[str, Json]:
    return {
        "market": market.condition_id,
        "question": market.question,
        "rules": market.rules,
        "end": market.end.isoformat() if market.end else None,
    }


def _number(source: str, value: str | float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise BadForecast(f"{source} gives {value!r}: a chance is a number") from error


def _post(name: str, url: str, body: object, headers: Mapping[str, str], timeout: float) -> Any:
    try:
        answer = httpx.post(url, json=body, headers=dict(headers), timeout=timeout)
        answer.raise_for_status()
        return answer.json()
    except httpx.HTTPStatusError as error:  # its words have the URL, and that a key
        raise ForecasterAway(f"{name}: HTTP {error.response.status_code}") from error
    except (httpx.HTTPError, ValueError) as error:
        raise ForecasterAway(f"{name}: {error or type(error).__name__}") from error
