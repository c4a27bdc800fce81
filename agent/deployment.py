"""Deploying a vault step by step, so that a process killed at any point leaves neither an orphan
nor a step done twice; and checking afterwards that what is on chain is what was meant.

A contract's address follows from the deployer's nonce, so it is written down before the transaction
is sent; what a call does is looked for on chain before it is sent again.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import ape
import rlp  # type: ignore[import-untyped]
from eth_utils.address import to_checksum_address
from pydantic import Field, ValidationError

from agent.config import ConfigError, Section, describe, read_toml
from agent.devnet.venue import vault_at
from agent.ids import keccak
from agent.terms import DAY, TIMELOCKED, ClassTerms, Limits, VaultTerms
from agent.units import MICRO

Implementation = Literal["polymarket", "delegated", "fpmm"]
CONTRACTS = {
    "polymarket": "PolymarketAccount",
    "delegated": "DelegatedAccount",
    "fpmm": "FpmmAccount",
}
UNLIMITED = Decimal(10**9)


class TermsSection(Section):
    """The vault's terms; money in units, times in seconds."""

    name: str
    symbol: str
    owner: str
    guardian: str
    keeper: str
    reporter: str
    fee_recipient: str
    management_bps: int = Field(200, ge=0, le=500)
    performance_bps: int = Field(2_000, ge=0, le=5_000)
    hurdle_bps: int = Field(0, ge=0)
    deposit_limit: Decimal = Field(UNLIMITED, gt=0)
    min_deposit: Decimal = Field(Decimal(1), gt=0)
    timelock_s: int = Field(3 * DAY, ge=0)
    limits: Mapping[str, int] = {}


class ClassSection(Section):
    """A kind of market; `arguments` are the account implementation's constructor's."""

    account: Implementation
    arguments: tuple[Any, ...]
    oracle: str
    market_cap: Decimal = Field(UNLIMITED, gt=0)
    market_cap_bps: int = Field(1_500, gt=0, le=10_000)
    class_cap: Decimal = Field(UNLIMITED, gt=0)
    class_cap_bps: int = Field(9_000, gt=0, le=10_000)
    max_duration_s: int = Field(30 * DAY, gt=0)

    def terms(self, implementation: str) -> ClassTerms:
        """Return what addClass takes."""
        return ClassTerms(
            implementation,
            self.oracle,
            2 if self.account == "delegated" else 1,
            int(self.market_cap * MICRO),
            self.market_cap_bps,
            int(self.class_cap * MICRO),
            self.class_cap_bps,
            self.max_duration_s,
        )


class Plan(Section):
    """A deployment's file."""

    asset: str
    vault: TermsSection
    classes: tuple[ClassSection, ...] = ()

    @property
    def salt(self) -> bytes:
        """What makes the vault's address its own."""
        return keccak(f"{self.vault.name} {self.vault.symbol}".encode())

    def terms(self, deployer: str) -> VaultTerms:
        """Return the terms it is made with: the deployer owns it until the hand-over, without
        delays until the end."""
        section = self.vault
        try:
            limits = Limits(**dict(section.limits))
        except TypeError as error:
            raise ConfigError(f"[vault.limits] {error}") from error
        return VaultTerms(
            section.name,
            section.symbol,
            deployer,
            section.guardian,
            section.keeper,
            section.reporter,
            section.fee_recipient,
            section.management_bps,
            section.performance_bps,
            section.hurdle_bps,
            int(section.deposit_limit * MICRO),
            int(section.min_deposit * MICRO),
            0,
            limits,
        )


def load(path: Path) -> Plan:
    """Read a deployment's file.

    Raises:
        ConfigError: it cannot be used; the message says where.
    """
    try:
        return Plan.model_validate(read_toml(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error)}") from error


@dataclass(frozen=True)
class Step:
    """One transaction: a contract to create, or a call with its way to see whether it is done."""

    name: str
    words: str
    create: Callable[[int], Any] | None = None  # given the nonce
    call: Callable[[], Any] | None = None
    is_done: Callable[[], bool] | None = None


