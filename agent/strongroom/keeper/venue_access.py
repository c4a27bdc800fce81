"""The keeper's ways to the venue, as its file names them: API keys, wallets, Safes, the relayer."""

import json
import time

from eth_account.signers.local import LocalAccount
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2

from strongroom.chain.accounts import open_keystore
from strongroom.chain.calls import Ask
from strongroom.chain.failures import CallReverted
from strongroom.chain.rpc import Chain, checksum
from strongroom.execution.account_kinds import OWNING, AccountKind, ServedClasses
from strongroom.execution.venues.clob import Clob, VenueAway, log_in
from strongroom.execution.venues.relayer import RelayerClient
from strongroom.execution.venues.safes import SafeKeys
from strongroom.execution.venues.wallets import VenueWallet, Wallets
from strongroom.keeper.configuration import Config
from strongroom.settings import ConfigError, read_secret
from strongroom.signing.venue_requests import Credentials


def venue_relayer(config: Config, served: ServedClasses) -> RelayerClient | None:
    """Return the venue's relayer; None: no class needs it.

    Raises:
        ConfigError: a class needs it and it is not configured, or its key is none.
    """
    relayed = OWNING | {AccountKind.DELEGATED}
    needing = [(number, kind) for number, kind in served.kinds.items() if kind in relayed]
    section = config.venue.relayer
    if not needing:
        return None
    if section is None:
        number, kind = needing[0]
        raise ConfigError(
            f"[venue.relayer] class {number} is of {kind}s: write `url` and `key_file`"
        )
    place = "[venue.relayer.key_file]"
    text = read_secret(section.key_file, place, "write your builder key there")
    try:
        key = Credentials(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{place} {section.key_file} is no builder key: JSON of `key`, `secret`, `passphrase`"
        ) from error
    return RelayerClient(section.url, key, time.time)


def venue_wallets(config: Config, chain: Chain) -> Wallets:
    """Return the wallets for delegated accounts.

    Raises:
        ConfigError: one is no deposit wallet that its key may act for, or is listed twice.
    """
    found: list[VenueWallet] = []
    for number, each in enumerate(config.venue.wallets):
        place = f"[venue.wallets.{number}]"
        address = checksum(each.address)
        key = open_keystore(each.key, each.passphrase_env, chain.node)
        if address in [wallet.address for wallet in found]:
            raise ConfigError(f"{place} {address} is listed twice")
        named = Ask(address, "DepositWallet", "owner")
        until = Ask(address, "DepositWallet", "sessionSignerAuthorizedUntil", (key.address,))
        try:
            owner, ends = chain.ask([named, until])
        except CallReverted as error:
            raise ConfigError(f"{place} {address} is not a deposit wallet") from error
        by_session = checksum(owner) != key.address
        if by_session and ends <= chain.now():
            raise ConfigError(
                f"{place} {key.address} is neither a session key of the wallet now nor its owner, "
                f"who is {checksum(owner)}: let the owner authorize it"
            )
        venue = log_in_as(config, key, address)
        found.append(VenueWallet(address, key, venue, by_session))
    return Wallets(chain, found)


def safe_keys(config: Config, chain: Chain, served: ServedClasses) -> SafeKeys | None:
    """Return the keys of the Safes that accounts own; None: no class has such accounts.

    Raises:
        ConfigError: a class needs them and their secret is not configured, or cannot be opened.
    """
    needing = [number for number, kind in served.kinds.items() if kind is AccountKind.SAFE]
    if not needing:
        return None
    section, venue = config.venue.safes, config.venue
    if section is None:
        raise ConfigError(f"[venue.safes] class {needing[0]} is of SafeAccounts: write `secret`")
    secret = open_keystore(section.secret, section.passphrase_env, chain.node)

    def connect(key: LocalAccount, safe: str) -> Clob:
        kind = SignatureTypeV2.POLY_GNOSIS_SAFE
        return log_in(venue.clob_url, config.chain.chain_id, key, safe, kind)

    return SafeKeys(secret, connect)


def log_in_as(config: Config, owner: LocalAccount, wallet: str | None = None) -> Clob:
    """Return the venue's service under a key.

    Args:
        wallet: the key's deposit wallet, where it is the orders' maker

    Raises:
        ConfigError: it does not answer, or does not let us in.
    """
    try:
        return log_in(config.venue.clob_url, config.chain.chain_id, owner, wallet)
    except VenueAway as error:
        raise ConfigError(f"[venue.clob_url] {error}") from error
