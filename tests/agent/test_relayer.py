"""The relayer over HTTP on a chain that is played: keys, limits, nonces, refusals, session keys."""

import asyncio
import base64
import hashlib
import hmac
import json
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from eth_utils import function_signature_to_4byte_selector as selector
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.sessions import SessionSigners
from strongroom.devnet.deposit_wallets import SESSION_S
from strongroom.devnet.relayer.actions import Actions
from strongroom.devnet.relayer.app import create_relayer
from strongroom.devnet.relayer.chain import RelayContracts
from strongroom.devnet.relayer.keys import RelayerKeys
from strongroom.devnet.relayer.parts import RelayerParts
from strongroom.devnet.relayer.relayer import Relayer
from strongroom.devnet.relayer.requests import parse_submission
from strongroom.devnet.relayer.session_keys import SessionKeys

# What the venue's own client sends at a fixed time: the service must take it as it is.
RECORDED = json.loads(
    (Path(__file__).parents[1] / "conformance" / "vectors" / "client_payloads.json").read_text()
)
NOW = 1_800_000_000
OWNER, STRANGER, KEY = ("0x" + digit * 40 for digit in ("1", "2", "3"))
WALLET, FACTORY, TARGET, SAFE = ("0x" + digit * 40 for digit in ("a", "b", "c", "d"))
SIGNATURE = "0x" + "11" * 65
AUTHORIZE = "0x" + selector("authorizeSessionSigner(address,uint256)").hex()


class PlayedChain:
    """A wallet of OWNER and a Safe; what is sent is kept, and mined when the test says so."""

    relay = "0x" + "e" * 40

    def __init__(self):
        self.deployed = {WALLET, SAFE}
        self.nonces = {WALLET: 4, SAFE: 7}
        self.sent, self.refusal, self.succeeds = [], "", True
        self.mined = asyncio.Event()

    async def is_deployed(self, address):
        return address.lower() in self.deployed

    async def wallet_for(self, owner):
        return WALLET if owner.lower() == OWNER else "0x" + "9" * 40

    async def safe_of(self, owner):
        return SAFE if owner.lower() == OWNER else None

    async def owner_of(self, wallet):
        return OWNER if wallet.lower() in self.deployed else None

    async def nonce_of(self, address):
        return self.nonces[address.lower()]

    async def refusal_of(self, errand):
        return self.refusal

    async def send(self, errand):
        self.sent.append(errand)
        return "0x" + f"{len(self.sent):064x}"

    async def wait(self, transaction):
        await self.mined.wait()
        return self.succeeds


class Place:
    """A relayer with one builder, spoken to as its clients do."""

    def __init__(self, **habits):
        self.now, self.habits, self.ended = float(NOW), Habits(**habits), []
        self.chain, self.sessions = PlayedChain(), SessionSigners(self.clock)
        contracts = RelayContracts(FACTORY, "0x" + "f" * 40)
        actions = Actions(self.chain, self.clock, lambda: self.habits)
        relayer = Relayer(
            self.chain, contracts, actions, self.sessions, self.clock, lambda: self.habits
        )
        session_keys = SessionKeys(
            relayer,
            self.sessions,
            lambda wallet, key: self.ended.append((wallet, key)),
            self.clock,
            lambda: self.habits,
        )
        self.keys = RelayerKeys(self.clock)
        parts = RelayerParts(relayer, session_keys, self.keys)
        self.builder = self.keys.make_builder(OWNER)
        transport = httpx.ASGITransport(create_relayer(lambda: parts))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://relayer")

    def clock(self):
        return self.now

    def signed(self, path, body, method="POST"):
        """Return a builder's headers, reckoned here."""
        text = f"{int(self.now)}{method}{path}{body}"
        secret = base64.urlsafe_b64decode(self.builder.secret)
        signature = hmac.new(secret, text.encode(), hashlib.sha256).digest()
        return {
            "POLY_BUILDER_API_KEY": self.builder.key,
            "POLY_BUILDER_PASSPHRASE": self.builder.passphrase,
            "POLY_BUILDER_SIGNATURE": base64.urlsafe_b64encode(signature).decode(),
            "POLY_BUILDER_TIMESTAMP": str(int(self.now)),
        }

    async def post(self, path, payload, **headers):
        body = json.dumps(payload)
        return await self.http.post(path, content=body, headers=self.signed(path, body) | headers)

    async def submit(self, payload):
        return await self.post("/submit", payload)

    async def status(self, answer):
        """Let everything come to its end; return how an action stands."""
        self.chain.mined.set()
        await asyncio.sleep(0.01)
        name = answer.json().get("transactionID") or answer.json()["transactionId"]
        return (await self.http.get(f"/v1/account/transactions/{name}")).json()


