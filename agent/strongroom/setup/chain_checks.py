"""The checks of what a keeper's file says about a chain: its nodes, the vault with its code, roles
and delays, the asset, the Safes with their owners and approvals, the gas."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from strongroom.chain import abi
from strongroom.chain.accounts import told_address
from strongroom.chain.artifacts import vault_abi
from strongroom.chain.contracts import Contracts
from strongroom.chain.ids import keccak, to_hex
from strongroom.chain.jsonrpc import LATEST, shown_url
from strongroom.chain.rpc import Chain
from strongroom.chain.terms import TIMELOCKED
from strongroom.chain.units import DAY, ETHER, format_units
from strongroom.deployment.check import verify
from strongroom.deployment.options import Grade
from strongroom.deployment.plan import Plan
from strongroom.errors import StrongroomError
from strongroom.keeper.configuration import Config
from strongroom.keeper.run import SENDING
from strongroom.keeper.vault_check import check_vault
from strongroom.keeper.vault_facts import NOT_THERE, asset_at, look, safe_at
from strongroom.setup.checks import TIMEOUT_S, Check, CheckState
from strongroom.setup.keeper_checks import told
from strongroom.setup.report_gas import gas_of_report

FEW = 10  # transactions, that a live keeper can at least pay for
FIRST_MODULE = "0x0000000000000000000000000000000000000001"  # a Safe's list begins and ends there
GUARD = to_hex(keccak(b"guard_manager.guard.address"))  # the slot where a Safe has its guard
MODULES = {
    "type": "function",
    "name": "getModulesPaginated",
    "inputs": [{"name": "start", "type": "address"}, {"name": "pageSize", "type": "uint256"}],
    "outputs": [{"name": "array", "type": "address[]"}, {"name": "next", "type": "address"}],
    "stateMutability": "view",
}


def chain_checks(config: Config, plan: Plan | None, clock: Callable[[], float]) -> Iterator[Check]:
    """Check everything that the chain can say of a keeper's file.

    Args:
        plan: of the vault; None: there is no file of it
        clock: this machine's, seconds
    """
    yield from _nodes(config, clock)
    chain = Contracts(config.chain.rpc_url, timeout_s=TIMEOUT_S)
    for what, checks in (
        ("vault", lambda: _vault(chain, config, plan)),
        ("roles", lambda: _roles(chain, config)),
        ("asset", lambda: _asset(chain, config)),
        ("exchanges", lambda: _exchanges(chain, config)),
        ("Safes", lambda: _safes(chain, config)),
        ("gas", lambda: _gas(chain, config)),
    ):
        yield from told(what, checks)


def _nodes(config: Config, clock: Callable[[], float]) -> Iterator[Check]:
    """Check that each node answers, is on the file's chain, and has a block of now."""
    section, most = config.chain, config.operations.max_skew_s
    for url in (section.rpc_url, *section.further_rpc_urls):
        chain = Contracts(url, timeout_s=TIMEOUT_S)
        try:
            found, height, at = chain.chain_id, chain.height(), chain.now()
        except StrongroomError as error:
            yield Check("node", CheckState.WRONG, shown_url(url), str(error))
            continue
        words = f"{shown_url(url)}: chain {found}, block {height}"
        if found != section.chain_id:
            cure = f"name a node of chain {section.chain_id}, or correct [chain.chain_id]"
            yield Check("node", CheckState.DIFFERS, words, cure)
            continue
        yield Check("node", CheckState.OK, words)
        skew = round(clock()) - at
        words = f"{abs(skew)} s {'after' if skew >= 0 else 'before'} the newest block"
        if abs(skew) > most:
            cure = "set this machine's clock (NTP), or name a node that follows the chain"
            yield Check("clock", CheckState.WRONG, f"{words}, more than {most}", cure)
        else:
            yield Check("clock", CheckState.OK, words)


