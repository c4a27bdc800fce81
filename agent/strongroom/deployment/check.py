"""Whether what is on chain is our code, byte for byte, and set up as it was meant."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import ape

from strongroom.chain.ids import keccak
from strongroom.chain.terms import DAY, TIMELOCKED, Limits, VaultTerms, ordinal
from strongroom.deployment.compiled import deployed_code, runtime_code, vault_at
from strongroom.deployment.plan import CONTRACTS, Plan

Grade = Literal["ok", "warning", "wrong"]
RISKY = (  # limits above these are worth a word
    ("max_buy_price_bps", 9_900),
    ("max_drawdown_bps", 5_000),
    ("max_spread_bps", 2_000),
    ("sync_max_age_s", 0),
    ("max_redeem_delay_s", 30 * DAY),
)


@dataclass(frozen=True)
class Finding:
    """What a check of a deployment came to."""

    grade: Grade
    words: str


def verify(address: str, plan: Plan | None = None) -> list[Finding]:
    """Check a vault against our compiled code, and against its plan where there is one."""
    vault = vault_at(address)
    found: list[Finding] = []
    for what, name, view in (
        ("the vault", "Vault", ""),
        ("its desk", "VaultDesk", "DESK"),
        ("its governance", "VaultGovernance", "GOVERNANCE"),
    ):
        found.append(_same_code(what, getattr(vault, view)() if view else address, name))
        if found[-1].grade == "wrong":
            return found  # what foreign code says of itself is worth nothing
    asset, desk, governance = vault.asset(), vault.DESK(), vault.GOVERNANCE()
    for what, name, where, arguments in (
        ("the vault", "Vault", address, (desk, _terms_of(vault))),
        ("its desk", "VaultDesk", desk, (asset, governance)),
        ("its governance", "VaultGovernance", governance, (asset,)),
    ):
        found.append(_same_immutables(what, where, name, *arguments))
    for number in range(vault.class_count()):
        section = plan.classes[number] if plan and number < len(plan.classes) else None
        names = [CONTRACTS[section.account]] if section else list(CONTRACTS.values())
        found += _account(f"accounts of class {number}", vault.classOf(number)[0], names,
                          section.arguments if section else None)  # fmt: skip
    found += _risks(vault)
    if plan is not None:
        found += _declared(vault, plan)
    return found


def _same_code(what: str, address: str, name: str) -> Finding:
    """Compare runtime code but for what stands behind it: the constructor's immutables."""
    compiled, there = runtime_code(name), _code(address)
    if there[: len(compiled)] != compiled:
        place = next(
            (n for n, pair in enumerate(zip(there, compiled, strict=False)) if pair[0] != pair[1]),
            min(len(there), len(compiled)),
        )
        return Finding("wrong", f"{what} at {address}: not {name}, differs at byte {place}")
    return Finding("ok", f"{what} at {address}: {name}, {len(compiled)} bytes as compiled")


def _same_immutables(what: str, address: str, name: str, *arguments: Any) -> Finding:
    """Compare the whole code with what the constructor makes of these arguments."""
    start, there = len(runtime_code(name)), _code(address)
    try:
        made = deployed_code(name, address, *arguments)
    except ape.exceptions.ProviderError as error:
        return Finding("warning", f"{what}: immutables not compared, the node says: {error}")
    if made == there:
        return Finding("ok", f"{what}: {len(made) - start} bytes of immutables as constructed")
    for place in range(start, max(len(made), len(there)), 32):
        wanted, found = made[place : place + 32].hex(), there[place : place + 32].hex()
        if wanted != found:
            word = (place - start) // 32
            words = f"{what}: immutable word {word} is 0x{found}, constructed it is 0x{wanted}"
            return Finding("wrong", words)
    raise AssertionError("codes of different bytes without a different word")


