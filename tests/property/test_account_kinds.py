"""Which accounts a class has, and whose tokens they hold: asked of the accounts' own code."""

import pytest
from strongroom.chain import abi
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import to_hex
from strongroom.chain.orders import YES
from strongroom.chain.position_ids import Module, position_condition, position_of
from strongroom.errors import BadInput
from strongroom.execution.account_kinds import AccountKind, ServedClasses, kind_of, served_classes

from tests.property.evm import Reverted
from tests.property.positions import PositionWorld


class Reads:
    """The chain, as the keeper reads it."""

    def __init__(self, world):
        self.world = world

    def ask(self, asked):
        return [self._one(each) for each in asked]

    def _one(self, each):
        vault = each.address == self.world.vault.address
        at = self.world.vault if vault else self.world.evm.at(each.address, abi.load(each.contract))
        try:
            return getattr(at, each.function)(*each.arguments)
        except Reverted as error:
            raise CallReverted(str(error)) from error


@pytest.fixture(scope="module")
def world():
    return PositionWorld()


def test_a_class_of_the_first_protocol_has_none(world):
    """Even one that names a module of the second as its oracle."""
    pool_code = b"\1" * 32
    older = world.evm.deploy(
        world.world.contract("FpmmAccount"),
        *(world.world.ctf.address, world.pusd.address, pool_code),
    )
    wide = 2**96 - 1, 10_000
    terms = (older.address, world.binary.address, world.keeper.address, 1, *wide, *wide, 86_400)
    number = int(world.vault.addClass(terms, sender=world.who["owner"]))
    found = served_classes(Reads(world), world.vault.address, [number])
    assert found == ServedClasses({number: AccountKind.POOL}, {})
    assert kind_of(Reads(world), older.address) is AccountKind.POOL


def test_what_is_no_account_is_of_no_kind(world):
    with pytest.raises(BadInput, match="no account of a known kind"):
        kind_of(Reads(world), world.router.address)


def test_each_class_has_the_module_that_its_oracle_is(world):
    both = [world.event_class, world.binary_class]
    assert served_classes(Reads(world), world.vault.address, both).modules == {
        world.event_class: Module.NEGATIVE_RISK,
        world.binary_class: Module.BINARY,
    }


def test_a_class_whose_oracle_is_no_module_is_named(world):
    wrong = world.add_class(world.router)
    with pytest.raises(BadInput, match=f"class {wrong} holds Protocol V2, but its oracle"):
        served_classes(Reads(world), world.vault.address, [wrong])


def test_the_ids_of_a_record_are_those_that_the_account_holds(world):
    question = world.question()
    market = world.open(question, cash=0)
    condition = position_condition(to_hex(question[:31]))
    assert market.tokens[0] == position_of(condition, YES)
    (held,) = market.account.conditions()
    assert to_hex(bytes(held)) == condition + "00"
