"""The devnet's exchange and an account on it: what the venue's rules (VENUE c) mean for it.

The rules themselves are held by tests/conformance.
"""

from types import SimpleNamespace

import ape
import pytest
from eth_utils import keccak
from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
from py_clob_client_v2.signer import Signer
from strongroom.devnet import contracts as devnet
from strongroom.devnet.deposit_wallets import make_deposit_wallet

from tests.ape_devnet import ApeDeployer, refused
from tests.conformance.real import FOLDER
from tests.defaults import FOREVER, UNIT
from tests.signing import (
    BUY,
    EOA,
    POLY_1271,
    POLY_SAFE,
    SELL,
    eoa_signature,
    keeper_envelope,
    key_of,
    make_order,
    struct,
)


class Floor(SimpleNamespace):
    """An account, an exchange and traders; amounts are in whole tokens."""

    def by_keeper(self, order, lifetime=300):
        """Return the account's order as the exchange takes it, with the keeper's envelope."""
        order_hash = bytes(self.exchange.hashOrder(struct(order)))
        signature = keeper_envelope(
            order,
            order_hash,
            self.account.address,
            self.safe.address,
            self.keeper_owners[:2],
            self.chain.pending_timestamp + lifetime,
            self.account.epoch(),
            self.chain.chain_id,
        )
        return struct(order, signature)

    def by_trader(self, token, side, making, taking, trader=None, **fields):
        """Return an order that a person signed with their own key; by default the trader."""
        trader = trader or self.trader
        order = make_order(
            trader.address, token, making * UNIT, taking * UNIT, side, signatureType=EOA, **fields
        )
        order_hash = bytes(self.exchange.hashOrder(struct(order)))
        return struct(order, eoa_signature(order_hash, trader))

    def match(self, taker, makers, fill=None, fills=None, fee=0, fees=None, sender=None):
        """Match orders as the operator does, in full and without fees unless told otherwise."""
        return self.exchange.matchOrders(
            self.market.condition,
            taker,
            makers,
            taker[4] if fill is None else fill,
            [maker[4] for maker in makers] if fills is None else fills,
            fee,
            [0] * len(makers) if fees is None else fees,
            sender=sender or ape.accounts.test_accounts[0],
        )

    def held(self, who):
        """Return what somebody has: (pUSD, YES, NO)."""
        amounts = (
            self.pusd.balanceOf(who),
            self.ctf.balanceOf(who, self.yes),
            self.ctf.balanceOf(who, self.no),
        )
        return tuple(amount / UNIT for amount in amounts)


@pytest.fixture
def floor(safe_market, safe, keeper_owners, people, fund, venue, chain):
    """A funded account whose keeper is the Safe, and two traders with collateral and tokens."""
    vault, market = safe_market(price_band_bps=0)
    yes, no = market.account.tokenIds()
    for trader in (people.trader, people.carol):
        fund(venue.exchange, trader)
        venue.pusd.approve(venue.adapter, FOREVER, sender=trader)
        venue.ctf.setApprovalForAll(venue.exchange, True, sender=trader)
        venue.adapter.splitPosition(
            venue.pusd, b"\0" * 32, market.condition, [1, 2], 1_000 * UNIT, sender=trader
        )
    return Floor(
        vault=vault,
        market=market,
        account=market.account,
        yes=yes,
        no=no,
        buy=make_order(market.account.address, yes, 50 * UNIT, 100 * UNIT),
        exchange=venue.exchange,
        pusd=venue.pusd,
        ctf=venue.ctf,
        trader=people.trader,
        safe=safe,
        keeper_owners=keeper_owners,
        chain=chain,
    )


def test_complementary_match(floor, people):
    maker = floor.by_trader(floor.yes, SELL, 100, 50)
    before = floor.held(people.trader)
    floor.match(floor.by_keeper(floor.buy), [maker])
    assert floor.held(floor.account) == (150, 100, 0)
    after = floor.held(people.trader)
    assert (after[0] - before[0], after[1] - before[1]) == (50, -100)
    assert floor.held(floor.exchange) == (0, 0, 0)


def test_mint_match_creates_complete_sets(floor, people):
    maker = floor.by_trader(floor.no, BUY, 50, 100)
    before = floor.held(people.trader)
    floor.match(floor.by_keeper(floor.buy), [maker])
    assert floor.held(floor.account) == (150, 100, 0)
    after = floor.held(people.trader)
    assert (after[0] - before[0], after[2] - before[2]) == (-50, 100)


