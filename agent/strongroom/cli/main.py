"""The list of commands, by who needs them; each is loaded when it is typed."""

from importlib import import_module
from typing import Any, NamedTuple

import click

from strongroom.cli.boundary import Group


class Entry(NamedTuple):
    """A command of the list: which module has it, under which name, and what it does."""

    module: str
    does: str
    attribute: str = "command"


COMMANDS: dict[str, dict[str, Entry]] = {
    "Try it": {
        "demo": Entry("devnet", "Run one complete vault life, in half a minute.", "demo"),
        "practice": Entry("devnet", "Run a vault to practise on, until Ctrl-C.", "practice"),
        "faucet": Entry("devnet", "Give an address money on a running practice.", "faucet"),
        "devnet": Entry("devnet", "Run the venue on a local chain, until Ctrl-C.", "devnet"),
        "week": Entry("devnet", "Run the keeper through a recorded week.", "week"),
        "doctor": Entry("doctor", "Show what is installed, and how to install the rest."),
    },
    "Depositor": {
        "deposit": Entry("depositor", "Request a deposit; the next report prices it.", "deposit"),
        "redeem": Entry("depositor", "Request a redemption; the next report prices it.", "redeem"),
        "claim": Entry("depositor", "Claim what reports have settled for you.", "claim"),
        "cancel": Entry("depositor", "Cancel a request before it is priced.", "cancel"),
        "position": Entry("depositor", "Show an account's position in a vault.", "position"),
        "exit": Entry("depositor", "Leave in kind, without keeper or price.", "leave"),
    },
    "Owner": {
        "deploy": Entry("deployment", "Deploy a vault from a plan, after a rehearsal.", "deploy"),
        "verify": Entry("deployment", "Compare a deployed vault with code and plan.", "verify"),
    },
    "Operator": {
        "keeper": Entry("keeper", "Run a keeper, show what it does, write its files."),
        "cosigner": Entry("cosigner", "Run the second owner of a keeper's Safe."),
    },
    "Auditor": {
        "audit": Entry("audit", "Rebuild a vault from its logs; name differences."),
        "page": Entry("page", "Write the result of an audit as a static site."),
    },
    "Quant": {
        "backtest": Entry("backtest", "Run the keeper over recorded history."),
        "study": Entry("study", "Study the recorded price ladders."),
    },
}
ENTRIES = {name: entry for section in COMMANDS.values() for name, entry in section.items()}


class Listed(Group):
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
    cls=Listed,
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
