"""The keeper's side of the venue's relayer: each answer is a yes, a no, or says nothing."""

import httpx
import pytest
from strongroom.execution.interfaces import RelayState
from strongroom.execution.venues.relayer import RelayerAway, RelayerClient, RelayerRefuses
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall
from strongroom.signing.venue_requests import Credentials, request_proof

OWNER, FACTORY, WALLET = ("0x" + each * 20 for each in ("aa", "bb", "cc"))
KEY = Credentials("key", "c2VjcmV0", "pass")


def asked(status=200, text="{}", error=None):
    """Return a relayer whose service gives one answer, and the list of what it was asked."""
    requests = []

    def answer(request):
        requests.append(request)
        if error is not None:
            raise error
        return httpx.Response(status, text=text)

    transport = httpx.MockTransport(answer)
    return RelayerClient("https://relayer/", KEY, lambda: 1_700_000_000, transport), requests


def test_what_it_takes_has_an_id_and_a_builders_proof():
    relayer, requests = asked(text='{"transactionID": "7", "state": "STATE_NEW"}')
    assert relayer.make_wallet(OWNER, FACTORY) == "7"
    batch = WalletBatch(WALLET, 3, 1_700_000_600, [WalletCall(FACTORY, 0, b"\1")])
    assert relayer.carry(batch, OWNER, FACTORY, bytes(65)) == "7"
    assert relayer.make_safe(OWNER, WALLET, FACTORY, bytes(65)) == "7"
    create, carry, safe = (sent.content.decode() for sent in requests)
    for sent, body in zip(requests, (create, carry, safe), strict=True):
        assert (sent.method, str(sent.url)) == ("POST", "https://relayer/submit")
        proof = request_proof(KEY.secret, 1_700_000_000, "POST", "/submit", body)
        assert sent.headers["POLY_BUILDER_SIGNATURE"] == proof
    assert '"type": "WALLET-CREATE"' in create and f'"from": "{OWNER}"' in create
    assert '"type": "WALLET"' in carry and '"nonce": "3"' in carry
    assert '"type": "SAFE-CREATE"' in safe and f'"proxyWallet": "{WALLET}"' in safe


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (400, '{"error": "owner must be an EOA"}', RelayerRefuses),
        (401, '{"error": "Unauthorized/Invalid api key"}', RelayerRefuses),
        (403, '{"error": "blocked"}', RelayerRefuses),
        (400, '{"error": "wallet busy: another active action is in progress"}', RelayerAway),
        (400, '{"error": "wallet has in-flight action"}', RelayerAway),
        (400, '{"error": "batch nonce 1 does not match on-chain nonce 2"}', RelayerAway),
        (429, '{"error": "Too Many Requests"}', RelayerAway),
        (500, '{"error": "oops"}', RelayerAway),
        (502, "<html>", RelayerAway),
        (200, "", RelayerAway),
        (200, "null", RelayerAway),
        (200, "[]", RelayerAway),
        (200, "{}", RelayerAway),
        (200, '{"transactionID": null}', RelayerAway),
        (200, '{"transactionID": 7}', RelayerAway),
    ],
)
def test_only_a_no_is_a_no(status, text, kind):
    relayer, _ = asked(status, text)
    with pytest.raises(kind):
        relayer.make_wallet(OWNER, FACTORY)


def test_a_connection_that_breaks_says_nothing():
    relayer, _ = asked(error=httpx.ReadTimeout("late"))
    with pytest.raises(RelayerAway, match="late"):
        relayer.look("7")


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ('{"state": "STATE_CONFIRMED", "error_msg": null}', (RelayState.DONE, "")),
        ('{"state": "STATE_FAILED", "error_msg": "reverted"}', (RelayState.FAILED, "reverted")),
        ('{"state": "STATE_INVALID", "error_msg": null}', (RelayState.FAILED, "STATE_INVALID")),
        ('{"state": "STATE_MINED"}', (RelayState.UNDER_WAY, "STATE_MINED")),
        ('{"state": "STATE_SUBMITTED"}', (RelayState.UNDER_WAY, "STATE_SUBMITTED")),
    ],
)
def test_an_action_ends_by_the_three_final_states_only(text, state):
    """VENUE b: CONFIRMED is success, INVALID and FAILED are failures; new words are kept."""
    relayer, _ = asked(text=text)
    assert relayer.look("7") == state


@pytest.mark.parametrize("text", ["{}", '{"state": ""}', '{"state": 5}'])
def test_an_answer_without_a_state_is_no_answer(text):
    relayer, _ = asked(text=text)
    with pytest.raises(RelayerAway, match="names no state"):
        relayer.look("7")
