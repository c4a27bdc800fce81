"""Compares a deployed vault with our code, byte for byte, and with its plan."""

from collections.abc import Iterator

from strongroom.chain.artifacts import artifact, vault_abi
from strongroom.chain.contracts import Contract, Contracts
from strongroom.chain.failures import CallReverted, ChainAway
from strongroom.chain.ids import keccak
from strongroom.chain.terms import TIMELOCKED, Limits, VaultTerms, ordinal
from strongroom.chain.units import DAY
from strongroom.deployment.options import DeploymentFinding, Grade
from strongroom.deployment.plan import CONTRACTS, ClassSection, Plan

RISKY = (  # limits above these are worth a word
    ("max_buy_price_bps", 9_900),
    ("max_drawdown_bps", 5_000),
    ("max_spread_bps", 2_000),
    ("sync_max_age_s", 0),
    ("max_redeem_delay_s", 30 * DAY),
)


def verify(chain: Contracts, address: str, plan: Plan | None = None) -> list[DeploymentFinding]:
    """Check a vault against our compiled code, and against its plan where there is one.

    Raises:
        ChainAway: the node does not answer.
    """
    vault, check = chain.at(address, vault_abi()), _Check(chain)
    found: list[DeploymentFinding] = []
    for what, name, view in (
        ("the vault", "Vault", ""),
        ("its desk", "VaultDesk", "DESK"),
        ("its governance", "VaultGovernance", "GOVERNANCE"),
    ):
        place = str(getattr(vault, view)()) if view else vault.address
        found.append(check.same_code(what, place, name))
        if found[-1].grade is Grade.WRONG:
            return found  # what foreign code says of itself is worth nothing
    asset, desk, governance = vault.asset(), vault.DESK(), vault.GOVERNANCE()
    found += [
        check.same_immutables("the vault", vault.address, "Vault", desk, _terms_of(vault)),
        check.same_immutables("its desk", desk, "VaultDesk", asset, governance),
        check.same_immutables("its governance", governance, "VaultGovernance", asset),
    ]
    for number in range(vault.class_count()):
        section = plan.classes[number] if plan and number < len(plan.classes) else None
        found += check.accounts(number, vault.classOf(number)[0], section)
    found += _risks(vault)
    if plan is not None:
        found += _declared(vault, plan)
    return found


class _Check:
    """Compares code on a chain with ours."""

    def __init__(self, chain: Contracts) -> None:
        self._chain = chain

    def same_code(self, what: str, address: str, name: str) -> DeploymentFinding:
        """Compare runtime code but for what stands behind it: the constructor's immutables."""
        compiled, there = artifact(name).runtime, self._chain.code(address)
        if there[: len(compiled)] == compiled:
            words = f"{what} at {address}: {name}, {len(compiled)} bytes as compiled"
            return DeploymentFinding(Grade.OK, words)
        place = next(
            (n for n, pair in enumerate(zip(there, compiled, strict=False)) if pair[0] != pair[1]),
            min(len(there), len(compiled)),
        )
        how = f"differs at byte {place}" if there else "there is no code"
        return DeploymentFinding(Grade.WRONG, f"{what} at {address}: not {name}, {how}")

    def same_immutables(
        self, what: str, address: str, name: str, *arguments: object
    ) -> DeploymentFinding:
        """Compare the whole code with what the constructor makes of these arguments: it is run at
        its own address, on no storage, without a transaction."""
        ours, there = artifact(name), self._chain.code(address)
        try:
            made = self._chain.call(address, b"", what=what, code=ours.initcode(*arguments))
        except (CallReverted, ChainAway) as error:
            words = f"{what}: immutables not compared, the node says: {error}"
            return DeploymentFinding(Grade.WARNING, words)
        start = len(ours.runtime)
        if made == there:
            return DeploymentFinding(
                Grade.OK, f"{what}: {len(made) - start} bytes of immutables as constructed"
            )
        for place in range(start, max(len(made), len(there)), 32):
            wanted, found = made[place : place + 32].hex(), there[place : place + 32].hex()
            if wanted != found:
                word = (place - start) // 32
                words = f"{what}: immutable word {word} is 0x{found}, constructed it is 0x{wanted}"
                return DeploymentFinding(Grade.WRONG, words)
        return DeploymentFinding(Grade.WRONG, f"{what}: not the code that its constructor returns")

    def accounts(
        self, number: int, address: str, section: ClassSection | None
    ) -> Iterator[DeploymentFinding]:
        """Check what a class's accounts are cloned from: one of some contracts."""
        what = f"accounts of class {number}"
        names = [CONTRACTS[section.account]] if section else list(CONTRACTS.values())
        codes = [self.same_code(what, address, name) for name in names]
        place = next((n for n, each in enumerate(codes) if each.grade is Grade.OK), 0)
        yield codes[place]
        if codes[place].grade is Grade.WRONG:
            return
        if section is not None:
            yield self.same_immutables(what, address, names[place], *section.arguments)
            return
        abi = artifact(names[place]).abi
        views = sorted(e["name"] for e in abi if e["type"] == "function" and e["name"].isupper())
        contract = self._chain.at(address, abi)
        values = ", ".join(f"{view} {_text(getattr(contract, view)())}" for view in views)
        yield DeploymentFinding(Grade.WARNING, f"{what}: not compared with a file: {values}")


