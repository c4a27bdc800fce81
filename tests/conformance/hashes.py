"""Plays hashes_and_addresses.json: our hashing, signing and address derivation, byte for byte."""

from collections.abc import Callable, Iterator
from functools import partial

from strongroom.chain.ids import keccak, to_bytes
from strongroom.chain.wallet_addresses import POLYGON, WalletFactories
from strongroom.signing.deposit_wallet import (
    BATCH_TYPE,
    HANDOVER_TYPE,
    WalletBatch,
    WalletCall,
    handover_digest,
    nested_digest,
    nested_signature,
    personal_digest,
    session_signature,
    wallet_domain,
)
from strongroom.signing.hashing import (
    ORDER_TYPE,
    address_word,
    domain_separator,
    order_words,
)
from strongroom.signing.order import ExchangeDomain, order_hash

from tests.conformance.matches import NAME as EXCHANGE
from tests.conformance.reading import Json
from tests.conformance.report import Case, Found, Player
from tests.conformance.signing import address_of, order_of, signed


def _cases(found: Json) -> Iterator[Case]:
    parts: list[tuple[str, Json, Callable[[Json, Json], Found]]] = [("types", found, _types)]
    parts += [(f"domain {name}", each, _domain) for name, each in found["domains"].items()]
    for name, player in (("orders", _order), ("batches", _batch), ("handovers", _handover)):
        parts += [(f"{name} {at}", each, player) for at, each in enumerate(found[name])]
    rows = enumerate(found["create2"]["rows"])
    parts += [(f"create2 {at}", each, _addresses) for at, each in rows]
    for case, each, play in parts:
        yield case, partial(play, found, each)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _types(found: Json, _: Json) -> Found:
    for name in ("order", "batch", "typed_data_sign"):
        yield (
            f"{name}_typehash",
            found[f"{name}_typehash"],
            _hex(keccak(found[f"{name}_type"].encode())),
        )
    yield "order_type", found["order_type"], ORDER_TYPE.decode()
    yield "batch_type", found["batch_type"], BATCH_TYPE.decode()
    call_type = found["batch_type"].partition(")")[2]
    yield "call_typehash", found["call_typehash"], _hex(keccak(call_type.encode()))
    yield "handover_type", found["handover_type"], HANDOVER_TYPE.decode()
    yield "session", found["session"], address_of(found["keys"]["ses"])
    digest = b"\x11" * 32
    wallet = found["wallet_of_type_3_orders"]
    struct = keccak(to_bytes(found["personal_sign_typehash"]) + digest)
    by_type = keccak(b"\x19\x01" + wallet_domain(wallet, found["chainId"]) + struct)
    yield "personal digest", by_type, personal_digest(wallet, found["chainId"], digest)


def _domain(found: Json, each: Json) -> Found:
    terms = (EXCHANGE, each["version"], found["chainId"], each["verifyingContract"])
    yield "separator", each["separator"], _hex(domain_separator(*terms))


def _order(found: Json, each: Json) -> Found:
    place = found["domains"][each["exchange"]]
    order, chain_id = order_of(each["order"]), found["chainId"]
    address, version = place["verifyingContract"], place["version"]
    contents = keccak(order_words(order, to_bytes(found["order_typehash"])))
    digest = order_hash(order, ExchangeDomain(address, version, chain_id))
    yield "struct_hash", each["struct_hash"], _hex(contents)
    yield "order_hash", each["order_hash"], _hex(digest)
    own, session = found["keys"]["own"], found["keys"]["ses"]
    if each["order"]["signatureType"] != 3:
        yield "owner_signature", each["owner_signature"], _hex(signed(own, digest))
        return
    domain, kind = (
        domain_separator(EXCHANGE, version, chain_id, address),
        found["order_type"].encode(),
    )
    nested = nested_digest(each["order"]["maker"], chain_id, domain, contents, kind)
    yield "typed_data_sign_digest", each["typed_data_sign_digest"], _hex(nested)
    yield "trailer", each["trailer"], _hex(nested_signature(b"", domain, contents, kind))
    for name, key in (("owner", own), ("session", session)):
        signature = nested_signature(signed(key, nested), domain, contents, kind)
        if name == "session":
            signature = session_signature(found["session"], signature)
        yield f"{name}_signature", each[f"{name}_signature"], _hex(signature)


def _batch(found: Json, each: Json) -> Found:
    calls = [
        WalletCall(call["target"], int(call["value"]), to_bytes(call["data"]))
        for call in each["calls"]
    ]
    wallet, chain_id = each["wallet"], found["chainId"]
    batch = WalletBatch(wallet, int(each["nonce"]), int(each["deadline"]), calls)
    domain, contents, kind = (
        wallet_domain(wallet, chain_id),
        batch.struct_hash(),
        found["batch_type"],
    )
    yield "domain_separator", each["domain_separator"], _hex(domain)
    yield "struct_hash", each["struct_hash"], _hex(contents)
    yield "digest", each["digest"], _hex(batch.digest(chain_id))
    nested = nested_digest(wallet, chain_id, domain, contents, kind.encode())
    yield "typed_data_sign_digest", each["typed_data_sign_digest"], _hex(nested)
    by_owner = signed(found["keys"]["own"], batch.digest(chain_id))
    yield "owner_signature", each["owner_signature"], _hex(by_owner)
    by_session = session_signature(
        found["session"], signed(found["keys"]["ses"], batch.digest(chain_id))
    )
    yield "session_signature", each["session_signature"], _hex(by_session)


def _handover(found: Json, each: Json) -> Found:
    terms = (each["wallet"], found["chainId"], each["newOwner"], int(each["nonce"]))
    yield "digest", each["digest"], _hex(handover_digest(*terms))


def _addresses(found: Json, each: Json) -> Found:
    known = found["create2"]
    factories = WalletFactories(
        deposit=known["factory"],
        beacon=known["beacon"],
        legacy=known["legacy_impl"],
        proxy=POLYGON.proxy,
        proxy_code_hash=known["proxy_init_code_hash"],
        safe=POLYGON.safe,
        safe_code_hash=known["safe_init_code_hash"],
    )
    wallet_id = to_bytes(each["id"])
    yield "beacon_wallet", each["beacon_wallet"], factories.deposit_wallet(wallet_id)
    yield "legacy_wallet", each["legacy_wallet"], factories.legacy_deposit_wallet(wallet_id)
    if "owner" in each:
        yield "id", each["id"], _hex(address_word(each["owner"]))
        yield "proxy_wallet", each["proxy_wallet"], factories.proxy_wallet(each["owner"])
        yield "safe_wallet", each["safe_wallet"], factories.safe_wallet(each["owner"])


PLAYER = Player(_cases, ("create2.checked_against_official_client",))
