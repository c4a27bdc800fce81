"""The keeper's configuration: one TOML file a vault, typed; secrets only from keystores.

`load` reads, `check` asks the chain and the venue whether the file is about what is there. Both
fail with the place in the file and what to do.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from strongroom.chain.ids import Json
from strongroom.chain.units import BPS, DAY, HOUR, MICRO
from strongroom.reporting.maker_payments import PayerKind
from strongroom.reporting.marks import Method
from strongroom.settings import (
    Address,
    AddressOrNone,
    ConfigError,
    DatabaseUrl,
    Door,
    HttpUrl,
    HttpUrlOrNone,
    Place,
    Section,
    StreamUrlOrNone,
    describe,
    read_toml,
)
from strongroom.strategy.portfolio import EVENT_BPS
from strongroom.strategy.sizing import DEFAULT_TIERS, KELLY_FRACTION, Rule

PROPOSALS = "proposals"  # the pack of what clients propose
LONGEST_PRIVATE_S = 90 * DAY  # of a decision; the audit takes no later date


class ChainSection(Section):
    """Where the chain is."""

    rpc_url: HttpUrl
    further_rpc_urls: tuple[HttpUrl, ...] = ()  # asked where the first cannot be
    chain_id: int
    confirmations: int = Field(5, ge=0)
    timeout_s: float = Field(10.0, gt=0)
    min_tip_gwei: Decimal = Field(Decimal(0), ge=0)  # more where a node asks for more
    max_fee_gwei: Decimal = Field(Decimal(10_000), gt=0)
    refusals: int = Field(3, ge=1)  # of a transaction, until it is a halt
    compare_every_s: float = Field(30.0, gt=0)  # several nodes with one another
    max_behind: int = Field(10, ge=0)  # blocks that a node may lack


class KeysSection(Section):
    """Keystore files; their passphrases come from the environment."""

    owner: Place  # of the Safe
    executor: Place  # pays the gas and holds the API key
    owner_passphrase_env: str = "STRONGROOM_OWNER_PASSPHRASE"
    executor_passphrase_env: str = "STRONGROOM_EXECUTOR_PASSPHRASE"
    further_owners: tuple[Place, ...] = ()  # for a Safe without co-signer; same passphrase


class SafeSection(Section):
    """The keeper's Safe."""

    address: Address
    multi_send: Address = "0x9641d764fc13c8B624c04430C7356C1C7C8102e2"  # MultiSendCallOnly 1.4.1


class ReporterSection(Section):
    """The reporter's Safe, where this process signs for it; the co-signer, if there is one, is its
    second owner, too."""

    safe: Address
    owner: Place  # keystore of one of its owners
    owner_passphrase_env: str = "STRONGROOM_REPORTER_PASSPHRASE"
    further_owners: tuple[Place, ...] = ()  # where no co-signer signs for it; same passphrase


class CosignerSection(Section):
    """The co-signer's process."""

    url: Door  # http://host:port or unix:/path
    secret_file: Place


class ExchangeSection(Section):
    """One exchange that orders are signed for."""

    address: Address
    version: Literal["1", "2", "3"] = "2"  # in its EIP-712 domain; 3: of Protocol V2
    negative_risk: bool = False


class PoolSection(Section):
    """A market at a fixed-product market maker (Omen), which no service lists."""

    address: Address
    question: str
    question_id: str  # 0x..., 32 bytes
    oracle: Address
    end: datetime
    category: str = ""
    tick: Decimal = Field(Decimal("0.001"), gt=0, lt=1)


class WalletSection(Section):
    """A deposit wallet that trades for delegated accounts, one market at a time."""

    address: Address
    key: Place  # keystore of a session key of it, or of its owner; it holds the API key, too
    passphrase_env: str = "STRONGROOM_WALLET_PASSPHRASE"


class SafesSection(Section):
    """What the keys of Safes that accounts own are made from."""

    secret: Place  # keystore of a key that signs nothing itself
    passphrase_env: str = "STRONGROOM_SAFES_PASSPHRASE"


class RelayerSection(Section):
    """The venue's relayer, for accounts that trade by wallets or Safes."""

    url: HttpUrl
    key_file: Place  # JSON: `key`, `secret`, `passphrase` of a builder


