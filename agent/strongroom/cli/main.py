"""The list of commands, by who needs them; each is loaded when it is typed."""

from importlib import import_module
from typing import Any, NamedTuple

import click

from strongroom.cli.boundary import Group


class CommandEntry(NamedTuple):
    """A command of the list: which module has it, under which name, and what it does."""

    module: str
    does: str
    attribute: str = "command"


COMMANDS: dict[str, dict[str, CommandEntry]] = {
    "Try it": {
        "demo": CommandEntry("devnet", "Run one complete vault life, in half a minute.", "demo"),
        "practice": CommandEntry("devnet", "Run a vault to practise on, until Ctrl-C.", "practice"),
        "faucet": CommandEntry("devnet", "Give an address money on a running practice.", "faucet"),
        "devnet": CommandEntry("devnet", "Run the venue on a local chain, until Ctrl-C.", "devnet"),
        "week": CommandEntry("devnet", "Run the keeper through a recorded week.", "week"),
        "doctor": CommandEntry("doctor", "Show what is installed, and how to install the rest."),
    },
    "Depositor": {
        "deposit": CommandEntry(
            "depositor", "Request a deposit; the next report prices it.", "deposit"
        ),
        "redeem": CommandEntry(
            "depositor", "Request a redemption; the next report prices it.", "redeem"
        ),
        "claim": CommandEntry("depositor", "Claim what reports have settled for you.", "claim"),
        "cancel": CommandEntry("depositor", "Cancel a request before it is priced.", "cancel"),
        "position": CommandEntry("depositor", "Show an account's position in a vault.", "position"),
        "statement": CommandEntry(
            "depositor", "Show an account's lots and their cost; write CSV.", "statement"
        ),
        "app": CommandEntry("page", "Serve a vault's page with a wallet.", "app"),
        "exit": CommandEntry("depositor", "Leave in kind, without keeper or price.", "leave"),
    },
    "Owner": {
        "deploy": CommandEntry(
            "deployment", "Deploy a vault from a plan, after a rehearsal.", "deploy"
        ),
        "verify": CommandEntry(
            "deployment", "Compare a deployed vault with code and plan.", "verify"
        ),
        "mandate": CommandEntry("mandate", "Say in a signed file what a co-signer may admit."),
        "proof": CommandEntry("proof", "Prove a forecaster's numbers to a gate (experimental)."),
        "gates": CommandEntry("gates", "Say which budget each strategy has earned."),
    },
    "Operator": {
        "init": CommandEntry("init", "Ask, check each answer, and write the first files."),
        "keeper": CommandEntry("keeper", "Run a keeper, and show what it does."),
        "cosigner": CommandEntry("cosigner", "Run the second owner of a keeper's Safe."),
        "mcp": CommandEntry("mcp", "Serve a keeper's vault to language models' tools."),
        "serve": CommandEntry("serve", "Sell data per call by x402, and buy it within a budget."),
        "venue": CommandEntry("venue", "Ask the venue what no public text says of it."),
    },
    "Auditor": {
        "audit": CommandEntry("audit", "Rebuild a vault from its logs; name differences."),
        "page": CommandEntry("page", "Write the result of an audit as a static site."),
        "identity": CommandEntry("identity", "Register agents, ask auditors, read records."),
    },
    "Quant": {
        "backtest": CommandEntry("backtest", "Run the keeper over recorded history."),
        "compare": CommandEntry("compare", "Put two backtests side by side."),
        "example": CommandEntry("example", "Write a small ladder's files, to begin with."),
        "import": CommandEntry("imports", "Bring recorded data of many sources into one folder."),
        "study": CommandEntry("study", "Study recorded prices and other venues."),
    },
}
ENTRIES = {name: entry for section in COMMANDS.values() for name, entry in section.items()}


class CommandGroup(Group):
    """The commands of the list."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Load a command."""
        if name not in ENTRIES:
            return None
        module = import_module(f"strongroom.cli.{ENTRIES[name].module}")
        command: click.Command = getattr(module, ENTRIES[name].attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list by role, without loading a command."""
        for role, entries in COMMANDS.items():
            with formatter.section(role):
                formatter.write_dl([(name, entry.does) for name, entry in entries.items()])


@click.group(
    cls=CommandGroup,
    name="strongroom",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Names complete on Tab after: eval "
    '"$(_STRONGROOM_COMPLETE=bash_source strongroom)" (zsh_source, fish_source likewise).',
)
@click.version_option(package_name="strongroom", prog_name="strongroom")
def command() -> None:
    """Managed vaults for prediction-market agents, and their tools.

    \b
    Examples:
      strongroom demo
      strongroom COMMAND --help
    """


def main(arguments: Any = None) -> None:
    """Run what was typed."""
    command(arguments, prog_name="strongroom")