def test_merge_match_burns_complete_sets(floor, people):
    floor.match(floor.by_keeper(floor.buy), [floor.by_trader(floor.yes, SELL, 100, 50)])
    sale = make_order(floor.account.address, floor.yes, 100 * UNIT, 60 * UNIT, SELL)
    before = floor.held(people.trader)
    floor.match(floor.by_keeper(sale), [floor.by_trader(floor.no, SELL, 100, 40, salt="9")])
    assert floor.held(floor.account) == (210, 0, 0)
    after = floor.held(people.trader)
    assert (after[0] - before[0], after[2] - before[2]) == (40, -100)


def test_account_as_maker_filled_in_parts(floor, people):
    order = floor.by_keeper(floor.buy)
    order_hash = floor.exchange.hashOrder(order)
    for part, done in ((20, False), (30, True)):
        taker = floor.by_trader(floor.yes, SELL, 2 * part, part, salt=str(part))
        floor.match(taker, [order], fills=[part * UNIT])
        status = floor.exchange.getOrderStatus(order_hash)
        assert (status.filled, status.remaining) == (done, 0 if done else 30 * UNIT)
    assert floor.held(floor.account) == (150, 100, 0)
    with refused("OrderAlreadyFilled"):
        floor.match(floor.by_trader(floor.yes, SELL, 2, 1, salt="3"), [order], fills=[UNIT])


def test_price_improvement_goes_to_the_taker(floor, people):
    """The taker bids .5 against an ask of .4: it pays 40, and 10 of its order are left."""
    order = floor.by_keeper(floor.buy)
    floor.match(order, [floor.by_trader(floor.yes, SELL, 100, 40)])
    assert floor.held(floor.account) == (160, 100, 0)
    status = floor.exchange.getOrderStatus(floor.exchange.hashOrder(order))
    assert (status.filled, status.remaining) == (False, 10 * UNIT)


def test_several_makers_and_both_kinds_in_one_match(floor, people):
    makers = [
        floor.by_trader(floor.yes, SELL, 60, 30),
        floor.by_trader(floor.no, BUY, 20, 40, people.carol),
    ]
    receipt = floor.match(floor.by_keeper(floor.buy), makers)
    assert floor.held(floor.account) == (150, 100, 0)
    fills = receipt.decode_logs(floor.exchange.OrderFilled)
    assert [fill.maker for fill in fills] == [
        people.trader.address,
        people.carol.address,
        floor.account.address,
    ]
    assert fills[2].makerAmountFilled == 50 * UNIT
    assert fills[2].takerAmountFilled == 100 * UNIT


def test_fees_on_top_of_a_buy_and_out_of_a_sale(floor, people, deployer):
    receiver = people.stranger
    floor.exchange.setFeeReceiver(receiver, sender=deployer)
    before = floor.held(receiver)[0]
    maker = floor.by_trader(floor.yes, SELL, 100, 50)
    trader = floor.held(people.trader)[0]
    floor.match(floor.by_keeper(floor.buy), [maker], fee=2 * UNIT, fees=[UNIT])
    assert floor.held(floor.account) == (148, 100, 0)
    assert floor.held(people.trader)[0] - trader == 49
    assert floor.held(receiver)[0] - before == 3


def test_the_largest_fee_is_bounded_and_so_is_the_loss(floor, people):
    """500 bps of the cash on top: the operator can take 2.5 of a buy of 50, and no more."""
    maker = floor.by_trader(floor.yes, SELL, 100, 50)
    with refused("FeeExceedsMaxRate"):
        floor.match(floor.by_keeper(floor.buy), [maker], fee=2_500_001)
    floor.match(floor.by_keeper(floor.buy), [maker], fee=2_500_000)
    assert floor.held(floor.account) == (147.5, 100, 0)
    assert floor.vault.bookOf(floor.market.id)[0] == 200 * UNIT


