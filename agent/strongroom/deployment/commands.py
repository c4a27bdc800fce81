"""`deploy` and `verify`: one typed argument each; the terminal only asks and prints."""

from collections.abc import Callable, Sequence
from pathlib import Path

from strongroom.addresses import typed_address
from strongroom.chain.accounts import wallet
from strongroom.chain.contracts import Contracts
from strongroom.chain.failures import TransactionRefused
from strongroom.chain.units import ETHER
from strongroom.deployment.check import verify
from strongroom.deployment.options import (
    Deployed,
    DeploymentFinding,
    DeployOptions,
    Grade,
    Rehearsal,
    Verified,
    VerifyOptions,
    nothing_wrong,
)
from strongroom.deployment.plan import Plan, load
from strongroom.deployment.record import RecordFile, StepState, default_path
from strongroom.deployment.rehearsal import rehearse
from strongroom.deployment.steps import LAST, Deployment
from strongroom.errors import Away, Differs, Refused, StrongroomError


class RehearsalDiffers(Differs):
    """The result of the rehearsal differs from the file; nothing was sent."""


class Dangerous(Refused):
    """The file gives up a protection, and nobody said that this is understood; nothing was sent."""


class TooLittleGas(Refused):
    """The deployer cannot pay for all transactions; nothing was sent."""


def run_deploy(options: DeployOptions) -> Deployed:
    """Deploy a vault as a file says: plan, rehearsal on a fork, question, steps, check. A run that
    was broken off goes on where it stopped; a finished one changes nothing.

    Raises:
        ConfigError: file, account or record do not fit.
        Dangerous: see the class.
        RehearsalDiffers, TooLittleGas: see the classes.
        AnvilMissing: there is nothing to rehearse on.
        TransactionRefused, ChainAway: of a step; the message names the last one that was done.
    """
    plan, chain = load(options.file), Contracts(options.rpc)
    _weigh(plan, options)
    account = wallet(options.account, chain, options.passphrase)
    place = options.record or default_path(plan, chain.chain_id)
    steps = RecordFile(place, plan, account.address, chain.chain_id).steps
    _say_plan(plan, chain.chain_id, options.say)
    finished = LAST in steps and steps[LAST].state is StepState.DONE
    tried = None
    if steps:
        how = "finished" if finished else "continuing"
        options.say(f"{place} has {len(steps)} steps: {how}")
    elif options.rehearse or options.dry_run:
        tried = _rehearsed(plan, account.address, chain, options.file)
        _judge(tried, options.say)
    if options.dry_run or not (finished or options.ask("Send it?")):
        options.say("nothing was sent")
        return Deployed("", place, tried, ())
    deployment = Deployment(chain, account.unlock(), plan, place, say=options.say)
    try:
        address = deployment.run()
        findings = tuple(verify(chain, address, plan))
    except (StrongroomError, KeyboardInterrupt) as error:
        again = isinstance(error, Away | KeyboardInterrupt)
        told = f"{error}{_so_far(deployment.file, again)}"
        raise type(error)(told.removeprefix("; ")) from error
    _say_findings(findings, options.say)
    return Deployed(address, place, tried, findings)


def run_verify(options: VerifyOptions) -> Verified:
    """Compare a vault's code with ours as compiled, its settings with a file, and warn of
    risks.

    Raises:
        BadInput: the vault is no address, or the file does not fit.
        ChainAway: the node does not answer.
    """
    typed_address(options.vault)
    plan = load(options.file) if options.file is not None else None
    return Verified(tuple(verify(Contracts(options.rpc), options.vault, plan)))


def _weigh(plan: Plan, options: DeployOptions) -> None:
    """Refuse a file that gives up a protection, unless that is understood."""
    dangers = list(plan.dangers())
    if dangers and not options.understood:
        raise Dangerous(
            f"{options.file}: {'; '.join(dangers)}. Nothing was sent: change the file, or say "
            "--i-understand"
        )
    for each in dangers:
        options.say(f"understood: {each}")


def _rehearsed(plan: Plan, deployer: str, chain: Contracts, file: Path) -> Rehearsal:
    """Rehearse; a step that would revert is the file's matter.

    Raises:
        TransactionRefused: a step would; nothing was sent.
    """
    try:
        return rehearse(plan, deployer, chain)
    except TransactionRefused as error:
        raise TransactionRefused(f"{file}, tried on a fork: {error}") from error


def _so_far(record: RecordFile, again: bool) -> str:
    """Return what was sent until something failed, and what to do.

    Args:
        again: it may go on as it is
    """
    done = [f"{name} ({step.transaction})" for name, step in record.steps.items()
            if step.transaction]  # fmt: skip
    words = f"; the last step done is {done[-1]}" if done else ""
    if again and record.steps:
        words += f"; run it again to go on: {record.path} keeps a step from being taken twice"
    return words


def _judge(tried: Rehearsal, say: Callable[[str], None]) -> None:
    say(
        f"on a fork: {tried.transactions} transactions, {tried.gas:,} gas, "
        f"{tried.cost / ETHER:.6f} of the chain's coin at its present gas price; "
        f"the deployer has {tried.balance / ETHER:.6f}"
    )
    _say_findings(tried.findings, say)
    if not nothing_wrong(tried.findings):
        raise RehearsalDiffers(
            "nothing was sent: the result of the rehearsal differs from the file"
        )
    if tried.lacks:
        raise TooLittleGas(
            f"nothing was sent: the deployer lacks {tried.lacks / ETHER:.6f} of the chain's coin"
        )


def _say_plan(plan: Plan, chain_id: int, say: Callable[[str], None]) -> None:
    say(f"{plan.vault.name} on chain {chain_id}:")
    for name, value in plan.vault.model_dump().items():
        say(f"  {name}: {value}")
    for number, each in enumerate(plan.classes):
        say(f"  class {number}: {each.model_dump()}")


def _say_findings(findings: Sequence[DeploymentFinding], say: Callable[[str], None]) -> None:
    for each in findings:
        if each.grade is not Grade.OK:
            say(f"  {each.grade}: {each.words}")
