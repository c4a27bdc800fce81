"""The theft set: who steals by an account that lies, by a fill that a node hides, by budget that a
keeper turns over with a friend, by a reporter whose friend deals before the news.

What breaks a rule is a difference, with block, account and amount. What the rules allow is told as
loss: by class, by share of volume of each counterparty, by the worst trades beside the marks, and
by settlements that later reports show as too cheap or too dear. All amounts are by hand.

Holders have 100,000 shares for 100,000. The class's cap is 10,000. YES costs 50 cents at first.
"""

import json

import pytest
from click.testing import CliRunner
from strongroom.audit.auditor import Auditor, Scope
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.showing import show
from strongroom.audit.verdict import verdict_hash
from strongroom.chain.artifacts import artifact
from strongroom.chain.ids import keccak
from strongroom.cli.audit import command as audit_command
from strongroom.cli.page import command as page_command
from strongroom.devnet.deployer import devnet_chain

from tests.contracts.account_kinds import Own
from tests.contracts.wallet_stage import CAP, CHAIN_ID
from tests.e2e.anvil_evm import AnvilEvm
from tests.e2e.lies import Liar
from tests.property.world import DAY, DEPOSIT, FOREVER, REDEEM, START, UNIT
from tests.signing import SELL, key_of

FILLED = "0x" + keccak(
    b"OrderFilled(bytes32,address,address,uint8,uint256,uint256,uint256,uint256,bytes32,bytes32)"
).hex()  # fmt: skip
ENFORCED = 1


@pytest.fixture
def stage():
    """One binary question, its account funded with the whole cap, marked 48 to 52."""
    with devnet_chain(CHAIN_ID, timestamp=START) as chain:
        made = Own(AnvilEvm(chain), binary=True)
        made.starts(CAP)
        made.marks({0: 50})
        yield made


def audited(stage, change=None):
    """Return the verdict, over a node whose answers go through a change."""
    url = stage.evm.chain.url
    node = None if change is None else Liar(url, change)
    scope = Scope(url, stage.vault.address, 0, stage.evm.chain.height())
    return Auditor(scope, node).run().verdict


def height(stage):
    """Return the newest block: the last transaction's."""
    return stage.evm.chain.height()


def without(wanted):
    """Return what leaves out logs."""

    def told(method, parameters, answer):
        if method != "eth_getLogs":
            return answer
        return [log for log in answer if not wanted(log)]

    return told


def of(verdict, words):
    """Return (block, expected, found) of differences that are so called."""
    return [
        (each.block, each.expected, each.found)
        for each in verdict.differences
        if each.what == words
    ]


# what breaks a rule


def test_an_account_that_lies_is_named_with_what_it_took(stage):
    """The owner admits code that lets the keeper's friend take 4,000 of 10,000 and says that they
    lie in a wallet. Reports believe it: NAV does not fall."""
    vault, who = stage.vault, stage.who
    code = stage.evm.deploy(artifact("ScriptedAccount"), stage.pusd.address, ENFORCED)
    terms = (code.address, stage.oracle, stage.safe.address, ENFORCED)
    caps = (CAP, 10_000, CAP, 10_000)
    number = vault.addClass((*terms, *caps, 400 * DAY), sender=who["owner"])
    stage.by_keeper(vault, "openMarket", number, stage.question_id, 1, stage.world.now + 90 * DAY)
    market = vault.openMarkets()[-1]
    account = stage.evm.at(vault.accountOf(market), artifact("ScriptedAccount").abi)
    stage.by_keeper(vault, "allocate", market, CAP)
    account.spend(who["friend"], 4_000 * UNIT, sender=who["friend"])
    stolen_in = height(stage)
    account.set_away(4_000 * UNIT, sender=who["friend"])
    nav = vault.totalAssets()
    stage.marks({0: 50})
    assert vault.totalAssets() == nav, "nobody who reads the vault sees it"

    verdict, name = audited(stage), account.address.lower()
    assert of(verdict, f"account {name}: asset that nothing explains") == [
        (stolen_in, "0", str(-4_000 * UNIT))
    ]
    assert of(verdict, f"account {name}: asset by its own word") == [
        (height(stage), str(6_000 * UNIT), str(10_000 * UNIT))
    ]
    assert [found for _, _, found in of(verdict, f"code of accounts of class {number}")]


