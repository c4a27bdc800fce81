"""From an owner's words to a refused order: each step leaves a file, and a stranger checks each.

A real Safe of two owners owns the vault. The stranger has the files, a node, eth-account and the
ABI of EIP-1271; nothing of what wrote the files.
"""

import json
import threading
import time
import tomllib
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import tomli_w
from click.testing import CliRunner
from eth_abi import decode, encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from strongroom.chain.ids import to_bytes
from strongroom.chain.orders import OnFailure, Side
from strongroom.cli.main import command
from strongroom.cosigner import wire
from strongroom.cosigner.client import CosignerClient
from strongroom.devnet import contracts as devnet
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys
from strongroom.devnet.operator_files import COSIGNER, PASSPHRASE, write_keystore
from strongroom.payments.budget import Budget, OverBudget
from strongroom.payments.buyer import Buyer, PaymentRefused
from strongroom.payments.mandated import BuyerMandate
from strongroom.payments.purchases import Purchases
from strongroom.signing.order import ExchangeDomain
from strongroom.signing.signers import CosignerRefused, OrderRequest, TransactionRequest
from strongroom.strategy.record import encode as encode_record

from tests.agent.test_buyer import URL, Seller, Token, required, terms
from tests.defaults import DAY, UNIT
from tests.e2e.keeper_stage import KeeperStage
from tests.records import RECORD as A_RECORD
from tests.signing import make_order

WORDS = "Tail trades of at most twenty units; nothing above ninety cents."
MODEL = {"set": {"orders.max_order": "20", "orders.max_price": "0.9", "orders.packs": "tail"}}


def run(*words):
    done = CliRunner().invoke(command, [str(each) for each in words], catch_exceptions=False)
    return done.exit_code, done.output


def ok(*words):
    code, said = run(*words)
    assert code == 0, said
    return said


class Owners:
    """A Safe of two keys that owns the vault, and their keystores."""

    def __init__(self, stage, folder):
        self.keys = [Account.from_key(bytes([number]) * 32) for number in (0x51, 0x52)]
        deployer = AnvilDeployer(devnet_keys()[0].account, stage.chain)
        addresses = [each.address for each in self.keys]
        self.safe = devnet.deploy_safe(deployer, stage.venue.safes, addresses, 2, nonce=77)
        self.files = []
        for number, key in enumerate(self.keys):
            self.files.append(folder / f"owner-{number}-of-safe.json")
            write_keystore(self.files[-1], key)
            stage.chain.impersonate(key.address)  # gives it gas
        stage.vault.transferOwnership(self.safe, sender=stage.people["owner"])
        as_safe = stage.chain.impersonate(self.safe.address)
        stage.vault.acceptOwnership(sender=as_safe)


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("STRONGROOM_PASSPHRASE", PASSPHRASE)
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        stage = KeeperStage(tmp_path / "stage", chain, 1).stage
        yield stage, Owners(stage, tmp_path), tmp_path
        stage.close()


def open_account(stage):
    """Let the keeper's Safe open the market; return its account."""
    keeper = stage.chain.impersonate(stage.safe.address)
    question = to_bytes(stage.markets[0].question_id)
    stage.vault.openMarket(0, question, 1, stage.chain.now() + 2 * DAY, sender=keeper)
    (market,) = stage.vault.openMarkets()
    return str(stage.vault.accountOf(market))


def order(stage, account, cash, tokens, salt):
    """Return an order that the co-signer's own policy admits, and its decision."""
    leg = replace(
        A_RECORD.legs[0], token=stage.markets[0].token_ids[0], side=Side.BUY, size=100 * UNIT
    )
    record = replace(
        A_RECORD, pack="tail", vault=stage.vault.address, legs=(leg,), on_failure=OnFailure.HOLD
    )
    built = make_order(
        account, leg.token, cash, tokens, signatureType=3, metadata=record.id, salt=salt
    )
    exchange = ExchangeDomain(stage.venue.exchange.address, "2", stage.chain.chain_id)
    return OrderRequest(built, exchange, stage.chain.now() + 200, 0, encode_record(record))


def with_mandate(stage, file, board):
    """Let the co-signer's file name a mandate; start it anew."""
    path = stage.folder / COSIGNER
    found = tomllib.loads(path.read_text())
    found["mandate"] = {"file": str(file), "board": board}
    path.write_text(tomli_w.dumps(found))
    stage.stop_cosigner()
    stage.start_cosigner()
    config = stage.config.cosigner
    return CosignerClient(config.url, config.secret_file.read_bytes().strip())


