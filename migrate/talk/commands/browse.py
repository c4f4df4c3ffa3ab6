"""`migrate browse`: what is in a backup, as a page on this computer."""

from __future__ import annotations

from typing import Annotated

import typer

from migrate.language import _
from migrate.problems import ManifestLogRead, UsageWrong
from migrate.talk.backup_access import BackupArgument, usable_seal, with_password
from migrate.talk.console import print_json, print_line, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.talk.page_in_browser import has_browser, open_address
from migrate.talk.passwords import PasswordFile, Passwords

HIGHEST_PORT = 65535

PortOption = Annotated[
    int, typer.Option("--port", metavar="N", help=_("The port to use; without it, a free one."), show_default=False)
]
NoOpenOption = Annotated[
    bool, typer.Option("--no-open", help=_("Only print the address; do not open a browser."), show_default=False)
]


def register(app: typer.Typer) -> None:
    app.command("browse")(with_global_options(browse))


def browse(
    options: GlobalOptions,
    backup: BackupArgument,
    port: PortOption = 0,
    no_open: NoOpenOption = False,
    password_file: PasswordFile = None,
) -> Exit:
    """Shows what is in a backup as a page in your browser, for reading only.

    Messages, photos, contacts, notes and everything else, with a search and what was recently deleted. Only this
    computer can open the page, and nothing leaves it. Press Ctrl-C to close it.
    """
    from migrate.backup.folder import BackupFolder
    from migrate.backup.reader import Backup
    from migrate.browse.app import browse_app
    from migrate.browse.library import Library
    from migrate.categories.claims import Claims
    from migrate.pages.loopback import LoopbackServer

    if not 0 <= port <= HIGHEST_PORT:
        raise UsageWrong(_("--port {port}: a port is a number up to 65535.").format(port=port), "migrate browse")
    folder = BackupFolder(options.find_backup(backup))
    with options.open_workspace() as workspace:
        opened = with_password(folder, Passwords(file=password_file), lambda found: Backup.open(folder.path, found))
        with opened:
            if opened.manifest.has_log:
                say(wrapped(ManifestLogRead().what))
            seal = usable_seal(workspace.home.seals_of(folder), folder)
            claims = Claims.of(opened, seal.app_groups if seal else None)
            library = Library(
                opened,
                claims,
                seals=workspace.home.seals_of(folder),
                tmp=workspace.tmp,
                command=options.command_to_paste,
            )
            with library:
                server = LoopbackServer(browse_app(library), port)
                if options.json:
                    print_json({"backup": str(folder.path), "address": server.address, "port": server.port})
                else:
                    print_line(server.address)
                    say(wrapped(_("Open this address in your browser; it works once. Press Ctrl-C to close the page.")))
                if not (no_open or options.json) and has_browser():
                    open_address(server.address)
                options.done = True
                server.run()
    return None