def test_a_fill_that_a_node_hides_is_named_with_what_it_cost(stage):
    """1,000 YES for 500: without the fill nothing explains it; without its transfers balances tell
    at the next report."""
    stage.takes(0, 1_000 * UNIT, 50, 50)
    filled_in = height(stage)
    stage.marks({0: 50})
    reported_in, name = height(stage), stage.account.address.lower()
    assert audited(stage).is_clean

    hidden = without(lambda log: log["topics"][0] == FILLED)
    assert of(audited(stage, hidden), f"account {name}: asset that nothing explains") == [
        (filled_in, "0", str(-500 * UNIT))
    ]
    whole = without(lambda log: int(log["blockNumber"], 16) == filled_in)
    verdict = audited(stage, whole)
    assert (reported_in, str(CAP), str(CAP - 500 * UNIT)) in of(
        verdict, f"balance of {name}: asset"
    )
    tokens = of(verdict, f"balance of {name}: token {stage.yes}")
    assert (reported_in, "0", str(1_000 * UNIT)) in tokens


# what the rules allow


def befriend(stage):
    """From now on a friend of the keeper's is who stands at the other side."""
    stage.mm = key_of("friend")
    stage.pusd.transfer(stage.mm.address, 10_000 * UNIT, sender=stage.who["maker"])
    for spender in (stage.exchange, stage.adapter):
        stage.pusd.approve(spender.address, FOREVER, sender=stage.mm.address)
        stage.ctf.setApprovalForAll(spender.address, True, sender=stage.mm.address)
    half = (stage.pusd.address, bytes(32), stage.conditions[0], [1, 2])
    stage.adapter.splitPosition(*half, 5_000 * UNIT, sender=stage.mm.address)


def test_budget_turned_over_with_a_friend_is_told_as_loss_by_counterparty(stage):
    """1,000 are bought and sold with the market maker at 50. Then 5,000 go to and fro with a friend
    twice, at 55 and 45, within the band around the marks: 250 lost a trade."""
    maker, name = stage.mm.address.lower(), stage.account.address.lower()
    stage.takes(0, 1_000 * UNIT, 50, 50)
    stage.makes(0, 1_000 * UNIT, 50, SELL)
    befriend(stage)
    blocks = []
    for _ in range(2):
        stage.takes(0, 5_000 * UNIT, 55, 55)
        blocks.append(height(stage))
        stage.makes(0, 5_000 * UNIT, 45, SELL)
        blocks.append(height(stage))
    (before,) = audited(stage).losses.classes
    assert (before.trades, before.waiting, before.cost) == (6, 6, "0"), "no report has told yet"
    stage.marks({0: 50})
    stage.ctf.reportPayouts(stage.question_id, [1, 0], sender=stage.oracle)
    stage.vault.closeMarket(stage.id, sender=stage.who["mallory"])

    verdict = audited(stage)
    assert verdict.is_clean, "every rule was kept"
    (told,) = verdict.losses.classes
    friend = stage.mm.address.lower()
    assert (told.class_id, told.keeper) == (0, stage.safe.address.lower())
    assert told.result == str(-1_000 * UNIT)
    assert int(told.losses) - 1_000 * UNIT in (0, 1), "kept a share, rounded up"
    assert (told.trades, told.waiting, told.unmarked) == (6, 0, 0)
    assert (told.bought, told.sold) == (str(6_000 * UNIT), str(5_000 * UNIT))
    assert told.cost == str(1_000 * UNIT)
    first, second = told.parties
    # 10,000 of 11,000, and 1,000 of 11,000
    assert (first.address, first.volume, first.share_bps) == (friend, str(10_000 * UNIT), 9_090)
    assert (second.address, second.volume, second.share_bps) == (maker, str(1_000 * UNIT), 909)
    assert (first.cost, second.cost) == (str(1_000 * UNIT), "0")
    worst = verdict.losses.worst_trades
    assert [each.block for each in worst] == blocks
    assert {(each.account, each.parties, each.cost) for each in worst} == {
        (name, (friend,), str(250 * UNIT))
    }
    assert [each.side for each in worst] == ["BUY", "SELL"] * 2