def _vault(chain: Contracts, config: Config, plan: Plan | None) -> Iterator[Check]:
    """Compare the vault's code with ours, and its settings with its plan."""
    if not chain.code(config.vault):
        yield Check("vault", CheckState.WRONG, f"no contract is at {config.vault}",
                    "correct `vault`, or name a node of its chain")  # fmt: skip
        return
    findings = verify(chain, config.vault, plan)
    cure = "find out why before you use it: strongroom verify --file vault.toml"
    wrong = [each for each in findings if each.grade is Grade.WRONG]
    for each in wrong:
        yield Check("vault", CheckState.DIFFERS, each.words, cure)
    if not wrong:
        right = sum(each.grade is Grade.OK for each in findings)
        against = "code and plan" if plan else "code"
        yield Check("vault", CheckState.OK, f"{config.vault}: {right} times as in {against}")
    for each in findings:
        if each.grade is Grade.WARNING:
            yield Check("vault", CheckState.NOTE, each.words)


def _roles(chain: Contracts, config: Config) -> Iterator[Check]:
    """Check who holds which role, and how long what raises risk is announced."""
    try:
        reporter = check_vault(config, Chain(config.chain.rpc_url, TIMEOUT_S))
    except StrongroomError as error:
        yield Check("roles", CheckState.DIFFERS, str(error), "correct the file, or the vault")
        return
    served = ", ".join(map(str, config.classes))
    yield Check("roles", CheckState.OK, f"{config.safe.address} is keeper of class {served}")
    own = [config.safe.address, *([config.reporter.safe] if config.reporter else [])]
    if reporter in own:
        yield Check("roles", CheckState.OK, f"{reporter} is the reporter")
    else:
        yield Check("roles", CheckState.NOTE, f"somebody else must report: {reporter}")
    vault = chain.at(config.vault, vault_abi())
    for role in ("owner", "guardian"):
        yield Check("roles", CheckState.OK, f"{getattr(vault, role)()} is the {role}")
    delays = {each: int(vault.delayOf(keccak(each.encode())[:4])) for each in TIMELOCKED}
    name, shortest = min(delays.items(), key=lambda each: each[1])
    words = f"the shortest is {shortest} s, of {name.partition('(')[0]}"
    if shortest < DAY:
        cure = "have the owner raise it (increaseDelay): holders hear of it too late"
        yield Check("delays", CheckState.NOTE, words, cure)
    else:
        yield Check("delays", CheckState.OK, words)


def _asset(chain: Contracts, config: Config) -> Iterator[Check]:
    vault = chain.at(config.vault, vault_abi())
    yield Check("asset", CheckState.OK, str(asset_at(chain, str(vault.asset()))))


def _exchanges(chain: Contracts, config: Config) -> Iterator[Check]:
    """Compare the file's exchanges with those that the vault's accounts name."""
    named = {
        each.address: each for each in look(chain, config.vault, config.safe.address).exchanges
    }
    configured = {each.address: each for each in config.venue.exchanges}
    for address, each in named.items():
        mine = configured.get(address)
        if mine is None:
            cure = "add it to [[venue.exchanges]]: its markets are not traded without"
            yield Check("exchange", CheckState.DIFFERS, f"{address} is not in the file", cure)
        elif (mine.version, mine.negative_risk) != (each.version, each.negative_risk):
            cure = f'write version = "{each.version}", negative_risk = {each.negative_risk}'.lower()
            yield Check("exchange", CheckState.DIFFERS, f"{address} is of another kind", cure)
        else:
            yield Check("exchange", CheckState.OK, f"{address}, as the vault's accounts name it")
    for address in configured:
        if address not in named:
            yield Check("exchange", CheckState.NOTE, f"no account of the vault names {address}")


