"""Write operations as LDAP asks for them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from deploy.lab.directory import reading, schema, search, values
from deploy.lab.directory.accounts import Account, Right
from deploy.lab.directory.controls import Controls
from deploy.lab.directory.messages import Add, Compare, Delete, Modify, ModifyDn, Request
from deploy.lab.directory.results import DirectoryError, ResultCode
from deploy.lab.directory.updates import Operation

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore


def apply(store: DirectoryStore, account: Account, request: Request, controls: Controls) -> ResultCode:
    """Carry out one operation; return its result code.

    Raises:
        DirectoryError: the directory refuses it.
    """
    if isinstance(request, Compare):
        return _compare(store, request)
    if Right.WRITE not in account.rights:
        message = "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0"
        raise DirectoryError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, message)
    if isinstance(request, Add):
        attributes: dict[str, values.Values] = {name: tuple(listed) for name, listed in request.attributes.items()}
        store.add(request.dn, attributes)
        return ResultCode.SUCCESS
    if not isinstance(request, Modify | Delete | ModifyDn):
        raise DirectoryError(ResultCode.PROTOCOL_ERROR, "00000057: not an operation")
    with store.lock:
        entry = search.base_entry(store, request.dn, deleted=search.sees_deleted(controls, account))
        reference = uuid.UUID(bytes_le=entry.guid)
        if isinstance(request, Modify):
            if entry.deleted:
                _restore(store, reference, request)
            else:
                store.update(entry, request.updates, permissive=controls.permissive)
        elif isinstance(request, Delete):
            store.delete(reference, subtree=controls.tree_delete)
        else:
            store.move(reference, request.new_parent, request.new_rdn)
    return ResultCode.SUCCESS


def _restore(store: DirectoryStore, reference: uuid.UUID, request: Modify) -> None:
    """Undelete: isDeleted is removed and distinguishedName replaced in one request; other attributes may follow."""
    updates = {update.name.lower(): update for update in request.updates}
    flag, name = updates.pop("isdeleted", None), updates.pop("distinguishedname", None)
    if flag is None or flag.operation is not Operation.DELETE or name is None or not name.values:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "0000200A: a deleted object can only be restored")
    attributes: dict[str, values.Values] = {update.name: tuple(update.values) for update in updates.values()}
    store.restore(reference, values.encode(name.values[0]).decode(errors="replace"), attributes)


def _compare(store: DirectoryStore, request: Compare) -> ResultCode:
    known = schema.attribute(request.attribute)
    entry = search.base_entry(store, request.dn, deleted=False)
    found = reading.read(store, entry, known) if known else ()
    if known is None or not found:
        raise DirectoryError(ResultCode.NO_SUCH_ATTRIBUTE, f"00002080: no {request.attribute} here")
    wanted = values.fold(known, request.value)
    return ResultCode.COMPARE_TRUE if wanted in {values.fold(known, v) for v in found} else ResultCode.COMPARE_FALSE
