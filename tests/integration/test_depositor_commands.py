"""The depositor's commands against a vault on anvil: what they say beforehand is what happens."""

import json

import ape
import pytest
from click.testing import CliRunner

from scripts.claim import cli as claim
from scripts.deposit import cli as deposit
from scripts.exit_in_kind import cli as exit_in_kind
from scripts.position import cli as position
from scripts.redeem import cli as redeem
from tests.defaults import UNIT


@pytest.fixture
def place(make_vault, people, venue, deployer, report):
    vault = make_vault(people.keeper)
    number = next(n for n, each in enumerate(ape.accounts.test_accounts)
                  if each.address == people.alice.address)  # fmt: skip
    venue.fund(deployer, people.alice, 5_000 * UNIT)
    common = [
        "--vault",
        vault.address,
        "--account",
        f"TEST::{number}",
        "--network",
        ape.networks.provider.uri,
    ]

    def run(command, *arguments, code=0):
        done = CliRunner().invoke(command, [*arguments, *common])
        assert done.exit_code == code, done.output
        return done.output

    return vault, people.alice, run, report


def test_a_deposit_and_its_way_back(place, venue):
    vault, alice, run, report = place
    said = run(deposit, "1000", "--dry-run")
    assert "You hand over 1,000.00 now" in said and "Nothing was sent" in said
    assert venue.pusd.balanceOf(alice) == 5_000 * UNIT
    found = json.loads(run(deposit, "1000", "--yes", "--json"))
    assert found["sent"] and found["position"]["waiting_deposit"] == 1_000 * UNIT
    assert "nothing can be claimed yet" in run(claim, "--yes", code=2)
    report(vault)
    assert "1,000.000000 shares" in run(claim, "--dry-run")
    found = json.loads(run(claim, "--yes", "--json"))
    assert found["position"]["shares"] == vault.balanceOf(alice) == 1_000 * 10**12
    assert "1,000.000000, 1,000.00 at the bid" in run(position)

    said = run(redeem, "all", "--dry-run")
    assert "worth 1,000.00" in said and "Oldest requests are paid first" in said
    run(redeem, "400", "--yes")
    report(vault)
    run(claim, "--yes")
    assert venue.pusd.balanceOf(alice) == 4_400 * UNIT


@pytest.mark.parametrize(
    ("amount", "words"),
    [("0", "no positive amount"), ("x", "no number"), ("0.0000001", "no positive"),
     ("-1", "No such option")],
)  # fmt: skip
def test_bad_amounts_are_refused_and_nothing_is_sent(place, amount, words, venue):
    _, alice, run, _ = place
    assert words in run(deposit, amount, "--yes", code=2)
    assert venue.pusd.balanceOf(alice) == 5_000 * UNIT


def test_leaving_in_kind(place, people, venue):
    vault, alice, run, report = place
    run(deposit, "1000", "--yes")
    report(vault)
    run(claim, "--yes")
    assert "open in wind-down" in run(exit_in_kind, "5", "--yes", code=2)
    assert "you hold" in run(redeem, "2000", "--yes", code=2)
    vault.windDown(sender=people.guardian)
    said = run(exit_in_kind, "all", "--dry-run")
    assert "of everything" in said and "From idle: 999.99" in said
    run(exit_in_kind, "all", "--yes")
    assert vault.balanceOf(alice) == 0
    assert venue.pusd.balanceOf(alice) >= 4_999 * UNIT
    assert "no deposits any more" in run(deposit, "10", "--yes", code=2)