@dataclass
class Deployment:
    """Carries a plan out; `written` is told after each write and each transaction."""

    plan: Plan
    deployer: Any
    record: Path
    written: Callable[[str], None] = lambda what: None
    known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take up what was done before.

        Raises:
            ConfigError: the record is of another plan.
        """
        self.key = f"{self.plan.vault.name} {self.plan.vault.symbol}"
        every = json.loads(self.record.read_text()) if self.record.exists() else {}
        self.every: dict[str, Any] = every
        digest = "0x" + keccak(self.plan.model_dump_json().encode()).hex()
        self.known = every.setdefault(self.key, {"plan": digest, "steps": {}})
        if self.known["plan"] != digest:
            raise ConfigError(f"{self.record} has {self.key!r} with other terms: rename the vault")

    @property
    def vault(self) -> Any:
        """The vault, once it is there."""
        return vault_at(self.address("vault"))

    def address(self, step: str) -> str:
        """Return the address of what a step has made."""
        return str(self.known["steps"][step]["address"])

    def steps(self) -> Iterator[Step]:
        """Return the steps in their order; later ones build on earlier ones' addresses."""
        project, deployer, plan = ape.project, self.deployer, self.plan

        def creates(name: str, words: str, container: Any, *arguments: Any) -> Step:
            def create(nonce: int) -> Any:
                return deployer.deploy(container, *arguments, nonce=nonce)

            return Step(name, words, create=create)

        yield creates(
            "governance", "code of owner and guardian", project.VaultGovernance, plan.asset
        )
        yield creates(
            "desk", "code of keeper and reporter", project.VaultDesk, plan.asset,
            self.address("governance"),
        )  # fmt: skip
        yield Step(
            "blueprint",
            "the vault's code as a blueprint",
            create=lambda nonce: deployer.declare(project.Vault, nonce=nonce),
        )
        yield creates(
            "factory", "makes vaults", project.VaultFactory, self.address("blueprint"),
            self.address("desk"),
        )  # fmt: skip
        for number, each in enumerate(plan.classes):
            container = getattr(project, CONTRACTS[each.account])
            words = f"what accounts of class {number} are cloned from"
            yield creates(f"account {number}", words, container, *each.arguments)
        yield Step("vault", "the vault", call=self._make_vault, is_done=self._find_vault)
        vault = self.vault
        for number, each in enumerate(plan.classes):
            terms = each.terms(self.address(f"account {number}")).arguments()
            yield Step(
                f"class {number}",
                f"admit class {number}",
                call=lambda terms=terms: vault.addClass(terms, sender=deployer),  # type: ignore[misc]
                is_done=lambda number=number: vault.class_count() > number,  # type: ignore[misc]
            )
        delay = plan.vault.timelock_s
        for signature in TIMELOCKED if delay else ():
            selector = keccak(signature.encode())[:4]
            yield Step(
                f"delay {signature.partition('(')[0]}",
                f"{delay} s notice before {signature.partition('(')[0]}",
                call=lambda s=selector: vault.increaseDelay(s, delay, sender=deployer),  # type: ignore[misc]
                is_done=lambda s=selector: vault.delayOf(s) >= delay,  # type: ignore[misc]
            )
        yield Step(
            "owner",
            f"offer ownership to {plan.vault.owner}; it must call acceptOwnership",
            call=lambda: vault.transferOwnership(plan.vault.owner, sender=deployer),
            is_done=lambda: (
                plan.vault.owner.lower() in (vault.owner().lower(), vault.pending_owner().lower())
            ),
        )

    def run(self, told: Callable[[str], None] = lambda words: None) -> str:
        """Take all steps that are not done; return the vault's address.

        Raises:
            ConfigError: the deployer's nonce was used by something else meanwhile.
        """
        for step in self.steps():
            done = self.known["steps"].get(step.name, {})
            if done.get("state") == "done":
                continue
            told(f"{step.name}: {step.words}")
            if step.create is not None:
                self._create(step, done)
            else:
                self._call(step)
        return self.address("vault")

    def _create(self, step: Step, done: dict[str, Any]) -> None:
        assert step.create is not None
        nonce = self.deployer.nonce
        if "nonce" not in done:
            address = created_at(self.deployer.address, nonce)
            self._write(step.name, {"state": "sent", "nonce": nonce, "address": address})
            done = self.known["steps"][step.name]
        address = done["address"]
        if not _code(address):
            if nonce != done["nonce"]:
                raise ConfigError(
                    f"{step.name} was to be made with nonce {done['nonce']}, the deployer is at "
                    f"{nonce} and nothing is at {address}: remove the step from {self.record}"
                )
            made = step.create(nonce)
            self.written(f"{step.name} sent")
            found = getattr(made, "contract_address", None) or made.address
            assert found == address, (found, address)
        self._finish(step.name, done)

    def _call(self, step: Step) -> None:
        assert step.call is not None and step.is_done is not None
        if not step.is_done():
            step.call()
            self.written(f"{step.name} sent")
            assert step.is_done(), step.name
        self._finish(step.name, self.known["steps"].get(step.name, {}))

    def _finish(self, name: str, done: dict[str, Any]) -> None:
        more: dict[str, Any] = {"state": "done", "block": ape.chain.blocks.height}
        if "address" in done:
            more["code_hash"] = "0x" + keccak(_code(done["address"])).hex()
        self._write(name, done | more)

    def _make_vault(self) -> Any:
        factory = ape.project.VaultFactory.at(self.address("factory"))
        arguments = self.plan.terms(self.deployer.address).arguments()
        return factory.deploy(arguments, self.plan.salt, sender=self.deployer)

    def _find_vault(self) -> bool:
        """Whether the factory has made the vault; keeps its address."""
        factory = ape.project.VaultFactory.at(self.address("factory"))
        for log in factory.VaultDeployed.range(0, ape.chain.blocks.height + 1):
            if log.deployer != self.deployer.address:
                continue  # anybody may use a factory
            found = {"address": str(log.vault), "state": "sent"}
            if self.known["steps"].get("vault", {}).get("address") != found["address"]:
                self._write("vault", found)
            return True
        return False

    def _write(self, name: str, values: Mapping[str, Any]) -> None:
        self.known["steps"][name] = dict(values)
        self.record.parent.mkdir(parents=True, exist_ok=True)
        draft = self.record.with_suffix(".draft")
        draft.write_text(json.dumps(self.every, indent=1) + "\n")
        draft.replace(self.record)
        self.written(f"{name} {values['state']}")


