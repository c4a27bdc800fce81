"""The market account: which orders it signs, and what it refuses, one reason a test."""

from dataclasses import replace
from types import SimpleNamespace

import ape
import pytest
from eth_account import Account
from eth_utils import keccak
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.defaults import DAY, FOREVER, UNIT
from tests.signing import BUY, SELL, keeper_envelope, make_order, struct

ORDER_TYPE = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,"
    "uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,"
    "bytes32 builder)"
)
MAGIC = bytes.fromhex("1626ba7e")
REFUSED = bytes.fromhex("ffffffff")
QUOTES = ("0.48", "0.52")


@pytest.fixture
def make_desk(safe_market, safe, keeper_owners, venue, chain):
    """Set up a vault whose keeper is the Safe, one funded market, and a way to ask its account."""

    def make(band=0, required=0):
        vault, market = safe_market(price_band_bps=band, marks_required=required)

        def sign(order, *, owners=keeper_owners[:2], account=None, lifetime=300, epoch=None):
            order_hash = bytes(venue.exchange.hashOrder(struct(order)))
            return order_hash, keeper_envelope(
                order,
                order_hash,
                account or market.account.address,
                safe.address,
                owners,
                chain.pending_timestamp + lifetime,
                market.account.epoch() if epoch is None else epoch,
                chain.chain_id,
            )

        def ask(order, **how):
            order_hash, signature = sign(order, **how)
            return bytes(market.account.isValidSignature(order_hash, signature))

        yes, no = market.account.tokenIds()
        return SimpleNamespace(
            vault=vault,
            market=market,
            account=market.account,
            yes=yes,
            no=no,
            order=make_order(market.account.address, yes, 50 * UNIT, 100 * UNIT),
            sign=sign,
            ask=ask,
        )

    return make


@pytest.fixture
def desk(make_desk):
    return make_desk()


def test_accepts_an_order_signed_by_two_of_three_owners(desk, keeper_owners):
    assert desk.ask(desk.order) == MAGIC
    assert desk.ask(desk.order, owners=[keeper_owners[0], keeper_owners[2]]) == MAGIC
    assert desk.ask(desk.order, owners=keeper_owners) == MAGIC


def test_refuses_the_token_of_another_market(desk, open_market, people, safe):
    desk.vault.setKeeper(0, people.keeper, sender=people.owner)
    other = open_market(desk.vault)
    desk.vault.setKeeper(0, safe, sender=people.owner)
    token = other.account.tokenIds()[0]
    assert desk.ask(replace(desk.order, tokenId=str(token))) == REFUSED


def test_refuses_an_expired_signature(desk, chain):
    order_hash, signature = desk.sign(desk.order, lifetime=300)
    assert desk.account.isValidSignature(order_hash, signature) == MAGIC
    chain.mine(timestamp=chain.pending_timestamp + 301)
    assert desk.account.isValidSignature(order_hash, signature) == REFUSED


def test_refuses_a_lifetime_beyond_the_limit(desk):
    assert desk.ask(desk.order, lifetime=590) == MAGIC
    assert desk.ask(desk.order, lifetime=700) == REFUSED


def test_refuses_another_epoch(desk, people, safe):
    assert desk.ask(desk.order, epoch=1) == REFUSED
    order_hash, signature = desk.sign(desk.order)
    desk.vault.setKeeper(0, people.keeper, sender=people.owner)
    with ape.reverts("not the keeper"):
        desk.account.bumpEpoch(sender=people.guardian)
    desk.account.bumpEpoch(sender=people.keeper)
    desk.vault.setKeeper(0, safe, sender=people.owner)
    assert desk.ask(desk.order, epoch=1) == MAGIC
    assert desk.account.isValidSignature(order_hash, signature) == REFUSED


def test_refuses_one_signature_short(desk, keeper_owners):
    assert desk.ask(desk.order, owners=keeper_owners[:1]) == REFUSED


def test_refuses_the_same_owner_twice_and_a_stranger(desk, keeper_owners):
    stranger = Account.from_key(b"\x55" * 32)
    assert desk.ask(desk.order, owners=[keeper_owners[0]] * 2) == REFUSED
    assert desk.ask(desk.order, owners=[keeper_owners[0], stranger]) == REFUSED


def test_refuses_a_signature_made_for_another_account(desk, people):
    assert desk.ask(desk.order, account=people.alice.address) == REFUSED


