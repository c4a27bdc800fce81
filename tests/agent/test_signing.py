"""Hashes and signatures are those of the public libraries."""

from eth_account import Account
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st
from safe_eth.safe import SafeTx
from strongroom.signing.hashing import safe_transaction_hash
from strongroom.signing.keys import sign_hash

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


@given(digest=st.binary(min_size=32, max_size=32))
def test_signatures_are_eth_accounts_own(digest):
    owner = Account.from_key(b"\x07" * 32)
    assert sign_hash(owner, digest) == bytes(owner.unsafe_sign_hash(digest).signature)
