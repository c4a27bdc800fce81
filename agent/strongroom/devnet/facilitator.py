"""A facilitator of x402 on this machine: it checks and settles payments on the devnet's chain.

The logic is the `x402` package's own; it ships no HTTP application, so that is here. Its key is hot
and pays gas: it can delay a payment and cannot redirect it.
"""

import asyncio

from fastapi import FastAPI
from x402 import x402Facilitator
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import register_exact_evm_facilitator
from x402.schemas import (
    SettleRequest,
    SettleResponse,
    SupportedResponse,
    VerifyRequest,
    VerifyResponse,
)

from strongroom.chain.contracts import Key
from strongroom.devnet.app_thread import AppThread

LEAST_WAIT_S = 30.0  # for a receipt; then the settlement is called pending


class FacilitatorFaults:
    """What goes wrong, where a test wants it.

    Attributes:
        settle_delay_s: before a payment is settled
        lose_settled: settle, then answer nothing that a client understands
        lie: answer that a payment is settled, and settle nothing
    """

    def __init__(self) -> None:
        """Let nothing go wrong."""
        self.settle_delay_s, self.lose_settled, self.lie = 0.0, False, False


def create_facilitator(rpc_url: str, key: Key, chain_id: int, faults: FacilitatorFaults) -> FastAPI:
    """Return the application: /supported, /verify and /settle.

    Args:
        key: pays the gas
    """
    network = f"eip155:{chain_id}"
    core = x402Facilitator()
    signer = FacilitatorWeb3Signer(key.private_key, rpc_url, LEAST_WAIT_S)
    register_exact_evm_facilitator(core, signer, network)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/supported")
    def supported() -> SupportedResponse:
        return core.get_supported()

    # the package's methods block on the node: a thread a request, as FastAPI gives plain functions
    @app.post("/verify")
    def verify(asked: VerifyRequest) -> VerifyResponse:
        return asyncio.run(core.verify(asked.payment_payload, asked.payment_requirements))

    @app.post("/settle")
    def settle(asked: SettleRequest) -> SettleResponse:
        if faults.lie:
            return SettleResponse(success=True, transaction="0x" + "11" * 32, network=network)
        if faults.settle_delay_s:
            asyncio.run(asyncio.sleep(faults.settle_delay_s))
        found = asyncio.run(core.settle(asked.payment_payload, asked.payment_requirements))
        if faults.lose_settled:
            raise RuntimeError("the answer is lost")
        return found

    return app


class FacilitatorServer(AppThread):
    """The facilitator on a port, in a thread of its own."""

    def __init__(self, rpc_url: str, key: Key, chain_id: int, port: int = 0) -> None:
        self.faults = FacilitatorFaults()
        app = create_facilitator(rpc_url, key, chain_id, self.faults)
        super().__init__(app, port=port, name="facilitator")
