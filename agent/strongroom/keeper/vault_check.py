"""Whether the addresses of a keeper's file are what the file takes them for."""

from strongroom.chain.calls import Ask
from strongroom.chain.failures import CallReverted
from strongroom.chain.rpc import Chain, checksum
from strongroom.chain.terms import ordinal
from strongroom.keeper.configuration import Config
from strongroom.settings import ConfigError


def check_vault(config: Config, chain: Chain) -> str:
    """Refuse addresses that are not what the file takes them for; return the vault's reporter.

    Raises:
        ConfigError: see above.
    """
    addresses = {"vault": config.vault, "safe.address": config.safe.address}
    addresses["safe.multi_send"] = config.safe.multi_send
    addresses |= {
        f"venue.exchanges.{number}": each.address
        for number, each in enumerate(config.venue.exchanges)
    }
    for place, address in addresses.items():
        if chain.code_at(address) == "0x":
            raise ConfigError(f"[{place}] there is no contract at {address} on this chain")
    limit = ordinal("max_order_lifetime_s")
    questions = [("reporter", ()), ("limit", (limit,))]
    questions += [("keeperOf", (number,)) for number in config.classes]
    try:
        reporter, lifetime, *keepers = chain.ask(
            [Ask(config.vault, "Vault", name, given) for name, given in questions]
        )
    except CallReverted as error:
        raise ConfigError(f"[vault] {config.vault} is not a Strongroom vault") from error
    holders = {
        f"class {number}'s keeper": each
        for number, each in zip(config.classes, keepers, strict=True)
    }
    for role, holder in holders.items():
        if holder.lower() != config.safe.address.lower():
            words = _of_gate(config.safe.address, holder, chain)
            raise ConfigError(f"[safe.address] the vault's {role} is {checksum(holder)}{words}")
    if config.execution.order_lifetime_s > lifetime:
        raise ConfigError(
            f"[execution.order_lifetime_s] the vault admits at most {lifetime} seconds"
        )
    return checksum(reporter)


def _of_gate(safe: str, holder: str, chain: Chain) -> str:
    """Return what is to be done where a class's keeper is a proof gate of the Safe; "": it is
    none."""
    try:
        owns = chain.code_at(holder) != "0x" and chain.ask_one(holder, "ProofGate", "KEEPER")
    except CallReverted:
        return ""
    if not owns or str(owns).lower() != safe.lower():
        return ""
    return (
        ", a proof gate of this Safe: no keeper trades through one by itself, so take the class "
        "out of `classes` and let its budget out by `strongroom proof allocate`"
    )
