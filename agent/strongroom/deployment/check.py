"""Compares a deployed vault with our code, byte for byte, and with its plan."""

from collections.abc import Iterator

from strongroom.chain.artifacts import artifact, vault_abi
from strongroom.chain.code import PIECES, VaultParts, immutables_difference, runtime_difference
from strongroom.chain.contracts import Contract, Contracts
from strongroom.chain.failures import CallReverted, ChainAway
from strongroom.chain.ids import keccak
from strongroom.chain.terms import TIMELOCKED, UNLIMITED_ASSETS, Limits, ordinal
from strongroom.chain.units import DAY
from strongroom.deployment.options import DeploymentFinding, Grade
from strongroom.deployment.plan import CONTRACTS, ClassSection, Plan

RISKY = (  # limits above these are worth a word
    ("max_buy_price_bps", 9_900),
    ("max_drawdown_bps", 5_000),
    ("max_up_bps", 3_000),
    ("max_down_bps", 3_000),
    ("max_premium_bps", 3_000),
    ("max_inflow_bps", 3_000),
    ("liveness_period_s", 30 * DAY),
    ("max_report_age_s", 7 * DAY),
    ("total_cap_bps", 9_000),
    ("velocity_bps", 5_000),
    ("question_cap_bps", 3_000),
)


def verify(chain: Contracts, address: str, plan: Plan | None = None) -> list[DeploymentFinding]:
    """Check a vault against our compiled code, and against its plan where there is one.

    Raises:
        ChainAway: the node does not answer.
    """
    vault, check = chain.at(address, vault_abi()), _Check(chain)
    found: list[DeploymentFinding] = []
    places = {}
    for each in PIECES:
        places[each.name] = str(getattr(vault, each.view)()) if each.view else vault.address
        found.append(check.same_code(each.what, places[each.name], each.name))
        if found[-1].grade is Grade.WRONG:
            return found  # what foreign code says of itself is worth nothing
    parts = VaultParts(
        vault.name(), vault.symbol(), (vault.owner(), vault.guardian(), vault.reporter()),
        vault.asset(), vault.DESK(), vault.EXITS(), vault.GOVERNANCE(),
    )  # fmt: skip
    found += [
        check.same_immutables(each.what, places[each.name], each.name, *parts.arguments(each.name))
        for each in PIECES
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
        how = runtime_difference(name, self._chain.code(address))
        if how:
            return DeploymentFinding(Grade.WRONG, f"{what} at {address}: not {name}, {how}")
        words = f"{what} at {address}: {name}, {len(artifact(name).runtime)} bytes as compiled"
        return DeploymentFinding(Grade.OK, words)

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
        how = immutables_difference(name, made, there)
        if how:
            return DeploymentFinding(Grade.WRONG, f"{what}: {how}")
        count = len(made) - len(ours.runtime)
        return DeploymentFinding(Grade.OK, f"{what}: {count} bytes of immutables as constructed")

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


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _risks(vault: Contract) -> Iterator[DeploymentFinding]:
    holders = {role: str(getattr(vault, role)()) for role in ("owner", "guardian", "reporter")}
    keepers = {f"keeper of class {n}": str(vault.keeperOf(n)) for n in range(vault.class_count())}
    for role, holder in (holders | keepers).items():
        if int(holder, 16) == 0:
            yield DeploymentFinding(Grade.WARNING, f"{role}: nobody")
        elif vault.chain.code(holder):
            yield DeploymentFinding(Grade.OK, f"{role} {holder} is a contract")
        else:
            yield DeploymentFinding(Grade.WARNING, f"{role} {holder} is one key")
    for role, holder in keepers.items():
        if holder == holders["reporter"]:
            words = f"the reporter is the {role}: one key trades and says what the trades are worth"
            yield DeploymentFinding(Grade.WARNING, words)
    shortest = min(int(vault.delayOf(keccak(each.encode())[:4])) for each in TIMELOCKED)
    words = f"shortest notice of what raises risk: {shortest} s"
    if not shortest:
        words += ": timelock 0, it takes effect at once"
    yield DeploymentFinding(Grade.OK if shortest >= DAY else Grade.WARNING, words)
    for name, worst in RISKY:
        value = int(vault.limit(ordinal(name)))
        yield DeploymentFinding(Grade.OK if value <= worst else Grade.WARNING, f"{name} is {value}")
    for name in ("total_cap", "velocity"):
        value = int(vault.limit(ordinal(name)))
        if value == UNLIMITED_ASSETS:
            words = f"{name} has no limit in assets"
            yield DeploymentFinding(Grade.WARNING, words)
        else:
            yield DeploymentFinding(Grade.OK, f"{name} is {value} base units")
    if not vault.limit(ordinal("marks_required")):
        words = "marks_required is 0: orders need no fresh mark, so the price band fails open"
        yield DeploymentFinding(Grade.WARNING, words)


def _declared(vault: Contract, plan: Plan) -> Iterator[DeploymentFinding]:
    """Compare roles, fees, limits, classes and delays with the file."""
    section, count = plan.vault, int(vault.class_count())
    limits = plan.limits
    pairs: list[tuple[str, object, object]] = [
        ("name", section.name, vault.name()),
        ("symbol", section.symbol, vault.symbol()),
        ("guardian", section.guardian, vault.guardian()),
        ("reporter", section.reporter, vault.reporter()),
        ("asset", plan.asset, vault.asset()),
        ("fees", (section.management_bps, section.performance_bps, section.hurdle_bps),
         tuple(vault.feeRates())),
        *((name, getattr(limits, name), vault.limit(number))
          for number, name in enumerate(Limits.__dataclass_fields__)),
    ]  # fmt: skip
    for number, each in enumerate(plan.classes[:count]):
        there = tuple(vault.classOf(number))
        declared = each.terms(there[0]).arguments()
        pairs.append((f"keeper of class {number}", each.keeper, there[2]))
        pairs.append((f"class {number}", _but_keeper(declared), _but_keeper(there)))
    for signature in TIMELOCKED if section.timelock_s else ():
        delay = vault.delayOf(keccak(signature.encode())[:4])
        pairs.append((f"delay of {signature.partition('(')[0]}", section.timelock_s, delay))
    for what, wanted, found in pairs:
        same = str(wanted).lower() == str(found).lower()
        words = f"{what}: {found}" if same else f"{what}: declared {wanted}, on chain {found}"
        yield DeploymentFinding(Grade.OK if same else Grade.WRONG, words)
    for number in range(count, len(plan.classes)):
        yield DeploymentFinding(Grade.WRONG, f"class {number}: declared, not on chain")
    for number in range(len(plan.classes), count):
        yield DeploymentFinding(Grade.WRONG, f"class {number}: on chain, not declared")
    yield _owner(vault, section.owner)


def _but_keeper(terms: tuple[object, ...]) -> tuple[object, ...]:
    """Return a class's terms without implementation and keeper, which are compared apart."""
    return terms[1], *terms[3:]


def _owner(vault: Contract, declared: str) -> DeploymentFinding:
    if vault.owner().lower() == declared.lower():
        return DeploymentFinding(Grade.OK, f"owner: {declared}")
    if vault.pending_owner().lower() == declared.lower():
        return DeploymentFinding(
            Grade.WARNING, f"owner: {declared} must still call acceptOwnership"
        )
    return DeploymentFinding(Grade.WRONG, f"owner: declared {declared}, on chain {vault.owner()}")
