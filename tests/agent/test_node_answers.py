"""What a node may answer beside the truth: our errors only, and no secret of the URL in them."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from strongroom.audit.logs import BadLog
from strongroom.audit.node import Node, NodeAway
from strongroom.audit.replay import Forks
from strongroom.chain.artifacts import vault_abi
from strongroom.chain.calls import Ask, make_call
from strongroom.chain.codec import BadArguments, FunctionCodec
from strongroom.chain.contracts import Contracts
from strongroom.chain.failures import ChainAway
from strongroom.chain.jsonrpc import reason, shown_url
from strongroom.chain.rpc import Chain
from strongroom.database import open_engine, paper_url, shown_database
from strongroom.errors import StrongroomError
from strongroom.settings import ConfigError

ERROR = "08c379a0"
SECRETS = "user", "hunter2", "SECRETKEY"
SECRET_PATH = "/v2/SECRETKEY?token=SECRETKEY"
NOBODY = "0x" + "12" * 20


def word(number):
    return f"{number:064x}"


def revert(text):
    data = text + bytes(-len(text) % 32)
    return "0x" + ERROR + word(32) + word(len(text)) + data.hex()


@contextmanager
def node(result=None, status=200, body=None, **answers):
    """Answer every method with a result, or one of its own, or with a status or a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))

            def answer(each):
                own = {"result": answers.get(each["method"], result)}
                return {"jsonrpc": "2.0", "id": each["id"]} | own

            found = [answer(each) for each in asked] if isinstance(asked, list) else answer(asked)
            sent = json.dumps(found).encode() if body is None else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (revert(b"market cap"), "market cap"),
        ({"data": revert(b"market cap")}, "market cap"),
        (revert(b"cap \xff\xfe"), "cap \ufffd\ufffd"),
        ("0x" + ERROR, "reverted"),
        ("0x" + ERROR + word(32) + word(7), "reverted"),
        ("0x" + ERROR + word(2**255) + word(7), "reverted"),
        ("0x" + ERROR + word(32) + word(2**255), "reverted"),
        ("0x" + ERROR + "zz", "reverted"),
        ("0x" + ERROR + "0", "reverted"),
        ("0x7f9a6f46", "NotCrossing"),
        ({"data": "0x4e487b71" + word(0x11)}, "Panic 0x11"),
        ("0x01020304", "reverted"),  # nobody's error
        ("0x", "reverted"),
        (None, "reverted"),
        (7, "reverted"),
        ({"data": None}, "reverted"),
    ],
)
def test_a_reason_is_told_whatever_the_data_are(data, told):
    assert reason({"code": 3, "message": "reverted", "data": data}) == told
    assert reason({"data": "0x" + ERROR})


def test_text_that_is_not_utf8_is_no_answer():
    symbol = FunctionCodec({"name": "symbol", "outputs": [{"type": "string"}]})
    with pytest.raises(BadArguments, match="symbol answered 0x"):
        symbol.decode(bytes.fromhex(revert(b"\xff\xfe")[10:]))


READS = {
    "chain_id": lambda chain: chain.chain_id,
    "height": lambda chain: chain.height(),
    "now": lambda chain: chain.now(),
    "times": lambda chain: chain.times([1, 2]),
    "code": lambda chain: chain.code(NOBODY),
    "balance": lambda chain: chain.balance(NOBODY),
    "nonce": lambda chain: chain.nonce(NOBODY),
    "fees": lambda chain: chain.fees(),
    "call": lambda chain: chain.call(NOBODY, b""),
    "call_all": lambda chain: chain.call_all([(NOBODY, b"")]),
}
NONSENSE = (None, "text", 7, [], {"error": 1}, [None])


