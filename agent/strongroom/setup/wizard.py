"""`strongroom init`: asks, checks each answer against the node, writes the first files.

For a vault on chain: its plan as it is now, the keeper's and the co-signer's files. For a new one:
its plan, for `strongroom deploy`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from strongroom.chain.contracts import Contracts
from strongroom.chain.jsonrpc import shown_url
from strongroom.deployment.plan_file import PLAN, plan_of, plan_text
from strongroom.errors import BadInput
from strongroom.foreign_text import plain
from strongroom.keeper.first_files import (
    COSIGNER,
    KEEPER,
    METRICS_PORT,
    MULTI_SEND,
    PUBLIC_VENUES,
    InitOptions,
    VenueUrls,
    Written,
    refuse_existing,
    write_first_files,
    write_new,
)
from strongroom.keeper.vault_facts import AssetFacts, VaultFacts, keepers_of, look
from strongroom.own_server import is_free
from strongroom.setup.answers import Interview
from strongroom.setup.new_vault import ask_plan
from strongroom.setup.values import (
    an_address,
    at_least,
    http_url,
    listed,
    pack_names,
    port_or_none,
    positive,
    stream_url,
)

NEW = "new"
MOST_PORTS = 100  # that are tried
LOCAL_NODE = "http://127.0.0.1:8545"
OF_KEEPER = (
    "safe", "exchanges", "multi_send", "clob_url", "gamma_url", "stream_url", "packs", "max_order",
    "max_per_day", "max_allocation", "tcp",
)  # fmt: skip
OF_PLAN = (
    "asset", "name", "symbol", "owner", "guardian", "reporter", "fee_recipient", "keeper",
    "exchange", "oracle", "negative_risk", "total_cap", "velocity", "market_cap",
)  # fmt: skip
QUESTIONS = ("rpc", "vault", *OF_KEEPER, *OF_PLAN)


def run_init(folder: Path, answers: Interview) -> Written:
    """Ask everything, check it, write the files.

    Raises:
        BadInput, ConfigError: an answer does not fit, or a file is there already.
        ChainAway: the node does not answer.
    """
    refuse_existing(folder, PLAN, KEEPER, COSIGNER)
    chain = answers.take("rpc", "URL of a node (JSON-RPC)", _node(answers.say), LOCAL_NODE)
    vault = answers.take(
        "vault", f"Address of the vault, or `{NEW}` for one that is to be deployed",
        lambda text: _vault(chain, text),
    )  # fmt: skip
    if vault is None:
        return _new(folder, chain, answers)
    return _existing(folder, chain, vault, answers)


def _new(folder: Path, chain: Contracts, answers: Interview) -> Written:
    """Write the plan of a new vault."""
    document, notes = ask_plan(chain, answers)
    answers.check_all_used()
    first = [
        f"The plan of a vault on chain {chain.chain_id}, written by `strongroom init`. A key that",
        "is missing has its default; docs/examples/deploy.toml has every key.",
    ]
    file = folder / PLAN
    left = [
        *notes,
        f"rehearse it: strongroom deploy {file} --account KEYSTORE --rpc URL --dry-run",
        "deploy it: the same without --dry-run; then let its owner call acceptOwnership",
        "write the keeper's files: strongroom init --vault ADDRESS, in another folder",
    ]
    return Written(tuple(write_new(folder, {PLAN: plan_text(document, first)})), tuple(left))


@dataclass(frozen=True)
class _Bounds:
    """What only a person can decide, units of the asset."""

    max_order: Decimal
    max_per_day: Decimal
    max_allocation: Decimal


def _existing(folder: Path, chain: Contracts, vault: str, answers: Interview) -> Written:
    """Write the files of a vault on chain."""
    keepers = keepers_of(chain, vault)
    found = answers.take(
        "safe", f"The keeper's Safe, of {', '.join(keepers) or 'none: the vault has no keeper'}",
        lambda text: _facts(chain, vault, text, answers.say),
        keepers[0] if len(keepers) == 1 else None,
    )  # fmt: skip
    answers.take(
        "exchanges", "The exchanges that its accounts trade at",
        lambda text: _same_exchanges(found, text),
        ",".join(each.address for each in found.exchanges),
    )  # fmt: skip
    multi_send = answers.take(
        "multi_send", "MultiSendCallOnly on this chain",
        lambda text: _contract(chain, text), MULTI_SEND,
    )  # fmt: skip
    public = PUBLIC_VENUES.get(found.chain_id)
    venue = VenueUrls(
        answers.take("clob_url", "URL of the venue's CLOB service", http_url,
                     public.clob if public else None),
        answers.take("gamma_url", "URL of its list of markets", http_url,
                     public.gamma if public else None),
        answers.take("stream_url", "URL of its market channel; empty: books are polled",
                     stream_url, public.stream if public else ""),
    )  # fmt: skip
    packs = answers.take("packs", "What decides, in this order", pack_names, "tail")
    usual = InitOptions(vault, chain.url)
    bounds = _ask_bounds(answers, found.asset, usual) if found.cosigned else usual
    tcp = None
    if found.cosigned:
        tcp = answers.take(
            "tcp", "Port of a co-signer of another user; empty: a socket of the same user",
            port_or_none, "",
        )  # fmt: skip
    answers.check_all_used()
    document, notes = plan_of(chain, vault)
    first = [
        f"{found.name} on chain {found.chain_id} as it was at block {chain.height()}. What has",
        f"changed since: strongroom verify --vault {found.vault} --file {PLAN}",
    ]
    written = write_first_files(
        InitOptions(
            vault, chain.url, venue, packs, folder, multi_send, tcp, found.safe.address,
            bounds.max_order, bounds.max_per_day, bounds.max_allocation, _metrics_port(answers.say),
            {PLAN: plan_text(document, first)},
        )
    )  # fmt: skip
    check = f"check everything: strongroom doctor {folder}"
    return Written(written.files, (*notes, *written.left, check))


def _metrics_port(say: Callable[[str], None]) -> int:
    """Return the first port from the usual one on that nothing here has now."""
    ports = range(METRICS_PORT, METRICS_PORT + MOST_PORTS)
    found = next((each for each in ports if is_free(each)), METRICS_PORT)
    usual = "" if found == METRICS_PORT else f", since {METRICS_PORT} is in use"
    say(f"  numbers and health: port {found} of this machine{usual}")
    return found


def _ask_bounds(answers: Interview, asset: AssetFacts, usual: InitOptions) -> _Bounds:
    unit = asset.symbol
    most = answers.take(
        "max_order", f"Most that one order may cost, {unit}", positive, str(usual.max_order)
    )
    day = answers.take(
        "max_per_day", f"Most that a day's orders may cost, {unit}",
        lambda text: at_least(positive(text), most, "what an order may cost"),
        str(usual.max_per_day),
    )  # fmt: skip
    allocation = answers.take(
        "max_allocation", f"Most that goes to one market at once, {unit}", positive,
        str(usual.max_allocation),
    )  # fmt: skip
    return _Bounds(most, day, allocation)


def _node(say: Callable[[str], None]) -> Callable[[str], Contracts]:
    def check(text: str) -> Contracts:
        chain = Contracts(http_url(text), timeout_s=10)
        say(f"  {shown_url(text)}: chain {chain.chain_id}, block {chain.height()}")
        return chain

    return check


def _vault(chain: Contracts, text: str) -> str | None:
    """Return a vault's address; None: it is to be deployed."""
    if text == NEW:
        return None
    address = an_address(text)
    keepers_of(chain, address)
    return address


def _facts(chain: Contracts, vault: str, text: str, say: Callable[[str], None]) -> VaultFacts:
    found = look(chain, vault, an_address(text))
    say(f"  {plain(found.name)}, in {found.asset}")
    say(f"  {found.safe}: {', '.join(found.safe.owners)}")
    if found.reporter is not None:
        say(f"  reports: {found.reporter}")
    for each in found.exchanges:
        kind = "events of exclusive outcomes" if each.negative_risk else "single questions"
        say(f"  exchange {each.address}, version {each.version}, {kind}")
    return found


def _same_exchanges(found: VaultFacts, text: str) -> None:
    """Refuse exchanges that are not those that the vault's accounts name."""
    named = {each.address for each in found.exchanges}
    given = {an_address(each) for each in listed(text)}
    if given != named:
        raise BadInput(f"the vault's accounts name {', '.join(sorted(named)) or 'none'}")


def _contract(chain: Contracts, text: str) -> str:
    address = an_address(text)
    if not chain.code(address):
        raise BadInput(f"there is no contract at {address} on chain {chain.chain_id}")
    return address
