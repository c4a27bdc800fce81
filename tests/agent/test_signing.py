"""Hashes and signatures are those of the public libraries."""

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import function_signature_to_4byte_selector, to_checksum_address
from hypothesis import given
from hypothesis import strategies as st
from safe_eth.safe import SafeTx
from safe_eth.safe.multi_send import MultiSendOperation, MultiSendTx
from strongroom.chain.calls import Call
from strongroom.chain.ids import to_hex
from strongroom.signing.hashing import safe_transaction_hash
from strongroom.signing.keys import sign_hash
from strongroom.signing.safe import DELEGATE_CALL, Batch, batch, creation_digest

address = st.binary(min_size=20, max_size=20).map(to_checksum_address)


@given(
    to=address,
    data=st.binary(max_size=200),
    operation=st.integers(0, 1),
    nonce=st.integers(0, 2**64),
)
def test_safe_transaction_hash_is_safes_own(to, data, operation, nonce):
    safe = "0x" + "5a" * 20
    theirs = SafeTx(
        None, safe, to, 0, data, operation, 0, 0, 0, None, None, safe_nonce=nonce,
        safe_version="1.4.1", chain_id=137,
    )  # fmt: skip
    assert safe_transaction_hash(safe, 137, to, data, operation, nonce) == theirs.safe_tx_hash


@given(st.lists(st.tuples(address, st.binary(max_size=100)), min_size=2, max_size=5))
def test_several_calls_are_packed_as_safes_own_library_packs_them(calls):
    multi_send = to_checksum_address("0x" + "5a" * 20)
    theirs = (MultiSendTx(MultiSendOperation.CALL, to, 0, data) for to, data in calls)
    packed = b"".join(each.encoded_data for each in theirs)
    data = function_signature_to_4byte_selector("multiSend(bytes)") + encode(["bytes"], [packed])
    mine = batch([Call(to.lower(), to_hex(data)) for to, data in calls], multi_send)
    assert mine == Batch(multi_send, data, DELEGATE_CALL)


def test_what_makes_a_safe_is_signed_as_the_factory_reads_it():
    """The domain has no version (VENUE b: SAFE-CREATE)."""
    factory, nobody, key = "0x" + "aa" * 20, "0x" + "00" * 20, Account.from_key(b"\x07" * 32)
    names = ("paymentToken", "address"), ("payment", "uint256"), ("paymentReceiver", "address")
    typed = encode_typed_data(
        {
            "name": "Polymarket Contract Proxy Factory",
            "chainId": 137,
            "verifyingContract": factory,
        },
        {"CreateProxy": [{"name": name, "type": kind} for name, kind in names]},
        {"paymentToken": nobody, "payment": 0, "paymentReceiver": nobody},
    )
    mine = sign_hash(key, creation_digest(factory, 137))
    assert Account.recover_message(typed, signature=mine) == key.address


@given(digest=st.binary(min_size=32, max_size=32))
def test_signatures_are_eth_accounts_own(digest):
    owner = Account.from_key(b"\x07" * 32)
    assert sign_hash(owner, digest) == bytes(owner.unsafe_sign_hash(digest).signature)
