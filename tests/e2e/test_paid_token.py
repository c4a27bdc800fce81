"""The devnet's USDC takes signed authorizations as ERC-3009 and the `x402` package have them.

Foreign oracles: eth-account signs and hashes the typed data, the package's client signs and its
facilitator settles, a real Safe answers ERC-1271.
"""

import secrets

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from strongroom.chain.artifacts import artifact
from strongroom.chain.contracts import Contract
from strongroom.chain.failures import TransactionRefused
from strongroom.devnet.contracts import deploy_safe, deploy_safe_factory
from x402.mechanisms.evm.constants import (
    TRANSFER_WITH_AUTHORIZATION_BYTES_ABI,
    TRANSFER_WITH_AUTHORIZATION_VRS_ABI,
)

FIELDS = [
    {"name": "from", "type": "address"},
    {"name": "to", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "validAfter", "type": "uint256"},
    {"name": "validBefore", "type": "uint256"},
    {"name": "nonce", "type": "bytes32"},
]
CANCEL = [{"name": "authorizer", "type": "address"}, {"name": "nonce", "type": "bytes32"}]
SPLIT, WHOLE = TRANSFER_WITH_AUTHORIZATION_VRS_ABI, TRANSFER_WITH_AUTHORIZATION_BYTES_ABI
USED = "FiatTokenV2: authorization is used or canceled"
WRONG = "FiatTokenV2: invalid signature"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture(autouse=True)
def all_is_well():
    """The CLOB service of the other tests here is not needed."""


@pytest.fixture
def token(deployer):
    found = deployer.deploy(artifact("Usdc"))
    found.mint(deployer, 1_000, sender=deployer)
    return found


def seen(token, abi):
    """The token by an ABI that is the package's."""
    return Contract(token.chain, token.address, abi)


def typed(token, kind, fields, message):
    domain = {
        "name": "USD Coin",
        "version": "2",
        "chainId": token.chain.chain_id,
        "verifyingContract": token.address,
    }
    return encode_typed_data(domain, {kind: fields}, message)


def authorization(token, sender, to, amount=400, after=0, before=2**40, nonce=None):
    nonce = secrets.token_bytes(32) if nonce is None else nonce
    values = (sender, to, amount, after, before, nonce)
    names = [each["name"] for each in FIELDS]
    message = dict(zip(names, values, strict=True))
    return values, typed(token, "TransferWithAuthorization", FIELDS, message)


def pay(token, values, signed, by):
    r, s = (part.to_bytes(32, "big") for part in (signed.r, signed.s))
    return seen(token, SPLIT).transferWithAuthorization(*values, signed.v, r, s, sender=by)


def test_the_domain_and_the_selectors_are_the_standards(token):
    fields = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    parts = [keccak(text=each) for each in (fields, "USD Coin", "2")]
    parts += [
        token.chain.chain_id.to_bytes(32, "big"),
        bytes(12) + bytes.fromhex(token.address[2:]),
    ]
    assert bytes(token.DOMAIN_SEPARATOR()) == keccak(b"".join(parts))
    code = token.chain.code(token.address)
    form = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,"
    for last in ("uint8,bytes32,bytes32)", "bytes)"):
        assert keccak(text=form + last)[:4] in code
    assert (token.name(), token.version(), token.decimals()) == ("USD Coin", "2", 6)


@pytest.mark.parametrize("form", ["split", "whole"])
def test_a_signed_transfer_moves_once(token, accounts, form):
    payer, payee, anyone = accounts[0], accounts[1].address, accounts[2]
    values, message = authorization(token, payer.address, payee)
    signed = payer.account.sign_message(message)
    if form == "split":
        receipt = pay(token, values, signed, anyone)
    else:
        whole = seen(token, WHOLE)
        receipt = whole.transferWithAuthorization(*values, bytes(signed.signature), sender=anyone)
    (used,) = receipt.events(token, "AuthorizationUsed")
    (moved,) = receipt.events(token, "Transfer")
    assert (used.authorizer, bytes(used.nonce)) == (payer.address, values[-1])
    assert tuple(moved.fields.values()) == (payer.address, payee, 400)
    assert (token.balanceOf(payer.address), token.balanceOf(payee)) == (600, 400)
    assert token.authorizationState(payer.address, values[-1])
    with pytest.raises(TransactionRefused, match=USED):
        pay(token, values, signed, anyone)


