"""Accounts: API keys, builders' keys, and the session keys of a wallet."""

from dataclasses import asdict

from eth_utils.address import to_checksum_address
from fastapi import APIRouter, Request

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob.auth import ApiKey
from strongroom.devnet.clob.errors import Refusal
from strongroom.devnet.clob.routes.request import Signed, TheAuthority, TheEngine, TheRelayer

router = APIRouter()


@router.post("/auth/api-key")
async def create_key(authority: TheAuthority, request: Request) -> dict[str, str]:
    """Make the API key of an L1 request."""
    return _credentials(authority.create(request.headers))


@router.get("/auth/derive-api-key")
async def derive_key(authority: TheAuthority, request: Request) -> dict[str, str]:
    """Return the API key that was made before."""
    return _credentials(authority.derive(request.headers))


@router.get("/auth/api-keys")
async def keys(authority: TheAuthority, key: Signed) -> dict[str, list[str]]:
    """Return the ids of the caller's keys."""
    return {"apiKeys": authority.keys_of(key.address)}


@router.delete("/auth/api-key")
async def delete_key(authority: TheAuthority, key: Signed) -> str:
    """Forget the caller's key."""
    authority.delete(key)
    return "OK"


@router.get("/auth/ban-status/closed-only")
async def closed_only(key: Signed) -> dict[str, bool]:
    """Say that nobody is banned."""
    return {"closed_only": False}


@router.post("/auth/builder-api-key")
async def create_builder_key(relayer: TheRelayer, key: Signed) -> dict[str, str]:
    """Make a builder's key."""
    made = relayer.keys.make_builder(key.address)
    return {"key": made.key, "secret": made.secret, "passphrase": made.passphrase}


@router.get("/auth/builder-api-key")
async def builder_keys(relayer: TheRelayer, key: Signed) -> list[JsonObject]:
    """Return the caller's builder keys."""
    return [
        {
            "key": each.key,
            "createdAt": each.created_at * 1_000,
            "revokedAt": each.revoked_at * 1_000 if each.revoked_at else None,
        }
        for each in relayer.keys.builders_of(key.address)
    ]


@router.delete("/auth/builder-api-key")
async def revoke_builder_key(relayer: TheRelayer, request: Request) -> str:
    """End the builder's key that signs the request."""
    path = request.url.path
    relayer.keys.revoke(relayer.keys.check_builder("DELETE", path, "", request.headers))
    return "OK"


@router.get("/v1/user/session-signers")
async def session_signers(engine: TheEngine, key: Signed) -> JsonObject:
    """Return the session keys of the caller's wallet (VENUE b)."""
    wallet = await engine.chain.wallet_of(key.address, safe=False)
    if wallet is None:
        raise Refusal(404, "wallet not found")
    signers: list[JsonObject] = [
        {
            "address": to_checksum_address(each.address),
            "scopes": list(each.scopes),
            "valid_until": each.valid_until,
        }
        for each in engine.sessions.of_wallet(wallet)
    ]
    return {"wallet": wallet, "signers": signers}


def _credentials(key: ApiKey) -> dict[str, str]:
    parts = asdict(key)
    return {
        "apiKey": parts["key"],
        "secret": parts["secret"],
        "passphrase": parts["passphrase"],
    }
