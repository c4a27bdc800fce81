"""Put a keeper together from its configuration, and refuse what cannot work before it starts."""

import time
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC
from decimal import Decimal
from importlib.metadata import version

from eth_account.signers.local import LocalAccount

from strongroom.chain.accounts import open_keystore
from strongroom.chain.calls import Ask
from strongroom.chain.failures import CallReverted, ChainAway
from strongroom.chain.ids import BadId, Json, TokenId, keccak, question_id, to_bytes, to_hex
from strongroom.chain.nodes import Agreement, one_node
from strongroom.chain.protocols import Protocol, protocol_of_exchange
from strongroom.chain.rpc import Chain, checksum
from strongroom.chain.units import GWEI, MICRO
from strongroom.cosigner.client import CosignerClient
from strongroom.cosigner.wire import BadSecret
from strongroom.errors import BadInput
from strongroom.execution.account_kinds import ServedClasses, served_classes
from strongroom.execution.fees import FeeRules
from strongroom.execution.interfaces import Listener
from strongroom.execution.tasks import TaskRules
from strongroom.execution.transactions import Transactor
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.pools import PoolMarket, pool_tokens
from strongroom.information.books import Book, BookReader, BooksAway
from strongroom.information.forecast import Forecaster
from strongroom.information.gamma import FeeSchedule, GammaClient, Market
from strongroom.information.kept_books import KeptBooks
from strongroom.information.sources import Freshness, Sources
from strongroom.information.stream import MarketStream
from strongroom.journal import Journal
from strongroom.keeper.assembly import Settings, Surroundings, assemble
from strongroom.keeper.configuration import (
    Config,
    CosignerSection,
    ExecutionSection,
    LimitsSection,
    PoolSection,
    ReporterSection,
    SizingSection,
)
from strongroom.keeper.forecasters import make_forecaster
from strongroom.keeper.grounds import with_grounds
from strongroom.keeper.pack_sections import parameters_of, trading_of
from strongroom.keeper.tick import Keeper, Watch
from strongroom.keeper.vault_check import check_vault
from strongroom.keeper.venue_access import log_in_as, safe_keys, venue_relayer, venue_wallets
from strongroom.reporting.report import Reporting, ReportSchedule
from strongroom.settings import ConfigError, read_secret
from strongroom.signing.order import ExchangeDomain
from strongroom.signing.signers import CosignerAway, OwnKeys, Signers, WithCosigner
from strongroom.strategy.api import BadParameters, Pack, UnknownPack, make_pack
from strongroom.strategy.exits import Trading
from strongroom.strategy.portfolio import PortfolioLimits
from strongroom.strategy.rules import Exchanges, Rules
from strongroom.strategy.sizing import Sizing, Tier

PLENTY = Decimal(10**9)  # of a pool: its book says what there is
CODE_VERSION = f"strongroom {version('strongroom')}"


def build(
    config: Config,
    on_event: Listener = lambda event, fields: None,
    clock: Callable[[], float] | None = None,
    journal: Journal | None = None,
) -> Keeper:
    """Return a keeper that is ready to tick.

    Args:
        clock: instead of this machine's; a devnet whose time runs ahead has its own

    Raises:
        ConfigError: the configuration does not fit what is there; nothing was sent.
        UnknownAccount: everybody knows one of the keys, and the chain is no test chain.
    """
    packs = make_packs(config.packs)
    now = clock or time.time
    chain = connect(config, now, on_event)
    forecasters = [make_forecaster(each, config, chain) for each in config.forecasters]
    owner = open_keystore(config.keys.owner, config.keys.owner_passphrase_env, chain.node)
    executor = open_keystore(config.keys.executor, config.keys.executor_passphrase_env, chain.node)
    wallets = venue_wallets(config, chain)
    reporter = check_vault(config, chain)
    served = _served(config, chain)
    vault = VaultReader(chain, config.vault, config.classes, wallets, served)
    pools = [pool_market(chain, each) for each in config.venue.pools]
    cosigner = None if config.cosigner is None else _cosigner(config.cosigner)
    signers, kept = _signers(config, chain, owner, cosigner), journal or Journal(config.journal)
    transactor = _transactor(config, kept, chain, signers, executor, on_event)
    report_sender: Transactor | None = None
    if reporter.lower() == config.safe.address.lower():
        report_sender = transactor
    elif config.reporter is not None and reporter.lower() == config.reporter.safe.lower():
        theirs = _reporter_signers(config, config.reporter, chain, cosigner)
        report_sender = _transactor(config, kept, chain, theirs, executor, on_event)
    else:
        on_event("somebody_else_reports", {"reporter": reporter})
    books = BookReader(config.venue.clob_url)
    around = Surroundings(
        journal=kept,
        chain=chain,
        vault=vault,
        venue=log_in_as(config, executor),
        transactor=transactor,
        report_sender=report_sender,
        signers=signers,
        sources=_sources(config, books, forecasters, now),
        book=lambda token: _newest(books, token, int(now())),
        clock=now,
        relayer=venue_relayer(config, served),
        safes=safe_keys(config, chain, served),
        on_event=on_event,
    )
    settings = with_grounds(config, settings_of(config, packs, pools), kept.salt(), on_event)
    return assemble(around, settings)


