"""What the scheduler does for uploads: remove the rows of files that nobody needs any more."""

from datetime import timedelta
from typing import Final

from modori.background.each import for_each
from modori.connectors.csv import actions, queries
from modori.kernel import clock
from modori.storage.db import scan_transaction, tenant_transaction

KEPT: Final = timedelta(days=30)
"""Sealed rows of a file that was not applied; what was applied is forgotten at once."""
AT_MOST: Final = 200


def forget_old_uploads() -> int:
    """Remove the rows of files that are older than 30 days. Returns how many files were due."""
    with scan_transaction() as session:
        old = queries.list_old_uploads(session, before=clock.now() - KEPT, limit=AT_MOST)
    return for_each(old, _remove, failing="uploads whose rows could not be removed")


def _remove(one: queries.OldUpload) -> None:
    with tenant_transaction(one.tenant_id) as session:
        actions.remove_rows(session, tenant_id=one.tenant_id, upload_id=one.upload_id, now=clock.now())