def hash_of(message):
    return keccak(b"\x19\x01" + message.header + message.body)


def strangers_hash(folder):
    """Return a mandate's EIP-712 hash, by eth-account, from the signed file and the two lines of
    docs/mandates.md that say how; the JSON for wallets must give the same."""
    said = json.loads((folder / "mandate.json").read_text())["mandate"]
    page = Path("docs/mandates.md").read_text().splitlines()
    types = {
        name: [
            dict(zip(("type", "name"), each.split(), strict=True))
            for line in page if line.startswith(f"    {name}(")
            for each in line.strip()[len(name) + 1 : -1].split(",")
        ]
        for name in ("Mandate", "Line")
    }  # fmt: skip
    names = {"chainId": "chain_id", "notBefore": "not_before", "notAfter": "not_after"}
    message = {each["name"]: said[names.get(each["name"], each["name"])]
               for each in types["Mandate"]}  # fmt: skip
    domain = {"name": "Strongroom Mandate", "version": "1", "chainId": said["chain_id"],
              "verifyingContract": said["vault"]}  # fmt: skip
    found = hash_of(encode_typed_data(domain, types, message))
    wallets = json.loads((folder / "typed.json").read_text())
    assert hash_of(encode_typed_data(full_message=wallets)) == found
    return found


def strangers_order_hash(sent):
    """Return an order's hash as its exchange has it, by eth-account, from the file of it."""
    kinds = {"salt": "uint256", "maker": "address", "signer": "address", "tokenId": "uint256",
             "makerAmount": "uint256", "takerAmount": "uint256", "side": "uint8",
             "signatureType": "uint8", "timestamp": "uint256", "metadata": "bytes32",
             "builder": "bytes32"}  # fmt: skip
    types = {"Order": [{"name": name, "type": kind} for name, kind in kinds.items()]}
    numbers = {name for name, kind in kinds.items() if kind.startswith("uint")}
    message = {name: int(sent["order"][name]) if name in numbers else sent["order"][name]
               for name in kinds}  # fmt: skip
    domain = {"name": "Polymarket CTF Exchange", "version": sent["domain"]["version"],
              "chainId": polymarket.CHAIN_ID,
              "verifyingContract": sent["domain"]["address"]}  # fmt: skip
    return "0x" + hash_of(encode_typed_data(domain, types, message)).hex()


def strangers_call(stage, to, signature, kinds, values, answers):
    """Ask a contract as anybody does: by its function's text."""
    data = keccak(text=signature)[:4] + encode(kinds, values)
    found = stage.chain.request("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")
    return decode(answers, bytes.fromhex(found[2:]))


