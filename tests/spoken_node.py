"""A node that says what a test tells it to: a function from a question to an answer."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace


@contextmanager
def spoken_node(say, status=200, whole=None):
    """Yield a node, with the batches of methods that it was asked.

    Args:
        say: (method, parameters) -> what is in the answer: {"result": ...} or {"error": ...}, or
            None where it leaves the question out
        status: of HTTP, or a function from the methods to one
        whole: a function from the questions of a batch to the one answer to all of it, or None
    """
    node = SimpleNamespace(url="", asked=[])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            batch = body if isinstance(body, list) else [body]
            methods = [each["method"] for each in batch]
            node.asked.append(methods)
            found = whole(batch) if whole is not None else None
            if found is None:
                said = [(each["id"], say(each["method"], each["params"])) for each in batch]
                answers = [{"jsonrpc": "2.0", "id": n, **one} for n, one in said if one is not None]
                found = answers if isinstance(body, list) else answers[0]
            text = json.dumps(found).encode()
            self.send_response(status(methods) if callable(status) else status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    node.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
