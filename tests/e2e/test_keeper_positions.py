"""The keeper on a market of the venue's second protocol, beside one of the first: each record goes
to the class, the exchange and the ids of its own protocol."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
from py_clob_client_v2.signer import Signer
from strongroom.chain.ids import condition_id, market_of
from strongroom.chain.orders import NO, YES
from strongroom.chain.position_ids import binary_condition
from strongroom.chain.terms import ClassTerms
from strongroom.chain.units import MICRO
from strongroom.devnet import contracts as devnet
from strongroom.devnet import polymarket, positions
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys
from strongroom.information.gamma import parse_market
from strongroom.keeper.configuration import load
from strongroom.keeper.first_files import InitOptions, VenueUrls, write_first_files
from strongroom.keeper.wiring import build

from tests.anvil_devnet import at
from tests.defaults import DAY, UNIT
from tests.e2e.child import Bomb
from tests.e2e.keeper_child import make_keeper
from tests.e2e.keeper_stage import KeeperStage

CLASS = 1


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with devnet_chain(polymarket.CHAIN_ID) as chain:

        def position_class(venue, keeper):
            """Binary questions of Protocol V2."""
            deployer = AnvilDeployer(devnet_keys()[0].account, chain)
            implementation = devnet.deploy_position_implementation(deployer, venue)
            caps = {"market_cap": 5_000 * UNIT, "max_duration_s": 9 * DAY}
            return [ClassTerms(implementation, venue.positions.binary_module, keeper, **caps)]

        place = KeeperStage(tmp_path_factory.mktemp("v2"), chain, 1, more_classes=position_class)
        venue = place.stage.venue
        _name_exchange(place, venue.positions.exchange_v3.address)
        listing = positions.list_binary(venue.positions, b"\x42", "Will the position come true?")
        place.stage.server.engine.data.add(listing)
        end = datetime.fromtimestamp(int(place.clock()), UTC) + timedelta(hours=50)
        told = {
            "endDate": end.isoformat().replace("+00:00", "Z"),
            "liquidityNum": 5_000,
            "volumeNum": 5_000,
            "description": "Resolves YES if it does.",
        }
        place.records.append(positions.record_of(listing, 900_001) | told)
        place.market = parse_market(place.records[-1])
        place.told = []
        yield place
        place.stage.close()


def _name_exchange(place, exchange):
    """Add it to the files of keeper and co-signer."""
    for name, named in (
        ("keeper.toml", f'{{ address = "{exchange}", version = "3" }}'),
        ("cosigner.toml", f'"{exchange}"'),
    ):
        path, old = place.folder / name, "exchanges = ["
        path.write_text(path.read_text().replace(old, f"{old}\n    {named},", 1))
    place.stage.stop_cosigner()
    place.stage.start_cosigner()


def offer(world):
    """A maker offers YES of the position market at .97, by a bid for NO, and bids .96."""
    maker, seat = world.maker, world.stage.seat("maker")
    exchange = world.stage.venue.positions.exchange_v3.address
    signer = Signer(seat.key.private_key, seat.chain_id)
    maker._builder = ExchangeOrderBuilderV2(exchange, seat.chain_id, signer, domain_version="3")
    maker.refresh()  # the service has only now learned of this exchange
    orders = [
        maker.order(world.market.token_ids[NO], True, Decimal("0.03"), 500 * MICRO),
        maker.order(world.market.token_ids[YES], True, Decimal("0.96"), 500 * MICRO),
    ]
    answers = maker.post(orders)
    assert all(answer["success"] for answer in answers), answers


def test_a_position_is_bought_at_exchange_v3_by_the_class_that_holds_it(world):
    vault, venue = world.stage.vault, world.stage.venue
    world.invest()
    offer(world)
    keeper = make_keeper(
        world.folder, Bomb(0), lambda event, fields: world.told.append((event, dict(fields)))
    )
    for _ in range(8):
        halts = world.tick(keeper).halts
        assert not halts, halts
    (task,) = keeper.journal.all_tasks()
    (leg,) = keeper.journal.record(task.decision).legs
    assert leg.exchange == venue.positions.exchange_v3.address
    assert leg.token == world.market.token_ids[YES]
    name = market_of(CLASS, world.market.question_key)
    account = at(vault, vault.accountOf(name), "PositionAccount")
    _, (position,) = account.positions()
    assert position.yes == leg.size > 0
    assert venue.positions.position_manager.balanceOf(account, leg.token) == leg.size
    reports = [fields for event, fields in world.told if event == "reported"]
    assert reports and all(fields["difference_bid"] == 0 for fields in reports)


def test_a_position_is_redeemed_and_its_market_closed(world):
    """After the test above: the module's resolver reports, the keeper brings all home."""
    vault, module = world.stage.vault, world.stage.venue.positions.binary_module
    deployer = AnvilDeployer(devnet_keys()[0].account, world.stage.chain)
    not_held, open_ = (bytes.fromhex(binary_condition(each)[2:] + "00") for each in (b"1", b"2"))
    module.addResolver(deployer.sender, sender=deployer.sender)
    condition = bytes.fromhex(world.market.condition_id[2:-2])
    module.reportResult(condition, [MICRO, 0], sender=deployer.sender)
    name = market_of(CLASS, world.market.question_key)
    account = at(vault, vault.accountOf(name), "PositionAccount")
    _, (held,) = account.positions()
    before = vault.total_idle()
    keeper = make_keeper(world.folder, Bomb(0))
    module.reportResult(not_held[:-1], [333_333, 666_667], sender=deployer.sender)
    for _ in range(5):
        world.tick(keeper)
    assert name not in [f"0x{each.hex()}" for each in vault.openMarkets()]
    assert vault.total_idle() >= before + held.yes > before
    assert account.positions()[0] == 0
    conditions = [world.market.condition_id, *(condition_id(each) for each in (not_held, open_))]
    paid = {conditions[0]: 1, conditions[1]: Fraction(333_333, MICRO)}
    assert keeper.vault.payouts(conditions) == paid


def test_keeper_init_finds_exchange_v3(world, tmp_path):
    url = world.stage.server.url
    write_first_files(
        InitOptions(
            vault=world.stage.vault.address,
            rpc=world.stage.chain.url,
            venue=VenueUrls(url, f"{url}/gamma"),
            folder=tmp_path,
            multi_send=world.stage.config.safe.multi_send,
        )
    )
    found = {each.version: each for each in load(tmp_path / "keeper.toml").venue.exchanges}
    assert found.keys() == {"2", "3"}
    assert found["3"].address == world.stage.venue.positions.exchange_v3.address
    assert not found["3"].negative_risk


def test_without_its_exchange_nothing_is_decided_on_it(world):
    config = world.stage.config
    assert all(each.version == "2" for each in config.venue.exchanges)
    keeper = build(config, clock=lambda: int(world.clock()))
    assert keeper.rules.exchanges.of(world.market) == ""