def batch(**changed):
    calls = [{"target": TARGET, "value": "0", "data": "0x1234"}]
    params = {"depositWallet": WALLET, "deadline": str(NOW + 600), "calls": calls}
    inside = {name: changed.pop(name) for name in tuple(changed) if name in params}
    return {
        "type": "WALLET",
        "from": OWNER,
        "to": FACTORY,
        "nonce": "4",
        "signature": SIGNATURE,
        "metadata": "",
        "depositWalletParams": params | inside,
    } | changed


def play(scene, **habits):
    """Run a scene of requests in an event loop of its own."""

    async def run():
        place = Place(**habits)
        async with place.http:
            await scene(place)

    asyncio.run(run())


def test_the_clients_own_bodies_are_taken():
    kinds = [parse_submission(body).type for body in RECORDED["submit_bodies"]]
    assert {"WALLET", "WALLET-CREATE", "SAFE"} <= set(kinds)
    (first, *_) = RECORDED["submit_bodies"]
    parsed = parse_submission(first).batch()
    assert (parsed.wallet, parsed.deadline) == (RECORDED["wallet"], 1_760_000_600)


def test_the_clients_own_builder_headers_are_good():
    recorded = RECORDED["builder_headers"]
    keys = RelayerKeys(lambda: RECORDED["time"])
    made = SimpleNamespace(**recorded["creds"], revoked_at=0)
    keys._builders[made.key] = made
    headers = {name.lower(): value for name, value in recorded["headers"].items()}
    body = recorded["body"]
    assert keys.check_builder(recorded["method"], recorded["path"], body, headers) is made


def test_a_batch_is_carried_to_its_end():
    async def scene(place):
        answer = await place.submit(batch())
        assert (answer.status_code, answer.json()["state"]) == (200, "STATE_NEW")
        assert (await place.status(answer))["state"] == "STATE_CONFIRMED"
        (errand,) = place.chain.sent
        assert errand.to == FACTORY
        shown = await place.http.get(
            "/transactions", headers=place.signed("/transactions", "", "GET")
        )
        assert [each["state"] for each in shown.json()] == ["STATE_CONFIRMED"]
        assert shown.json()[0]["transactionHash"] == "0x" + f"{1:064x}"

    play(scene)


@pytest.mark.parametrize(
    ("refusal", "succeeds", "state"),
    [("InvalidSignature", True, "STATE_INVALID"), ("", False, "STATE_FAILED")],
)
def test_what_fails_ends_so(refusal, succeeds, state):
    async def scene(place):
        place.chain.refusal, place.chain.succeeds = refusal, succeeds
        found = await place.status(await place.submit(batch()))
        assert found["state"] == state
        assert found["error_msg"]
        assert bool(found["transaction_hash"]) == (state == "STATE_FAILED")

    play(scene)


def test_one_action_a_wallet_and_a_nonce_that_is_the_next():
    async def scene(place):
        stale = await place.submit(batch(nonce="3"))
        assert stale.status_code == 400
        assert stale.json()["error"] == "batch nonce 3 does not match on-chain nonce 4"
        first = await place.submit(batch())
        await asyncio.sleep(0.01)
        busy = await place.submit(batch())
        assert busy.status_code == 400
        assert "wallet busy" in busy.json()["error"]
        assert "active action" in busy.json()["error"]
        await place.status(first)
        assert (await place.submit(batch())).status_code == 200

    play(scene)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"deadline": str(NOW + 9)}, "deadline"),
        ({"from": STRANGER}, "not authorized"),
        ({"depositWallet": STRANGER}, "not deployed"),
        ({"to": TARGET}, "factory"),
        ({"signature": "0x" + "11" * 130}, "invalid signature"),
        ({"calls": [{"target": WALLET, "value": "0", "data": AUTHORIZE}]}, "wallet itself"),
        ({"calls": []}, "invalid request body"),
        ({"metadata": "x" * 501}, "invalid request body"),
        ({"nonce": 4}, "invalid request body"),
        ({"more": 1}, "invalid request body"),
        ({"type": "WALLETS"}, "invalid request body"),
    ],
)
def test_refused_batches(changed, words):
    async def scene(place):
        answer = await place.submit(batch(**changed))
        assert answer.status_code == 400
        assert words in answer.json()["error"]
        assert place.chain.sent == []

    play(scene)


