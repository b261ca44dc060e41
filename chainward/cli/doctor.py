"""`chainward doctor`."""

from __future__ import annotations

import sys

import click


@click.command("doctor")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def command(json_output: bool) -> None:
    """Check this machine: versions, device, EVM, contracts, data, folders.

    Exits with 1 if something that a plain run needs is missing; a note is for information.

    \b
    Examples:
      chainward doctor
      chainward doctor --json
    """
    from chainward.cli.checks import MISSING, examine
    from chainward.cli.output import as_json, as_table

    checks = examine()
    sound = all(check.status != MISSING for check in checks)
    rows = [check._asdict() for check in checks]
    if json_output:
        as_json({"sound": sound, "checks": rows})
    else:
        as_table(rows, {"check": "check", "status": "", "detail": ""})
    if not sound:
        sys.exit(1)