def test_what_is_not_signed_so_is_refused(token, accounts):
    payer, payee, anyone = accounts[0], accounts[1].address, accounts[2]
    values, message = authorization(token, payer.address, payee)
    signed = payer.account.sign_message(message)
    for place, other in ((1, anyone.address), (2, 401), (4, 2**40 - 1), (5, bytes(32))):
        changed = (*values[:place], other, *values[place + 1 :])
        with pytest.raises(TransactionRefused, match=WRONG):
            pay(token, changed, signed, anyone)
    stranger = anyone.account.sign_message(message)
    with pytest.raises(TransactionRefused, match=WRONG):
        pay(token, values, stranger, anyone)
    mirrored = type(signed)(
        signed.message_hash, signed.r, ORDER - signed.s, 55 - signed.v, signed.signature
    )
    with pytest.raises(TransactionRefused, match=WRONG):
        pay(token, values, mirrored, anyone)
    pay(token, values, signed, anyone)


def test_its_time_is_strictly_inside_the_window(token, accounts, chain):
    payer, payee = accounts[0], accounts[1].address
    now = chain.pending_timestamp + 100
    for after, before, why in ((now, now + 9, "not yet valid"), (0, now, "is expired")):
        values, message = authorization(token, payer.address, payee, 1, after, before)
        chain.pending_timestamp = now
        with pytest.raises(TransactionRefused, match=why):
            pay(token, values, payer.account.sign_message(message), payer)
        now += 1
    values, message = authorization(token, payer.address, payee, 1, now - 1, now + 1)
    chain.pending_timestamp = now
    pay(token, values, payer.account.sign_message(message), payer)


def test_a_cancelled_one_moves_nothing(token, accounts):
    payer, payee = accounts[0], accounts[1].address
    values, message = authorization(token, payer.address, payee)
    said = {"authorizer": payer.address, "nonce": values[-1]}
    cancel = payer.account.sign_message(typed(token, "CancelAuthorization", CANCEL, said))
    r, s = (part.to_bytes(32, "big") for part in (cancel.r, cancel.s))
    receipt = token.cancelAuthorization(*said.values(), cancel.v, r, s, sender=accounts[2])
    assert len(receipt.events(token, "AuthorizationCanceled")) == 1
    assert not receipt.events(token, "AuthorizationUsed")
    with pytest.raises(TransactionRefused, match=USED):
        pay(token, values, payer.account.sign_message(message), payer)


def test_a_safe_pays_by_both_forms(token, deployer, accounts):
    owner = Account.from_key("0x" + "5a" * 32)
    safe = deploy_safe(deployer, deploy_safe_factory(deployer), [owner.address], 1)
    token.transfer(safe, 500, sender=deployer)
    payee = accounts[3].address
    for form in ("split", "whole"):
        values, message = authorization(token, safe.address, payee, 200)
        digest = keccak(b"\x19\x01" + message.header + message.body)
        safe_message = encode_typed_data(
            {"chainId": token.chain.chain_id, "verifyingContract": safe.address},
            {"SafeMessage": [{"name": "message", "type": "bytes"}]},
            {"message": digest},
        )
        signed = owner.sign_message(safe_message)
        if form == "split":
            pay(token, values, signed, accounts[2])
        else:
            whole = seen(token, WHOLE)
            data = bytes(signed.signature)
            whole.transferWithAuthorization(*values, data, sender=accounts[2])
    assert (token.balanceOf(safe.address), token.balanceOf(payee)) == (100, 400)


@pytest.mark.parametrize("data", ["0xe3ee160e", "0x", "0x12345678" + "00" * 288])
def test_other_calls_are_refused(token, accounts, data):
    with pytest.raises(TransactionRefused):
        token.chain.send(accounts[2], token.address, bytes.fromhex(data[2:]))
