"""Two strangers' packages in one vault for a month: budgets are kept, one is stopped by its losses,
and fees are split to the unit by the contract, by the rules in Python and by the auditor.

Each package is a distribution of its own, built and installed in the test's folder, and found by
its entry point. The venue is the world's (tests/property/world.py): what a pack proposes is bought
at its price and resolved the same day. Meadow buys favourites at 90 cents, of which 28 of 30 pay;
Harbour buys at 30 cents what never pays.
"""

import json
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.ledger import Ledger
from strongroom.audit.node import Node
from strongroom.audit.readers import splitter_readers
from strongroom.audit.splitter import audit_splitter
from strongroom.audit.splitter_events import Credited
from strongroom.cli.audit import command as audit_command
from strongroom.devnet.deployer import devnet_chain
from strongroom.errors import BadInput
from strongroom.strategy import GROUP, YES, Book, Level

from tests.agent.market_record import MARKET
from tests.contracts.wallet_stage import CHAIN_ID
from tests.e2e.anvil_evm import AnvilEvm
from tests.e2e.lies import Liar
from tests.e2e.strategist_packages import built, installed
from tests.property.evm import Reverted
from tests.property.splitting import SplitWorld
from tests.property.world import BPS, START, UNIT, UNLIMITED
from tests.property.world import YES as YES_SIDE

DAYS = 30
LOST_DAYS = (9, 21)  # of Meadow's favourites
CAPS = (40_000 * UNIT, 10_000 * UNIT)
MICRO = 10**6
SCHEMA = json.loads(Path("docs/schemas/audit-2.json").read_text())


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    """The two packs, by what their distributions' entry points name."""
    folder = tmp_path_factory.mktemp("strategists")
    wheels = [built(folder, "meadow", 850_000, 950_000), built(folder, "harbour", 250_000, 350_000)]
    site = installed(wheels, folder / "site")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        found = {each.name: each for each in entry_points(group=GROUP)}
        assert {found[name].dist.name for name in ("meadow", "harbour")} == {"meadow", "harbour"}
        yield [found[name].load()() for name in ("meadow", "harbour")]


def offered(price, size):
    """Return a view of one market whose YES is to be had."""
    market = replace(MARKET, token_ids=(1, 2))
    book = Book(asks=(Level(price, size),))
    return SimpleNamespace(
        markets={market.condition_id: market},
        book=lambda _, outcome: book if outcome is YES else None,
    )


class Month:
    """The vault's month: what each class was refused, by day."""

    def __init__(self, packs, chain):
        self.packs = packs
        self.life = SplitWorld(2, fees=(200, 2_000, 0), caps=CAPS, evm=AnvilEvm(chain))
        self.refused = {0: [], 1: []}
        self.life.install()
        self.life.appoint(0, "ann", 5_000)
        self.life.appoint(1, "ben", 5_000)

    def live(self):
        life = self.life
        for day in range(DAYS):
            life.report(22)
            for number, (price, pays) in enumerate(
                [(900_000, day not in LOST_DAYS), (300_000, False)]
            ):
                view = offered(price, 10_000 * MICRO)
                for proposal in self.packs[number].propose(view, lambda market: (0, "")):
                    for leg in proposal.legs:
                        self.trade(day, number, leg, pays)
            if day % 7 == 6:
                life.split()
        life.report()
        life.split()

    def trade(self, day, number, leg, pays):
        """Buy what a leg orders, within the class's budget; the answer comes the same day."""
        world, vault = self.life.world, self.life.vault
        cost = leg.price * leg.size // MICRO
        name = self.life.market(number)
        try:
            world.allocate(name, cost)
        except Reverted as error:
            self.refused[number].append((day, str(error)))
            world.close(name, by=f"keeper {number}")
            return
        exposure, losses, _, _ = vault.classBook(number)
        assert exposure + losses <= CAPS[number]
        world.trade(name, -cost, {(0, YES_SIDE): leg.size})
        world.resolve(name, 0, int(pays))
        if pays:
            world.harvest(name)
            world.recall(name)
        world.close(name)
        self.life._count(number, leg.size - cost if pays else -cost)


@pytest.fixture(scope="module")
def month(packs):
    with devnet_chain(CHAIN_ID, timestamp=START) as chain:
        made = Month(packs, chain)
        made.live()
        yield made


def test_budgets_are_kept_and_losses_stop_one(month):
    """Harbour loses 3,000 a day: on the fourth, 12,000 would be above its 10,000. Nobody lets it go
    on, and it costs Meadow nothing of its budget."""
    vault = month.life.vault
    assert [day for day, _ in month.refused[1]] == list(range(3, DAYS))
    assert {why for _, why in month.refused[1]} == {"class cap"}
    assert vault.profitOf(1) == -9_000 * UNIT
    assert month.refused[0] == []
    assert vault.profitOf(0) == (28 * 1_000 - 2 * 9_000) * UNIT


