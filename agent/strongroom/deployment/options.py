"""Inputs and results of deploying and checking; independent of a terminal."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Grade(StrEnum):
    """The grade of a finding."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True)
class DeploymentFinding:
    """A finding of the check of a deployment."""

    grade: Grade
    words: str


def nothing_wrong(findings: Sequence[DeploymentFinding]) -> bool:
    """Say whether a check found no error; warnings are allowed."""
    return all(each.grade is not Grade.WRONG for each in findings)


def _silent(words: str) -> None:
    return None


def _never(question: str) -> bool:
    return False


@dataclass(frozen=True)
class DeployOptions:
    """What to deploy, where, by whom.

    Attributes:
        file: the plan, TOML
        rpc: the node's URL
        account: a keystore file, an ape account's name, or TEST::n
        record: what was done is written here; None: deployments/<chain id>/<name>.json
        dry_run: deploy and check on a fork, send nothing
        understood: deploy also what gives up a protection, see `Plan.dangers`
        rehearse: deploy on a fork first
        say: is handed each line of the progress
        ask: is handed the question before anything is sent; sends only where it returns True
        passphrase: asks for a keystore's, where STRONGROOM_PASSPHRASE has none
    """

    file: Path
    rpc: str
    account: str
    record: Path | None = None
    dry_run: bool = False
    understood: bool = False
    rehearse: bool = True
    say: Callable[[str], None] = _silent
    ask: Callable[[str], bool] = _never
    passphrase: Callable[[str], str] | None = None


@dataclass(frozen=True)
class VerifyOptions:
    """Which vault to check, and against which plan, if any."""

    rpc: str
    vault: str
    file: Path | None = None


@dataclass(frozen=True)
class Rehearsal:
    """The result of a deployment on a fork.

    Attributes:
        gas: of all its transactions
        cost: of the gas at the chain's present price, wei
        balance: what the deployer has, wei
    """

    address: str
    transactions: int
    gas: int
    cost: int
    balance: int
    findings: tuple[DeploymentFinding, ...]

    @property
    def lacks(self) -> int:
        """What the deployer is missing, wei."""
        return max(0, self.cost - self.balance)


@dataclass(frozen=True)
class Deployed:
    """The result of `run_deploy`.

    Attributes:
        address: the vault's; empty where nothing was sent
        record: the file that has what was done
        rehearsal: None where there was none
        findings: of the check after the last step
    """

    address: str
    record: Path
    rehearsal: Rehearsal | None
    findings: tuple[DeploymentFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings are allowed."""
        return nothing_wrong(self.findings)

    def as_json(self) -> str:
        """Return the record as it was written, or the rehearsal where nothing was sent."""
        if self.address:
            return self.record.read_text()
        return json.dumps(asdict(self.rehearsal) if self.rehearsal else {}, indent=1)


@dataclass(frozen=True)
class Verified:
    """The result of `run_verify`."""

    findings: tuple[DeploymentFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings are allowed."""
        return nothing_wrong(self.findings)

    def as_json(self) -> str:
        """Return the findings as one JSON list."""
        return json.dumps([asdict(each) for each in self.findings], indent=1)
