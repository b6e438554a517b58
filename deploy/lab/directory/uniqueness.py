"""Names that only one living object may have: sAMAccountName in the domain, userPrincipalName in the forest.

Source: MS-ADTS 3.1.1.5.1.3 (uniqueness constraints).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from deploy.lab.directory.entry import Entry, Stored
from deploy.lab.directory.results import DirectoryError, ResultCode

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore


def claim(store: DirectoryStore, entry: Entry, stored: Mapping[str, Stored]) -> None:
    """Take the account and principal names in `stored` for `entry` and give up the ones they replace.

    Raises:
        DirectoryError: another live object holds one of them; then nothing was taken.
    """
    held = (("sAMAccountName", store.by_account), ("userPrincipalName", store.by_upn))
    wanted = [(index, name, stored[name]) for name, index in held if name in stored]
    for index, name, value in wanted:
        if isinstance(value, bytes) and index.get(value.lower(), entry) is not entry:
            if name == "sAMAccountName":
                raise DirectoryError(
                    ResultCode.ENTRY_ALREADY_EXISTS,
                    "00000524: UpdErr: DSID-031A11FA, problem 6005 (ENTRY_EXISTS), data 0",
                )
            if store.unique_upns:
                raise DirectoryError(
                    ResultCode.CONSTRAINT_VIOLATION,
                    "000021C8: AtrErr: DSID-03200EBB, #1:\n\t0: 000021C8: DSID-03200EBB, problem 1005 "
                    "(CONSTRAINT_ATT_TYPE), data 0, Att 90290 (userPrincipalName)\n",
                )
    for index, name, value in wanted:
        old = entry.stored(name)
        if isinstance(old, bytes) and index.get(old.lower()) is entry:
            del index[old.lower()]
        if isinstance(value, bytes):
            index.setdefault(value.lower(), entry)