def test_fees_are_split_to_the_unit(month):
    """By the contract, by the rules in Python, and by the auditor from the chain's logs."""
    life = month.life
    url, last = life.world.evm.chain.url, life.world.evm.chain.height()
    vault, splitter = life.vault.address.lower(), life.splitter.address.lower()
    found = audit_splitter(Node(url), Ledger(vault), splitter, (0, last))
    assert found.differences == ()
    assert found.code.known == "PerformanceSplitter"
    for who in ("boss", "ann", "ben"):
        credit = life.credit(who)
        assert credit == life.rules.credits.get(who, 0), who
        assert int(found.statement.credits.get(life.who[who].lower(), "0")) == credit, who
    assert life.credit("ann") > 0
    assert life.credit("ben") == 0
    # half of 20 % of its new highs, at most
    high = max(0, life.splitter.markOf(0))
    assert life.rules.worth["ann"] <= high * 2_000 * 5_000 * 10**18 // BPS**2


# the command, over a vault whose every unit is explained: profit is what somebody gave


@pytest.fixture(scope="module")
def paid():
    """Two classes that have earned, one credit withdrawn, one claim that waits."""
    with devnet_chain(CHAIN_ID, timestamp=START) as chain:
        life = SplitWorld(2, evm=AnvilEvm(chain))
        life.world.evm.set_code(life.world.exchange, b"\x00")  # the audit constructs accounts anew
        life.install()
        life.appoint(0, "ann", 5_000)
        life.report()
        life.earn(0, 1_000 * UNIT)
        life.earn(1, 500 * UNIT)
        life.report()
        life.split()
        life.splitter.withdraw(life.credit("ann"), life.who["bob"], sender=life.who["ann"])
        life.earn(0, 100 * UNIT)
        yield life


def audited(life, change=None, splitter=""):
    """Return the result of an audit, over a node whose answers go through a change."""
    url = life.world.evm.chain.url
    address = splitter or life.splitter.address
    options = AuditOptions(life.vault.address, url, splitter=address)
    return run_audit(options, None if change is None else Liar(url, change))


def test_the_command_proves_each_payout(paid):
    url = paid.world.evm.chain.url
    of_vault = ["--vault", paid.vault.address, "--splitter", paid.splitter.address, "--rpc", url]
    run = CliRunner().invoke(audit_command, [*of_vault, "--json"])
    assert run.exit_code == 0, run.output
    document = json.loads(run.output)
    Draft202012Validator(SCHEMA).validate(document)
    ann = paid.who["ann"].lower()
    payouts = document["payouts"]
    assert payouts["paid"][ann] == str(paid.rules.credits["ann"])
    assert ann not in payouts["credits"]
    assert payouts["credits"][paid.who["boss"].lower()] == str(paid.credit("boss"))
    first, second = payouts["classes"]
    assert (first["strategist"], first["part_bps"]) == (ann, 5_000)
    assert int(first["waiting"]) == 1_100 * UNIT - paid.rules.marks[0]
    assert (second["profit"], second["part_bps"]) == (str(500 * UNIT), 0)
    text = CliRunner().invoke(audit_command, of_vault).output
    assert "class 0" in text and "50 % of its fee" in text and "may withdraw" in text


def test_a_payout_that_the_rule_does_not_give_is_named_by_block(paid):
    """The node tells a credit of one share more."""
    topic = next(t for t, reader in splitter_readers().items() if reader.record is Credited)
    place = 2 + 64 * 3  # profit, paid, fee, then the strategist's shares
    told = []

    def change(method, parameters, answer):
        if method != "eth_getLogs":
            return answer
        for log in answer:
            if log["topics"][0] == topic and int(log["topics"][1], 16) == 0:
                word = int(log["data"][place : place + 64], 16) + 1
                log["data"] = log["data"][:place] + f"{word:064x}" + log["data"][place + 64 :]
                told.append(int(log["blockNumber"], 16))
        return answer

    first = audited(paid, change).verdict.differences[0]
    assert (first.block, first.what) == (told[0], "Credited.shares of class 0")
    assert int(first.found) == int(first.expected) + 1


def test_a_splitter_of_other_code_or_another_vault_is_a_typing_error(paid):
    """Unless the vault pays its fees there (tests/agent/test_audit_beside.py)."""
    world = paid.world
    with pytest.raises(BadInput, match=r"code of splitter .*; the vault does not use it"):
        audited(paid, splitter=paid.vault.address)
    terms = ("Other", "OTHER", *[world.who["owner"]] * 4, 0, 0, 0, UNLIMITED, 1, 0)
    limits = list(world.limits.values())
    vault = world.factory.deploy((*terms, limits), b"\2" * 32, sender=world.who["owner"])
    other = world.evm.deploy(world.contract("PerformanceSplitter"), vault, world.who["boss"], 0)
    with pytest.raises(BadInput, match=r"VAULT: .*; the vault does not use it"):
        audited(paid, splitter=other.address)
    with pytest.raises(BadInput, match="there is no contract"):
        audited(paid, splitter="0x" + "12" * 20)
