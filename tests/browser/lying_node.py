"""A node that answers whatever a test says: the app's script must not trust it.

It speaks JSON-RPC for one vault and its token, without a chain behind it. `says` has what it
answers to a method, or what returns it for what is asked; `returns` what a contract's function
returns.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

ABI = Path("agent/strongroom/chain/abi")
CHAIN = 137
HEAD = {"number": "0x64", "timestamp": "0x6553f100", "baseFeePerGas": "0x1"}
ZERO, ONE = "0x" + "00" * 20, 10**36
HASH = "0x" + "ab" * 32
RECEIPT = {"status": "0x1", "blockNumber": "0x64", "gasUsed": "0x5208"}
EMPTY = {"uint256": 0, "bool": False, "address": ZERO, "bytes1": b"\0", "bytes32": b"\0" * 32,
         "string": "", "bytes": b""}  # fmt: skip


def functions():
    """Return selector -> (name, types of what goes in and comes out), of vault and token."""
    found = {}
    for name in ("Erc20", "Vault"):
        for each in json.loads((ABI / f"{name}.json").read_text()):
            if each["type"] == "function":
                taken = [one["type"] for one in each["inputs"]]
                given = [one["type"] for one in each["outputs"]]
                selector = keccak(text=f"{each['name']}({','.join(taken)})")[:4]
                found[selector] = each["name"], taken, given
    return found


FUNCTIONS = functions()


def called(data):
    """Return the name and the arguments of a call."""
    raw = bytes.fromhex(data[2:])
    name, taken, _ = FUNCTIONS[raw[:4]]
    return name, decode(taken, raw[4:])


class LyingNode:
    """A node at `url`, for an open vault of which an account has 5,000 of the token."""

    def __init__(self, vault):
        self.says, self.asked = {}, []
        self.open = threading.Event()  # cleared: `held` methods wait for it
        self.held = {"eth_call"}
        self.open.set()
        self.returns = {
            "prices": (ONE, ONE),
            "navs": (10**12, 10**12),
            "balanceOf": (5_000 * 10**6,),
            "allowance": (0,),
            "freshUntil": (2**40,),
            "reporter": ("0x" + "33" * 20,),
            "depositTerms": (2**128, 1),
            "limit": (1_000,),
            "eip712Domain": (b"\x0f", "Vault", "1", CHAIN, vault, b"\0" * 32, []),
        }
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.open.set()
        self._server.shutdown()

    def wait_asked(self, *methods):
        """Wait until it was asked for one method after the other."""
        place, end = 0, time.monotonic() + 30
        while methods and time.monotonic() < end:
            if methods[0] in self.asked[place:]:
                place += self.asked[place:].index(methods[0]) + 1
                methods = methods[1:]
            time.sleep(0.02)
        assert not methods, self.asked

    def answer(self, asked):
        """Return the answer to one question."""
        self.asked.append(asked["method"])
        method, params = asked["method"], asked.get("params", [])
        if method in self.held:
            self.open.wait(30)
        if method in self.says:
            found = self.says[method]
            found = found(*params) if callable(found) else found
            said = found if isinstance(found, dict) and "error" in found else {"result": found}
        else:
            said = {"result": self._honest(method, params)}
        return {"jsonrpc": "2.0", "id": asked["id"], **said}

    def _honest(self, method, params):
        if method == "eth_call":
            name, _, given = FUNCTIONS[bytes.fromhex(params[0]["data"][2:10])]
            values = self.returns.get(name, [[] if "[" in t else EMPTY[t] for t in given])
            return "0x" + encode(given, values).hex()
        if method == "eth_simulateV1":
            calls = params[0]["blockStateCalls"][0]["calls"]
            return [{"calls": [{"status": "0x1", "gasUsed": "0x5208"} for _ in calls]}]
        if method == "eth_getBlockByNumber":
            return HEAD
        return {
            "eth_chainId": hex(CHAIN),
            "eth_getBalance": hex(10**18),
            "eth_getLogs": [],
            "eth_estimateGas": "0x5208",
            "eth_maxPriorityFeePerGas": "0x1",
            "eth_sendTransaction": HASH,
            "eth_getTransactionReceipt": RECEIPT,
        }.get(method)

    def _handler(self):
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_OPTIONS(self):
                self._reply(b"")

            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if "body" in node.says:
                    return self._reply(node.says["body"])
                found = (
                    list(map(node.answer, asked)) if isinstance(asked, list) else node.answer(asked)
                )
                return self._reply(json.dumps(found).encode())

            def _reply(self, body):
                self.send_response(200)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Access-Control-Allow-Headers", "*")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