class ModelServer(BaseHTTPRequestHandler):
    """Answers every question as a language model answered once."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": json.dumps(MODEL)}
        body = json.dumps({"choices": [{"index": 0, "message": message}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def model_url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), ModelServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_from_words_to_a_refused_order(made, model_url):
    stage, owners, folder = made
    node = ("--rpc", stage.chain.url)
    files = {name: folder / name for name in ("draft.toml", "one.json", "mandate.json")}

    # words -> draft, by a model that answers over HTTP
    model = ("--model-url", model_url, "--model", "small")
    policy = ("--policy", stage.folder / COSIGNER)
    said = ok("mandate", "draft", WORDS, *policy, *model, "--out", files["draft.toml"], *node)
    assert (
        "tighter: no order of more than 20 units (before: no order of more than 5,000 units)"
        in (said)
    )
    assert "the vault admits no more: no more than 10,000 units to a market at once" in said
    assert "nobody has signed it" in said
    assert "tighter: no order at a price above 0.9" in ok(
        "mandate", "diff", files["draft.toml"], *policy
    )

    # draft -> signed, by each owner; a stranger's key is refused
    write_keystore(folder / "stranger.json", Account.from_key(b"\x61" * 32))
    sign = ("mandate", "sign", files["draft.toml"], "--out", files["one.json"], *node)
    code, said = run(*sign, "--account", folder / "stranger.json")
    assert code == 2 and "is not the vault's owner" in said
    assert "are not enough" in ok(*sign, "--account", owners.files[0])
    code, said = run("mandate", "check", files["one.json"], *node)
    assert code == 2 and f"owner {owners.safe.address} has not signed version 1" in said
    said = ok(
        *("mandate", "sign", files["one.json"], "--out", files["mandate.json"], *node),
        *("--account", owners.files[1]),
    )
    assert "has signed it, as of block" in said

    # signed -> announced, by the Safe
    board = ok("mandate", "board", "--account", "TEST::0", *node).strip()
    announce = ("mandate", "announce", files["mandate.json"], "--board", board, *node, "--yes")
    code, said = run(*announce, "--account", owners.files[0])
    assert code == 2 and "needs 2 owners" in said
    code, said = run("mandate", "check", files["mandate.json"], "--board", board, *node)
    assert code == 2 and "none was announced" in said
    both = [word for each in owners.files for word in ("--account", each)]
    (folder / "announced.txt").write_text(ok(*announce, *both))
    assert "the last one announced" in ok(
        "mandate", "check", files["mandate.json"], "--board", board, *node
    )

    # announced -> enforced: an order that the policy admits, and line 3 does not
    client = with_mandate(stage, files["mandate.json"], board)
    account = open_account(stage)
    assert len(client.sign_order(order(stage, account, 20 * UNIT, 40 * UNIT, "1"))) == 65
    large = order(stage, account, 21 * UNIT, 42 * UNIT, "2")
    (folder / "order.json").write_bytes(wire.order_to_json(large))
    with pytest.raises(CosignerRefused) as refusal:
        client.sign_order(large)
    (folder / "refusal.txt").write_text(str(refusal.value))
    (folder / "typed.json").write_text(ok("mandate", "show", "--typed-data", files["mandate.json"]))
    check_as_a_stranger(stage, owners, folder, board)

    # money comes home all the same, once the owner has replaced the mandate and it has not
    replace_it(stage, owners, folder, board, client, account)


def check_as_a_stranger(stage, owners, folder, board):
    """From the files and a node alone: the line was signed, announced, and refused this order."""
    name = strangers_hash(folder)
    signed = json.loads((folder / "mandate.json").read_text())
    sent = json.loads((folder / "order.json").read_text())
    order_sent = sent["order"]
    # who owned the vault, and that the owner says yes to this hash
    (owner,) = strangers_call(stage, stage.vault.address, "owner()", [], [], ["address"])
    assert owner.lower() == owners.safe.address.lower()
    by_owner = sorted(signed["signatures"], key=lambda each: int(each["owner"], 16))
    joined = b"".join(bytes.fromhex(each["signature"][2:]) for each in by_owner)
    question = (stage, owner, "isValidSignature(bytes32,bytes)", ["bytes32", "bytes"])
    assert strangers_call(*question, [name, joined], ["bytes4"])[0].hex() == "1626ba7e"
    # that it was announced
    (announced, version, by, _) = strangers_call(
        stage, board, "mandateOf(address)", ["address"], [stage.vault.address],
        ["bytes32", "uint64", "address", "uint256"],
    )  # fmt: skip
    assert (announced, version, by.lower()) == (name, 1, owner.lower())
    # that the line which the refusal names stands in what was signed, and is below this order
    said = (folder / "refusal.txt").read_text()
    number = int(said.split("mandate line ")[1].split(":")[0])
    assert signed["mandate"]["words"] == WORDS
    line = signed["mandate"]["lines"][number - 1]
    assert (line["name"], line["class"]) == ("orders.max_order", -1)
    assert line["number"] == 20 * UNIT < int(order_sent["makerAmount"])
    assert "0x" + name.hex() in said
    # that the co-signer's own log has the refusal of this order, and signed none of its hash
    log = (stage.folder / "cosigner.log").read_text().splitlines()
    (line,) = [each for each in log if f"hash={strangers_order_hash(sent)}" in each]
    assert "refused" in line and said.removeprefix("the co-signer refuses: ") in line


def test_a_buyer_pays_within_the_owners_mandate(made):
    """Its file admits 5,000 base units at once; the owner has signed 2,000 and 3,000 a day. What is
    replaced, or another vault's, lets nothing be signed."""
    stage, owners, folder = made
    node, both = ("--rpc", stage.chain.url), []
    for each in owners.files:
        both += ["--account", each]
    draft = ("mandate", "draft", "Data for cents.", "--policy", stage.folder / COSIGNER, *node)
    limits = ("--set", "data.max_payment=0.002", "--set", "data.max_per_day=0.003")
    said = ok(*draft, *limits, "--out", folder / "draft.toml")
    assert "tighter: no more than 0.003 units paid for data in a day (new)" in said
    file = folder / "mandate.json"
    ok("mandate", "sign", folder / "draft.toml", "--out", file, *both, *node)
    board = ok("mandate", "board", "--account", "TEST::0", *node).strip()
    section = BuyerMandate(vault=stage.vault.address, file=file, board=board)

    def buys(amount, section=section):
        seller, token = Seller(required(terms(amount=str(amount)))), Token()
        token.chain = stage.chain
        buyer = Buyer(
            Account.create(), token, purchases, Budget(5_000, 9_000, 9_000, 9_000),
            transport=httpx.MockTransport(seller), mandate=section,
        )  # fmt: skip
        try:
            return buyer.buy(URL).amount
        finally:
            assert len(seller.sent) <= 1

    purchases = Purchases(folder / "purchases.db")
    with pytest.raises(PaymentRefused, match="nothing was signed: none was announced"):
        buys(1_000)
    ok("mandate", "announce", file, "--board", board, "--yes", *both, *node)
    assert buys(2_000) == 2_000
    lines = len(json.loads(file.read_text())["mandate"]["lines"])
    with pytest.raises(OverBudget, match=f"mandate line {lines - 1}: data.max_payment of version"):
        buys(2_001)
    with pytest.raises(OverBudget, match=f"mandate line {lines}: data.max_per_day of version 1"):
        buys(1_001)
    other = section.model_copy(update={"vault": board})
    with pytest.raises(PaymentRefused, match="nothing was signed: it is for the vault"):
        buys(1_000, other)
    # the co-signer has no key of these lines, and takes the mandate up all the same
    client = with_mandate(stage, file, board)
    account = open_account(stage)
    assert len(client.sign_order(order(stage, account, 20 * UNIT, 40 * UNIT, "1"))) == 65
    second = folder / "second.json"
    ok("mandate", "draft", "None.", "--previous", file, "--set", "data.max_per_day=0",
       "--out", folder / "second.toml", *node)  # fmt: skip
    ok("mandate", "sign", folder / "second.toml", "--out", second, *both, *node)
    ok("mandate", "announce", second, "--board", board, "--yes", *both, *node)
    with pytest.raises(PaymentRefused, match="version 1 was replaced by version 2"):
        buys(1_000)
    with pytest.raises(OverBudget, match=r"data\.max_per_day of version 2"):
        buys(1, section.model_copy(update={"file": second}))
    assert [each.amount for each in purchases.all()] == [2_000]


