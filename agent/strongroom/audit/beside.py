"""What stands beside a vault and is audited with it, if it is named: the splitter of its fees, the
gates of its classes. Of a vault that is not ours there is nothing to compute by."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from strongroom.audit.code import AuditedCode
from strongroom.audit.contracts import Views
from strongroom.audit.gates import GateStatement, ModelAgain, audit_gate, gate_code
from strongroom.audit.ledger import Ledger
from strongroom.audit.node import Node
from strongroom.audit.payouts import PayoutStatement
from strongroom.audit.permissions import Difference
from strongroom.audit.splitter import audit_splitter, splitter_code
from strongroom.errors import BadInput

MOST_CLASSES = 32  # of a vault


@dataclass(frozen=True)
class BesideVault:
    """What was found beside a vault."""

    payouts: PayoutStatement | None
    gates: tuple[GateStatement, ...]
    code: tuple[AuditedCode, ...]
    differences: tuple[Difference, ...]


def check_named(
    node: Node, vault: str, splitter: str, gates: Sequence[str], models: Sequence[ModelAgain],
    block: int,
) -> None:  # fmt: skip
    """Refuse what somebody has mistyped before anything is audited: whom it uses, the vault's views
    say, too. Where they do not answer, that is judged after the audit.

    Raises:
        BadInput: there is no contract at an address, or one that is neither ours nor the vault's;
            or a model is of no gate.
        NodeAway: the node does not answer.
    """
    views = Views(node)
    if splitter:
        _, _, wrong = splitter_code(node, splitter, vault, block)
        (paid,) = views.call_each([(vault, "feeRecipients", (), block)])
        if wrong and paid is not None:
            _check_used("--splitter", splitter, wrong, {str(who).lower() for who, *_ in paid})
    if gates:
        _check_gates(node, views, vault, gates, models, block)


def _check_gates(
    node: Node, views: Views, vault: str, gates: Sequence[str], models: Sequence[ModelAgain],
    block: int,
) -> None:  # fmt: skip
    (count,) = views.call_each([(vault, "class_count", (), block)])
    numbers = range(min(count or 0, MOST_CLASSES))
    keepers = views.call_each([(vault, "keeperOf", (each,), block) for each in numbers])
    hashes = set[str]()
    for gate in gates:
        _, terms, wrong = gate_code(node, gate, vault, block)
        if terms is not None:
            hashes.add(terms.model_hash)
        elif count is not None:
            _check_used("--proof-gate", gate, wrong, {str(each).lower() for each in keepers})
    for model in models:
        if model.model_hash not in hashes:
            raise BadInput(
                f"--proof-model: the file with hash {model.model_hash} is no gate's model: the "
                f"gates name {', '.join(sorted(hashes)) or 'none'}"
            )


def audit_beside(
    node: Node, ledger: Ledger, blocks: tuple[int, int], splitter: str, gates: Sequence[str],
    models: Sequence[ModelAgain],
) -> BesideVault:  # fmt: skip
    """Audit what is named beside a vault; each reads the vault's whole history again.

    Args:
        ledger: of the vault, as its audit left it
        blocks: the vault's first, and the last
        splitter: "": none
        models: of gates

    Raises:
        BadInput: there is no contract at an address, or one that is neither ours nor the vault's.
        NodeAway: the node does not answer.
        BadLog: the node sends what is no log.
    """
    payouts, code, differences = None, list[AuditedCode](), list[Difference]()
    if splitter:
        paid = audit_splitter(node, Ledger(ledger.vault, ledger.decimals), splitter, blocks)
        if not paid.is_ours:
            paid_to = {who for who, _ in ledger.permissions.recipients}
            _check_used("--splitter", splitter, paid.differences, paid_to)
        payouts = paid.statement
        code.append(paid.code)
        differences += paid.differences
    statements = []
    for gate in gates:
        found = audit_gate(node, Ledger(ledger.vault, ledger.decimals), gate, blocks, models)
        if found.statement is None:
            keepers = {each.keeper for each in ledger.permissions.classes.values()}
            _check_used("--proof-gate", gate, found.differences, keepers)
        statements += [found.statement] if found.statement else []
        code += found.code
        differences += found.differences
    return BesideVault(payouts, tuple(statements), tuple(code), tuple(differences))


def _check_used(
    option: str, address: str, differences: Sequence[Difference], used: Collection[str]
) -> None:
    """Refuse an address that somebody has mistyped: what is there is not ours, or another vault's,
    and the vault itself does not use it. What it uses is wrong on chain.

    Raises:
        BadInput: it is so.
    """
    for each in differences:
        if address.lower() not in used:
            raise BadInput(
                f"{option}: {each.what}: expected {each.expected}, found {each.found}; the vault "
                "does not use it, either: name the one that it uses"
            )
