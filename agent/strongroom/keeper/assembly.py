"""A keeper put together from its parts: once, whatever stands around it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from strongroom.chain.ids import TokenId
from strongroom.execution.housekeeping import Duties
from strongroom.execution.interfaces import (
    ChainReads,
    Listener,
    OrderVenue,
    SafeSender,
    WalletRelayer,
)
from strongroom.execution.lent_wallets import LentWallets
from strongroom.execution.order_desk import Desk
from strongroom.execution.owned_safes import OwnedSafes
from strongroom.execution.owned_wallets import OwnedWallets
from strongroom.execution.relaying import Relaying
from strongroom.execution.tasks import TaskRules, Tasks
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.pools import PoolMarket
from strongroom.execution.venues.safes import SafeKeys
from strongroom.execution.wallet_desk import WalletDesk
from strongroom.information.books import Book
from strongroom.journal import Journal
from strongroom.keeper.tick import Decide, Keeper, MarketSources, Watch
from strongroom.reporting.report import Reporter, Reporting
from strongroom.signing.order import ExchangeDomain
from strongroom.signing.signers import Signers
from strongroom.strategy.api import Pack
from strongroom.strategy.decide import Round, decide
from strongroom.strategy.rules import Rules
from strongroom.strategy.view import View


def _ignore(what: object, more: object) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Surroundings:
    """What a keeper stands in: a live chain and venue, or simulated ones.

    Attributes:
        vault: reads the vault on the chain
        venue: the order service under the executor's API key
        transactor: of the keeper's Safe
        report_sender: of the reporter's Safe, maybe the same; None: somebody else reports
        book: a token's newest book; None: unknown
        clock: seconds
        relayer: of the venue; None: no account trades by a wallet or Safe
        safes: keys of the Safes that accounts own; None: none does
        on_event: is called with each event
        on_view: is called with each view and what was decided on it
        decide: decides, here or in a process of its own
    """

    journal: Journal
    chain: ChainReads
    vault: VaultReader
    venue: OrderVenue
    transactor: SafeSender
    report_sender: SafeSender | None
    signers: Signers
    sources: MarketSources
    book: Callable[[TokenId], Book | None]
    clock: Callable[[], float] = time.time
    relayer: WalletRelayer | None = None
    safes: SafeKeys | None = None
    on_event: Listener = _ignore
    on_view: Callable[[View, Round], None] = _ignore
    decide: Decide = decide


@dataclass(frozen=True)
class Settings:
    """What a keeper is to do, and how.

    Attributes:
        domains: of the exchanges that orders are signed for
        lifetime_s: of an order's signature
        confirmations: blocks on top of a fill, before it counts
        signals: forecasters that lift, and never move money by themselves
    """

    packs: Sequence[Pack]
    rules: Rules
    reporting: Reporting
    domains: Sequence[ExchangeDomain]
    tasks: TaskRules = field(default_factory=TaskRules)
    lifetime_s: int = 300
    confirmations: int = 0
    watch: Watch = field(default_factory=Watch)
    pools: Sequence[PoolMarket] = ()
    exchanges: Sequence[str] = ()  # that must not be paused
    negative_risk_oracle: str = ""
    signals: Sequence[str] = ()


def assemble(around: Surroundings, settings: Settings) -> Keeper:
    """Return a keeper that is ready to tick."""
    journal, transactor, vault = around.journal, around.transactor, around.vault
    now, on_event = around.chain.now, around.on_event
    desk = Desk(
        journal,
        around.chain,
        around.venue,
        around.signers,
        settings.domains,
        lifetime_s=settings.lifetime_s,
        confirmations=settings.confirmations,
        on_event=on_event,
        wallets=vault.wallets,
        safes=around.safes,
    )
    wallets = _wallet_desk(around, settings)
    sender = around.report_sender
    reporter = None
    if sender is not None:
        reporter = Reporter(settings.reporting, journal, sender, vault, now, on_event)
    return Keeper(
        journal=journal,
        chain=around.chain,
        venue=around.venue,
        vault=vault,
        transactor=transactor,
        desk=desk,
        tasks=Tasks(
            journal, transactor, desk, vault, wallets, settings.tasks, around.book, now, on_event
        ),
        duties=Duties(journal, transactor, vault, wallets, now, on_event),
        reporter=reporter,
        report_sender=None if sender is transactor else sender,
        sources=around.sources,
        packs=settings.packs,
        rules=settings.rules,
        exchanges=settings.exchanges,
        negative_risk_oracle=settings.negative_risk_oracle,
        watch=settings.watch,
        clock=around.clock,
        on_event=on_event,
        on_view=around.on_view,
        decide=around.decide,
        pools=settings.pools,
        signals=settings.signals,
        check_signers=around.signers.check,
    )


def _wallet_desk(around: Surroundings, settings: Settings) -> WalletDesk:
    """Return what looks after the wallets that trade for accounts."""
    journal, chain, vault = around.journal, around.chain, around.vault
    relaying = Relaying(journal, around.relayer, around.on_event)
    owned = OwnedWallets(
        chain, around.transactor, relaying, around.signers.witness, around.on_event
    )
    lent = LentWallets(journal, chain, relaying, vault.wallets, settings.exchanges)
    safes = None
    if around.safes is not None:
        safes = OwnedSafes(chain, around.transactor, relaying, around.safes)
    return WalletDesk(journal, vault, owned, lent, safes)