def test_a_buy_beyond_the_balance_cannot_settle(floor, people):
    order = make_order(floor.account.address, floor.yes, 201 * UNIT, 402 * UNIT)
    with refused("TransferFromFailed"):
        floor.match(floor.by_keeper(order), [floor.by_trader(floor.yes, SELL, 402, 201)])
    whole = make_order(floor.account.address, floor.yes, 200 * UNIT, 400 * UNIT)
    with refused("TransferFromFailed"):  # nothing left for the fee
        floor.match(floor.by_keeper(whole), [floor.by_trader(floor.yes, SELL, 400, 200)], fee=1)


def test_preapproved_order_outlives_everything_but_a_halt(floor, people, deployer, chain):
    """The danger is real (the first fill), and the switch cures it (the second)."""
    order = floor.by_keeper(floor.buy)
    floor.exchange.preapproveOrder(order, sender=deployer)
    chain.mine(timestamp=chain.pending_timestamp + 3_600)  # long after the signature's expiry
    unsigned = (*order[:11], b"")
    floor.vault.pause(sender=people.guardian)
    with chain.isolate():
        floor.match(unsigned, [floor.by_trader(floor.yes, SELL, 100, 50)])
        assert floor.held(floor.account) == (150, 100, 0)
    floor.account.halt(sender=people.guardian)
    floor.vault.unpause(sender=people.guardian)
    floor.vault.setKeeper(0, people.keeper, sender=people.owner)
    for call in ("bumpEpoch", "halt"):  # nothing that is called afterwards brings it back
        getattr(floor.account, call)(sender=people.keeper)
    with refused("TransferFromFailed"):
        floor.match(unsigned, [floor.by_trader(floor.yes, SELL, 100, 50)])
    assert floor.held(floor.account) == (200, 0, 0)


def test_closing_a_market_kills_its_orders_like_a_halt(floor, people, deployer, venue):
    order = floor.by_keeper(floor.buy)
    floor.exchange.preapproveOrder(order, sender=deployer)
    floor.vault.setKeeper(0, people.keeper, sender=people.owner)
    floor.vault.closeMarket(floor.market.id, sender=people.keeper)
    venue.fund(deployer, floor.account, 200 * UNIT)  # a late rebate: it cannot be traded with
    with refused("TransferFromFailed"):
        floor.match((*order[:11], b""), [floor.by_trader(floor.yes, SELL, 100, 50)])


def test_preapproval_needs_a_signature_and_can_be_taken_back(floor, deployer, people):
    order = floor.by_keeper(floor.buy)
    with refused("InvalidSignature"):
        floor.exchange.preapproveOrder((*order[:11], b""), sender=deployer)
    with refused("NotOperator"):
        floor.exchange.preapproveOrder(order, sender=people.mallory)
    floor.exchange.preapproveOrder(order, sender=deployer)
    floor.exchange.invalidatePreapprovedOrder(floor.exchange.hashOrder(order), sender=deployer)
    with refused("InvalidSignature"):
        floor.match((*order[:11], b""), [floor.by_trader(floor.yes, SELL, 100, 50)])


def test_user_pause_takes_effect_after_its_blocks(floor, people, chain):
    order = floor.by_trader(floor.yes, SELL, 100, 50)
    floor.exchange.pauseUser(sender=people.trader)
    assert not floor.exchange.isUserPaused(people.trader)
    floor.match(floor.by_keeper(floor.buy), [order], fill=25 * UNIT, fills=[50 * UNIT])
    chain.mine(100)
    assert floor.exchange.isUserPaused(people.trader)
    with refused("UserIsPaused"):
        floor.match(floor.by_keeper(floor.buy), [order], fill=25 * UNIT, fills=[50 * UNIT])
    floor.exchange.unpauseUser(sender=people.trader)
    floor.match(floor.by_keeper(floor.buy), [order], fill=25 * UNIT, fills=[50 * UNIT])


