"""Write docs/contracts/reference.md from the contracts' own words: `make reference`."""

import re
from pathlib import Path
from typing import Any

import ape
import click

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "docs" / "contracts" / "reference.md"
CONTRACTS = {
    "Vault": "Vault.vy",
    "VaultDesk": "VaultDesk.vy",
    "VaultExits": "VaultExits.vy",
    "VaultGovernance": "VaultGovernance.vy",
    "VaultFactory": "VaultFactory.vy",
    "PerformanceSplitter": "PerformanceSplitter.vy",
    "PolymarketAccount": "accounts/PolymarketAccount.vy",
    "WalletAccount": "accounts/WalletAccount.vy",
    "PositionAccount": "accounts/PositionAccount.vy",
    "SafeAccount": "accounts/SafeAccount.vy",
    "FpmmAccount": "accounts/FpmmAccount.vy",
    "DelegatedAccount": "accounts/DelegatedAccount.vy",
    "WalletRegistry": "accounts/WalletRegistry.vy",
    "MandateBoard": "MandateBoard.vy",
    "ProofGate": "ProofGate.vy",
}
STANDARD = {
    **dict.fromkeys(
        ("transfer", "approve", "transferFrom", "balanceOf", "allowance", "totalSupply"),
        "ERC-20 of the shares.",
    ),
    **dict.fromkeys(("name", "symbol", "decimals"), "ERC-20 metadata of the shares."),
    **dict.fromkeys(
        ("permit", "nonces", "DOMAIN_SEPARATOR", "eip712Domain"), "ERC-2612 / EIP-5267."
    ),
    "owner": "Who owns the vault.",
    "isOperator": "Whether the second account is an operator of the first (ERC-7540).",
}
FUNCTION = re.compile(r'@external\n(?:@\w+\n)*def (\w+)\([^"]*?:\n    """\n(.*?)"""', re.S)
CONSTRUCTOR = re.compile(r'@deploy\n(?:@\w+\n)*def __init__\([^"]*?:\n    """\n(.*?)"""', re.S)
PARAMETER = re.compile(r"@param (\w+) (.*?)(?=\s*@|\s*\Z)", re.S)
GETTER = re.compile(r"^(\w+): public\((?:[^#\n]*)\)(?: = .*?)?  # (.*)$", re.M)


def described(path: Path) -> dict[str, str]:
    """Return name -> what the source says of its external functions and public variables."""
    text = path.read_text()
    found = {name: _summary(docstring) for name, docstring in FUNCTION.findall(text)}
    found |= {name: comment[0].upper() + comment[1:] for name, comment in GETTER.findall(text)}
    return found


def _summary(docstring: str) -> str:
    """Return the @notice, else the @return, as one line."""
    parts = re.split(r"\n?\s*@(\w+) ", "\n" + docstring)
    tags = dict(zip(parts[1::2], parts[2::2], strict=False))
    text = tags.get("notice") or "Returns: " + tags.get("return", "")
    return " ".join(text.split())


def constructor(name: str, entries: list[Any], source: str) -> list[str]:
    """Return the table of a constructor's arguments; nothing where there are none."""
    inputs = [
        argument for each in entries if each.type == "constructor" for argument in each.inputs
    ]
    if not inputs:
        return []
    (docstring,) = CONSTRUCTOR.findall(source)
    words = {word: " ".join(text.split()) for word, text in PARAMETER.findall(docstring)}
    rows = [f"| `{each.name}` | `{each.type}` | {words[each.name]} |" for each in inputs]
    header = ["| argument of the constructor | type | what it is |", "|---|---|---|"]
    return [*header, *rows, ""]


def reference() -> str:
    """Return the page."""
    modules: dict[str, str] = {}
    for path in sorted((ROOT / "contracts" / "modules").glob("*.vy")):
        modules |= described(path)
    lines = [
        "# Reference",
        "",
        "Every external function, in the words of its source. Written by `make reference`.",
    ]
    for name, file in CONTRACTS.items():
        own = described(ROOT / "contracts" / file)
        entries: list[Any] = ape.project.get_contract(name).contract_type.abi
        lines += ["", f"## {name}", ""]
        lines += constructor(name, entries, (ROOT / "contracts" / file).read_text())
        lines += ["| function | what it does |", "|---|---|"]
        seen = set()
        for entry in entries:
            if entry.type != "function" or entry.name in seen:
                continue
            seen.add(entry.name)
            text = own.get(entry.name) or modules.get(entry.name) or STANDARD.get(entry.name)
            if not text:
                raise click.ClickException(f"{name}.{entry.name} says nothing of itself")
            arguments = ", ".join(argument.name for argument in entry.inputs)
            lines.append(f"| `{entry.name}({arguments})` | {text.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


@click.command()
def cli() -> None:
    """Write docs/contracts/reference.md from the contracts' NatSpec.

    Example: python -m scripts.dev.export_reference
    """
    TARGET.write_text(reference())
    click.echo(f"{TARGET.relative_to(ROOT)}: {TARGET.read_text().count(chr(10))} lines")


if __name__ == "__main__":
    cli()
