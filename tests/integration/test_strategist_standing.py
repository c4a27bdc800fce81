"""Where a strategist's class stands, by `strongroom page` and `strongroom gates` on a chain: he
brought a winner home, keeps a loser open, and somebody gave to its account.

By hand, from deposits and prices alone: 100 YES bought at .5 pay 100, so 50 are earned. 200 YES
bought at .4 cost 80 and stand at a bid of .1, so 60 are lost. 15 that somebody gave change neither.
"""

import json
from types import SimpleNamespace

import ape
import pytest
from click.testing import CliRunner
from strongroom.cli.gates import command as gates
from strongroom.cli.page import command as page

from tests.defaults import FOREVER, UNIT
from tests.signing import EOA, SELL, eoa_signature, keeper_envelope, make_order, struct

ASKED = """
classes = [0]

[[gates]]
name = "more"
class_cap = 500
market_cap = 100
markets = 1
profit = 0.000001
drawdown = 59.999999
"""


@pytest.fixture
def lived(make_vault, people, invest, open_market, safe, keeper_owners, fund, venue, chain,
          devnet_deployer, report, resolve):  # fmt: skip
    """A vault whose one class has done so; its last report marks the loser at .10 / .12."""
    vault = make_vault(price_band_bps=0)
    invest(vault, people.alice, 1_000 * UNIT)
    made = SimpleNamespace(**locals())
    winner = bought(made, "50", "100")
    resolve(winner, 1, 0)
    winner.account.redeem(0, sender=people.mallory)
    vault.harvest(winner.id, sender=people.mallory)
    vault.recall(winner.id, FOREVER, sender=people.guardian)
    vault.closeMarket(winner.id, sender=people.guardian)
    loser = bought(made, "80", "200")
    report(vault, ("0.10", "0.12"))
    return SimpleNamespace(**vars(made), loser=loser)


def bought(made, cash, tokens):
    """Open a market, allocate and buy YES of a person through the venue's exchange."""
    making, taking = int(cash) * UNIT, int(tokens) * UNIT
    vault, people, venue = made.vault, made.people, made.venue
    if vault.class_count():
        vault.setKeeper(0, people.keeper, sender=people.owner)
    market = made.open_market(vault)
    vault.allocate(market.id, making, sender=people.keeper)
    vault.setKeeper(0, made.safe, sender=people.owner)
    made.fund(venue.exchange, people.trader)
    venue.pusd.approve(venue.adapter, FOREVER, sender=people.trader)
    venue.ctf.setApprovalForAll(venue.exchange, True, sender=people.trader)
    venue.adapter.splitPosition(
        venue.pusd, bytes(32), market.condition, [1, 2], taking, sender=people.trader
    )
    token, exchange = market.account.tokenIds()[0], venue.exchange
    order = make_order(market.account.address, token, making, taking)
    signature = keeper_envelope(
        order, bytes(exchange.hashOrder(struct(order))), market.account.address,
        made.safe.address, made.keeper_owners[:2], made.chain.pending_timestamp + 300,
        market.account.epoch(), made.chain.chain_id,
    )  # fmt: skip
    sale = make_order(people.trader.address, token, taking, making, SELL, signatureType=EOA)
    signed = eoa_signature(bytes(exchange.hashOrder(struct(sale))), people.trader)
    parts = (making, [taking], 0, [0])
    exchange.matchOrders(
        market.condition, struct(order, signature), [struct(sale, signed)], *parts,
        sender=made.devnet_deployer.sender,
    )  # fmt: skip
    return market


def standing(lived, folder, code=0):
    """Return what page and gates say of the class: the page's data, and the gates' lines."""
    node = ape.networks.provider.uri
    out = folder / "page"
    asked = ["--vault", lived.vault.address, "--rpc", node, "--out", str(out)]
    found = CliRunner(mix_stderr=False).invoke(page, asked)
    assert found.exit_code == code, found.stdout + found.stderr
    (folder / "gates.toml").write_text(ASKED)
    said = CliRunner().invoke(gates, [str(folder / "gates.toml"), "--page", str(out), "--json"])
    (row,) = json.loads(said.output)
    return json.loads((out / "data.json").read_text()), row


def test_a_loser_that_is_left_open_counts_at_the_bid(lived, tmp_path):
    data, row = standing(lived, tmp_path)
    (still,) = data["open"]
    assert (still["exposure"], still["value_bid"]) == (80 * UNIT, 20 * UNIT)
    assert row["stage"] == ""
    assert row["lacks"] == [
        "0.000001 of proven profit: -10 (0 of gifts and 60 of open losses off)",
        "a drawdown of at most 59.999999: 60",
    ]
    (place,) = data["league"]
    assert (place["profit"], place["gifts"], place["below"]) == (50 * UNIT, 0, 60 * UNIT)
    assert (place["markets"], place["losing"], place["staked"]) == (2, 1, 130 * UNIT)
    assert place["value"] == pytest.approx(-10 / 130)


@pytest.mark.parametrize("home", [False, True])
def test_a_gift_to_the_loser_hides_nothing(lived, tmp_path, people, report, venue, home):
    """Whether it lies in the account or was recalled, as part of what was allocated."""
    venue.fund(lived.devnet_deployer.sender, people.mallory, 15 * UNIT)
    venue.pusd.transfer(lived.loser.account, 15 * UNIT, sender=people.mallory)
    if home:
        lived.vault.recall(lived.loser.id, FOREVER, sender=people.guardian)
    report(lived.vault, ("0.10", "0.12"))
    data, row = standing(lived, tmp_path)
    assert data["open"][0]["gifts"] == 15 * UNIT
    assert row["lacks"] == [
        "0.000001 of proven profit: -10 (15 of gifts and 45 of open losses off)",
        "a drawdown of at most 59.999999: 60",
    ]
    (place,) = data["league"]
    assert (place["profit"], place["gifts"], place["below"]) == (50 * UNIT, 15 * UNIT, 45 * UNIT)
    assert place["value"] == pytest.approx(-10 / 130)