def replace_it(stage, owners, folder, board, client, account):
    """Let the owner announce a version that admits nothing; take it up without a restart."""
    node, both = ("--rpc", stage.chain.url), []
    for each in owners.files:
        both += ["--account", each]
    first, second = folder / "mandate.json", folder / "second.json"
    draft = ("mandate", "draft", "Stop.", "--previous", first, "--set", "orders.packs=none")
    draft += ("--set", "classes=none")
    ok(*draft, "--out", folder / "second.toml", *node)
    ok("mandate", "sign", folder / "second.toml", "--out", second, *both, *node)
    ok("mandate", "announce", second, "--board", board, "--yes", *both, *node)
    deadline = time.monotonic() + 60
    words = ""
    for salt in range(10, 200):
        try:
            client.sign_order(order(stage, account, 5 * UNIT, 10 * UNIT, str(salt)))
        except CosignerRefused as refusal:
            words = str(refusal)
            break
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "version 1 was replaced by version 2" in words
    Path(first).write_bytes(second.read_bytes())
    while "was replaced" in words:
        assert time.monotonic() < deadline + 60
        time.sleep(0.5)
        with pytest.raises(CosignerRefused) as refusal:
            client.sign_order(order(stage, account, 5 * UNIT, 10 * UNIT, "999"))
        words = str(refusal.value)
    assert "mandate line" in words and "of version 2" in words
    halt = keccak(text="halt()")[:4]
    assert len(client.sign_transaction(TransactionRequest(account, halt, 0, 5))) == 65
