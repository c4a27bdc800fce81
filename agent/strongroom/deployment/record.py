"""What was deployed, as a file: each step is written down before and after its transaction.

A record has what an explorer and an owner ask later: constructors' arguments, transactions, blocks,
gas, hashes of code, the compiler, and the one ABI of all code that answers at the vault's address.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import JsonValue, ValidationError

from strongroom.chain.artifacts import artifact, vault_abi
from strongroom.chain.ids import keccak
from strongroom.deployment.plan import Plan
from strongroom.settings import ConfigError, Section, describe


class StepState(StrEnum):
    """How far a step is."""

    SENT = "sent"  # its nonce is written; the transaction may be sent, or not
    DONE = "done"


class StepRecord(Section):
    """One step; what is not known yet is left out.

    Attributes:
        address: of the contract that it makes
        arguments: the constructor's
        code_hash: keccak of the code at the address
    """

    state: StepState
    nonce: int | None = None
    contract: str = ""
    arguments: tuple[JsonValue, ...] = ()
    address: str = ""
    block: int | None = None
    transaction: str = ""
    gas: int | None = None
    code_hash: str = ""


class DeploymentRecord(Section):
    """One vault's deployment.

    Attributes:
        plan: keccak of the file's contents
        abi: the vault's
    """

    name: str
    symbol: str
    chain_id: int
    plan: str
    deployer: str
    compiler: Mapping[str, str]
    steps: Mapping[str, StepRecord] = {}
    abi: tuple[JsonValue, ...] = ()


class RecordFile:
    """A record and the file that has it."""

    def __init__(self, path: Path, plan: Plan, deployer: str, chain_id: int) -> None:
        """Read the earlier steps.

        Raises:
            ConfigError: the file is of another plan, deployer or chain, or is no record.
        """
        self.path = path
        digest = "0x" + keccak(plan.model_dump_json().encode()).hex()
        compiler = dict(artifact("Vault").compiler or {})
        name, symbol = plan.vault.name, plan.vault.symbol
        self.record = DeploymentRecord(
            name=name,
            symbol=symbol,
            chain_id=chain_id,
            plan=digest,
            deployer=deployer,
            compiler=compiler,
            abi=tuple(json.loads(json.dumps(vault_abi()))),
        )
        if path.exists():
            self._take_up(read(path))

    @property
    def steps(self) -> Mapping[str, StepRecord]:
        """By name, in the order in which they were taken."""
        return self.record.steps

    def known(self, step: str) -> StepRecord:
        """Return the record of a step; an empty record for a step that was not begun."""
        return self.steps.get(step, StepRecord(state=StepState.SENT))

    def write(self, step: str, values: StepRecord) -> None:
        """Write a step down; the file is whole at any moment."""
        steps = {**self.steps, step: values}
        self.record = self.record.model_copy(update={"steps": steps})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.write_text(_text(self.record))
        draft.replace(self.path)

    def _take_up(self, found: DeploymentRecord) -> None:
        new, name = self.record, f"{found.name} {found.symbol}"
        if (found.name, found.symbol, found.chain_id) != (new.name, new.symbol, new.chain_id):
            raise ConfigError(
                f"{self.path} has {name!r} on chain {found.chain_id}: name another --record"
            )
        if found.plan != new.plan:
            raise ConfigError(f"{self.path} has {name!r} with other terms: rename the vault")
        if found.deployer != new.deployer:
            raise ConfigError(
                f"{self.path} has {name!r} by {found.deployer}: continue with that account"
            )
        self.record = found


def read(path: Path) -> DeploymentRecord:
    """Return the record of a file.

    Raises:
        ConfigError: it is none.
    """
    try:
        return DeploymentRecord.model_validate_json(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): name a file") from error
    except ValidationError as error:
        raise ConfigError(
            f"{path} is not a record of a deployment: {describe(error, DeploymentRecord)}"
        ) from error


def default_path(plan: Plan, chain_id: int) -> Path:
    """Return deployments/<chain id>/<name>.json."""
    name = re.sub(r"[^a-z0-9]+", "-", plan.vault.name.lower()).strip("-")
    return Path("deployments") / str(chain_id) / f"{name or 'vault'}.json"


def _text(record: DeploymentRecord) -> str:
    """Return JSON that people can read: an entry of the ABI is one line."""
    found = record.model_dump(mode="json", exclude_defaults=True)
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in found.pop("abi", []))
    return f'{json.dumps(found, indent=1)[:-2]},\n "abi": [\n{lines}\n ]\n}}\n'
