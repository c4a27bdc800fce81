"""The venue's own client of 2026, `polymarket-client`, unmodified, on the devnet's services."""

from dataclasses import replace

from polymarket import SecureClient
from polymarket._internal.environment import (
    PRODUCTION_CONFIG,
    EnvironmentConfig,
    create_environment,
)
from strongroom.devnet import polymarket
from strongroom.devnet.polymarket import Polymarket

POLLS_MS = 100  # between two questions of the client
FROM_PRODUCTION = (
    *("wallet_derivation", "auto_redeem_operator", "safe_multisend", "relay_hub"),
    *("protocol_v2_router", "binary_module", "neg_risk_module", "combinatorial_module"),
    *("position_manager", "perps_deposit_contract"),
)


def environment(running: Polymarket, server, chain_url: str, safes=None, multi_send=None):
    """Return the devnet as an environment of the client: addresses and URLs, nothing else.

    Args:
        safes: what makes Safes of the older kind, instead of Polygon's factory
    """
    venue, streams = running.venue, server.url.replace("http", "ws")
    kept = {name: getattr(PRODUCTION_CONFIG, name) for name in FROM_PRODUCTION}
    if safes is not None:
        kept["wallet_derivation"] = replace(
            kept["wallet_derivation"],
            safe_factory=safes.address,
            safe_init_code_hash="0x" + bytes(safes.SAFE_CODE_HASH()).hex(),
        )
        kept["safe_multisend"] = multi_send.address
    config = EnvironmentConfig(
        **kept,
        chain_id=polymarket.CHAIN_ID,
        collateral_token=venue.pusd.address,
        conditional_tokens=venue.ctf.address,
        neg_risk_adapter=venue.neg_risk_adapter.address,
        collateral_adapter=venue.adapter.address,
        neg_risk_collateral_adapter=venue.neg_risk_collateral_adapter.address,
        standard_exchange=venue.exchange.address,
        neg_risk_exchange=venue.neg_risk_exchange.address,
        exchange_v3=venue.positions.exchange_v3.address,
        clob_url=server.url,
        clob_market_ws_url=f"{streams}/ws/market",
        clob_user_ws_url=f"{streams}/ws/user",
        relayer_url=f"{server.url}/relayer",
        gamma_url=f"{server.url}/gamma",
        data_url=f"{server.url}/data",
        rfq_url=f"{server.url}/none",
        rtds_ws_url=f"{streams}/none",
        sports_ws_url=f"{streams}/none",
        rpc_url=chain_url,
        relayer_poll_frequency_ms=POLLS_MS,
    )
    return create_environment(name="devnet", config=config)


def log_in(place, account, **settings) -> SecureClient:
    """Return a client for an account; without a wallet of its own it makes one by the relayer."""
    return SecureClient.create(private_key=account.private_key, environment=place, **settings)
