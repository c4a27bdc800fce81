"""A PerformanceSplitter's payouts, each proven from its logs and its vault's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.audit.abi_data import NotAbi, abi_values
from strongroom.audit.both_books import book_both
from strongroom.audit.code import AuditedCode
from strongroom.audit.contracts import OddAnswer
from strongroom.audit.ledger import Ledger
from strongroom.audit.node import Node
from strongroom.audit.payouts import Claim, PayoutBooks, PayoutStatement, payout_statement
from strongroom.audit.permissions import Difference
from strongroom.audit.readers import splitter_readers
from strongroom.audit.wording import selector_of
from strongroom.chain.artifacts import artifact
from strongroom.chain.code import WORD, runtime_difference
from strongroom.chain.ids import keccak, to_bytes
from strongroom.errors import BadInput

NAME = "PerformanceSplitter"


@dataclass(frozen=True)
class SplitterAudit:
    """What was found of a splitter; `is_ours`: it is of this release and this vault."""

    statement: PayoutStatement
    code: AuditedCode
    differences: tuple[Difference, ...]
    is_ours: bool = True


def audit_splitter(
    node: Node, ledger: Ledger, splitter: str, blocks: tuple[int, int]
) -> SplitterAudit:
    """Audit a splitter's payouts.

    Args:
        ledger: of the vault, before its first event
        blocks: the vault's first, and the last

    Raises:
        BadInput: there is no contract at the address.
        NodeAway: the node does not answer.
        BadLog: the node sends what is no log.
    """
    address, (first, last) = splitter.lower(), blocks
    listed, delay, found = splitter_code(node, splitter, ledger.vault, last)
    books = PayoutBooks(ledger, address, delay)
    if found:  # what foreign code logs is not read
        return SplitterAudit(payout_statement(books), listed, tuple(found), is_ours=False)
    book_both(node, books, splitter_readers(), first, last)
    found = [*books.differences, *_views(node, books, last)]
    return SplitterAudit(payout_statement(books), listed, tuple(found))


def splitter_code(
    node: Node, splitter: str, vault: str, block: int
) -> tuple[AuditedCode, int, list[Difference]]:
    """Return what the code is, the delay among its immutables, and how it is not ours, or not of
    this vault: the immutables are the vault and the delay, a word each.

    Raises:
        BadInput: there is no contract at the address.
        NodeAway: the node does not answer.
    """
    address = splitter.lower()
    code = to_bytes(node.ask("eth_getCode", address, hex(block)))
    if not code:
        raise BadInput(f"--splitter {splitter}: there is no contract: name the splitter's address")
    start = len(artifact(NAME).runtime)
    how = runtime_difference(NAME, code)
    known = AuditedCode("splitter", address, "0x" + keccak(code).hex(), "" if how else NAME)
    if how:
        return known, 0, [_differs(block, f"code of splitter {address}", NAME, how)]
    words = code[start:]
    delay, wanted = int.from_bytes(words[WORD:]), bytes(12) + bytes.fromhex(vault[2:])
    if words[:WORD] != wanted or len(words) != 2 * WORD:
        there = "0x" + words[:WORD].hex()
        return known, delay, [_differs(block, f"splitter {address}: VAULT", vault, there)]
    return known, delay, []


def _views(node: Node, books: PayoutBooks, block: int) -> Iterator[Difference]:
    """Yield where the splitter's views part from the books at the last block."""
    address = ("address",)
    asked: list[tuple[str, int | str | None, Sequence[str], object]] = [
        ("owner()", None, address, (books.owner,)),
        ("pending_owner()", None, address, (books.pending_owner,)),
        ("total_credit()", None, ("uint256",), (books.total_credit,)),
        ("rate()", None, ("uint256",), (books.rate,)),
    ]
    for number in books.ledger.permissions.classes:
        asked += [
            ("claimOf(uint256)", number, ("uint256",) * 3, books.claims.get(number, Claim())),
            ("strategistOf(uint256)", number, ("address", "uint256"),
             books.strategists.get(number, ("0x" + "00" * 20, 0))),
        ]  # fmt: skip
    asked += [
        ("creditOf(address)", who, ("uint256",), (shares,)) for who, shares in books.credits.items()
    ]
    for signature, argument, types, wanted in asked:
        there = _ask(node, books.address, (signature, argument), types, block)
        if there != wanted:
            name = signature if argument is None else f"{signature.split('(')[0]}({argument})"
            yield _differs(block, f"splitter: {name}", str(wanted), str(there))


def _ask(
    node: Node, splitter: str, asked: tuple[str, int | str | None], types: Sequence[str], block: int
) -> tuple[Any, ...]:
    signature, argument = asked
    data = selector_of(signature)
    if argument is not None:
        number = int(argument, 16) if isinstance(argument, str) else argument
        data += f"{number:064x}"
    answer = node.ask("eth_call", {"to": splitter, "data": data}, hex(block))
    try:
        found = abi_values(types, to_bytes(answer))
    except NotAbi as error:
        raise OddAnswer(f"{signature}: {answer!r:.40} is no answer: name another node") from error
    return tuple(each.lower() if isinstance(each, str) else each for each in found)


def _differs(block: int, what: str, expected: str, found: str) -> Difference:
    return Difference(block, "", what, expected, found)
