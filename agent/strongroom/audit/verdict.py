"""What an auditor signs: the hash of a verdict, for one vault, chain and block (EIP-712)."""

from collections.abc import Mapping
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from strongroom.chain.ids import canonical, keccak

TYPES = {
    "Attestation": [
        {"name": "vault", "type": "address"},
        {"name": "fromBlock", "type": "uint256"},
        {"name": "toBlock", "type": "uint256"},
        {"name": "clean", "type": "bool"},
        {"name": "verdict", "type": "bytes32"},
    ]
}


def verdict_hash(verdict: Mapping[str, Any]) -> bytes:
    """Return keccak of the verdict's canonical JSON, without its attestation."""
    plain = {name: value for name, value in verdict.items() if name != "attestation"}
    return keccak(canonical(plain))


def attest(verdict: Mapping[str, Any], auditor: LocalAccount) -> dict[str, str]:
    """Return the auditor's address and signature."""
    signed = Account.sign_message(_message(verdict), auditor.key)
    return {"auditor": auditor.address, "signature": "0x" + signed.signature.hex()}


def attested_by(verdict: Mapping[str, Any]) -> str:
    """Return who has signed a verdict; another address than claimed means that it was changed."""
    signature = verdict["attestation"]["signature"]
    signer: str = Account.recover_message(_message(verdict), signature=signature)
    return signer


def _message(verdict: Mapping[str, Any]) -> Any:
    return encode_typed_data(
        domain_data={"name": "Strongroom Audit", "version": "1", "chainId": verdict["chain_id"]},
        message_types=TYPES,
        message_data={
            "vault": verdict["vault"],
            "fromBlock": verdict["from_block"],
            "toBlock": verdict["to_block"],
            "clean": not verdict["differences"],
            "verdict": verdict_hash(verdict),
        },
    )