def test_each_answer_the_venue_could_give_can_be_chosen():
    """VENUE g: long signatures, handovers, wallets for contracts."""
    handover = "0x" + selector("transferOwnership(address,uint256)").hex() + "00" * 64
    calls = [{"target": WALLET, "value": "0", "data": handover}]
    create = {"type": "WALLET-CREATE", "from": TARGET, "to": FACTORY, "metadata": ""}

    async def scene(place):
        place.chain.deployed.add(TARGET)  # a contract that wants a wallet
        allowed = place.habits.handovers
        for payload in (batch(signature="0x" + "11" * 130), batch(calls=calls), create):
            answer = await place.submit(payload)
            assert answer.status_code == (200 if allowed else 400), answer.text
            if allowed:
                await place.status(answer)

    play(scene)
    play(scene, contract_owners=True, long_signatures=True, handovers=True)


def test_limits_of_a_minute_and_of_a_day():
    async def scene(place):
        for _ in range(25):
            assert (await place.submit({})).status_code == 400
        late = await place.submit({})
        assert (late.status_code, late.headers["Retry-After"]) == (429, "61")
        for _ in range(3):
            place.now += 61
            for _ in range(25):
                assert (await place.submit({})).status_code == 400
        place.now += 61
        assert (await place.submit({})).status_code == 429  # a hundred a day
        place.now += 24 * 60 * 60
        assert (await place.submit({})).status_code == 400

    play(scene)


def test_nobody_without_a_key():
    async def scene(place):
        body = json.dumps(batch())
        good = place.signed("/submit", body)
        for wrong in (
            {},
            good | {"POLY_BUILDER_SIGNATURE": "AAAA"},
            good | {"POLY_BUILDER_PASSPHRASE": "open"},
            good | {"POLY_BUILDER_TIMESTAMP": str(NOW - 300)},
            place.signed("/submit", body + " "),
            {"RELAYER_API_KEY": "none", "RELAYER_API_KEY_ADDRESS": OWNER},
        ):
            answer = await place.http.post("/submit", content=body, headers=wrong)
            assert answer.status_code == 401
        place.keys.revoke(place.builder)
        assert (await place.submit(batch())).status_code == 401

    play(scene)


def test_questions():
    async def scene(place):
        async def ask(path, **params):
            return (await place.http.get(path, params=params)).json()

        asked = {"address": OWNER, "type": "WALLET"}
        assert await ask("/v1/account/transactions/params", **asked) == {
            "address": OWNER,
            "nonce": "4",
        }
        assert await ask("/nonce", address=OWNER, type="SAFE") == {"nonce": "7"}
        assert await ask("/nonce", address=STRANGER, type="WALLET") == {"nonce": "0"}
        assert await ask("/deployed", address=WALLET) == {"deployed": True}
        assert await ask("/deployed", address=TARGET) == {"deployed": False}
        relay = await ask("/relay-payload", address=OWNER, type="PROXY")
        assert relay == {"address": place.chain.relay, "nonce": "0"}
        assert (await place.http.get("/deployed", params={"address": "0x1"})).status_code == 400
        assert (await place.http.get("/v1/account/transactions/none")).status_code == 404

    play(scene)


# session keys


def authorization(**changed):
    return {
        "walletAddress": WALLET,
        "sessionSignerAddress": KEY,
        "scopes": ["CLOB"],
        "validUntil": str(NOW + SESSION_S),
        "nonce": "4",
        "deadline": str(NOW + 600),
        "signature": SIGNATURE,
    } | changed


def revocation(**changed):
    asked = authorization(**changed)
    return {name: asked[name] for name in asked if name not in ("scopes", "validUntil")}


AUTHORIZATIONS = "/v1/session-signers/authorizations"
REVOCATIONS = "/v1/session-signers/revocations"
ONCE = {"Idempotency-Key": "one"}