@pytest.mark.parametrize("result", NONSENSE, ids=str)
@pytest.mark.parametrize("name", READS)
def test_nonsense_from_a_node_is_a_node_that_is_away(name, result):
    with node(result) as port, pytest.raises(ChainAway):
        READS[name](Contracts(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize("result", [each for each in NONSENSE if each is not None], ids=str)
def test_a_receipt_that_is_none(result):
    with node(result) as port, pytest.raises(ChainAway):
        Contracts(f"http://127.0.0.1:{port}").receipt("0x12")


KEEPERS_READS = {
    "fees": lambda chain: chain.fees(),
    "head": lambda chain: chain.head(),
    "now": lambda chain: chain.now(3),
    "sent_by": lambda chain: chain.sent_by(NOBODY),
    "gas_of": lambda chain: chain.gas_of(NOBODY, NOBODY, "0x"),
    "ask_one": lambda chain: chain.ask_one(NOBODY, "Vault", "totalAssets"),
    "at_head": lambda chain: chain.at_head([Ask(NOBODY, "Vault", "totalAssets")]),
    "logs": lambda chain: chain.logs(NOBODY, "Vault", "Allocated", 0),
}


@pytest.mark.parametrize("result", NONSENSE, ids=str)
@pytest.mark.parametrize("name", KEEPERS_READS)
def test_nonsense_to_the_keeper_is_a_node_that_is_away(name, result):
    if (name, result) == ("logs", []):
        return  # that is an answer
    with node(result, eth_chainId="0x7") as port, pytest.raises(ChainAway):
        KEEPERS_READS[name](Chain(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize(
    "body",
    [b"null", b"[]", b"7", b'"text"', b"{}", b'{"id": 1}', b'{"id": [], "result": "0x1"}',
     b"<html>", b"", b"\xff\xfe", b'{"id": 1, "error": null}', b'{"id": 1, "error": "no"}',
     b'{"id": 1, "error": {"message": null, "code": "x"}}', b"9" * 5_000],
)  # fmt: skip
def test_any_body_is_an_answer_or_a_node_that_is_away(body):
    with node(body=body) as port:
        for ask in (lambda url: Contracts(url).height(), Chain):
            with pytest.raises(ChainAway):
                ask(f"http://127.0.0.1:{port}")


def test_an_empty_error_beside_a_result_is_none():
    with node(body=b'{"id": 1, "result": "0x7", "error": null}') as port:
        assert Contracts(f"http://127.0.0.1:{port}").height() == 7


@pytest.mark.parametrize(
    ("url", "shown"),
    [("http://user:hunter2@host:8545/v2/SECRETKEY?token=SECRETKEY", "http://host:8545"),
     ("https://host/SECRETKEY", "https://host"), ("http://[::1]:8545/", "http://[::1]:8545"),
     ("http:/user:hunter2@host", "the URL (write http://host:port)"),
     ("http://host:hunter2", "the URL (write http://host:port)"),
     ("user:hunter2@host", "the URL (write http://host:port)"), ("", "the URL (write http://host:port)")],
)  # fmt: skip
def test_a_url_is_shown_without_what_opens_the_door(url, shown):
    assert shown_url(url) == shown


def told_by(ask, url):
    with pytest.raises(StrongroomError) as told:
        ask(url)
    assert not any(each in str(told.value) for each in SECRETS), told.value
    return str(told.value)


@pytest.mark.parametrize("status", [401, 403, 429, 404, 500, 200])
def test_no_message_has_a_key_and_a_wrong_one_is_named(status):
    with node(status=status, body=b"[]") as port:
        for ask in (lambda url: Contracts(url).height(), Chain):
            told = told_by(ask, f"http://user:hunter2@127.0.0.1:{port}{SECRET_PATH}")
            assert f"http://127.0.0.1:{port} " in told and "start the node" not in told
            if status in (401, 403, 429):
                assert f"(HTTP {status}): check the key in the URL" in told
        if status not in (401, 403):
            return
        url = f"http://user:hunter2@127.0.0.1:{port}{SECRET_PATH}"
        told = told_by(lambda at: Node(at, pause=lambda seconds: None).head(), url)
        assert f"refused eth_blockNumber (HTTP {status}): check the key in the URL" in told


@pytest.mark.parametrize(
    "place", ["127.0.0.1:9", "127.0.0.1:99999", "127.0.0.1:hunter2", "", "no such host", "[::1"]
)
def test_a_node_that_is_not_there_is_named_without_its_key(place):
    url = f"http://user:hunter2@{place}{SECRET_PATH}"
    assert "does not answer" in told_by(lambda at: Contracts(at, 1).height(), url)
    told_by(lambda at: Node(at, 1, pause=lambda seconds: None).head(), url)


def test_a_journal_is_named_without_its_password(tmp_path):
    for url in (
        "postgresql://user:hunter2@127.0.0.1:1/x?password=hunter2&sslpassword=SECRETKEY",
        "postgresql://user:hunter2@127.0.0.1:port/x",
        "postgres//user:hunter2@127.0.0.1/x",
        "host=127.0.0.1 password=hunter2",
        "oracle9://user:hunter2@host/x",
    ):
        assert "[journal]" in told_by(open_engine, url)
    with pytest.raises(ConfigError, match="is not a database: use sqlite"):
        paper_url("postgres//user:hunter2@127.0.0.1/x")
    assert shown_database("sqlite:///a/b.db") == "sqlite:///a/b.db"
    assert shown_database("postgresql://user:hunter2@host:7/x") == "postgresql://host:7/x"
    (tmp_path / "text").write_text("no database, and long enough to be seen as none " * 30)
    with pytest.raises(ConfigError, match="is no database: name another file"):
        open_engine(f"sqlite:///{tmp_path / 'text'}")


@pytest.mark.parametrize("result", NONSENSE, ids=str)
def test_nonsense_to_the_audit_is_a_node_that_is_away(result):
    with node(result) as port, pytest.raises(NodeAway, match="name another node"):
        Node(f"http://127.0.0.1:{port}", pause=lambda seconds: None).head()


SENT = "0x" + "ab" * 32
BLOCK = {
    "hash": SENT, "timestamp": "0x1", "baseFeePerGas": "0x1", "miner": NOBODY,
    "transactions": [{"hash": SENT, "input": "0x", "gasPrice": "0x1"}],
}  # fmt: skip
LOG = {"address": NOBODY, "topics": [SENT], "data": "0x", "blockNumber": "0x1", "logIndex": "0x0",
       "transactionHash": SENT}  # fmt: skip
WHOLE = {
    "eth_getBlockByNumber": BLOCK,
    "eth_getRawTransactionByHash": "0x02",
    "eth_sendRawTransaction": SENT,
    "eth_sendTransaction": SENT,
    "eth_getTransactionReceipt": {"status": "0x1", "gasUsed": "0x1", "logs": [LOG]},
    "debug_traceTransaction": {"post": {NOBODY: {"storage": {"0x0": "0x1"}}, SENT: {}}},
    "eth_call": "0x" + word(7) * 9,
}
AGAIN = {
    "replay": lambda again: again.replay(7, NOBODY),
    "what_if": lambda again: again.what_if(7, NOBODY, NOBODY, 100),
    "what_if_cap": lambda again: again.what_if_cap(7, NOBODY, NOBODY, 0, 1),
}
ODD = (
    *((ask, method, odd) for ask, methods in (
        ("replay", ("eth_getBlockByNumber", "eth_getRawTransactionByHash",
                    "eth_sendRawTransaction", "eth_getTransactionReceipt",
                    "debug_traceTransaction")),
        ("what_if", ("eth_getBlockByNumber", "eth_getLogs")),
        ("what_if_cap", ("eth_call", "eth_sendTransaction", "eth_getTransactionReceipt")),
    ) for method in methods for odd in (None, "text", 7, {"error": 1}, [None])),
    ("replay", "eth_getBlockByNumber", BLOCK | {"transactions": [SENT]}),
    ("replay", "eth_getBlockByNumber", BLOCK | {"timestamp": None}),
    ("what_if_cap", "eth_getBlockByNumber", BLOCK | {"baseFeePerGas": 1}),
    ("replay", "eth_getTransactionReceipt", {"status": "0x1", "gasUsed": "0x1", "logs": [None]}),
    ("replay", "eth_getTransactionReceipt", {"status": "0x1", "gasUsed": "0x1", "logs": None}),
    ("replay", "debug_traceTransaction", {"post": None}),
    ("replay", "debug_traceTransaction", {"post": {NOBODY: {"storage": [1]}}}),
    ("what_if_cap", "eth_call", "0x"),
    ("what_if_cap", "eth_call", "0xabc"),
)  # fmt: skip


def again_at(port, hash_of=lambda block: SENT):
    url = f"http://127.0.0.1:{port}"
    one, other = (Node(url, pause=lambda seconds: None) for _ in range(2))
    return Forks(one, other, url, hash_of)


def test_a_whole_block_is_executed_again():
    with node(**WHOLE) as port:
        found = again_at(port).replay(7, NOBODY)
        assert (found.transactions, found.words, found.differences) == (1, 1, ())
        assert again_at(port).what_if_cap(7, NOBODY, NOBODY, 0, 1).market_cap == 1


@pytest.mark.parametrize(
    ("name", "place"),
    [*((each, 7) for each in AGAIN), ("replay", 6), ("what_if_cap", 6)],
)
def test_another_chain_than_the_audited_one_is_not_executed_again(name, place):
    """The first of several nodes is reorganised, or lies: its block, or the one that the fork
    stands on, is none that was audited."""
    other = "0x" + "cd" * 32
    words = rf"has block {place} as {SENT}, the audit as {other}: .*name another node"
    with node(**WHOLE) as port, pytest.raises(NodeAway, match=words):
        AGAIN[name](again_at(port, lambda block: other if block == place else SENT))


@pytest.mark.parametrize(("name", "method", "result"), ODD, ids=str)
def test_nonsense_to_a_replay_is_one_sentence_with_advice(name, method, result):
    with (
        node(**WHOLE | {method: result}) as port,
        pytest.raises(
            (NodeAway, BadLog),
            match=r"127\.0\.0\.1:\d+ .*: name an|is no log of any event .*: ask another node",
        ),
    ):
        AGAIN[name](again_at(port))


@pytest.mark.parametrize("result", [[{}], [{**LOG, "topics": [], "data": "0x"}], [None]], ids=str)
def test_logs_that_are_none_are_a_node_that_is_away(result):
    chain = {"eth_chainId": "0x7", "eth_getLogs": result}
    words = r"list of (?:Allocated events|logs)"
    with node(**chain) as port, pytest.raises(ChainAway, match=words):
        Chain(f"http://127.0.0.1:{port}").logs(NOBODY, "Vault", "Allocated", 0)


EXECUTED = "0x442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e"
ONE_HASH, OTHER_HASH = "0x" + "12" * 32, "0x" + "34" * 32
FITS = {
    "address": NOBODY, "topics": [EXECUTED, ONE_HASH], "data": "0x" + "00" * 32,
    "transactionHash": ONE_HASH, "logIndex": "0x1", "blockNumber": "0x5",
}  # fmt: skip


@pytest.mark.parametrize("logs", [
    [FITS | {"address": "0x" + "77" * 20}], [FITS | {"topics": [EXECUTED, OTHER_HASH]}],
    [FITS | {"topics": [OTHER_HASH, ONE_HASH]}], [FITS | {"topics": [EXECUTED]}],
    [FITS | {"blockNumber": "0x4"}], [FITS | {"blockNumber": "0xa"}], [FITS | {"removed": True}],
    [FITS, FITS],
], ids=["address", "indexed", "event", "without", "before", "after", "undone",
        "twice"])  # fmt: skip
def test_a_node_that_leaves_a_filter_out_has_not_answered(logs):
    """Another order's fill would count as this one's. The interface has a filter by address, by
    topics and by blocks (execution-apis, eth_getLogs)."""
    for found, wanted in (([FITS], ONE_HASH), ([FITS], (OTHER_HASH, ONE_HASH)), (logs, ONE_HASH)):
        span = {"matching": {"txHash": wanted}}
        with node(eth_chainId="0x7", eth_getLogs=found) as port:
            chain = Chain(f"http://127.0.0.1:{port}")
            if found is logs:
                with pytest.raises(ChainAway, match="list of logs is not what was asked for"):
                    chain.logs(NOBODY, "Safe", "ExecutionSuccess", 5, 9, **span)
            else:
                assert len(chain.logs(NOBODY, "Safe", "ExecutionSuccess", 5, 9, **span)) == 1


def test_what_no_abi_has_is_an_error_of_ours():
    with pytest.raises(BadArguments, match="Vault has no fly of 0 arguments: run `make setup`"):
        make_call(NOBODY, "Vault", "fly")
    with pytest.raises(BadArguments, match="allocate takes"):
        make_call(NOBODY, "Vault", "allocate", "0xzz", -1)
    with node(eth_chainId="0x7") as port:
        chain = Chain(f"http://127.0.0.1:{port}")
        with pytest.raises(BadArguments, match="Vault has no event Flown: run `make setup`"):
            chain.logs(NOBODY, "Vault", "Flown", 0)
        for matching in ({"market": "0xzz"}, {"market": 7}, {"colour": 1}):
            with pytest.raises(BadArguments, match="Allocated is looked for by"):
                chain.logs(NOBODY, "Vault", "Allocated", 0, matching=matching)
    vault = Contracts("http://127.0.0.1:9").at(NOBODY, vault_abi())
    for read in (lambda: vault.events("Allocate"), lambda: vault.decoded(LOG, "Allocate")):
        with pytest.raises(BadArguments, match="no event Allocate: did you mean 'Allocated'"):
            read()


READ_LOG = {
    "address": NOBODY, "topics": ["0x" + word(1)], "data": "0x", "blockNumber": "0x7",
    "blockHash": "0x" + word(7), "transactionHash": "0x" + word(9), "logIndex": "0x0",
}  # fmt: skip
HEADER = {"number": "0x7", "hash": "0x" + word(7), "parentHash": "0x" + word(6), "timestamp": "0x1"}


class Telling(Node):
    """Answers questions for logs with this text."""

    def __init__(self, text):
        super().__init__("http://node", pause=lambda seconds: None)
        self.text = text

    def _post(self, body):
        (asked,) = body
        told = json.dumps(HEADER).encode() if "Block" in asked["method"] else self.text
        return b'[{"id": %d, "result": %s}]' % (asked["id"], told)


def with_more(more):
    return b"[%s, %s}]" % (json.dumps(READ_LOG).encode()[:-1], more)


@pytest.mark.parametrize(
    "more", [b'"removed": false', b'"removed": null', b'"x": {"y": {"z": [[1], {}]}}', b'"x": 5']
)
def test_what_a_log_has_besides_is_not_read(more):
    ((end, logs),) = Telling(with_more(more)).logs([NOBODY], 7, 7)
    assert (end, list(logs)) == (7, [READ_LOG])


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (b'"x": ' + b"[" * 10**5 + b"]" * 10**5, "ValueError"),
        (b'"x": "\xff"', "ValueError"),
        (b'"x": "\\ud800"', "ValueError"),
        (b'"x": ', "ValueError"),
    ],
)
def test_what_is_not_read_of_a_log_is_json_all_the_same(more, why):
    with pytest.raises(NodeAway, match=why):
        list(Telling(with_more(more)).logs([NOBODY], 7, 7))


@pytest.mark.parametrize("more", [b'"removed": true', b'"removed": 1', b'"removed": "no"'])
def test_a_log_that_was_removed_is_refused(more):
    with pytest.raises(BadLog, match="removed by a reorganisation"):
        list(Telling(with_more(more)).logs([NOBODY], 7, 7))


@pytest.mark.parametrize("name", READ_LOG)
@pytest.mark.parametrize("value", [None, 5, True, [], {}, "", "0x", "0xzz", "\ud800", "é"])
def test_a_field_of_a_log_of_another_kind_is_refused(name, value):
    if (name, value) == ("data", "0x"):
        return
    text = json.dumps([READ_LOG | {name: value}]).encode()
    with pytest.raises((BadLog, NodeAway)):
        list(Telling(text).logs([NOBODY], 7, 7))