class VenueSection(Section):
    """The venue's services and contracts."""

    clob_url: HttpUrl
    gamma_url: HttpUrl
    stream_url: StreamUrlOrNone = ""  # ws://.../ws/market; empty: books are read at every look
    exchanges: tuple[ExchangeSection, ...] = Field(min_length=1)
    pools: tuple[PoolSection, ...] = ()
    wallets: tuple[WalletSection, ...] = ()
    safes: SafesSection | None = None
    relayer: RelayerSection | None = None
    negative_risk_oracle: AddressOrNone = ""
    heartbeat: bool = True


class InformationSection(Section):
    """How often and how old; seconds. How many markets."""

    markets_every_s: int = Field(300, gt=0)
    books_max_age_s: int = Field(30, gt=0)
    forecasts_every_s: int = Field(900, gt=0)
    max_watched: int = Field(2_000, gt=0)


class ForecasterSection(Section):
    """A source of forecasts."""

    kind: Literal["http", "csv", "llm", "reference", "wallets", "paid"]
    name: str
    url: HttpUrlOrNone = ""
    path: Place | None = None  # of a csv, of pairs, of followed wallets, of a buyer's file
    model: str = ""
    key_env: str = ""
    enabled: bool = True  # what is paid for must be switched on by `enabled = true`
    signal: bool = False  # lifts confidence only


class TierSection(Section):
    """A confidence tier."""

    name: str
    min_edge: float = Field(gt=0, lt=1)
    cap_bps: int = Field(gt=0, le=EVENT_BPS)
    evidence: int = Field(1, ge=1)


class SizingSection(Section):
    """Sizes; money in units of collateral."""

    rule: Rule = "tiers"
    tiers: tuple[TierSection, ...] = tuple(TierSection(**vars(tier)) for tier in DEFAULT_TIERS)
    fraction: float = Field(0.1, gt=0, le=KELLY_FRACTION)
    units: int = Field(1, ge=1)
    unit_bps: int = Field(100, gt=0, le=EVENT_BPS)
    flat: Decimal = Decimal(0)
    loss_budget: Decimal | None = None
    depth_share: Decimal = Field(Decimal(1), gt=0, le=1)


class LimitsSection(Section):
    """Limits of the portfolio; bps of NAV."""

    event_bps: int = Field(EVENT_BPS, gt=0, le=EVENT_BPS)
    category_bps: int = Field(3_000, gt=0, le=BPS)
    group_bps: int = Field(3_000, gt=0, le=BPS)
    total_bps: int = Field(8_000, gt=0, le=BPS)
    categories: Mapping[str, int] = {}
    daily_loss_bps: int = Field(300, gt=0, le=BPS)
    cooldown_s: int = Field(HOUR, ge=0)
    groups: Mapping[str, tuple[str, ...]] = {}  # market or event -> groups that move together
    max_open: int = Field(64, gt=0, le=64)
    max_decisions: int = Field(10, gt=0)
    rest_s: int = Field(300, ge=0)


class ExecutionSection(Section):
    """Times and attempts."""

    order_lifetime_s: int = Field(300, ge=90)  # the venue wants more than a minute
    attempts: int = Field(3, ge=1)
    start_within_s: int = Field(120, gt=0)
    slippage_bps: int = Field(200, ge=0)
    resting_s: int = Field(120, gt=0)
    patience_s: float = Field(2.0, ge=0)
    bump_after_s: int = Field(30, gt=0)


class ReportingSection(Section):
    """How reports are made."""

    evidence: Place
    every_s: int = Field(6 * HOUR, gt=0)
    when_asked_s: int = Field(HOUR, gt=0)
    reference_size: Decimal = Field(Decimal(100), gt=0)  # tokens
    stale_s: int = Field(900, gt=0)
    haircut_bps: int = Field(500, ge=0, le=BPS)
    views: Place | None = None  # folder, private: views wait there to be published; None: withheld
    reveal_within_s: int = Field(0, ge=0, le=LONGEST_PRIVATE_S)  # 0: with the next report
    payers: Mapping[Address, PayerKind] = {}  # who pays makers beside trades -> for what

    @property
    def method(self) -> Method:
        """How books become marks."""
        return Method(int(self.reference_size * MICRO), self.stale_s, self.haircut_bps)


