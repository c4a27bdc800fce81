"""Plays client_payloads.json: what the official client sends must be what our code makes.

Left out: `is_v2_position_id`, the client's guess of a protocol by the id alone, which our code must
not make (VENUE d1); it goes by the market's version.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import floor
from typing import Any

from eth_account.messages import encode_defunct
from eth_utils import keccak
from strongroom.chain.artifacts import TOKENS, artifact, gnosis
from strongroom.chain.codec import FunctionCodec
from strongroom.chain.ids import to_bytes
from strongroom.chain.order_amounts import limit_amounts, market_amounts
from strongroom.chain.orders import Side
from strongroom.chain.units import MICRO
from strongroom.chain.wallet_addresses import POLYGON
from strongroom.signing.deposit_wallet import (
    WalletBatch,
    WalletCall,
    nested_digest,
    nested_signature,
    session_signature,
)
from strongroom.signing.hashing import (
    address_word,
    domain_separator,
    order_words,
    safe_transaction_hash,
)
from strongroom.signing.order import ExchangeDomain, order_hash
from strongroom.signing.venue_requests import (
    Credentials,
    builder_headers,
    clob_auth_digest,
    order_body,
    request_proof,
    safe_body,
    safe_signature,
    wallet_body,
    wallet_create_body,
)

from tests.conformance.reading import Json
from tests.conformance.report import Case, Found, Player
from tests.conformance.signatures import TYPE
from tests.conformance.signing import address_of, order_of, signed

CHAIN_ID = 137
# who stands in for what the client calls (VENUE 0)
STAND_INS = {
    "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB": "PUsd",
    "0x12121212006e4CD160D18e3f00711DA5c3372600": "Router",
    "0xAdA100Db00Ca00073811820692005400218FcE1f": "CollateralAdapter",
    "0xadA2005600Dec949baf300f4C6120000bDB6eAab": "NegRiskCollateralAdapter",
}
CTF = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
WALLET_TYPES = {"EOA": 0, "POLY_PROXY": 1, "GNOSIS_SAFE": 2, "DEPOSIT_WALLET": 3}


def _cases(found: Json) -> Iterator[Case]:
    yield "who", partial(_who, found)
    yield "builder_headers", partial(_headers, found, found["builder_headers"])
    for name, player in PLAYERS.items():
        for number, row in enumerate(found[name]):
            yield f"{name} {number}", partial(player, found, row)


def _who(found: Json) -> Found:
    owner, session = (address_of(found["keys"][each]) for each in ("own", "ses"))
    yield "owner", found["owner"], owner
    yield "session", found["session"], session
    yield "wallet", found["wallet"], POLYGON.deposit_wallet(address_word(owner))


def _call(found: Json, row: Json) -> Found:
    """A call's data must be what our stand-in's ABI makes of the same arguments."""
    target, data = row["to"], to_bytes(row["data"])
    if target == CTF:
        abi = gnosis(TOKENS, "ConditionalTokens").abi
    else:
        wallet = target == found["wallet"]
        abi = artifact("DepositWallet" if wallet else STAND_INS[target]).abi
    codecs = {
        codec.selector: codec
        for codec in (FunctionCodec(each) for each in abi if each["type"] == "function")
    }
    codec = codecs.get(data[:4])
    yield "selector", row["data"][:10], row["data"][:10] if codec else "no such function"
    if codec:
        again = codec.encode(codec.arguments(data[4:]))
        yield "data", row["data"], "0x" + (codec.selector + again).hex()


def _hmac(_: Json, row: Json) -> Found:
    proof = request_proof(
        row["secret"], row["timestamp"], row["method"], row["path"], row["body"] or ""
    )
    yield "signature", row["signature"], proof


def _headers(_: Json, row: Json) -> Found:
    key = Credentials(**row["creds"])
    time = int(row["headers"]["POLY_BUILDER_TIMESTAMP"])
    ours = builder_headers(key, time, row["method"], row["path"], row["body"])
    yield "headers", row["headers"], dict(ours)


def _l1(found: Json, row: Json) -> Found:
    keys = {address_of(secret): secret for secret in found["keys"].values()}
    digest = clob_auth_digest(row["address"], row["timestamp"], row["nonce"], CHAIN_ID)
    yield "signature", row["signature"], "0x" + signed(keys[row["address"]], digest).hex()


def _order(found: Json, row: Json) -> Found:
    body = row["body"]
    recorded = body["order"]
    side = {"BUY": 0, "SELL": 1}[recorded["side"]]
    order = order_of({**recorded, "side": side})
    domain = ExchangeDomain(row["exchange"], row["version"], CHAIN_ID)
    key = found["keys"]["ses" if row["role"] == "SESSION_KEY" else "own"]
    if recorded["signatureType"] == 3:
        terms = ("Polymarket CTF Exchange", row["version"], CHAIN_ID, row["exchange"])
        separator, contents = domain_separator(*terms), keccak(order_words(order, keccak(TYPE)))
        nested = nested_digest(order.maker, CHAIN_ID, separator, contents, TYPE)
        signature = nested_signature(signed(key, nested), separator, contents, TYPE)
        if row["role"] == "SESSION_KEY":
            signature = session_signature(found["session"], signature)
    else:
        signature = signed(key, order_hash(order, domain))
    expires = int(recorded["expiration"])
    yield "body", body, order_body(order, signature, body["owner"], body["orderType"], expires)
    kind, owner = WALLET_TYPES[row["wallet_type"]], found["owner"]
    wallets = (
        owner,
        POLYGON.proxy_wallet(owner),
        POLYGON.safe_wallet(owner),
        POLYGON.deposit_wallet(address_word(owner)),
    )
    yield "type", kind, recorded["signatureType"]
    yield "maker", wallets[kind], recorded["maker"]
    yield "signer", wallets[3] if kind == 3 else owner, recorded["signer"]


def _amounts(_: Json, row: Json) -> Found:
    side, tick, price = Side(row["side"]), Decimal(row["tick"]), Decimal(row["price"])
    for name, given, make in (
        ("limit", "size", limit_amounts),
        ("market", "amount", market_amounts),
    ):
        recorded = row[name]
        amounts = tuple(int(recorded[each]) for each in ("makerAmount", "takerAmount"))
        yield name, amounts, make(side, price, int(Decimal(recorded[given]) * MICRO), tick)


def _spendable(_: Json, row: Json) -> Found:
    """What the client leaves of a purchase beside its fee, by the venue's formula (VENUE c); the
    keeper's budgets have the fee on top instead."""
    amount, most = (int(Decimal(row[name]) * MICRO) for name in ("amount", "max_spend"))
    rate, price, builder = (Fraction(row[name]) for name in ("rate", "price", "builder_rate"))
    fee = rate * (price * (1 - price)) ** int(row["exponent"]) / price + builder
    ours = amount if amount * (1 + fee) < most else floor(most / (1 + fee))
    yield "result", int(Decimal(row["result"]) * MICRO), ours


