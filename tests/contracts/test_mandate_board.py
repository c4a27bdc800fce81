"""The board of mandates: the present owner announces, versions rise, each names the one before."""

import ape
import pytest

EMPTY = b"\0" * 32
FIRST, SECOND, THIRD = (bytes([number]) * 32 for number in (1, 2, 3))


@pytest.fixture
def board(deployer):
    return deployer.deploy(ape.project.MandateBoard)


@pytest.fixture
def vault(make_vault):
    return make_vault()


def test_the_owner_announces_and_each_version_names_the_one_before(board, vault, people, chain):
    assert tuple(board.mandateOf(vault)) == (EMPTY, 0, "0x" + "00" * 20, 0)
    board.announce(vault, 1, EMPTY, FIRST, sender=people.owner)
    receipt = board.announce(vault, 7, FIRST, SECOND, sender=people.owner)
    found = board.mandateOf(vault)
    assert (bytes(found.hash), found.version, found.owner) == (SECOND, 7, people.owner)
    assert found.time == chain.blocks.head.timestamp
    (event,) = receipt.events
    assert (event.vault, bytes(event.hash), event.version) == (vault, SECOND, 7)
    assert (bytes(event.previous), event.owner) == (FIRST, people.owner)


@pytest.mark.parametrize("who", ["guardian", "keeper", "reporter", "manager", "alice"])
def test_nobody_else_announces(board, vault, people, who):
    with ape.reverts("not the vault's owner"):
        board.announce(vault, 1, EMPTY, FIRST, sender=getattr(people, who))
    assert bytes(board.mandateOf(vault).hash) == EMPTY


@pytest.mark.parametrize(
    ("version", "previous", "mandate", "why"),
    [
        (1, FIRST, SECOND, "version does not rise"),
        (0, FIRST, SECOND, "version does not rise"),
        (2, EMPTY, SECOND, "not the one before"),
        (2, THIRD, SECOND, "not the one before"),
        (2, FIRST, EMPTY, "no hash"),
    ],
)
def test_what_is_no_next_version_is_refused(board, vault, people, version, previous, mandate, why):
    board.announce(vault, 1, EMPTY, FIRST, sender=people.owner)
    with ape.reverts(why):
        board.announce(vault, version, previous, mandate, sender=people.owner)
    found = board.mandateOf(vault)
    assert (bytes(found.hash), found.version) == (FIRST, 1)


def test_version_0_is_none(board, vault, people):
    with ape.reverts("version does not rise"):
        board.announce(vault, 0, EMPTY, FIRST, sender=people.owner)


def test_a_new_owner_goes_on_and_the_old_one_is_nobody(board, vault, people):
    board.announce(vault, 1, EMPTY, FIRST, sender=people.owner)
    vault.transferOwnership(people.alice, sender=people.owner)
    with ape.reverts("not the vault's owner"):  # it has not accepted yet
        board.announce(vault, 2, FIRST, SECOND, sender=people.alice)
    vault.acceptOwnership(sender=people.alice)
    with ape.reverts("not the vault's owner"):
        board.announce(vault, 2, FIRST, SECOND, sender=people.owner)
    board.announce(vault, 2, FIRST, SECOND, sender=people.alice)
    assert board.mandateOf(vault).owner == people.alice


def test_one_vault_says_nothing_of_another(board, vault, make_vault, people):
    other = make_vault()
    board.announce(vault, 3, EMPTY, FIRST, sender=people.owner)
    board.announce(other, 1, EMPTY, SECOND, sender=people.owner)
    assert bytes(board.mandateOf(vault).hash) == FIRST
    assert board.mandateOf(other).version == 1


def test_what_is_no_vault_is_refused(board, people, venue):
    with ape.reverts("vault has no code"):
        board.announce(people.alice, 1, EMPTY, FIRST, sender=people.alice)
    with ape.reverts():  # the asset has no owner()
        board.announce(venue.ctf, 1, EMPTY, FIRST, sender=people.alice)
