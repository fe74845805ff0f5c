"""A backup of a table before it goes."""

from __future__ import annotations

import time

from reconciler.engines.dynamodb import faults
from reconciler.engines.dynamodb.connect import Client
from reconciler.errors import StoreError
from reconciler.model.engine import Progress

WAIT_SECONDS = 3600.0
"""On-demand backups take seconds to minutes whatever the size (the backup pages of the service's guide)."""


def made(client: Client, table: str, name: str, progress: Progress) -> None:
    """Make a backup of that name, or find the one that a run before this one made, and wait until it can be restored.

    Raises StoreError where the service makes none.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        arn = (
            _found(client, table, name)
            or client.create_backup(TableName=table, BackupName=name)["BackupDetails"]["BackupArn"]
        )
        until = time.monotonic() + WAIT_SECONDS
        while (status := _status(client, arn)) != "AVAILABLE":
            if status == "DELETED" or time.monotonic() > until:
                raise StoreError(f"the backup {name} of {table} is {status.lower()}", hint="apply the same plan again")
            progress(f"backup {name} of {table}: {status.lower()}")
            time.sleep(2)
    except (BotoCoreError, ClientError) as error:
        raise faults.refused("CreateBackup", table, error) from None


def _found(client: Client, table: str, name: str) -> str:
    """The ARN of a backup of the table that is there as it is now; empty where there is none."""
    summaries = client.list_backups(TableName=table).get("BackupSummaries", ())
    return next(
        (str(s["BackupArn"]) for s in summaries if s["BackupName"] == name and s["BackupStatus"] != "DELETED"), ""
    )


def _status(client: Client, arn: str) -> str:
    return str(client.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"])