def _submit(found: Json, row: Json) -> Found:
    bodies: Mapping[str, Any] = {
        "WALLET": _wallet_body,
        "WALLET-CREATE": lambda _, row: wallet_create_body(row["from"], POLYGON.deposit),
        "SAFE": _safe_body,
    }
    if row["type"] not in bodies:
        raise ValueError(f"unknown type of a submission: {row['type']}")
    yield "body", row, json.loads(json.dumps(bodies[row["type"]](found, row)))


def _wallet_body(found: Json, row: Json) -> Any:
    terms = row["depositWalletParams"]
    calls = [
        WalletCall(each["target"], int(each["value"]), to_bytes(each["data"]))
        for each in terms["calls"]
    ]
    batch = WalletBatch(terms["depositWallet"], int(row["nonce"]), int(terms["deadline"]), calls)
    by_session = row["from"] == found["session"]
    signature = signed(found["keys"]["ses" if by_session else "own"], batch.digest(CHAIN_ID))
    if by_session:
        signature = session_signature(found["session"], signature)
    return wallet_body(batch, row["from"], POLYGON.deposit, signature)


def _safe_body(found: Json, row: Json) -> Any:
    safe, operation = POLYGON.safe_wallet(row["from"]), int(row["signatureParams"]["operation"])
    data, nonce = to_bytes(row["data"]), int(row["nonce"])
    digest = safe_transaction_hash(safe, CHAIN_ID, row["to"], data, operation, nonce)
    message = encode_defunct(digest)
    prefixed = keccak(b"\x19" + message.version + message.header + message.body)
    signature = safe_signature(signed(found["keys"]["own"], prefixed))
    return safe_body(row["from"], safe, row["to"], data, nonce, operation, signature)


PLAYERS: dict[str, Callable[[Json, Json], Found]] = {
    "calls": _call,
    "submit_bodies": _submit,
    "hmac": _hmac,
    "l1": _l1,
    "orders": _order,
    "amounts": _amounts,
    "market_buy_with_fees": _spendable,
}
PLAYER = Player(_cases, ("client", "time", "is_v2_position_id", "calls.*.value", "orders.*.path"))
