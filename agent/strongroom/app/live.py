"""What the app's script has with it: the vault, the chain, the sentences of the commands, and what
the owner had announced when the page was made. The rest it reads from the chain itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files

from strongroom.app.history import Terms
from strongroom.chain.artifacts import vault_abi
from strongroom.chain.contracts import Contract, Contracts
from strongroom.chain.custom_errors import ERRORS
from strongroom.chain.failures import ADVICE, OTHER_ADVICE
from strongroom.chain.ids import JsonObject, MarketId, keccak, to_hex
from strongroom.chain.jsonrpc import shown_url
from strongroom.chain.notices import SENTENCE, present_of
from strongroom.chain.terms import Limits
from strongroom.chain.units import FIRST_PRICE
from strongroom.depositor.vault import DepositorVault
from strongroom.depositor.words import WORDS
from strongroom.errors import BadInput
from strongroom.foreign_text import plain

SCRIPT, LICENSES = "app.js", "licenses.txt"


class ScriptMissing(BadInput):
    """The app's script is not in the package; the message says what brings it."""


@dataclass(frozen=True)
class AnnouncedCall:
    """A call of the owner's that stood when the page was made; timestamps."""

    hash: str
    by: str
    submitted: int
    ready: int
    lapses: int
    words: str


@dataclass(frozen=True)
class LiveVault:
    """A vault for the app.

    Attributes:
        asset: its token, the only contract but the vault that a transaction goes to
        rpc: URL that the browser asks; empty: it asks through the wallet
        block: up to which the announced calls are known
        calls: None: the node does not hand them out
        names: market -> what the evidence calls it
        terms: on which one deposits now
        delays: shortest and longest notice of a timelocked function, seconds
        accounts: address -> name, of a test chain whose node signs for them; offered as wallets
    """

    vault: str
    asset: str
    name: str
    symbol: str
    chain_id: int
    rpc: str
    block: int
    calls: tuple[AnnouncedCall, ...] | None
    names: Mapping[MarketId, str]
    terms: Terms
    delays: tuple[int, int]
    accounts: Mapping[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Whom the page may ask, for its Content-Security-Policy."""
        return shown_url(self.rpc) if self.rpc else "'none'"

    def document(self) -> JsonObject:
        """Return what the script reads."""
        return {
            "vault": self.vault,
            "asset": self.asset,
            "symbol": self.symbol,
            "chain_id": self.chain_id,
            "rpc": self.rpc,
            "block": self.block,
            "notices": [asdict(each) for each in self.calls or ()],
            "notices_known": self.calls is not None,
            "notice": SENTENCE,
            "names": {str(market): name for market, name in self.names.items()},
            "accounts": dict(self.accounts),
            "limits": [each.name.removesuffix("_s") for each in fields(Limits)],
            "first_price": str(FIRST_PRICE),
            "words": dict(WORDS),
            "advice": [list(each) for each in ADVICE],
            "other": OTHER_ADVICE,
            "errors": {to_hex(selector): name for selector, name in ERRORS.items()},
        }


def live_vault(rpc: str, address: str, browser_rpc: str) -> LiveVault:
    """Return a vault for the app, as it is now, without names of markets.

    Raises:
        NoVault, ChainAway: see the classes.
    """
    chain = Contracts(rpc)
    vault = DepositorVault(chain, address)
    block, found = chain.height(), vault.announced(chain.now())
    calls = None
    if found is not None:
        calls = tuple(
            AnnouncedCall(
                to_hex(keccak(each.call)), each.by, each.submitted, each.ready, each.lapses,
                each.words,
            )
            for each in found
        )  # fmt: skip
    contract = chain.at(vault.address, vault_abi())
    name = plain(str(contract.name()))
    delays = present_of(contract).delays.values()
    return LiveVault(
        vault.address, vault.asset.address, name, vault.symbol, chain.chain_id,
        browser_rpc, block, calls, {}, _terms(vault, contract), (min(delays), max(delays)),
    )  # fmt: skip


def _terms(vault: DepositorVault, contract: Contract) -> Terms:
    management, performance, hurdle = map(int, contract.feeRates())
    limit, least = vault.deposit_terms()
    return Terms(
        management_bps=management,
        performance_bps=performance,
        hurdle_bps=hurdle,
        deposit_limit=limit,
        min_deposit=least,
        allow_list=str(contract.allow_list()),
        covers_transfers=bool(contract.coversTransfers()),
        max_up_bps=vault.limit("max_up_bps"),
        max_down_bps=vault.limit("max_down_bps"),
        max_premium_bps=vault.limit("max_premium_bps"),
        exit_fee_bps=vault.limit("exit_fee_bps"),
        min_report_interval=vault.limit("min_report_interval_s"),
        max_report_age=vault.limit("max_report_age_s"),
        liveness_period=vault.limit("liveness_period_s"),
    )


def script(name: str = SCRIPT) -> bytes:
    """Return a file of the bundle that `make setup` builds.

    Raises:
        ScriptMissing: it is not in this package.
    """
    path = files("strongroom.app") / "static" / name
    if not path.is_file():
        raise ScriptMissing(
            "the app's script is not in this package: run `make setup` in the repository, or "
            "install the wheel again"
        )
    return path.read_bytes()
