"""Forecasts that a server sells per call: a keeper's source, within its buyer's budget."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from strongroom.chain.ids import read_json
from strongroom.chain.units import MICRO
from strongroom.errors import Away, Refused
from strongroom.information.forecast import (
    Answers,
    BadForecast,
    ForecasterAway,
    forecasts_in,
)
from strongroom.information.gamma import Market
from strongroom.payments.configuration import load
from strongroom.settings import ConfigError

Buys = Callable[[str], tuple[bytes, int]]  # a URL -> what it answers, and its price in base units


class PaidForecaster:
    """GET -> [{market, chance, evidence_at}], as an HTTP service has it, also as `data` of an
    object. Costs money at every round; nothing is bought while nobody has switched it on."""

    def __init__(self, buys: Buys | None, url: str, name: str) -> None:
        """Take what pays; None: it is switched off."""
        self.name, self._url, self._buys = name, url, buys

    def forecast(self, markets: Sequence[Market], now: int) -> Answers:
        """Buy one answer, and read what it says of the markets.

        Raises:
            ForecasterAway: nothing was bought, or its payment is in doubt: the next round sends the
                same one again.
            BadForecast: what was bought holds no forecasts.
        """
        if self._buys is None:
            return Answers()
        try:
            body, price = self._buys(self._url)
        except (Away, Refused) as error:
            raise ForecasterAway(f"{self.name}: {error}") from error
        try:
            answer = read_json(body)
        except ValueError as error:
            raise BadForecast(f"{self.name}: what was bought is no JSON") from error
        if isinstance(answer, dict) and "data" in answer:
            answer = answer["data"]
        found = forecasts_in(self.name, answer, markets, now)
        return Answers(found.given, found.problems, Decimal(price) / MICRO)


def paid_forecaster(name: str, url: str, wallet: Path | None, enabled: bool) -> PaidForecaster:
    """Return the source of a keeper's file.

    Args:
        wallet: a buyer's file: which wallet pays, and how much over time
        enabled: by the file's own words; without them nothing is opened and nothing is bought

    Raises:
        ConfigError: URL or buyer's file are missing, or do not fit what is there.
        ExtraMissing: x402 is not installed.
        ChainAway: the buyer's node does not answer.
    """
    if not url or wallet is None:
        raise ConfigError(
            f"[forecasters.{name}] paid forecasts need `url`, and `path`: the file of the wallet "
            "that pays (docs/examples/buyer.toml)"
        )
    if not enabled:
        return PaidForecaster(None, url, name)
    from strongroom.extras import check_extra

    check_extra("x402")
    from strongroom.payments.buyer import open_buyer

    buyer = open_buyer(load(wallet))

    def buys(asked: str) -> tuple[bytes, int]:
        found = buyer.buy(asked)
        return found.body, found.amount

    return PaidForecaster(buys, url, name)