def test_refuses_a_price_above_the_highest(desk):
    assert desk.ask(replace(desk.order, makerAmount=str(99 * UNIT))) == MAGIC
    assert desk.ask(replace(desk.order, makerAmount=str(99 * UNIT + 1))) == REFUSED


@pytest.mark.parametrize(
    ("token", "side", "making", "taking", "answer"),
    [
        ("yes", BUY, 57, 100, MAGIC),  # ask .52 + band .05
        ("yes", BUY, 58, 100, REFUSED),
        ("no", BUY, 57, 100, MAGIC),  # NO is asked at 1 - .48
        ("no", BUY, 58, 100, REFUSED),
        ("yes", SELL, 100, 43, MAGIC),  # bid .48 - .05
        ("yes", SELL, 100, 42, REFUSED),
        ("no", SELL, 100, 43, MAGIC),
        ("no", SELL, 100, 42, REFUSED),
    ],
)
def test_refuses_a_price_beyond_the_band_around_fresh_marks(
    make_desk, report, chain, token, side, making, taking, answer
):
    desk = make_desk(band=500)
    order = make_order(
        desk.account.address, getattr(desk, token), making * UNIT, taking * UNIT, side
    )
    assert desk.ask(order) == MAGIC  # no mark yet
    report(desk.vault, QUOTES)
    assert desk.ask(order) == answer
    chain.mine(timestamp=chain.pending_timestamp + 2 * DAY)
    assert desk.ask(order) == MAGIC  # a stale mark binds nobody, where none is required


def test_without_a_fresh_mark_no_order_is_admitted_where_marks_are_required(
    make_desk, report, chain
):
    desk = make_desk(band=500, required=1)
    fair = make_order(desk.account.address, desk.yes, 50 * UNIT, 100 * UNIT)
    assert desk.ask(fair) == REFUSED  # no mark yet
    report(desk.vault, QUOTES)
    assert desk.ask(fair) == MAGIC
    dear = make_order(desk.account.address, desk.yes, 58 * UNIT, 100 * UNIT)
    assert desk.ask(dear) == REFUSED
    report(desk.vault, None)  # a report without it
    assert desk.ask(fair) == REFUSED
    report(desk.vault, QUOTES)
    chain.mine(timestamp=desk.vault.freshUntil())
    assert desk.ask(fair) == MAGIC
    chain.mine(timestamp=desk.vault.freshUntil() + 1)
    assert desk.ask(fair) == REFUSED


def test_a_required_mark_binds_without_a_band_too(make_desk, report):
    desk = make_desk(band=0, required=1)
    wild = make_order(desk.account.address, desk.yes, 98 * UNIT, 100 * UNIT)
    assert desk.ask(wild) == REFUSED
    report(desk.vault, QUOTES)
    assert desk.ask(wild) == MAGIC  # no band: the highest buying price alone


@pytest.mark.parametrize("side", [2, 255])
def test_refuses_a_side_that_is_none(desk, side):
    """The exchange takes any byte; a side above SELL is nobody's order."""
    order = (*struct(desk.order)[:6], side, *struct(desk.order)[7:11])
    domain = bytes(desk.account.EXCHANGE_DOMAIN())
    typehash = keccak(text=ORDER_TYPE)
    words = b"".join(
        bytes.fromhex(field[2:]).rjust(32, b"\0")
        if isinstance(field, str)
        else field
        if isinstance(field, bytes)
        else field.to_bytes(32, "big")
        for field in order
    )
    order_hash = keccak(b"\x19\x01" + domain + keccak(typehash + words))
    _, signature = desk.sign(desk.order)
    forged = words + signature[len(words) :]
    assert bytes(desk.account.isValidSignature(order_hash, forged)) == REFUSED


def test_refuses_while_the_vault_is_paused(desk, people):
    desk.vault.pause(sender=people.guardian)
    assert desk.ask(desk.order) == REFUSED
    desk.vault.unpause(sender=people.guardian)
    assert desk.ask(desk.order) == MAGIC


def test_refuses_while_the_account_is_halted(desk, people):
    order_hash, signature = desk.sign(desk.order)
    desk.account.halt(sender=people.guardian)
    assert desk.ask(desk.order) == REFUSED
    assert desk.account.isValidSignature(order_hash, signature) == REFUSED
    assert desk.ask(desk.order, epoch=2**255 - 1) == REFUSED  # no epoch is that of a halted account
    for vault_call in (desk.vault.pause, desk.vault.unpause):
        vault_call(sender=people.owner)
    assert desk.ask(desk.order) == REFUSED  # for ever