@pytest.mark.skipif(bool(FOLDER), reason="the venue's own exchange knows the venue's Safes")
def test_safe_of_an_eoa_trades_by_the_eoas_signature(floor, people, venue, deployer, chain):
    """Signature type 2: the maker is the signer's own Safe, and nobody else's."""
    venue.wallets.makeSafe(people.mallory, sender=deployer)
    safe = venue.wallets.safeOf(people.mallory)
    venue.pusd.transfer(safe, 50 * UNIT, sender=people.trader)
    zero = "0x" + "00" * 20
    for to, data in (
        (venue.pusd.address, venue.pusd.approve.encode_input(floor.exchange, FOREVER)),
        (venue.ctf.address, venue.ctf.setApprovalForAll.encode_input(floor.exchange, True)),
    ):
        # the owner sends it itself, so that its address stands in for a signature
        approved = bytes(12) + bytes.fromhex(people.mallory.address[2:]) + bytes(32) + b"\1"
        contract = devnet.safe_at(ApeDeployer(people.mallory), safe)
        contract.execTransaction(
            to, 0, data, 0, 0, 0, 0, zero, zero, approved, sender=people.mallory
        )

    def order(signer):
        made = make_order(
            safe,
            floor.yes,
            50 * UNIT,
            100 * UNIT,
            signer=signer.address,
            signatureType=POLY_SAFE,
        )
        return struct(
            made, eoa_signature(bytes(floor.exchange.hashOrder(struct(made))), people.mallory)
        )

    maker = floor.by_trader(floor.yes, SELL, 100, 50)
    with refused("InvalidSignature"):
        floor.match(order(people.carol), [maker])
    floor.match(order(people.mallory), [maker])
    assert floor.held(safe) == (0, 100, 0)


def test_deposit_wallet_trades_by_what_the_official_client_signs(floor, venue, deployer, chain):
    """Signature type 3 of a wallet; its other forms are played in tests/conformance."""
    owner = key_of("owner")
    address = make_deposit_wallet(venue.wallet_factory, owner.address, deployer)
    wallet = ape.project.DepositWallet.at(address)
    builder = ExchangeOrderBuilderV2(
        floor.exchange.address, chain.chain_id, Signer("0x" + owner.key.hex(), chain.chain_id)
    )
    made = make_order(address, floor.yes, 50 * UNIT, 100 * UNIT)
    order_hash = bytes(floor.exchange.hashOrder(struct(made)))
    signature = builder.build_order_signature(builder.build_order_typed_data(made))
    signed = bytes.fromhex(signature[2:])
    assert bytes(wallet.isValidSignature(order_hash, signed)).hex() == "1626ba7e"
    floor.exchange.preapproveOrder(struct(made, signed), sender=deployer)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("stranger", "NotOperator"),
        ("forged", "InvalidSignature"),
        ("not crossing", "NotCrossing"),
        ("same side and token", "MismatchedTokenIds"),
        ("too much", "MakingGtRemaining"),
        ("nobody", "NoMakerOrders"),
    ],
)
def test_bad_matches_are_refused(floor, people, spoil, reason):
    taker, sender, fills = floor.by_keeper(floor.buy), None, None
    makers = [floor.by_trader(floor.yes, SELL, 100, 50)]
    if spoil == "stranger":
        sender = people.mallory
    elif spoil == "forged":
        makers = [(*makers[0][:5], 49 * UNIT, *makers[0][6:])]
    elif spoil == "not crossing":
        makers = [floor.by_trader(floor.yes, SELL, 100, 51)]
    elif spoil == "same side and token":
        makers = [floor.by_trader(floor.yes, BUY, 60, 100)]
    elif spoil == "too much":
        fills = [101 * UNIT]
    else:
        makers = []
    with refused(reason):
        floor.match(taker, makers, fills=fills, sender=sender)


def test_paused_exchange_matches_nothing(floor, deployer, people):
    with refused("NotAdmin"):
        floor.exchange.pauseTrading(sender=people.mallory)
    floor.exchange.pauseTrading(sender=deployer)
    with refused("Paused"):
        floor.match(floor.by_keeper(floor.buy), [floor.by_trader(floor.yes, SELL, 100, 50)])


def test_domain_and_type_are_the_venues(floor, chain):
    """The typehash is DESIGN section 6's; the domain is rebuilt here from its parts."""
    typehash = keccak(
        text="Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,"
        "uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,"
        "bytes32 builder)"
    )
    assert typehash.hex() == "bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589"
    domain = keccak(
        keccak(
            text="EIP712Domain(string name,string version,uint256 chainId,"
            "address verifyingContract)"
        )
        + keccak(text="Polymarket CTF Exchange")
        + keccak(text="2")
        + chain.chain_id.to_bytes(32, "big")
        + bytes(12)
        + bytes.fromhex(floor.exchange.address[2:])
    )
    assert floor.account.EXCHANGE_DOMAIN() == domain
    assert floor.buy.signatureType == POLY_1271
