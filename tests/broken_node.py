"""A node behind a line that breaks: it hears what it is asked, and its answers may be lost."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import requests

SEND, RECEIPT, LOOK = (
    "eth_sendRawTransaction", "eth_getTransactionReceipt", "eth_getTransactionByHash",
)  # fmt: skip


@contextmanager
def broken_line(url):
    """Yield a node's other URL, and what to break.

    `lost` are methods that the node hears and whose answers are lost; `unheard` are not even heard;
    `told` are answers of methods in place of the node's; `after` breaks everything once so many
    transactions were sent; `sent` counts them. `refuse` says of a raw transaction why the node does
    not take it, or nothing; `refused` has those.
    """
    line = SimpleNamespace(url="", lost=set(), unheard=set(), told={}, after=10**9, sent=0)
    line.refuse, line.refused = lambda raw: "", []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = json.loads(body)
            methods = {each["method"] for each in (asked if isinstance(asked, list) else [asked])}
            if methods & line.unheard or (line.sent >= line.after and SEND not in methods):
                return
            line.sent += SEND in methods
            if SEND in methods and (why := line.refuse(asked["params"][0])):
                line.refused.append(why)
                self.say({"id": asked["id"], "error": {"code": -32000, "message": why}})
                return
            found = requests.post(url, data=body, headers={"Content-Type": "application/json"})
            if methods & line.lost:
                return
            answer = found.content
            for method in methods & set(line.told):
                answer = json.dumps({"id": asked["id"], **line.told[method]}).encode()
            self.say(answer)

        def say(self, answer):
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    line.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()