def created_at(deployer: str, nonce: int) -> str:
    """Return the address of the contract that a deployer's transaction of this nonce makes."""
    packed = rlp.encode([bytes.fromhex(deployer[2:]), nonce])
    return to_checksum_address("0x" + keccak(packed)[12:].hex())


def _code(address: str) -> bytes:
    return bytes(ape.networks.provider.get_code(address))


@dataclass(frozen=True)
class Finding:
    """What a check of a deployment came to: "ok", "warning" or "wrong"."""

    grade: Literal["ok", "warning", "wrong"]
    words: str


def verify(address: str, plan: Plan | None = None) -> list[Finding]:
    """Check a vault against our compiled code, and against its plan where there is one."""
    vault = vault_at(address)
    found: list[Finding] = []
    for what, name, where in (
        ("the vault", "Vault", lambda: address),
        ("its desk", "VaultDesk", lambda: vault.DESK()),
        ("its governance", "VaultGovernance", lambda: vault.GOVERNANCE()),
    ):
        found.append(_check_code(what, where(), name))
        if found[-1].grade == "wrong":
            return found  # what foreign code says of itself is worth nothing
    for number in range(vault.class_count()):
        implementation = vault.classOf(number)[0]
        checks = [
            _check_code(f"accounts of class {number}", implementation, name)
            for name in CONTRACTS.values()
        ]
        found.append(next((check for check in checks if check.grade == "ok"), checks[0]))
    found += _risks(vault)
    if plan is not None:
        found += _declared(vault, plan)
    return found


def _check_code(what: str, address: str, name: str) -> Finding:
    """Compare runtime code; what stands behind it is the constructor's immutables."""
    compiled = bytes.fromhex(
        getattr(ape.project, name).contract_type.runtime_bytecode.bytecode.removeprefix("0x")
    )
    there = _code(address)
    if there[: len(compiled)] != compiled:
        place = next(
            (n for n, pair in enumerate(zip(there, compiled, strict=False)) if pair[0] != pair[1]),
            min(len(there), len(compiled)),
        )
        return Finding("wrong", f"{what} at {address}: not {name}, differs at byte {place}")
    return Finding(
        "ok",
        f"{what} at {address}: {name}, {len(compiled)} bytes as compiled, "
        f"{len(there) - len(compiled)} of immutables",
    )


def _risks(vault: Any) -> Iterator[Finding]:
    from agent.terms import ordinal

    for role in ("owner", "guardian", "keeper", "reporter"):
        holder = getattr(vault, role)()
        kind = "a contract" if _code(holder) else "one key"
        grade: Literal["ok", "warning"] = "ok" if kind == "a contract" else "warning"
        yield Finding(grade, f"{role} {holder} is {kind}")
    shortest = min(vault.delayOf(keccak(each.encode())[:4]) for each in TIMELOCKED)
    grade = "ok" if shortest >= DAY else "warning"
    yield Finding(grade, f"shortest notice of what raises risk: {shortest} s")
    for name, worst in (("max_buy_price_bps", 9_900), ("max_drawdown_bps", 5_000),
                        ("max_spread_bps", 2_000), ("sync_max_age_s", 0),
                        ("max_redeem_delay_s", 30 * DAY)):  # fmt: skip
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
         tuple(vault.fee_rates())),
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
