"""2,000 orders of eight concurrent clients: everything reconciles to the unit."""

from itertools import islice

from strongroom.devnet import polymarket
from strongroom.devnet.clob.load import Crowd, differences, run

from tests.defaults import UNIT

ORDERS, CLIENTS = 2_000, 8


def test_two_thousand_orders_reconcile(server, devnet, venue, deployer, accounts, _unused, habits):
    habits(rate_limits="off")
    listings = list(islice(_unused, 4))
    people = accounts[2 : 2 + CLIENTS]
    before = {}
    for person in people:
        venue.fund(deployer, person, 50_000 * UNIT)
        polymarket.approve_venue(venue, person)
        before[person.address] = venue.pusd.balanceOf(person)
    crowd = Crowd(
        server.url,
        polymarket.CHAIN_ID,
        [person.private_key for person in people],
        [each.token_ids for each in listings],
        ORDERS // CLIENTS,
    )
    outcome = run(crowd)
    assert outcome.placed == ORDERS
    assert [trade.status for trade in server.engine.trades.values()].count("MATCHED") == 0
    found = differences(crowd, before, venue)
    assert found == []