class StoreSection(Section):
    """A place that evidence is published to: one of the three."""

    folder: Place | None = None
    car: Place | None = None  # file, for IPFS
    url: HttpUrlOrNone = ""  # takes PUT
    token_env: str = ""  # variable with what a PUT is authorised by

    @model_validator(mode="after")
    def _is_one(self) -> "StoreSection":
        if (self.folder is not None) + (self.car is not None) + bool(self.url) != 1:
            raise ValueError("name one of folder, car and url")
        if self.token_env and not self.url:
            raise ValueError("token_env goes with url")
        return self


class EvidenceSection(Section):
    """Where evidence is published beside the keeper's own folder."""

    places: tuple[StoreSection, ...] = ()
    on_chain: bool = False  # a report's transaction carries the decision records


class OperationsSection(Section):
    """How the keeper runs."""

    mode: Literal["dry-run", "paper", "ask", "live"] = "paper"
    approve_within_s: int = Field(600, gt=0)  # mode ask: how long a decision waits for its yes
    ask_again_s: int = Field(HOUR, ge=0)  # after that, where there was no yes
    tick_s: float = Field(5.0, gt=0)
    max_skew_s: int = Field(60, gt=0)
    pause_s: int = Field(15, ge=0)
    stop_file: Place = Field(Path("STOP"), validate_default=True)
    log: Place | None = None  # JSON lines; without it they go to standard error
    log_max_mb: int = Field(100, gt=0)  # then it rotates; five older ones stay
    metrics_port: int = Field(0, ge=0, le=65_535)  # 0: none
    metrics_host: str = "127.0.0.1"  # in a container: 0.0.0.0, on a network of its own
    backups: Place = Field(Path("backups"), validate_default=True)  # its newest is watched
    record: Place | None = None  # folder for snapshots (Parquet)
    record_max_mb: int = Field(2_000, gt=0)  # of it; the oldest go


class ProposalsSection(Section):
    """Where clients' proposals wait for the pack `proposals`."""

    folder: Place  # that `strongroom mcp` writes and the keeper answers in
    most_waiting: int = Field(5, gt=0, le=100)  # of one client


class McpSection(Section):
    """What `strongroom mcp` serves, and to whom."""

    tokens: Place = Field(Path("mcp-tokens.json"), validate_default=True)  # their hashes
    log: Place = Field(Path("mcp-calls.log"), validate_default=True)  # JSON lines, chained
    log_max_mb: int = Field(10, gt=0)  # then it rotates; five older ones stay
    calls_a_minute: int = Field(60, gt=0)  # of one token
    requests_a_minute: int = Field(600, gt=0)  # of one address, with or without a token
    audit: Place | None = None  # verdict.json of `strongroom audit --out`
    backtests: Place | None = None  # folder, with a backtest's folder each
    data: Place | None = None  # folder of recorded data, as `strongroom import` writes it


NEEDED = {  # kind of notification -> keys that it cannot do without
    "webhook": (),
    "email": ("host", "sender", "to"),
    "telegram": ("token_env", "chat"),
}


