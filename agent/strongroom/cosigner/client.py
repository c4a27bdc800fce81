"""The keeper's side of the co-signer."""

import time
from collections.abc import Callable

import httpx

from strongroom.chain.ending_line import EndingLine
from strongroom.chain.ids import read_json, to_bytes
from strongroom.chain.whole_answers import WholeAnswers
from strongroom.cosigner import wire
from strongroom.signing.signers import (
    CosignerAway,
    CosignerRefused,
    OrderRequest,
    TransactionRequest,
)

TIMEOUT_S = 15.0
PATHS = ("/owner", "/ready", "/order", "/transaction")


class CosignerClient:
    """Asks the co-signer's process; see signers.Cosigner."""

    def __init__(
        self,
        url: str,
        secret: bytes,
        clock: Callable[[], float] = time.time,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Take its address: http://host:port, or unix:/path/to/socket.

        Raises:
            BadSecret: it is too short.
        """
        wire.check_secret(secret)
        self._secret, self._clock, self._where = secret, clock, url
        if url.startswith("unix:"):
            transport, url = EndingLine(uds=url.removeprefix("unix:")), "http://cosigner"
        else:
            transport = EndingLine()
        # the transport itself: redirects, cookies and proxies are nothing between these two
        self._door = WholeAnswers(transport, timeout_s, reads=False)
        self._urls = {path: httpx.URL(url + path) for path in PATHS}
        self._limits = {"timeout": httpx.Timeout(timeout_s).as_dict()}
        self._address: str | None = None

    @property
    def address(self) -> str:
        """The owner whose key it holds; asked for once.

        Raises:
            CosignerAway: it does not answer.
        """
        if self._address is None:
            self._address = self._post("/owner", b"{}", "owner")
        return self._address

    def check(self) -> None:
        """Ask whether it could sign: it is there, and so are its node and its store.

        Raises:
            CosignerAway: it does not answer, or says that it could not.
        """
        self._post("/ready", b"{}", "ready")

    def sign_order(self, request: OrderRequest) -> bytes:
        """Return its signature over an order.

        Raises:
            CosignerAway: it does not answer.
            CosignerRefused: its policy does not admit the order.
        """
        return self._sign("/order", wire.order_to_json(request))

    def sign_transaction(self, request: TransactionRequest) -> bytes:
        """Return its signature over a Safe transaction.

        Raises:
            CosignerAway: it does not answer.
            CosignerRefused: its policy does not admit the transaction.
        """
        return self._sign("/transaction", wire.transaction_to_json(request))

    def _sign(self, path: str, body: bytes) -> bytes:
        signature = self._post(path, body, "signature")
        try:
            return to_bytes(signature)
        except ValueError as error:
            raise self._odd() from error

    def _post(self, path: str, body: bytes, name: str) -> str:
        """Send a body; return the field of that name of what is answered."""
        now = int(self._clock())
        headers = {wire.TIME: str(now), wire.CODE: wire.code(self._secret, now, path, body)}
        request = httpx.Request(
            "POST", self._urls[path], headers=headers, content=body, extensions=self._limits
        )
        try:
            answer = self._door.handle_request(request)
        except httpx.HTTPError as error:
            raise CosignerAway(
                f"the co-signer at {self._where} does not answer ({type(error).__name__})"
            ) from error
        if answer.status_code == 403:
            raise CosignerRefused(f"the co-signer refuses: {self._field(answer, 'refused')}")
        if answer.status_code != 200:
            raise CosignerAway(
                f"the co-signer at {self._where} answers {answer.status_code}{_why(answer)}"
            )
        return self._field(answer, name)

    def _field(self, answer: httpx.Response, name: str) -> str:
        try:
            found = read_json(answer.content)
        except ValueError as error:
            raise self._odd() from error
        value = found.get(name) if isinstance(found, dict) else None
        if not isinstance(value, str):
            raise self._odd()
        return value

    def _odd(self) -> CosignerAway:
        return CosignerAway(f"what answers at {self._where} is no co-signer: check the address")


def _why(answer: httpx.Response) -> str:
    """Return the words of a co-signer that cannot sign; empty where it has none."""
    try:
        found = read_json(answer.content)
    except ValueError:
        return ""
    words = found.get("error") if isinstance(found, dict) else None
    return f": {words}" if isinstance(words, str) else ""