def _transactor(
    config: Config,
    journal: Journal,
    chain: Chain,
    signers: Signers,
    executor: LocalAccount,
    on_event: Listener,
) -> Transactor:
    """Return what carries out one Safe's transactions."""
    return Transactor(
        journal,
        chain,
        signers,
        executor,
        config.safe.multi_send,
        confirmations=config.chain.confirmations,
        patience_s=config.execution.patience_s,
        bump_after_s=config.execution.bump_after_s,
        fees=FeeRules(int(config.chain.min_tip_gwei * GWEI), int(config.chain.max_fee_gwei * GWEI)),
        refusals=config.chain.refusals,
        on_event=on_event,
    )


def settings_of(
    config: Config, packs: Sequence[Pack], pools: Sequence[PoolMarket] = ()
) -> Settings:
    """Return what a keeper is to do, as its file says.

    Raises:
        ConfigError: a number is missing.
    """
    operations, exchanges = config.operations, config.venue.exchanges
    return Settings(
        packs=packs,
        rules=rules_of(config, pools),
        reporting=reporting_of(config, pools),
        domains=[
            ExchangeDomain(checksum(each.address), each.version, config.chain.chain_id)
            for each in exchanges
        ],
        tasks=task_rules(config.execution),
        lifetime_s=config.execution.order_lifetime_s,
        confirmations=config.chain.confirmations,
        watch=Watch(
            max_skew_s=operations.max_skew_s,
            pause_s=operations.pause_s,
            heartbeat=config.venue.heartbeat,
            stop_file=operations.stop_file,
        ),
        pools=pools,
        exchanges=[each.address for each in exchanges],
        negative_risk_oracle=config.venue.negative_risk_oracle,
        signals=[each.name for each in config.forecasters if each.signal],
    )


def task_rules(section: ExecutionSection) -> TaskRules:
    """Return how patient tasks are."""
    return TaskRules(
        attempts=section.attempts,
        start_within_s=section.start_within_s,
        slippage_bps=section.slippage_bps,
        resting_s=section.resting_s,
    )


def make_packs(sections: Mapping[str, Mapping[str, Json]]) -> list[Pack]:
    """Return the configured packs, in the file's order.

    Raises:
        ConfigError: one is unknown, or does not take a parameter.
    """
    if not sections:
        raise ConfigError("[packs] is empty: name at least one, e.g. [packs.tail]")
    try:
        named = parameters_of(sections)
        return [make_pack(name, parameters) for name, parameters in named.items()]
    except (UnknownPack, BadParameters) as error:
        raise ConfigError(f"[packs] {error}") from error