def test_a_session_key_is_registered_when_the_chain_has_it():
    async def scene(place):
        answer = await place.post(AUTHORIZATIONS, authorization(), **ONCE)
        assert (answer.status_code, answer.json()["status"]) == (200, "SUBMITTED")
        assert place.sessions.of_wallet(WALLET) == []
        await place.status(answer)
        again = await place.post(AUTHORIZATIONS, authorization(), **ONCE)
        assert again.json()["operationId"] == answer.json()["operationId"]
        assert again.json()["status"] == "REGISTERED"
        assert len(place.chain.sent) == 1
        assert place.sessions.admits(WALLET, KEY, "CLOB")
        assert not place.sessions.admits(WALLET, KEY, "COMBOSRFQ")
        assert not place.sessions.admits(WALLET, STRANGER, "CLOB")
        nonce = await place.http.get("/nonce", params={"address": KEY, "type": "WALLET"})
        assert nonce.json() == {"nonce": "4"}  # of the wallet that it acts for
        place.now += SESSION_S
        assert not place.sessions.admits(WALLET, KEY, "CLOB")

    play(scene)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"validUntil": str(NOW + SESSION_S + 3_600)}, 400),
        ({"validUntil": str(NOW + 86_400)}, 400),
        ({"scopes": ["ALL", "CLOB"]}, 400),
        ({"scopes": ["PERPS"]}, 400),
        ({"scopes": []}, 400),
        ({"nonce": "3"}, 400),
        ({"scopes": ["ALL"]}, 200),
        ({"scopes": ["CLOB", "COMBOSRFQ"]}, 200),
    ],
)
def test_what_a_session_key_may_be(changed, status):
    async def scene(place):
        answer = await place.post(AUTHORIZATIONS, authorization(**changed), **ONCE)
        assert answer.status_code == status, answer.text

    play(scene)


def test_an_idempotency_key_stands_for_one_request():
    async def scene(place):
        assert (await place.post(AUTHORIZATIONS, authorization())).status_code == 400
        await place.post(AUTHORIZATIONS, authorization(), **ONCE)
        other = authorization(sessionSignerAddress=STRANGER)
        assert (await place.post(AUTHORIZATIONS, other, **ONCE)).status_code == 409

    play(scene)


def test_session_keys_need_a_builder_and_a_good_signature():
    async def scene(place):
        made = place.keys.make_relayer(OWNER)
        headers = {"RELAYER_API_KEY": made.key, "RELAYER_API_KEY_ADDRESS": OWNER} | ONCE
        body = json.dumps(authorization())
        answer = await place.http.post(AUTHORIZATIONS, content=body, headers=headers)
        assert answer.status_code == 401
        place.chain.refusal = "InvalidSignature"
        refused = await place.post(AUTHORIZATIONS, authorization(), **ONCE)
        assert refused.status_code == 400
        place.chain.refusal, place.habits = "", Habits(session_keys=False)
        assert (await place.post(AUTHORIZATIONS, authorization(), **ONCE)).status_code == 403

    play(scene)


def test_a_revoked_key_leaves_the_registry_before_the_chain_knows():
    async def scene(place):
        await place.status(await place.post(AUTHORIZATIONS, authorization(), **ONCE))
        place.chain.mined.clear()
        headers = {"Idempotency-Key": "two"}
        answer = await place.post(REVOCATIONS, revocation(), **headers)
        assert (answer.json()["status"], answer.json()["fenced"]) == ("FENCED", True)
        assert place.sessions.of_wallet(WALLET) == []
        assert [(w.lower(), k.lower()) for w, k in place.ended] == [(WALLET, KEY)]
        await place.status(answer)
        again = await place.post(REVOCATIONS, revocation(), **headers)
        assert again.json()["status"] == "CONFIRMED"

    play(scene)


def test_a_revocation_that_the_owner_has_not_signed_fences_nothing():
    async def scene(place):
        await place.status(await place.post(AUTHORIZATIONS, authorization(), **ONCE))
        place.chain.refusal = "InvalidSignature"
        answer = await place.post(REVOCATIONS, revocation(), **{"Idempotency-Key": "two"})
        assert answer.status_code == 400
        assert place.sessions.admits(WALLET, KEY, "CLOB")
        assert place.ended == []

    play(scene)
