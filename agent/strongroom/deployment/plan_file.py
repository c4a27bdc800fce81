"""A plan as an annotated file: of a vault that is to be, or of one on chain as it is now."""

from collections.abc import Mapping, Sequence

from strongroom.annotated import annotated
from strongroom.chain.artifacts import artifact, vault_abi
from strongroom.chain.code import runtime_difference
from strongroom.chain.contracts import Contract, Contracts
from strongroom.chain.ids import Json, JsonObject, keccak, to_hex
from strongroom.chain.terms import (
    NO_CAP,
    TIMELOCKED,
    UNLIMITED_ASSETS,
    ClassTerms,
    Limits,
    ordinal,
)
from strongroom.chain.units import MICRO, exact_units
from strongroom.deployment.plan import CONTRACTS, IN_UNITS, NONE
from strongroom.errors import BadInput
from strongroom.keeper.vault_facts import version_of

PLAN = "vault.toml"
PLAN_NOTES: Mapping[str, str] = {
    "asset": "the stablecoin that the vault counts in",
    "vault": "money in units of the asset, times in seconds",
    "vault.name": "of the share",
    "vault.symbol": "of the share",
    "vault.owner": "best a Safe; calls acceptOwnership at the end",
    "vault.guardian": "may pause and revoke; best another Safe",
    "vault.reporter": "says what markets are worth; none of the keepers",
    "vault.fee_recipient": "gets the fee shares",
    "vault.management_bps": "of NAV a year",
    "vault.performance_bps": "of profit above the high-water mark",
    "vault.hurdle_bps": "a year, before there is a performance fee",
    "vault.deposit_limit": "most that the vault takes in all",
    "vault.min_deposit": "least deposit",
    "vault.total_cap": 'most exposure and losses together; "none": no limit',
    "vault.velocity": 'most that may go out in a rolling day; "none": no limit',
    "vault.inflow_floor": "at least so much may be deposited a day",
    "vault.timelock_s": "notice before anything that raises risk",
    "vault.limits": "docs/contracts/Vault.md explains each",
    "classes": "a strategy: what its accounts are, who trades, how much",
    "classes.account": "the contract of its accounts",
    "classes.arguments": "of that contract's constructor: docs/contracts/reference.md",
    "classes.oracle": "resolves its markets",
    "classes.keeper": "the Safe that trades it",
    "classes.market_cap": "most in one market",
    "classes.market_cap_bps": "of NAV",
    "classes.class_cap": "most in all its markets, losses included",
    "classes.class_cap_bps": "of NAV",
    "classes.max_duration_s": "longest life of a market",
}


def plan_text(document: JsonObject, first: Sequence[str]) -> str:
    """Return a plan's file.

    Args:
        first: lines of the comment at its top
    """
    return annotated(document, PLAN_NOTES, first)


def plan_of(chain: Contracts, address: str) -> tuple[JsonObject, list[str]]:
    """Return the plan from which the vault at an address could have been deployed as it is now, and
    what a plan cannot say of it, one sentence each.

    Raises:
        BadInput: the code of a class's accounts is none of ours.
        ChainAway: the node does not answer.
    """
    vault = chain.at(address, vault_abi())
    left = []
    recipients = [str(each[0]) for each in vault.feeRecipients()]
    if len(recipients) > 1:
        left.append(f"the fees go to {len(recipients)} accounts, of which vault.toml names one")
    delays = {int(vault.delayOf(keccak(each.encode())[:4])) for each in TIMELOCKED}
    if len(delays) > 1:
        left.append(f"delays from {min(delays)} to {max(delays)} s: vault.toml has the shortest")
    management, performance, hurdle = (int(each) for each in vault.feeRates())
    limit, least = (int(each) for each in vault.depositTerms())
    limits = {name: int(vault.limit(ordinal(name))) for name in Limits.__dataclass_fields__}
    most: dict[str, Json] = {}
    if limit < NO_CAP * MICRO:
        most["deposit_limit"] = units(limit)
    section: dict[str, Json] = {
        "name": str(vault.name()),
        "symbol": str(vault.symbol()),
        "owner": str(vault.owner()),
        "guardian": str(vault.guardian()),
        "reporter": str(vault.reporter()),
        "fee_recipient": recipients[0] if recipients else str(vault.owner()),
        "management_bps": management,
        "performance_bps": performance,
        "hurdle_bps": hurdle,
        **most,
        "min_deposit": units(max(least, 1)),
        **{name: units(limits.pop(name)) for name in IN_UNITS},
        "timelock_s": min(delays),
        "limits": limits,
    }
    classes = [_class_of(chain, vault, number) for number in range(int(vault.class_count()))]
    return {"asset": str(vault.asset()), "vault": section, "classes": classes}, left


def units(amount: int) -> str:
    """Return base units as a plan writes them."""
    if amount == UNLIMITED_ASSETS:
        return NONE
    return exact_units(amount)


def _class_of(chain: Contracts, vault: Contract, number: int) -> JsonObject:
    terms = ClassTerms(*vault.classOf(number))
    code = chain.code(terms.implementation)
    for name, contract in CONTRACTS.items():
        if not runtime_difference(contract, code):
            account = chain.at(terms.implementation, artifact(contract).abi)
            return {
                "account": name,
                "arguments": _arguments(chain, account, contract),
                "oracle": str(terms.oracle),
                "keeper": str(terms.keeper),
                "market_cap": units(terms.market_cap),
                "market_cap_bps": int(terms.market_cap_bps),
                "class_cap": units(terms.class_cap),
                "class_cap_bps": int(terms.class_cap_bps),
                "max_duration_s": int(terms.max_duration_s),
            }
    raise BadInput(f"the accounts of class {number} are none of ours: {terms.implementation}")


def _arguments(chain: Contracts, account: Contract, contract: str) -> list[Json]:
    """Return what an account's contract was constructed with, as its views say."""
    (constructor,) = (each for each in artifact(contract).abi if each["type"] == "constructor")
    found: list[Json] = []
    for name in (str(each["name"]) for each in constructor["inputs"]):
        if name == "exchange_version":
            domain = bytes(account.EXCHANGE_DOMAIN())
            found.append(version_of(chain, str(account.EXCHANGE()), domain))
            continue
        value = getattr(account, name.upper())()
        found.append(to_hex(value) if isinstance(value, bytes) else value)
    return found