def rules_of(config: Config, pools: Sequence[PoolMarket] = ()) -> Rules:
    """Return what decides beside the packs.

    Raises:
        ConfigError: a number is missing.
    """
    named = [(protocol_of_exchange(each.version), each) for each in config.venue.exchanges]
    older = {each.negative_risk: each.address for which, each in named if which is Protocol.V1}
    newer = [each.address for which, each in named if which is Protocol.V2]
    if len(newer) > 1:
        raise ConfigError("[venue.exchanges] Protocol V2 has one exchange: name one of version 3")
    exchanges = Exchanges(
        older.get(False, ""),
        older.get(True, ""),
        {each.market.condition_id: each.pool for each in pools},
        *newer,
    )
    trading = trading_of(config.packs, config.execution.order_lifetime_s)
    return make_rules(config.sizing, config.limits, exchanges, trading)


def make_rules(
    sizing: SizingSection,
    limits: LimitsSection,
    exchanges: Exchanges,
    trading: Mapping[str, Trading],
) -> Rules:
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
        )
        portfolio = PortfolioLimits(
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
        exchanges,
        how,
        portfolio,
        groups={name: frozenset(groups) for name, groups in limits.groups.items()},
        trading=trading,
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
        ReportSchedule(section.every_s, section.when_asked_s),
        section.method,
        {each.market.question_key: each.pool for each in pools},
        CODE_VERSION,
        section.payers,
        config.evidence.on_chain,
    )


def pool_market(chain: Chain, section: PoolSection) -> PoolMarket:
    """Return a pool's market with the ids that follow from oracle and question.

    Raises:
        ConfigError: the pool is of another condition.
    """
    place = f"[venue.pools] {section.address}"
    try:
        (found,) = pool_tokens(chain, [section.address])
    except CallReverted as error:
        raise ConfigError(f"{place} is not a fixed-product market maker: {error}") from error
    except ChainAway as error:
        raise ConfigError(f"{place}: {error}") from error
    try:
        question = question_id(section.question_id)
    except BadId as error:
        raise ConfigError(f"{place} question_id: {error}") from error
    parts = to_bytes(section.oracle) + to_bytes(question) + (2).to_bytes(32, "big")
    if found.condition != to_hex(keccak(parts)):
        raise ConfigError(f"{place} has another condition than oracle and question_id give")
    market = Market(
        question=section.question,
        outcomes=("Yes", "No"),
        condition_id=found.condition,
        question_id=question,
        oracle=checksum(section.oracle),
        token_ids=found.tokens,
        best_bid=None,
        best_ask=None,
        tick=section.tick,
        min_size=Decimal(1),
        liquidity=PLENTY,
        end=section.end.astimezone(UTC),
        closed=False,
        negative_risk=False,
        resolution_statuses=(),
        fees=FeeSchedule(),  # in the pool's prices
        event=found.condition,
        category=section.category,
        volume=PLENTY,
    )
    return PoolMarket(checksum(section.address), market)


def connect(
    config: Config,
    clock: Callable[[], float] | None = None,
    on_event: Listener = lambda event, fields: None,
) -> Chain:
    """Return the chain; with a clock, no newest block counts that is ahead of it (nodes.py).

    Raises:
        ConfigError: nothing answers, or another chain does.
    """
    section = config.chain
    agreement = Agreement(
        section.chain_id,
        section.compare_every_s,
        section.max_behind,
        section.confirmations,
        config.operations.max_skew_s,
    )
    urls = (section.rpc_url, *section.further_rpc_urls)
    try:
        chain = Chain(one_node(urls, section.timeout_s, agreement, clock, on_event))
    except ChainAway as error:
        raise ConfigError(f"[chain.rpc_url] {error}") from error
    if chain.chain_id != config.chain.chain_id:
        raise ConfigError(
            f"[chain.chain_id] the node is on chain {chain.chain_id}, the file says "
            f"{config.chain.chain_id}"
        )
    return chain


def _served(config: Config, chain: Chain) -> ServedClasses:
    """Return which accounts the classes have.

    Raises:
        ConfigError: the keeper cannot trade for a class.
    """
    try:
        return served_classes(chain, config.vault, config.classes)
    except BadInput as error:
        raise ConfigError(f"[classes] {error}") from error


