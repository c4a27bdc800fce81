"""Deploying a vault step by step, so that a process killed at any point leaves neither an orphan
nor a step done twice.

Each step is one transaction, and its nonce is written down before it is sent: a contract's address
follows from it, and so does, afterwards, the transaction that was mined. What a call does is looked
for on chain before it is sent again.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ape
import rlp  # type: ignore[import-untyped]
from eth_utils.address import to_checksum_address

from strongroom.chain.ids import keccak
from strongroom.chain.terms import TIMELOCKED
from strongroom.deployment.compiled import compiled_with, vault_at
from strongroom.deployment.plan import CONTRACTS, Plan
from strongroom.settings import ConfigError

PENDING_S = 1.0  # between looks at a transaction that is not mined


@dataclass(frozen=True)
class Step:
    """One transaction: a contract to create, or a call with its way to see whether it is done.

    Attributes:
        creates: contract and constructor arguments; the first is its name in the project
        as_blueprint: whether it is created as an ERC-5202 blueprint
        call: sends it with a nonce
    """

    name: str
    words: str
    creates: tuple[Any, ...] = ()
    as_blueprint: bool = False
    call: Callable[[int], Any] | None = None
    is_done: Callable[[], bool] | None = None


@dataclass
class Deployment:
    """Carries a plan out.

    Attributes:
        written: is told after each write and each transaction
        told: is told what happens, in words
    """

    plan: Plan
    deployer: Any
    record: Path
    written: Callable[[str], None] = lambda what: None
    told: Callable[[str], None] = lambda words: None
    known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take up what was done before.

        Raises:
            ConfigError: the record is of another plan, or of another deployer.
        """
        self.key = f"{self.plan.vault.name} {self.plan.vault.symbol}"
        every = json.loads(self.record.read_text()) if self.record.exists() else {}
        self.every: dict[str, Any] = every
        digest = "0x" + keccak(self.plan.model_dump_json().encode()).hex()
        new = {
            "plan": digest,
            "deployer": str(self.deployer.address),
            "compiler": compiled_with(),
            "steps": {},
        }
        self.known = every.setdefault(self.key, new)
        if self.known["plan"] != digest:
            raise ConfigError(f"{self.record} has {self.key!r} with other terms: rename the vault")
        if self.known["deployer"] != new["deployer"]:
            raise ConfigError(
                f"{self.record} has {self.key!r} by {self.known['deployer']}: go on with that one"
            )

    @property
    def vault(self) -> Any:
        """The vault, once it is there."""
        return vault_at(self.address("vault"))

    def address(self, step: str) -> str:
        """Return the address of what a step has made."""
        return str(self.known["steps"][step]["address"])

    def steps(self) -> Iterator[Step]:
        """Return the steps in their order; later ones build on earlier ones' addresses."""
        deployer, plan = self.deployer, self.plan
        yield Step(
            "governance", "code of owner and guardian", creates=("VaultGovernance", plan.asset)
        )
        yield Step(
            "desk",
            "code of keeper and reporter",
            creates=("VaultDesk", plan.asset, self.address("governance")),
        )
        yield Step(
            "blueprint", "the vault's code as a blueprint", creates=("Vault",), as_blueprint=True
        )
        yield Step(
            "factory",
            "makes vaults",
            creates=("VaultFactory", self.address("blueprint"), self.address("desk")),
        )
        for number, each in enumerate(plan.classes):
            yield Step(
                f"account {number}",
                f"what accounts of class {number} are cloned from",
                creates=(CONTRACTS[each.account], *each.arguments),
            )
        yield Step("vault", "the vault", call=self._make_vault, is_done=self._find_vault)
        vault = self.vault
        for number, each in enumerate(plan.classes):
            terms = each.terms(self.address(f"account {number}")).arguments()
            yield Step(
                f"class {number}",
                f"admit class {number}",
                call=lambda n, t=terms: vault.addClass(t, sender=deployer, nonce=n),  # type: ignore[misc]
                is_done=lambda number=number: vault.class_count() > number,  # type: ignore[misc]
            )
        delay = plan.vault.timelock_s
        for signature in TIMELOCKED if delay else ():
            name, selector = signature.partition("(")[0], keccak(signature.encode())[:4]
            yield Step(
                f"delay {name}",
                f"{delay} s notice before {name}",
                call=lambda n, s=selector: vault.increaseDelay(s, delay, sender=deployer, nonce=n),  # type: ignore[misc]
                is_done=lambda s=selector: vault.delayOf(s) >= delay,  # type: ignore[misc]
            )
        yield Step(
            "owner",
            f"offer ownership to {plan.vault.owner}; it must call acceptOwnership",
            call=lambda n: vault.transferOwnership(plan.vault.owner, sender=deployer, nonce=n),
            is_done=lambda: (
                plan.vault.owner.lower() in (vault.owner().lower(), vault.pending_owner().lower())
            ),
        )

    def run(self) -> str:
        """Take all steps that are not done; return the vault's address.

        Raises:
            ConfigError: the deployer's nonce was used by something else meanwhile.
        """
        for step in self.steps():
            if self._known(step).get("state") != "done":
                self.told(f"{step.name}: {step.words}")
                self._take(step)
        return self.address("vault")

    def _take(self, step: Step) -> None:
        if "nonce" in self._known(step):
            self._wait(self._known(step)["nonce"])
        if not self._is_done(step):
            self._plan_nonce(step)
            self._send(step)
            self.written(f"{step.name} sent")
            assert self._is_done(step), step.name
        self._finish(step)

    def _is_done(self, step: Step) -> bool:
        if step.is_done is not None:
            return step.is_done()
        return "nonce" in self._known(step) and bool(_code(self.address(step.name)))

    def _plan_nonce(self, step: Step) -> None:
        """Write down the nonce that the step is sent with, and what follows from it."""
        done, nonce = self._known(step), self._count("latest")
        if done.get("nonce") == nonce:
            return  # it was written and never sent
        if step.creates and "nonce" in done:
            raise ConfigError(
                f"{step.name} was to be made with nonce {done['nonce']}, the deployer is at "
                f"{nonce} and nothing is at {done['address']}: look why, then remove the step "
                f"from {self.record}"
            )
        planned: dict[str, Any] = {"state": "sent", "nonce": nonce}
        if step.creates:
            planned["contract"] = step.creates[0]
            planned["arguments"] = list(step.creates[1:])
            planned["address"] = created_at(self.deployer.address, nonce)
        self._write(step.name, planned)

    def _send(self, step: Step) -> None:
        nonce = self._known(step)["nonce"]
        if step.call is not None:
            step.call(nonce)
            return
        container = getattr(ape.project, step.creates[0])
        if step.as_blueprint:
            self.deployer.declare(container, nonce=nonce)
        else:
            self.deployer.deploy(container, *step.creates[1:], nonce=nonce)

    def _finish(self, step: Step) -> None:
        done = dict(self._known(step))
        if "nonce" in done:
            done |= self._mined(done["nonce"])
        if "address" in done:
            done["code_hash"] = "0x" + keccak(_code(done["address"])).hex()
        self._write(step.name, done | {"state": "done"})

    def _make_vault(self, nonce: int) -> Any:
        factory = ape.project.VaultFactory.at(self.address("factory"))
        arguments = self.plan.terms(self.deployer.address).arguments()
        return factory.deploy(arguments, self.plan.salt, sender=self.deployer, nonce=nonce)

    def _find_vault(self) -> bool:
        """Whether the factory has made the vault; keeps its address."""
        factory = ape.project.VaultFactory.at(self.address("factory"))
        for log in factory.VaultDeployed.range(0, ape.chain.blocks.height + 1):
            if log.deployer != self.deployer.address:
                continue  # anybody may use a factory
            done = self.known["steps"].get("vault", {"state": "sent"})
            if "address" not in done:
                terms = self.plan.terms(self.deployer.address).arguments()
                found = {"address": str(log.vault), "contract": "Vault",
                         "arguments": [self.address("desk"), terms]}  # fmt: skip
                self._write("vault", done | found)
            return True
        return False

    # the deployer's transactions

    def _count(self, block: str) -> int:
        asked = [str(self.deployer.address), block]
        return int(ape.networks.provider.make_request("eth_getTransactionCount", asked), 16)

    def _wait(self, nonce: int) -> None:
        """Wait while a transaction of this nonce is known to the node and not mined."""
        while self._count("latest") <= nonce < self._count("pending"):
            self.told(f"waiting for the transaction with nonce {nonce} to be mined")
            time.sleep(PENDING_S)

    def _mined(self, nonce: int) -> dict[str, Any]:
        """Return block, hash and gas of the deployer's transaction of this nonce, by halving."""
        low, high = 0, int(ape.chain.blocks.height)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._count(hex(middle)) > nonce else (middle + 1, high)
        ask = ape.networks.provider.make_request
        for each in ask("eth_getBlockByNumber", [hex(low), True])["transactions"]:
            sender, used = each["from"].lower(), int(each["nonce"], 16)
            if sender == str(self.deployer.address).lower() and used == nonce:
                receipt = ask("eth_getTransactionReceipt", [each["hash"]])
                used_gas = int(receipt["gasUsed"], 16)
                return {"block": low, "transaction": each["hash"], "gas": used_gas}
        return {}  # it was sent by an earlier record, or the node has forgotten

    # the record

    def _known(self, step: Step) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.known["steps"].get(step.name, {})
        return found

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
