"""Vectors: the real venue's ids through the real bytecode, and one order hash in three places."""

from pathlib import Path

import pytest
from eth_abi import encode
from eth_utils import keccak, to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st
from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
from strongroom.chain.ids import to_bytes
from strongroom.information.gamma import load_recorded
from strongroom.signing.keys import envelope
from strongroom.signing.order import ExchangeDomain, order_hash, order_tuple

from tests.property.world import World
from tests.signing import make_order

STRUCT = "(uint256,address,address,uint256,uint256,uint256,uint8,uint8,uint256,bytes32,bytes32)"
DATA = Path("agent/strongroom/devnet/data")
EVM_CHAIN_ID = 1  # of the bare EVM
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
NOBODY = "0x" + "00" * 20
USDC_E = "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174"  # Polygon, the tokens' real collateral


@pytest.fixture(scope="session")
def recorded():
    pages = [load_recorded(path)[0] for path in sorted(DATA.glob("*.json.gz"))]
    return {market.condition_id: market for page in pages for market in page}.values()


def test_account_computes_the_token_ids_of_conditional_tokens(vault, open_market, venue):
    market = open_market(vault)
    condition = market.account.question()
    for outcome, token in enumerate(market.account.tokenIds()):
        collection = venue.ctf.getCollectionId(b"\0" * 32, condition, outcome + 1)
        assert venue.ctf.getPositionId(venue.usdc, collection) == token


@pytest.fixture(scope="module")
def world():
    """Everything on a bare EVM, for thousands of calls."""
    return World()


def test_position_ids_are_the_real_token_ids(world, recorded):
    """All recorded binary markets, both outcomes, through the real ConditionalTokens."""
    checked = 0
    for market in recorded:
        if market.negative_risk:
            continue
        for outcome in (0, 1):
            condition = to_bytes(market.condition_id)
            collection = world.ctf.getCollectionId(b"\0" * 32, condition, outcome + 1)
            token = world.ctf.getPositionId(USDC_E, collection)
            assert token == market.token_ids[outcome], market.question
        checked += 1
    assert checked >= 300


word = st.integers(0, 2**256 - 1)
address = st.binary(min_size=20, max_size=20).map(to_checksum_address)
bytes32 = st.binary(min_size=32, max_size=32).map(lambda value: "0x" + value.hex())
orders = st.builds(
    lambda maker, signer, numbers, side, kind, metadata, builder: make_order(
        maker,
        numbers[0],
        numbers[1],
        numbers[2],
        side,
        signer=signer,
        salt=str(numbers[3]),
        timestamp=str(numbers[4]),
        signatureType=kind,
        metadata=metadata,
        builder=builder,
    ),
    address,
    address,
    st.tuples(word, word, word, word, word),
    st.integers(0, 1),
    st.integers(0, 3),
    bytes32,
    bytes32,
)


@pytest.fixture(scope="module")
def exchange(world):
    venue = (world.ctf, world.usdc, world.pusd, world.adapter)
    no_wallets = (NOBODY, NOBODY, bytes(32), bytes(32))
    parts = [each.address for each in venue]
    return world.evm.deploy(world.contract("Exchange"), *parts, *no_wallets, "2")


@pytest.fixture(scope="module")
def account(world, exchange):
    """An account's implementation that knows the exchange."""
    venue = (world.ctf, world.pusd, world.usdc, world.adapter)
    parts = [each.address for each in venue]
    kind = world.contract("PolymarketAccount")
    return world.evm.deploy(kind, exchange.address, "2", *parts, False)


@settings(max_examples=150)
@given(order=orders)
def test_order_hash_of_exchange_account_and_official_client_agree(order, exchange, account):
    domain = ExchangeDomain(exchange.address, "2", EVM_CHAIN_ID)
    builder = ExchangeOrderBuilderV2(
        domain.address, domain.chain_id, None, domain_version=domain.version
    )
    typed = builder.build_order_typed_data(order)
    by_client = bytes.fromhex(builder.build_order_hash(typed)[2:])
    assert order_hash(order, domain) == by_client
    fields = order_tuple(order)
    assert bytes(exchange.hashOrder((*fields, b""))) == by_client
    assert bytes(account.orderHash(fields)) == by_client
    words = b"".join(
        bytes(12) + bytes.fromhex(field[2:])
        if isinstance(field, str)
        else field
        if isinstance(field, bytes)
        else field.to_bytes(32, "big")
        for field in fields
    )
    typehash = bytes.fromhex("bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589")
    hashed = [each.encode() for each in (DOMAIN_TYPE, "Polymarket CTF Exchange", "2")]
    chain_and_address = EVM_CHAIN_ID.to_bytes(32, "big") + bytes(12) + to_bytes(exchange.address)
    separator = keccak(b"".join(map(keccak, hashed)) + chain_and_address)
    by_hand = keccak(b"\x19\x01" + separator + keccak(typehash + words))
    assert by_hand == by_client
    encoded = encode([STRUCT, "uint256", "bytes"], [fields, 77, b"signed"])
    assert envelope(order, 77, b"signed") == encoded