def _safes(chain: Contracts, config: Config) -> Iterator[Check]:
    """Check the keeper's Safe and the reporter's: their owners, and who else could act for them."""
    files = {config.safe.address: ("keeper's Safe", config.keys.owner)}
    if config.reporter is not None and config.reporter.safe != config.safe.address:
        files[config.reporter.safe] = ("reporter's Safe", config.reporter.owner)
    for address, (what, key) in files.items():
        safe = safe_at(chain, address)
        if safe is None:
            yield Check(what, CheckState.WRONG, f"there is no Safe at {address}",
                        "correct its address")  # fmt: skip
            continue
        yield Check(what, CheckState.OK, str(safe))
        holder = told_address(key) if key.exists() else ""
        if holder and holder not in safe.owners:
            cure = f"put the keystore of one of these into {key}: {', '.join(safe.owners)}"
            yield Check(what, CheckState.DIFFERS, f"{holder} is none of its owners", cure)
        elif holder:
            yield Check(what, CheckState.OK, f"{holder} is one of its owners")
        yield from _others_who_act(chain, what, address)
        yield from _approvals(chain, config, what, address)


def _others_who_act(chain: Contracts, what: str, address: str) -> Iterator[Check]:
    """Say who acts for a Safe, or refuses for it, beside its owners."""
    try:
        modules, _ = chain.at(address, [MODULES]).getModulesPaginated(FIRST_MODULE, 10)
    except NOT_THERE:
        modules = ()
    for each in modules:
        cure = "have the owners disable it, unless you know it: it acts without their signatures"
        yield Check(what, CheckState.NOTE, f"module {each} is enabled", cure)
    guard = int(str(chain.request("eth_getStorageAt", address, GUARD, LATEST)), 16)
    if guard:
        cure = "make sure that it lets the keeper's transactions through"
        yield Check(what, CheckState.NOTE, f"guard 0x{guard:040x} is set", cure)
    if not modules and not guard:
        yield Check(what, CheckState.OK, "no module and no guard beside its owners")


def _approvals(chain: Contracts, config: Config, what: str, address: str) -> Iterator[Check]:
    """Say whom a Safe lets take its asset: it needs nobody to, the vault's accounts hold it."""
    vault = chain.at(config.vault, vault_abi())
    asset = chain.at(str(vault.asset()), abi.load("Erc20"))
    spenders = [config.vault, *(each.address for each in config.venue.exchanges)]
    given = {each: int(asset.allowance(address, each)) for each in spenders}
    for spender, amount in given.items():
        if amount:
            words = f"lets {spender} take {format_units(amount)}"
            cure = "have the owners set it to 0: the keeper needs no approval"
            yield Check(what, CheckState.NOTE, words, cure)
    if not any(given.values()):
        yield Check(what, CheckState.OK, "no approval of vault or exchange, and none is needed")


def _gas(chain: Contracts, config: Config) -> Iterator[Check]:
    """Say what the executor has to pay gas with, and whether it is enough for a few reports."""
    key = config.keys.executor
    executor = told_address(key) if key.exists() else ""
    if not executor:
        yield Check("gas", CheckState.NOTE, f"unknown: {key} does not say whose it is")
        return
    wei = chain.balance(executor)
    has = f"{executor} has {_coins(wei)} of the chain's coin"
    state = CheckState.WRONG if config.operations.mode in SENDING else CheckState.NOTE
    cure = f"send {executor} some of the chain's coin"
    try:
        one = gas_of_report(Chain(config.chain.rpc_url, TIMEOUT_S), config.vault)
    except StrongroomError as error:
        words = f"{has}; what a report costs is unknown: {error}"
        yield Check("gas", CheckState.NOTE if wei else state, words, "" if wei else cure)
        return
    needed = FEW * one.gas * int(str(chain.request("eth_gasPrice")), 16)
    records = " without its decision records" if config.evidence.on_chain else ""
    words = (
        f"{has}; {FEW} reports cost up to {_coins(needed)} at the node's gas price: one{records} "
        f"takes up to {one.gas:,} gas ({one.how})"
    )
    if wei and wei >= needed:
        yield Check("gas", CheckState.OK, words)
    else:
        yield Check("gas", state, words, cure)


def _coins(wei: int) -> str:
    """Return an amount of the chain's coin with four digits that count, and no power of ten."""
    return f"{Decimal(f'{Decimal(wei) / ETHER:.4g}'):,f}"