def reported(stage, cents):
    """The reporter says so, an hour later, to two cents around; return the block."""
    stage.marks({0: cents})
    return height(stage)


def test_a_friend_who_enters_before_good_news_is_named_with_what_the_others_lost(stage):
    """YES is worth 90 already; the reporter says 50 until his friend is in, who pays 1,002 for what
    costs 1,041.60 a report later. Without him the others had 104,200, with him 104,160.40."""
    stage.takes(0, 10_000 * UNIT, 50, 50)
    stage.world.wait(DAY)
    reported(stage, 50)
    stage.world.fund("carol", 1_002 * UNIT)
    stage.world.request(DEPOSIT, "carol", 1_002 * UNIT)
    reported(stage, 50)  # closes the request's epoch
    dealt_in = reported(stage, 50)  # settles it: (90,000 + 5,000 + 5,200) / 100,000 a share
    told_in = reported(stage, 90)

    verdict = audited(stage)
    assert verdict.is_clean
    (deal,) = verdict.losses.early_deals
    assert (deal.block, deal.told_at, deal.side) == (dealt_in, told_in, "deposit")
    assert deal.parties == (stage.who["carol"].lower(),)
    assert deal.assets == str(1_002 * UNIT)
    assert abs(int(deal.shares) - 1_000 * 10**18) < 10**14
    # (90,000 + 1,002 + 5,000 + 9,200) / 101,000 is 1.041604 a share
    assert abs(int(deal.lost) - 39_603_960) <= 2


def test_a_friend_who_leaves_before_bad_news_is_named_with_what_the_others_lost(stage):
    """YES is worth 10 already; the reporter says 50 until his friend is out, with 9,980 for 10,000
    shares that are worth 9,580: the others lose 400."""
    stage.takes(0, 10_000 * UNIT, 50, 50)
    reported(stage, 50)
    stage.world.request(REDEEM, "bob", 10_000 * 10**18)
    reported(stage, 50)
    dealt_in = reported(stage, 50)
    told_in = reported(stage, 10)

    verdict = audited(stage)
    assert verdict.is_clean
    (deal,) = verdict.losses.early_deals
    assert (deal.block, deal.told_at, deal.side) == (dealt_in, told_in, "redemption")
    assert deal.parties == (stage.who["bob"].lower(),)
    assert abs(int(deal.assets) - 9_980 * UNIT) <= 2
    assert abs(int(deal.lost) - 400 * UNIT) <= 2


# what people read


@pytest.mark.parametrize("columns", [80, 120])
def test_table_page_and_signed_verdict_are_one(stage, tmp_path, capsys, monkeypatch, columns):
    """Money in units, roles by name; no line is wider than the terminal; what is wrong ends both
    with 1 and stands first on the page."""
    place = ["--vault", stage.vault.address, "--rpc", stage.evm.chain.url]
    stage.takes(0, 1_000 * UNIT, 55, 55)
    stage.marks({0: 50})
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run_audit(AuditOptions(stage.vault.address, stage.evm.chain.url))
    show(result, result.verdict.to_time)
    text = capsys.readouterr().out
    for words in (
        "100,000.000000 WORLD",
        "99,930.000000 pUSD",
        "reporter",
        "50.00 worse than the marks",
    ):
        assert words in text, text
    wide = [line for line in text.splitlines() if len(line) > columns]
    assert all(line.startswith("no difference; ") for line in wide), wide
    done = CliRunner().invoke(page_command, [*place, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    on_page = json.loads((tmp_path / "data.json").read_text())["verdict"]
    said = json.loads(json.dumps(result.document()))
    assert on_page == said and verdict_hash(on_page) == verdict_hash(said)

    stage.pusd.transfer(stage.who["thief"], 7, sender=stage.account.address)
    done = CliRunner().invoke(page_command, [*place, "--out", str(tmp_path)])
    assert done.exit_code == 1, done.output
    first = (tmp_path / "index.html").read_text()
    assert first.index("The audit found 1 difference") < first.index("NAV at the bid")
    done = CliRunner().invoke(audit_command, place)
    assert done.exit_code == 1 and "asset that nothing explains" in done.output