def test_refuses_after_the_deadline_and_after_resolution(desk, resolve, chain):
    assert desk.ask(desk.order) == MAGIC
    with chain.isolate():
        resolve(desk.market, 1, 0)
        assert desk.ask(desk.order) == REFUSED
    chain.mine(timestamp=desk.account.deadline())
    assert desk.ask(desk.order) == REFUSED


def test_refuses_a_revoked_keeper_and_one_without_code(desk, people):
    desk.vault.setKeeper(0, "0x" + "00" * 20, sender=people.guardian)
    assert desk.ask(desk.order) == REFUSED
    desk.vault.setKeeper(0, people.alice, sender=people.owner)
    assert desk.ask(desk.order) == REFUSED


@pytest.mark.parametrize(
    "change",
    [
        {"maker": "0x" + "11" * 20},
        {"signer": "0x" + "11" * 20},
        {"signatureType": 0},
        {"makerAmount": "0"},
        {"takerAmount": "0"},
    ],
)
def test_refuses_orders_of_another_shape(desk, change):
    assert desk.ask(replace(desk.order, **change)) == REFUSED


def test_refuses_an_envelope_around_another_order(desk):
    order_hash, _ = desk.sign(desk.order)
    _, other = desk.sign(replace(desk.order, salt="8"))
    assert desk.account.isValidSignature(order_hash, other) == REFUSED


@settings(max_examples=60)
@given(garbage=st.binary(max_size=1_500), where=st.integers(0, 700), bit=st.integers(0, 7))
@example(garbage=b"", where=447, bit=0)  # the signature's length, made longer
def test_garbage_never_gets_the_magic_value(desk, garbage, where, bit):
    order_hash, signature = desk.sign(desk.order)
    flipped = bytearray(signature)
    flipped[where % len(flipped)] ^= 1 << bit
    for forged in (garbage, bytes(flipped), signature[: where % len(signature)]):
        try:
            answer = bytes(desk.account.isValidSignature(order_hash, forged))
        except (ape.exceptions.ContractLogicError, ape.exceptions.ApeException):
            continue
        assert answer == REFUSED or _says_the_same(forged, signature)


def _says_the_same(forged: bytes, signature: bytes) -> bool:
    """Whether order, expiry and both owners' signatures are unchanged: what follows is not read."""
    head = 13 * 32  # 11 order words, expiry, offset
    length = int.from_bytes(forged[head : head + 32], "big")
    start, end = head + 32, head + 32 + 130
    return (
        forged[:head] == signature[:head]
        and forged[start:end] == signature[start:end]
        and length >= 130
    )


def test_halt_takes_allowance_and_approval_back(desk, people, venue):
    assert venue.pusd.allowance(desk.account, venue.exchange) == FOREVER
    for who in (people.mallory, people.keeper, people.reporter):
        with ape.reverts("not allowed to halt"):
            desk.account.halt(sender=who)
    desk.account.halt(sender=people.guardian)
    assert desk.account.halted()
    assert venue.pusd.allowance(desk.account, venue.exchange) == 0
    assert not venue.ctf.isApprovedForAll(desk.account, venue.exchange)
    assert "resume" not in {method.name for method in desk.account.contract_type.methods}


def test_halt_pauses_the_account_at_the_exchange_as_well(desk, people, venue, chain):
    receipt = desk.account.halt(sender=people.guardian)
    assert venue.exchange.userPausedBlockAt(desk.account) == receipt.block_number + 100
    desk.account.halt(sender=people.owner)  # twice: the exchange refuses, the switch does not
    assert desk.account.epoch() == 2


