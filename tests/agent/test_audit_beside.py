"""What is named beside a vault and is not the vault's: who has made a mistake."""

from types import SimpleNamespace

import pytest
from strongroom.audit.beside import audit_beside
from strongroom.audit.ledger import Ledger
from strongroom.audit.permissions import MarketClass
from strongroom.chain.artifacts import artifact
from strongroom.errors import BadInput

VAULT, ADDRESS, OTHER = ("0x" + digits * 20 for digits in ("11", "22", "33"))
FOREIGN = "0x6001"
CODE_WORD = 32


def ours(name, vault):
    """The code of a contract of another vault: its first immutable is whose it is."""
    words = 12 if name == "ProofGate" else 2
    immutables = bytes.fromhex(vault[2:]).rjust(CODE_WORD, b"\0") + bytes(CODE_WORD * (words - 1))
    return "0x" + (artifact(name).runtime + immutables).hex()


def beside(code, ledger, **named):
    node = SimpleNamespace(ask=lambda method, address, block: code)
    options = {"splitter": "", "gates": ()} | named
    return audit_beside(node, ledger, (1, 9), options["splitter"], options["gates"], ())


def ledger_that_uses(address):
    ledger = Ledger(VAULT, 6)
    ledger.permissions.recipients = ((address, 10_000),)
    ledger.permissions.classes[0] = MarketClass(keeper=address)
    return ledger


NAMED = {
    "--splitter": ("PerformanceSplitter", {"splitter": ADDRESS.upper().replace("X", "x")}),
    "--proof-gate": ("ProofGate", {"gates": (ADDRESS,)}),
}


@pytest.mark.parametrize("option", NAMED)
@pytest.mark.parametrize("is_foreign", [True, False])
def test_a_contract_that_the_vault_does_not_use_accuses_nobody(option, is_foreign):
    """It was mistyped: of other code, or another vault's."""
    name, named = NAMED[option]
    code = FOREIGN if is_foreign else ours(name, OTHER)
    with pytest.raises(BadInput, match=f"{option}: .*; the vault does not use it"):
        beside(code, ledger_that_uses(OTHER), **named)


@pytest.mark.parametrize("option", NAMED)
@pytest.mark.parametrize("is_foreign", [True, False])
def test_what_the_vault_uses_and_is_not_ours_is_a_difference(option, is_foreign):
    name, named = NAMED[option]
    code = FOREIGN if is_foreign else ours(name, OTHER)
    (found,) = beside(code, ledger_that_uses(ADDRESS), **named).differences
    assert found.what.startswith("code of") if is_foreign else found.what.endswith("VAULT")
