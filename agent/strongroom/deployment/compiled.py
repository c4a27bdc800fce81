"""Our contracts as ape has compiled them: a vault's whole ABI, what their code is once deployed,
and what they were compiled with."""

from contextlib import AbstractContextManager
from typing import Any

import ape


def vault_at(address: str) -> Any:
    """Return the vault at `address` with the ABI of all parts of its code."""
    return ape.Contract(address, contract_type=vault_type())


def vault_type() -> Any:
    """Return the contract type of a vault: the functions and events of its three parts."""
    merged = ape.project.Vault.contract_type.model_copy(deep=True)
    known = {entry.selector for entry in merged.abi if hasattr(entry, "selector")}
    for part in (ape.project.VaultDesk, ape.project.VaultGovernance):
        for entry in part.contract_type.abi:
            if entry.type in ("function", "event") and entry.selector not in known:
                merged.abi.append(entry)
                known.add(entry.selector)
    return merged


def runtime_code(name: str) -> bytes:
    """Return a contract's compiled runtime code; its immutables follow it on chain."""
    return _bytes(getattr(ape.project, name).contract_type.runtime_bytecode.bytecode)


def blueprint_code(name: str) -> bytes:
    """Return the runtime code of a contract's ERC-5202 blueprint."""
    creation = getattr(ape.project, name).contract_type.deployment_bytecode.bytecode
    return b"\xfe\x71\x00" + _bytes(creation)


def deployed_code(name: str, address: str, *arguments: Any) -> bytes:
    """Return the code, immutables included, that a contract has at an address if it was made there
    with these arguments: its constructor is run there, on no storage, without a transaction.

    Raises:
        ProviderError: the constructor reverts, or the node does not let calls override code.
    """
    creation = getattr(ape.project, name).constructor.serialize_transaction(*arguments).data
    override = {address: {"code": "0x" + bytes(creation).hex(), "state": {}}}
    call = {"to": address, "gas": hex(30_000_000)}
    answer = ape.networks.provider.make_request("eth_call", [call, "latest", override])
    return _bytes(str(answer))


def compiled_with() -> dict[str, str]:
    """Return the compiler and its settings, as a deployment's record keeps them."""
    compiler = next(each for each in ape.project.manifest.compilers if each.name == "vyper")
    settings = compiler.settings
    return {
        "name": compiler.name,
        "version": str(compiler.version),
        "evm_version": settings["evmVersion"],
        "optimize": settings["optimize"],
    }


def connected(url: str) -> AbstractContextManager[Any]:
    """Connect ape to an anvil that runs at `url`, as a local chain whatever its id."""
    network: Any = ape.networks.ethereum.local
    found: AbstractContextManager[Any] = network.use_provider(
        "foundry", provider_settings={"host": url}
    )
    return found


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
