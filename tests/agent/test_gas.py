"""The most gas of one transaction (EIP-7825), against an anvil that holds to it, and nodes that say
what they like."""

import pytest
from strongroom.chain.anvil import anvil
from strongroom.chain.contracts import Contracts
from strongroom.chain.failures import TransactionRefused
from strongroom.chain.rpc import Chain
from strongroom.chain.simulation import Intended, simulate
from strongroom.devnet.deployer import devnet_keys
from strongroom.execution.transactions import limit_of

from tests.spoken_node import spoken_node

MOST = 16_777_216  # the EIP's own figure
ROUND = 26  # gas of a round of LOOP
LOOP = bytes.fromhex("5f355b60019003806002570000")[:12]  # as many rounds as the call says
NOBODY = "0x" + "11" * 20
FOUND = {  # what a transaction needs, beside the estimate
    "eth_getBlockByNumber": {"baseFeePerGas": "0x1"},
    "eth_maxPriorityFeePerGas": "0x1",
    "eth_getTransactionCount": "0x0",
    "eth_chainId": "0x1",
}


@pytest.fixture(scope="module")
def strict():
    """A chain that takes no transaction of more gas, and a contract that uses as much as one
    likes."""
    with anvil("--enable-tx-gas-limit", "--mnemonic", "test " * 11 + "junk") as url:
        chain, alice = Contracts(url), devnet_keys()[0]
        made = chain.send(alice, None, b"\x6b" + LOOP + bytes.fromhex("5f52600c6014f3"))
        assert chain.code(made.contract_address) == LOOP
        yield chain, made.contract_address


def rounds(gas):
    return (gas // ROUND).to_bytes(32, "big")


@pytest.mark.parametrize("gas", [13_000_000, 15_000_000, 16_500_000])
def test_what_fits_a_transaction_is_sent_though_a_fifth_more_would_not(strict, gas):
    chain, burner = strict
    receipt = chain.send(devnet_keys()[0], burner, rounds(gas), what="redeemInKind")
    assert gas < receipt.gas_used < MOST


def test_what_does_not_fit_is_refused_before_it_is_signed(strict):
    chain, burner = strict
    alice = devnet_keys()[0]
    before = chain.nonce(alice.address)
    words = r"redeemInKind takes .* gas, a transaction may have at most 16,777,216: .*skip some"
    with pytest.raises(TransactionRefused, match=words):
        chain.send(alice, burner, rounds(20_000_000), what="redeemInKind")
    with pytest.raises(TransactionRefused, match=words):  # a preview says it, too
        simulate(chain, alice.address, [Intended("redeemInKind", burner, rounds(20_000_000))])
    assert chain.nonce(alice.address) == before


SAID = [
    ({"result": hex(20_000_000)}, "takes 20,000,000 gas, a transaction may have at most 16,777,2"),
    ({"error": {"code": -32000, "message": f"gas required exceeds allowance ({MOST})"}},
     "takes more gas, a transaction may have at most 16,777,216"),
    ({"error": {"code": -32000, "message": "gas required exceeds allowance (4000)"}},
     r"gas required exceeds allowance \(4000\)"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "words"), SAID)
def test_a_node_that_knows_no_most_and_one_that_does(answer, words):
    def say(method, given):
        return answer if method == "eth_estimateGas" else {"result": FOUND[method]}

    with spoken_node(say) as node:
        with pytest.raises(TransactionRefused, match=words):
            Contracts(node.url).send(devnet_keys()[0], NOBODY, what="redeemInKind")
        with pytest.raises(TransactionRefused, match=words):  # as a Safe's transactions are tried
            Chain(node.url).gas_of(NOBODY, NOBODY, "0x12345678")
        assert not any("eth_sendRawTransaction" in asked for asked in node.asked)


@pytest.mark.parametrize(
    ("estimate", "limit"),
    [(1_000_000, 1_262_000), (13_412_172, MOST - 1), (13_412_173, MOST), (MOST, MOST)],
)
def test_the_room_of_a_safes_transaction_ends_at_the_most(estimate, limit):
    assert limit_of(estimate) == limit