class NotifySection(Section):
    """A way to tell a person; secrets come from the environment."""

    kind: Literal["webhook", "email", "telegram"]
    name: str = ""
    least: Literal["info", "warning", "critical"] = "info"  # less urgent messages are left out
    url: HttpUrlOrNone = ""  # of a webhook, or of a bot's service
    url_env: str = ""  # variable with a webhook's URL, where that is a secret
    key: str = "text"  # of the message in a webhook's JSON
    host: str = ""  # of the mail server
    port: int = Field(587, gt=0, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = ""
    to: tuple[str, ...] = ()
    user: str = ""
    password_env: str = ""
    token_env: str = ""  # variable with a bot's token
    chat: str = ""  # id of the chat that a bot writes to, and takes commands from
    commands: bool = False  # whether the bot obeys `status` and `stop`

    @model_validator(mode="before")
    @classmethod
    def _knows_telegram(cls, given: object) -> object:
        if isinstance(given, dict) and given.get("kind") == "telegram" and not given.get("url"):
            return {**given, "url": "https://api.telegram.org"}
        return given

    @model_validator(mode="after")
    def _is_whole(self) -> "NotifySection":
        for name in NEEDED[self.kind]:
            if not getattr(self, name):
                raise ValueError(f"a notification by {self.kind} needs `{name}`")
        if self.kind == "webhook" and not (self.url or self.url_env):
            raise ValueError("a notification by webhook needs `url` or `url_env`")
        if self.commands and self.kind != "telegram":
            raise ValueError(f"{self.kind} takes no commands: leave `commands` out")
        return self


class Config(Section):
    """Everything of one keeper: its vault, and the classes there that it serves."""

    vault: Address
    classes: tuple[int, ...] = Field(min_length=1)
    chain: ChainSection
    keys: KeysSection
    safe: SafeSection
    reporter: ReporterSection | None = None  # None: reports only where the Safe above does
    cosigner: CosignerSection | None = None
    venue: VenueSection
    information: InformationSection = InformationSection()
    forecasters: tuple[ForecasterSection, ...] = ()
    packs: Mapping[str, Mapping[str, Json]]
    sizing: SizingSection = SizingSection()
    limits: LimitsSection = LimitsSection()
    execution: ExecutionSection = ExecutionSection()
    journal: DatabaseUrl = Field("sqlite:///keeper.db", validate_default=True)
    reporting: ReportingSection
    evidence: EvidenceSection = EvidenceSection()
    operations: OperationsSection = OperationsSection()
    notify: tuple[NotifySection, ...] = ()
    proposals: ProposalsSection | None = None  # None: `strongroom mcp` reads only
    mcp: McpSection = Field({}, validate_default=True)  # so that its places are beside the file

    @model_validator(mode="after")
    def _proposals_stand_alone(self) -> "Config":
        """What clients propose has classes of its own, whose caps the contract holds: so its keeper
        has no other pack."""
        if (PROPOSALS in self.packs) != (self.proposals is not None):
            raise ValueError(
                f"[packs.{PROPOSALS}] and [proposals] go together: name both, or neither"
            )
        if self.proposals is not None and len(self.packs) > 1:
            raise ValueError(
                f"[packs.{PROPOSALS}] stands beside other packs: give it a keeper with classes of "
                "its own, whose caps bound what clients can lose"
            )
        return self

    @model_validator(mode="after")
    def _a_bot_is_read_once(self) -> "Config":
        """What is written to a bot comes to whoever asks first."""
        obeyed = [(each.url, each.token_env) for each in self.notify if each.commands]
        if len(set(obeyed)) < len(obeyed):
            raise ValueError(
                "[notify] two sections take commands of one bot: leave `commands` out of one"
            )
        return self

    @model_validator(mode="after")
    def _signals_weigh_nothing(self) -> "Config":
        """A signal passes no gate, so it may have no weight in a pack's fair value; and a name that
        two forecasters share would let one through the other's gate."""
        names = [each.name for each in self.forecasters]
        if len(set(names)) < len(names):
            raise ValueError("[forecasters] two have the same name: give each its own")
        signals = {each.name for each in self.forecasters if each.signal}
        for pack, section in self.packs.items():
            weights = section.get("weights")
            for name in sorted(signals & set(weights if isinstance(weights, dict) else ())):
                raise ValueError(
                    f"[packs.{pack}.weights] {name} is a signal, which lifts confidence and moves "
                    "no money by itself: take it out, or take out its `signal = true`"
                )
        return self


def load(path: Path) -> Config:
    """Read a configuration file; relative paths in it are relative to the file.

    Raises:
        ConfigError: see the class.
    """
    try:
        return Config.model_validate(read_toml(path), context=path.parent)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error, Config)}") from error


def in_mode(config: Config, mode: str | None) -> Config:
    """Return a configuration with another mode; None leaves the file's."""
    if mode is None:
        return config
    operations = config.operations.model_copy(update={"mode": mode})
    return config.model_copy(update={"operations": operations})