def _terms_of(vault: Contract) -> tuple[object, ...]:
    """Return terms with which a vault's constructor makes the same immutables."""
    roles = (vault.owner(), vault.guardian(), vault.keeper(), vault.reporter())
    return VaultTerms(vault.name(), vault.symbol(), *roles, vault.owner()).arguments()


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _risks(vault: Contract) -> Iterator[DeploymentFinding]:
    for role in ("owner", "guardian", "keeper", "reporter"):
        holder = str(getattr(vault, role)())
        if vault.chain.code(holder):
            yield DeploymentFinding(Grade.OK, f"{role} {holder} is a contract")
        else:
            yield DeploymentFinding(Grade.WARNING, f"{role} {holder} is one key")
    shortest = min(int(vault.delayOf(keccak(each.encode())[:4])) for each in TIMELOCKED)
    words = f"shortest notice of what raises risk: {shortest} s"
    yield DeploymentFinding(Grade.OK if shortest >= DAY else Grade.WARNING, words)
    for name, worst in RISKY:
        value = int(vault.limit(ordinal(name)))
        yield DeploymentFinding(Grade.OK if value <= worst else Grade.WARNING, f"{name} is {value}")


def _declared(vault: Contract, plan: Plan) -> Iterator[DeploymentFinding]:
    """Compare roles, fees, limits, classes and delays with the file."""
    section, count = plan.vault, int(vault.class_count())
    limits = Limits(**dict(section.limits))
    pairs: list[tuple[str, object, object]] = [
        ("name", section.name, vault.name()),
        ("symbol", section.symbol, vault.symbol()),
        ("guardian", section.guardian, vault.guardian()),
        ("keeper", section.keeper, vault.keeper()),
        ("reporter", section.reporter, vault.reporter()),
        ("asset", plan.asset, vault.asset()),
        ("fees", (section.management_bps, section.performance_bps, section.hurdle_bps),
         tuple(vault.feeRates())),
        *((name, getattr(limits, name), vault.limit(number))
          for number, name in enumerate(Limits.__dataclass_fields__)),
    ]  # fmt: skip
    for number, each in enumerate(plan.classes[:count]):
        there = tuple(vault.classOf(number))
        pairs.append((f"class {number}", each.terms(there[0]).arguments()[1:], there[1:]))
    for signature in TIMELOCKED if section.timelock_s else ():
        delay = vault.delayOf(keccak(signature.encode())[:4])
        pairs.append((f"delay of {signature.partition('(')[0]}", section.timelock_s, delay))
    for what, declared, found in pairs:
        same = str(declared).lower() == str(found).lower()
        words = f"{what}: {found}" if same else f"{what}: declared {declared}, on chain {found}"
        yield DeploymentFinding(Grade.OK if same else Grade.WRONG, words)
    for number in range(count, len(plan.classes)):
        yield DeploymentFinding(Grade.WRONG, f"class {number}: declared, not on chain")
    for number in range(len(plan.classes), count):
        yield DeploymentFinding(Grade.WRONG, f"class {number}: on chain, not declared")
    yield _owner(vault, section.owner)


def _owner(vault: Contract, declared: str) -> DeploymentFinding:
    if vault.owner().lower() == declared.lower():
        return DeploymentFinding(Grade.OK, f"owner: {declared}")
    if vault.pending_owner().lower() == declared.lower():
        return DeploymentFinding(
            Grade.WARNING, f"owner: {declared} must still call acceptOwnership"
        )
    return DeploymentFinding(Grade.WRONG, f"owner: declared {declared}, on chain {vault.owner()}")
