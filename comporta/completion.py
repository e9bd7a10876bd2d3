"""Help, and completion of commands, options and their choices in a shell, by click."""

import click
from click.shell_completion import get_completion_class

from lakehouse import console

_VARIABLE = "_COMPORTA_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options and their choices.

    \b
    bash: echo 'eval "$(comporta completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(comporta completion zsh)"' >> ~/.zshrc
    fish: comporta completion fish > ~/.config/fish/completions/comporta.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - one of click's own
    console.echo(kind(click.get_current_context().find_root().command, {}, "comporta", _VARIABLE).source())


@click.command("help")
def show_help() -> None:
    """What each command does: `comporta --help`."""
    root = click.get_current_context().find_root()
    console.echo(root.command.get_help(root))
