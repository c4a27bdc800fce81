"""The sources of forecasts that a keeper's file names."""

import os

from strongroom.chain.rpc import Chain
from strongroom.information.forecast import (
    CsvForecaster,
    Forecaster,
    HttpForecaster,
    LlmForecaster,
)
from strongroom.information.pairs import load_pairs
from strongroom.information.reference_forecasts import ReferenceForecaster
from strongroom.information.wallet_forecasts import WalletForecaster
from strongroom.keeper.configuration import Config, ForecasterSection
from strongroom.keeper.radar import venues_of
from strongroom.settings import ConfigError


def make_forecaster(section: ForecasterSection, config: Config, chain: Chain) -> Forecaster:
    """Return a source of forecasts.

    Raises:
        ConfigError: a key, a file or a URL of it is missing.
    """
    if section.kind == "wallets":
        if not section.signal or section.path is None:
            raise ConfigError(
                f"[forecasters.{section.name}] wallets need `signal = true`, they lift confidence "
                "and move no money by themselves, and `path`: a file of `strongroom study wallets`"
            )
        exchanges = [each.address for each in config.venue.exchanges]
        return WalletForecaster(chain, exchanges, section.path, section.name)
    if section.kind == "csv":
        if section.path is None:
            raise ConfigError(f"[forecasters.{section.name}] a csv needs `path`")
        return CsvForecaster(section.path, section.name)
    if section.kind == "reference":
        if section.path is None:
            raise ConfigError(f"[forecasters.{section.name}] needs `path`: a file of pairs")
        pairs = load_pairs(section.path)
        return ReferenceForecaster(pairs, venues_of(pairs), section.name)
    if section.kind == "paid":
        from strongroom.payments.forecaster import paid_forecaster  # few have one, and it is large

        is_on = section.enabled and "enabled" in section.model_fields_set
        return paid_forecaster(section.name, section.url, section.path, is_on)
    if not section.url:
        raise ConfigError(f"[forecasters.{section.name}] needs `url`")
    if section.kind == "http":
        return HttpForecaster(section.url, section.name)
    key = os.environ.get(section.key_env, "")
    if section.enabled and not key:
        raise ConfigError(
            f"[forecasters.{section.name}] set the variable that `key_env` names to the API key"
        )
    return LlmForecaster(section.url, section.model, key, section.enabled, section.name)