def _signers(
    config: Config, chain: Chain, owner: LocalAccount, cosigner: CosignerClient | None
) -> Signers:
    """Return who signs for the keeper's Safe.

    Raises:
        ConfigError: the keys are not its owners', or are too few.
    """
    safe, keys = config.safe.address, [owner]
    holders, threshold = _owners(chain, safe)
    if cosigner is None:
        variable = config.keys.owner_passphrase_env
        keys += [open_keystore(path, variable, chain.node) for path in config.keys.further_owners]
        if len(keys) < threshold:
            raise ConfigError(
                f"[safe.address] {threshold} owners must sign, keys of {len(keys)} are here: "
                "configure [cosigner]"
            )
    _check_keys("keys.owner", keys, holders)
    if cosigner is None:
        return OwnKeys(safe, config.chain.chain_id, keys[:threshold])
    refuse_cosigner(cosigner.address, owner.address, holders)
    return WithCosigner(safe, config.chain.chain_id, owner, cosigner)


def _reporter_signers(
    config: Config, section: ReporterSection, chain: Chain, cosigner: CosignerClient | None
) -> Signers:
    """Return who signs for the reporter's Safe: the keys here, where they are enough, else one of
    them and the co-signer.

    Raises:
        ConfigError: the keys are not its owners', or are too few.
    """
    variable, files = section.owner_passphrase_env, (section.owner, *section.further_owners)
    keys = [open_keystore(path, variable, chain.node) for path in files]
    holders, threshold = _owners(chain, section.safe)
    _check_keys("reporter.owner", keys, holders)
    if len(keys) >= threshold:
        return OwnKeys(section.safe, config.chain.chain_id, keys[:threshold])
    if cosigner is None or threshold > 2:
        raise ConfigError(
            f"[reporter.safe] {threshold} owners must sign, keys of {len(keys)} are here: name "
            "more in further_owners"
        )
    refuse_cosigner(cosigner.address, keys[0].address, holders, "the reporter's Safe")
    return WithCosigner(section.safe, config.chain.chain_id, keys[0], cosigner)


def refuse_cosigner(address: str, own: str, holders: Set[str], whose: str = "the Safe") -> None:
    """Refuse a co-signer that cannot be the second owner beside a key here.

    Args:
        own: address of the key here
        holders: the Safe's owners

    Raises:
        ConfigError: it is no owner, or the key here itself.
    """
    if address not in holders or address == own:
        raise ConfigError(f"[cosigner.url] {address} is not another owner of {whose}")


def _owners(chain: Chain, safe: str) -> tuple[set[str], int]:
    """Return a Safe's owners, and how many of them must sign.

    Raises:
        ConfigError: it is none.
    """
    questions = [Ask(safe, "Safe", name) for name in ("getOwners", "getThreshold")]
    try:
        owners, threshold = chain.ask(questions)
    except CallReverted as error:
        raise ConfigError(f"{safe} is not a Safe") from error
    return {checksum(each) for each in owners}, int(threshold)


def _check_keys(place: str, keys: Sequence[LocalAccount], holders: set[str]) -> None:
    for each in keys:
        if each.address not in holders:
            raise ConfigError(f"[{place}] {each.address} is not an owner of the Safe")


def _cosigner(section: CosignerSection) -> CosignerClient:
    """Return the co-signer's client, once it has answered."""
    try:
        client = CosignerClient(section.url, read_secret(section.secret_file))
    except BadSecret as error:
        raise ConfigError(f"[cosigner.secret_file] {error}") from error
    try:
        client.address  # noqa: B018 - asked for once, and kept
    except CosignerAway as error:
        raise ConfigError(f"[cosigner.url] {error}: start it first") from error
    return client


def _sources(
    config: Config,
    reader: BookReader,
    forecasters: list[Forecaster],
    now: Callable[[], float],
) -> Sources:
    section = config.information
    stream, kept = None, None
    if config.venue.stream_url:
        kept = KeptBooks()
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


def _newest(reader: BookReader, token: TokenId, now: int) -> Book | None:
    try:
        return reader.read([token], now).books.get(token)
    except BooksAway:
        return None