def test_split_merge_and_redeem(desk, people, venue, resolve):
    desk.vault.setKeeper(0, people.keeper, sender=people.owner)
    with ape.reverts("not the keeper"):
        desk.account.split(0, UNIT, sender=people.owner)
    desk.account.split(0, 50 * UNIT, sender=people.keeper)
    collateral, (position,) = desk.account.positions()
    assert (collateral, position.yes, position.no) == (150 * UNIT, 50 * UNIT, 50 * UNIT)
    with ape.reverts("not allowed to merge"):
        desk.account.merge(0, UNIT, sender=people.mallory)
    desk.account.merge(0, 20 * UNIT, sender=people.guardian)
    assert desk.account.positions()[0] == 170 * UNIT
    with ape.reverts("unknown condition"):
        desk.account.merge(1, UNIT, sender=people.keeper)
    with ape.reverts("not resolved"):
        desk.account.redeem(0, sender=people.mallory)
    resolve(desk.market, 1, 1)
    receipt = desk.account.redeem(0, sender=people.stranger)
    (event,) = receipt.decode_logs(desk.account.Redeemed)
    assert (event.condition, event.assets) == (0, 30 * UNIT)  # beside the 170 that were there
    collateral, (position,) = desk.account.positions()
    assert (collateral, position.yes, position.no) == (200 * UNIT, 0, 0)
    assert not venue.ctf.isApprovedForAll(desk.account, venue.adapter)


def test_no_split_while_paused_halted_or_late(desk, people, chain):
    desk.vault.setKeeper(0, people.keeper, sender=people.owner)
    desk.vault.pause(sender=people.owner)
    with ape.reverts("paused"):
        desk.account.split(0, UNIT, sender=people.keeper)
    desk.vault.unpause(sender=people.owner)
    desk.account.halt(sender=people.keeper)
    with ape.reverts("not tradable"):
        desk.account.split(0, UNIT, sender=people.keeper)


def test_no_split_after_the_deadline(desk, people, chain):
    desk.vault.setKeeper(0, people.keeper, sender=people.owner)
    chain.mine(timestamp=desk.account.deadline())
    with ape.reverts("not tradable"):
        desk.account.split(0, UNIT, sender=people.keeper)


def test_nobody_but_the_vault_recalls_and_initializes(desk, people, implementation):
    for account in (desk.account, ape.project.PolymarketAccount.at(implementation.address)):
        for who in (people.keeper, people.mallory):
            with ape.reverts("not the vault"):
                account.recall(1, sender=who)
            with ape.reverts("not the vault"):
                account.initialize(sender=who)


def test_account_carries_its_market_in_its_code(desk, implementation, people):
    """EIP-1167 runtime, then vault, deadline, market, question, class, count; id, YES and NO."""
    code = bytes(ape.networks.provider.get_code(desk.account.address))
    runtime = bytes.fromhex(
        f"363d3d373d3d3d363d73{implementation.address[2:]}5af43d82803e903d91602b57fd5bf3"
    )
    assert code == runtime + bytes.fromhex(desk.vault.address[2:]) + b"".join(
        value if isinstance(value, bytes) else value.to_bytes(32, "big")
        for value in (
            *(desk.account.deadline(), bytes(desk.market.id), desk.market.condition, 0, 1),
            *(desk.market.condition, desk.yes, desk.no),
        )
    )
    assert desk.account.vault() == desk.vault.address
    assert bytes(desk.account.market()) == desk.market.id
    assert [bytes(c) for c in desk.account.conditions()] == [desk.market.condition]
    assert bytes(desk.account.question()) == desk.market.condition
    assert desk.account.classId() == 0
    with ape.reverts("bad condition count"):
        implementation.describe(people.oracle, b"\1" * 32, 2)
    with ape.reverts("bad condition count"):
        implementation.describe(people.oracle, b"\1" * 32, 0)


def test_takes_only_its_own_outcome_tokens(desk, people, venue, deployer, open_market):
    desk.vault.setKeeper(0, people.keeper, sender=people.owner)
    other = open_market(desk.vault)
    venue.fund(deployer, deployer, UNIT)
    venue.pusd.approve(venue.adapter, UNIT, sender=deployer)
    venue.adapter.splitPosition(
        venue.pusd, b"\0" * 32, other.condition, [1, 2], UNIT, sender=deployer
    )
    token = other.account.tokenIds()[0]
    with ape.reverts("foreign token"):
        venue.ctf.safeTransferFrom(deployer, desk.account, token, UNIT, b"", sender=deployer)
    with ape.reverts("foreign token"):
        desk.account.onERC1155Received(
            people.mallory, people.mallory, desk.yes, 1, b"", sender=people.mallory
        )
    with ape.reverts("foreign token"):
        desk.account.onERC1155BatchReceived(
            people.mallory, people.mallory, [desk.yes], [1], b"", sender=people.mallory
        )
    assert desk.account.supportsInterface(bytes.fromhex("4e2312e0"))
    assert not desk.account.supportsInterface(REFUSED)
    assert desk.account.grade() == 1
