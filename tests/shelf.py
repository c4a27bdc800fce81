"""A web server that keeps what is PUT and gives it back."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shelf(BaseHTTPRequestHandler):
    """Keeps what is PUT, and gives it back; as its server's settings say."""

    def do_PUT(self):
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.puts.append((self.path, self.headers.get("Authorization")))
        if server.is_away:
            self.reply(503)
        elif server.token and self.headers.get("Authorization") != f"Bearer {server.token}":
            self.reply(403)
        else:
            server.kept[self.path] = b"" if server.forgets else body
            self.reply(201)

    def do_GET(self):
        server = self.server
        server.gets.append((self.path, self.headers.get("Authorization")))
        if server.is_away:
            self.reply(503)
        elif self.path in server.kept:
            self.reply(200, server.kept[self.path])
        else:
            self.reply(404)

    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def shelf():
    """Yield a server of this machine; `url` is of its folder."""
    found = ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    found.kept, found.puts, found.gets, found.token = {}, [], [], ""
    found.is_away = found.forgets = False
    found.url = f"http://127.0.0.1:{found.server_port}/evidence"
    threading.Thread(target=found.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        found.shutdown()
        found.server_close()