def _terms_of(vault: Any) -> tuple[Any, ...]:
    """Return terms with which a vault's constructor makes the same immutables."""
    roles = (vault.owner(), vault.guardian(), vault.keeper(), vault.reporter())
    return VaultTerms(vault.name(), vault.symbol(), *roles, vault.owner()).arguments()


def _account(
    what: str, address: str, names: list[str], arguments: tuple[Any, ...] | None
) -> Iterator[Finding]:
    """Check what a class's accounts are cloned from: one of some contracts."""
    codes = [_same_code(what, address, name) for name in names]
    place = next((n for n, each in enumerate(codes) if each.grade == "ok"), 0)
    yield codes[place]
    if codes[place].grade == "wrong":
        return
    name = names[place]
    if arguments is not None:
        yield _same_immutables(what, address, name, *arguments)
        return
    contract = getattr(ape.project, name).at(address)
    views = sorted(each.name for each in contract.contract_type.view_methods if each.name.isupper())
    told = ", ".join(f"{view} {_text(getattr(contract, view)())}" for view in views)
    yield Finding("warning", f"{what}: not compared with a file: {told}")


def _text(value: Any) -> str:
    return "0x" + value.hex().removeprefix("0x") if isinstance(value, bytes) else str(value)


def _risks(vault: Any) -> Iterator[Finding]:
    for role in ("owner", "guardian", "keeper", "reporter"):
        holder = getattr(vault, role)()
        if _code(holder):
            yield Finding("ok", f"{role} {holder} is a contract")
        else:
            yield Finding("warning", f"{role} {holder} is one key")
    shortest = min(vault.delayOf(keccak(each.encode())[:4]) for each in TIMELOCKED)
    words = f"shortest notice of what raises risk: {shortest} s"
    yield Finding("ok" if shortest >= DAY else "warning", words)
    for name, worst in RISKY:
        value = vault.limit(ordinal(name))
        yield Finding("ok" if value <= worst else "warning", f"{name} is {value}")


def _declared(vault: Any, plan: Plan) -> Iterator[Finding]:
    """Compare roles, fees, limits, classes and delays with the file."""
    section = plan.vault
    pairs: list[tuple[str, Any, Any]] = [
        ("name", section.name, vault.name()),
        ("guardian", section.guardian.lower(), vault.guardian().lower()),
        ("keeper", section.keeper.lower(), vault.keeper().lower()),
        ("reporter", section.reporter.lower(), vault.reporter().lower()),
        ("asset", plan.asset.lower(), vault.asset().lower()),
        ("fees", (section.management_bps, section.performance_bps, section.hurdle_bps),
         tuple(vault.feeRates())),
        ("classes", len(plan.classes), vault.class_count()),
    ]  # fmt: skip
    limits = Limits(**dict(section.limits))
    pairs += [
        (name, getattr(limits, name), vault.limit(number))
        for number, name in enumerate(Limits.__dataclass_fields__)
    ]
    for number, each in enumerate(plan.classes[: vault.class_count()]):
        there = vault.classOf(number)
        pairs.append((f"class {number}", each.terms(there[0]).arguments()[1:], tuple(there)[1:]))
    if section.timelock_s:
        pairs += [
            (f"delay of {each.partition('(')[0]}", section.timelock_s,
             vault.delayOf(keccak(each.encode())[:4]))
            for each in TIMELOCKED
        ]  # fmt: skip
    for what, declared, there in pairs:
        same = str(declared).lower() == str(there).lower()
        words = f"{what}: {there}" if same else f"{what}: declared {declared}, on chain {there}"
        yield Finding("ok" if same else "wrong", words)
    owner = section.owner.lower()
    if vault.owner().lower() == owner:
        yield Finding("ok", f"owner: {section.owner}")
    elif vault.pending_owner().lower() == owner:
        yield Finding("warning", f"owner: {section.owner} must still call acceptOwnership")
    else:
        yield Finding("wrong", f"owner: declared {section.owner}, on chain {vault.owner()}")


def _code(address: str) -> bytes:
    return bytes(ape.networks.provider.get_code(address))
