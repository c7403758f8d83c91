"""Price services as they look from outside, on this machine alone.

A proxy to which a client says CONNECT query1.finance.yahoo.com:443, and behind which it finds a TLS
server with a certificate for that host, of an authority of our own. What is tested through it is
the client's whole stack: TLS, HTTP, parsing. It is not the live service.
"""

import http.server
import json
import socketserver
import ssl
import threading
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import trustme

CUT = "cut"
"""Instead of a body: half of it, and the connection is closed."""


class Loopback:
    """Answers by `answer(host, path, query)` -> (status, body), a body being text or JSON.

    `faults` are given first, one a request that `faulty` picks.
    """

    def __init__(self, folder, answer, faulty: Callable[[str], bool]):
        self.answer, self.faulty = answer, faulty
        self.faults: list = []
        self.asked: list[str] = []
        authority = trustme.CA()
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._issue = authority.issue_cert
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Tunnel)
        self._server.daemon_threads = True
        self._server.loopback = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def context(self, host: str) -> ssl.SSLContext:
        if host not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._issue(host).configure_cert(context)
            self._contexts[host] = context
        return self._contexts[host]

    def respond(self, host: str, target: str):
        parts = urlsplit(target)
        self.asked.append(host + target)
        if self.faulty(parts.path) and self.faults:
            return self.faults.pop(0)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        return self.answer(host, parts.path, query)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Tunnel(socketserver.BaseRequestHandler):
    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(4096)
        host = head.split(b" ")[1].split(b":")[0].decode()
        self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        context = self.server.loopback.context(host)
        try:
            with context.wrap_socket(self.request, server_side=True) as tls:
                _Pages(host, self.server.loopback, tls, self.client_address, self.server)
        except OSError:
            pass  # the client went away


class _Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, host, loopback, *args):
        self.host, self.loopback = host, loopback
        super().__init__(*args)

    def do_GET(self):
        status, body = self.loopback.respond(self.host, self.path)
        cut = body == CUT
        text = body if isinstance(body, str) and not cut else json.dumps(body)
        kind = "text/html" if isinstance(body, str) else "application/json"
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) + 1000 * cut))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_):
        pass
