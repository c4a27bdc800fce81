"""Put a keeper together from its configuration, and refuse what cannot work before it starts."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from eth_account.signers.local import LocalAccount
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2
from web3.contract import Contract

from strongroom.chain.ids import keccak
from strongroom.chain.rpc import CHAIN_AWAY, Chain, private_key
from strongroom.chain.terms import ordinal
from strongroom.chain.units import MICRO
from strongroom.cosigner.client import CosignerClient
from strongroom.execution.housekeeping import Duties
from strongroom.execution.order_desk import Desk
from strongroom.execution.tasks import TaskRules, Tasks
from strongroom.execution.transactions import Transactor
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.clob import Clob
from strongroom.execution.venues.pools import PoolMarket
from strongroom.execution.venues.wallets import Wallet, Wallets
from strongroom.information.books import Book, BookReader, BooksAway
from strongroom.information.forecast import (
    CsvForecaster,
    Forecaster,
    HttpForecaster,
    LlmForecaster,
)
from strongroom.information.gamma import FeeSchedule, GammaClient, Market
from strongroom.information.sources import Freshness, Sources
from strongroom.information.stream import Books, MarketStream
from strongroom.journal import Journal
from strongroom.keeper.configuration import (
    Config,
    ForecasterSection,
    LimitsSection,
    PoolSection,
    SizingSection,
)
from strongroom.keeper.tick import Keeper, Told, Watch
from strongroom.reporting.marks import Method
from strongroom.reporting.report import Reporter, Reporting, Schedule
from strongroom.settings import ConfigError, read_secret, unlock
from strongroom.signing.order import ExchangeDomain
from strongroom.signing.safe import safe_abi
from strongroom.signing.signers import CosignerAway, OwnKeys, Signers, WithCosigner
from strongroom.strategy.api import BadParameters, Pack, UnknownPack, make_pack
from strongroom.strategy.decide import Rules, Venue
from strongroom.strategy.portfolio import Limits
from strongroom.strategy.sizing import Sizing, Tier

CODE_VERSION = f"strongroom {version('strongroom')}"


def build(
    config: Config,
    told: Told = lambda event, fields: None,
    clock: Callable[[], float] | None = None,
    journal: Journal | None = None,
) -> Keeper:
    """Return a keeper that is ready to tick.

    Args:
        clock: instead of this machine's; a devnet whose time runs ahead has its own

    Raises:
        ConfigError: the configuration does not fit what is there; nothing was sent.
    """
    packs = make_packs(config.packs)
    forecasters = [_forecaster(each) for each in config.forecasters]
    owner = unlock(config.keys.owner, config.keys.owner_passphrase_env)
    executor = unlock(config.keys.executor, config.keys.executor_passphrase_env)
    chain = connect(config)
    wallets = _wallets(config, chain)
    reader = VaultReader(chain, config.vault, wallets)
    check_vault(config, chain, reader)
    pools = [_pool_market(chain, each) for each in config.venue.pools]
    signers = _signers(config, chain, owner)
    now = clock or time.time
    kept = journal or Journal(config.journal)
    clob = Clob(log_in(config.venue.clob_url, config.chain.chain_id, executor))
    transactor = Transactor(
        kept,
        chain,
        signers,
        executor,
        config.safe.multi_send,
        confirmations=config.chain.confirmations,
        patience_s=config.execution.patience_s,
        bump_after_s=config.execution.bump_after_s,
    )
    desk = Desk(
        kept,
        chain,
        clob,
        signers,
        [
            ExchangeDomain(chain.checksum(each.address), each.version, config.chain.chain_id)
            for each in config.venue.exchanges
        ],
        lifetime_s=config.execution.order_lifetime_s,
        confirmations=config.chain.confirmations,
        wallets=wallets,
    )
    books = BookReader(config.venue.clob_url)
    tasks = Tasks(
        kept,
        transactor,
        desk,
        reader,
        TaskRules(
            attempts=config.execution.attempts,
            start_within_s=config.execution.start_within_s,
            slippage_bps=config.execution.slippage_bps,
            resting_s=config.execution.resting_s,
        ),
        lambda token: _newest(books, token, int(now())),
        chain.now,
        told,
    )
    return Keeper(
        journal=kept,
        chain=chain,
        clob=clob,
        vault=reader,
        transactor=transactor,
        desk=desk,
        tasks=tasks,
        duties=Duties(kept, transactor, reader, chain.now, told),
        reporter=Reporter(reporting_of(config, pools), kept, transactor, reader, chain.now, told),
        sources=_sources(config, books, forecasters, now),
        packs=packs,
        rules=rules_of(config, pools),
        pools=pools,
        exchanges=[each.address for each in config.venue.exchanges],
        negative_risk_oracle=config.venue.negative_risk_oracle,
        watch=Watch(
            max_skew_s=config.operations.max_skew_s,
            pause_s=config.operations.pause_s,
            heartbeat=config.venue.heartbeat,
            stop_file=config.operations.stop_file,
        ),
        clock=now,
        told=told,
        signals=[each.name for each in config.forecasters if each.signal],
    )


def make_packs(sections: Mapping[str, Mapping[str, Any]]) -> list[Pack]:
    """Return the configured packs, in the file's order.

    Raises:
        ConfigError: one is unknown, or does not take a parameter.
    """
    if not sections:
        raise ConfigError("[packs] is empty: name at least one, e.g. [packs.tail]")
    try:
        return [make_pack(name, parameters) for name, parameters in sections.items()]
    except (UnknownPack, BadParameters) as error:
        raise ConfigError(f"[packs] {error}") from error


def rules_of(config: Config, pools: Sequence[PoolMarket] = ()) -> Rules:
    """Return what decides beside the packs.

    Raises:
        ConfigError: a number is missing.
    """
    exchanges = {each.negative_risk: each.address for each in config.venue.exchanges}
    venue = Venue(
        exchanges.get(False, ""),
        exchanges.get(True, ""),
        {each.market.name: each.pool for each in pools},
    )
    return make_rules(config.sizing, config.limits, venue)


def make_rules(sizing: SizingSection, limits: LimitsSection, venue: Venue) -> Rules:
    """Return what decides beside the packs, from its sections.

    Raises:
        ConfigError: a number is missing.
    """
    try:
        how = Sizing(
            rule=sizing.rule,
            tiers=tuple(Tier(**dict(tier)) for tier in sizing.tiers),
            fraction=sizing.fraction,
            units=sizing.units,
            unit_bps=sizing.unit_bps,
            flat=int(sizing.flat * MICRO),
            loss_budget=None if sizing.loss_budget is None else int(sizing.loss_budget * MICRO),
            stages=sizing.stages,
            stage_gap_s=sizing.stage_gap_s,
        )
        portfolio = Limits(
            event_bps=limits.event_bps,
            category_bps=limits.category_bps,
            group_bps=limits.group_bps,
            total_bps=limits.total_bps,
            categories=dict(limits.categories),
            daily_loss_bps=limits.daily_loss_bps,
            cooldown_s=limits.cooldown_s,
        )
    except ValueError as error:
        raise ConfigError(f"[sizing] or [limits]: {error}") from error
    return Rules(
        venue,
        how,
        portfolio,
        groups={name: frozenset(groups) for name, groups in limits.groups.items()},
        depth_share=sizing.depth_share,
        rest_s=limits.rest_s,
        max_open=limits.max_open,
        max_decisions=limits.max_decisions,
        code_version=CODE_VERSION,
    )


def reporting_of(config: Config, pools: Sequence[PoolMarket] = ()) -> Reporting:
    """Return how reports are made."""
    section = config.reporting
    return Reporting(
        section.evidence,
        config.venue.clob_url,
        Schedule(section.every_s, section.when_asked_s),
        Method(int(section.reference_size * MICRO), section.stale_s, section.haircut_bps),
        {each.market.name: each.pool for each in pools},
        CODE_VERSION,
    )


def _pool_market(chain: Chain, section: PoolSection) -> PoolMarket:
    """Return a pool's market with the ids that follow from oracle and question.

    Raises:
        ConfigError: the pool is of another condition.
    """
    place = f"[venue.pools] {section.address}"
    try:
        pool = chain.contract(section.address, "FixedProductMarketMaker").functions
        condition, collateral = pool.conditionIds(0).call(), pool.collateralToken().call()
        ctf = chain.contract(pool.conditionalTokens().call(), "ConditionalTokens").functions
        tokens = [
            ctf.getPositionId(
                collateral, ctf.getCollectionId(b"\0" * 32, condition, index_set).call()
            ).call()
            for index_set in (1, 2)
        ]
        question = bytes.fromhex(section.question_id.removeprefix("0x"))
        expected = keccak(bytes.fromhex(section.oracle[2:]) + question + (2).to_bytes(32, "big"))
    except Exception as error:
        raise ConfigError(f"{place} is no fixed-product market maker: {error}") from error
    if condition != expected:
        raise ConfigError(f"{place} is of another condition than oracle and question_id make")
    name = "0x" + condition.hex()
    market = Market(
        question=section.question,
        outcomes=("Yes", "No"),
        condition_id=condition,
        question_id=question,
        oracle=chain.checksum(section.oracle),
        token_ids=(tokens[0], tokens[1]),
        best_bid=None,
        best_ask=None,
        tick=section.tick,
        min_size=Decimal(1),
        liquidity=Decimal(10**9),  # the pool's book says what there is
        end=section.end.astimezone(UTC),
        closed=False,
        negative_risk=False,
        resolution_statuses=(),
        fees=FeeSchedule(),  # in the pool's prices
        event=name,
        category=section.category,
        volume=Decimal(10**9),
    )
    return PoolMarket(chain.checksum(section.address), market)


def connect(config: Config) -> Chain:
    """Return the chain.

    Raises:
        ConfigError: nothing answers, or another chain does.
    """
    try:
        chain = Chain(config.chain.rpc_url, config.chain.timeout_s)
    except CHAIN_AWAY as error:
        raise ConfigError(
            f"[chain.rpc_url] {config.chain.rpc_url} does not answer: start the node or correct it"
        ) from error
    if chain.chain_id != config.chain.chain_id:
        raise ConfigError(
            f"[chain.chain_id] the node is on chain {chain.chain_id}, the file says "
            f"{config.chain.chain_id}"
        )
    return chain


def check_vault(config: Config, chain: Chain, reader: VaultReader) -> None:
    """Refuse addresses that are not what the file takes them for.

    Raises:
        ConfigError: see above.
    """
    addresses = {"vault": config.vault, "safe.address": config.safe.address}
    addresses["safe.multi_send"] = config.safe.multi_send
    addresses |= {
        f"venue.exchanges.{number}": each.address
        for number, each in enumerate(config.venue.exchanges)
    }
    for place, address in addresses.items():
        if not chain.web3.eth.get_code(chain.checksum(address)):
            raise ConfigError(f"[{place}] there is no contract at {address} on this chain")
    try:
        keeper = reader.contract.functions.keeper().call()
        reporter = reader.contract.functions.reporter().call()
        lifetime = reader.contract.functions.limit(ordinal("max_order_lifetime_s")).call()
    except Exception as error:
        raise ConfigError(f"[vault] {config.vault} is no Strongroom vault") from error
    for role, holder in (("keeper", keeper), ("reporter", reporter)):
        if holder.lower() != config.safe.address.lower():
            raise ConfigError(f"[safe.address] the vault's {role} is {holder}")
    if config.execution.order_lifetime_s > lifetime:
        raise ConfigError(
            f"[execution.order_lifetime_s] the vault admits {lifetime} seconds at most"
        )


def _wallets(config: Config, chain: Chain) -> Wallets:
    """Return the wallets for delegated accounts.

    Raises:
        ConfigError: one is no deposit wallet of its key, or stands there twice.
    """
    found: list[Wallet] = []
    for number, each in enumerate(config.venue.wallets):
        place = f"[venue.wallets.{number}]"
        address, owner = chain.checksum(each.address), unlock(each.owner, each.passphrase_env)
        if address in [wallet.address for wallet in found]:
            raise ConfigError(f"{place} {address} stands there twice")
        try:
            named = chain.contract(address, "DepositWallet").functions.owner().call()
        except Exception as error:
            raise ConfigError(f"{place} {address} is no deposit wallet") from error
        if named != owner.address:
            raise ConfigError(f"{place} the wallet's owner is {named}, the key's {owner.address}")
        client = log_in(config.venue.clob_url, config.chain.chain_id, owner, address)
        found.append(Wallet(address, owner, Clob(client)))
    return Wallets(chain, found, [each.address for each in config.venue.exchanges])


def log_in(url: str, chain_id: int, owner: LocalAccount, wallet: str | None = None) -> ClobClient:
    """Return the official client with an owner's API key.

    Args:
        wallet: the owner's deposit wallet, where it is the orders' maker

    Raises:
        ConfigError: the service does not answer.
    """
    kind = None if wallet is None else SignatureTypeV2.POLY_1271
    try:
        client = ClobClient(
            url, chain_id, key=private_key(owner), signature_type=kind, funder=wallet
        )
        client.set_api_creds(client.create_or_derive_api_key())
    except Exception as error:
        raise ConfigError(f"[venue.clob_url] {url} does not let us in: {error}") from error
    return client


def _signers(config: Config, chain: Chain, owner: LocalAccount) -> Signers:
    safe: Contract = chain.web3.eth.contract(
        address=chain.checksum(config.safe.address), abi=safe_abi()
    )
    owners, threshold = safe.functions.getOwners().call(), safe.functions.getThreshold().call()
    keys = [owner]
    if config.cosigner is None:
        variable = config.keys.owner_passphrase_env
        keys += [unlock(path, variable) for path in config.keys.further_owners]
        if len(keys) < threshold:
            raise ConfigError(
                f"[safe.address] {threshold} owners must sign, keys of {len(keys)} are here: "
                "configure [cosigner]"
            )
    for each in keys:
        if each.address not in owners:
            raise ConfigError(f"[keys.owner] {each.address} is no owner of the Safe")
    if config.cosigner is None:
        return OwnKeys(config.safe.address, config.chain.chain_id, keys[:threshold])
    try:
        client = CosignerClient(config.cosigner.url, read_secret(config.cosigner.secret_file))
        if client.address not in owners or client.address == owner.address:
            raise ConfigError(f"[cosigner.url] {client.address} is no other owner of the Safe")
    except CosignerAway as error:
        raise ConfigError(f"[cosigner.url] {error}: start it first") from error
    except ValueError as error:
        raise ConfigError(f"[cosigner.secret_file] {error}") from error
    return WithCosigner(config.safe.address, config.chain.chain_id, owner, client)


def _forecaster(section: ForecasterSection) -> Forecaster:
    if section.kind == "csv":
        if section.path is None:
            raise ConfigError(f"[forecasters.{section.name}] a csv needs `path`")
        return CsvForecaster(section.path, section.name)
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


def _sources(
    config: Config,
    reader: BookReader,
    forecasters: list[Forecaster],
    now: Callable[[], float],
) -> Sources:
    section = config.information
    stream, kept = None, None
    if config.venue.stream_url:
        kept = Books()
        stream = MarketStream(config.venue.stream_url, reader, kept, now)
    return Sources(
        GammaClient(config.venue.gamma_url),
        reader,
        Freshness(
            markets_every=section.markets_every_s,
            books_max_age=section.books_max_age_s,
            forecasts_every=section.forecasts_every_s,
            max_watched=section.max_watched,
        ),
        stream,
        kept,
        forecasters,
    )


def _newest(reader: BookReader, token: str, now: int) -> Book | None:
    try:
        return reader.read([token], now).get(token)
    except BooksAway:
        return None
