"""`singlewindow message-set`: draft, check and describe message sets of one's own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cyclopts import App
from rich.console import Console

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.drafting import draft_set
from singlewindow.xsd.reference_markdown import write_pages
from singlewindow.xsd.reference_sets import open_set, read_all_roots, read_set
from singlewindow.xsd.set_checking import check_set

message_set = App(
    name="message-set", help="Draft, check and describe message sets: folders with schemas and a manifest, no code."
)


@message_set.command
def new(folder: Path, *, xsd: Sequence[Path]) -> None:
    """Write a first message-set.toml by reading schemas, which are copied into the folder with what they include.

    Parameters
    ----------
    folder
        The new set's folder; its name becomes the set's.
    xsd
        A schema that declares root elements; may be given several times (--xsd a.xsd --xsd b.xsd).
    """
    console = Console(highlight=False)
    for root in draft_set(folder, xsd):
        unit = "the whole message" if root.unit == "." else f"each {root.unit}"
        console.print(f"{root.name}: {unit} is a declaration, key {root.key or '[yellow]not found[/yellow]'}")
    console.print(
        f"[green]written[/green] {folder / 'message-set.toml'}; read it, then: singlewindow message-set check {folder}"
    )


@message_set.command
def check(folder: Path) -> None:
    """Load a set with the network shut, judge its samples, run its rules' cases; one verdict per line.

    Exit code 0: everything is as it says. 1: something is not.

    Parameters
    ----------
    folder
        The set's folder. Samples lie in samples/valid and samples/invalid, or are listed in index.tsv.
    """
    shut_network()
    console = Console(highlight=False)
    failed = total = 0
    for checked in check_set(folder):
        total, failed = total + 1, failed + (not checked.passed)
        mark = "[green]pass[/green]" if checked.passed else "[red]FAIL[/red]"
        console.print(f"{mark} {checked.subject}: {checked.detail}", soft_wrap=True)
    console.print(f"{total - failed} of {total} passed")
    sys.exit(1 if failed else 0)


@message_set.command
def pages(name: str, *, to: Path) -> None:
    """Write a set's reference as Markdown: messages with every element, rules with their cases, code lists.

    Parameters
    ----------
    name
        An installed set's name, or the folder of one.
    to
        The folder that the pages are written to; pages there that the set no longer has are removed.
    """
    installed = open_set(name)
    reference = read_set(installed)
    written = write_pages(reference, read_all_roots(installed, reference))
    replace_pages(to, written)
    print(f"{len(written)} pages written to {to}")


def replace_pages(folder: Path, pages: Mapping[str, str]) -> None:
    """Make the Markdown files of a folder these; nothing else in it is touched."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, "utf-8")


def shut_network() -> None:
    """From here on this process connects nowhere: a schema that wants to fetch something fails loudly."""

    def refuse(event: str, _arguments: tuple[object, ...]) -> None:
        if event in {"socket.connect", "socket.getaddrinfo"}:
            raise ConfigurationError("the network is shut: a message set must hold everything it needs")

    sys.addaudithook(refuse)
