"""What a modification would do to an object, worked out before anything is written."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from deploy.lab.directory import schema, values
from deploy.lab.directory.entry import Entry, Stored
from deploy.lab.directory.results import DirectoryError, ResultCode
from deploy.lab.directory.schema import Attribute

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore


_NAMING = ("cn", "ou", "dc", "name", "distinguishedName")


class Operation(IntEnum):
    """The numbers LDAP uses."""

    ADD = 0
    DELETE = 1
    REPLACE = 2


@dataclass(frozen=True, slots=True)
class Update:
    """One change of one attribute. DELETE without values removes the attribute."""

    operation: Operation
    name: str
    values: Sequence[values.Value] = ()


@dataclass(slots=True)
class Plan:
    """The outcome: new plain values by name, targets to (add, remove) per link, a new password."""

    plain: dict[str, Stored] = field(default_factory=dict)
    linked: dict[str, tuple[list[Entry], list[Entry]]] = field(default_factory=dict)
    password: str | None = None


def plan(
    store: DirectoryStore, entry: Entry, updates: Iterable[Update], *, permissive: bool = False, creating: bool = False
) -> Plan:
    """Return what `updates`, applied in order, change at `entry`; unchanged attributes do not appear.

    Raises:
        DirectoryError: an unknown or read-only attribute, a value that is missing, present, malformed or too long.
    """
    outcome = Plan()
    linked: dict[str, dict[Entry, None]] = {}
    for update in updates:
        known = _writable(update.name, creating=creating)
        if known is None:
            continue
        if known.name == "unicodePwd":
            outcome.password = _password(update)
        elif known.link:
            now = linked.setdefault(known.name, dict.fromkeys(entry.targets(known.name)))
            linked[known.name] = _linked(store, known, now, update, permissive)
        else:
            before = outcome.plain[known.name] if known.name in outcome.plain else entry.stored(known.name)
            outcome.plain[known.name] = _plain(known, values.unpack(before), update, permissive)
    outcome.plain = {name: value for name, value in outcome.plain.items() if value != entry.stored(name)}
    for name, wanted in linked.items():
        present = entry.targets(name)
        add, remove = [t for t in wanted if t not in present], [t for t in present if t not in wanted]
        if add or remove:
            outcome.linked[name] = (add, remove)
    return outcome


def _writable(name: str, *, creating: bool) -> Attribute | None:
    known = schema.attribute(name.partition(";")[0])
    if known is None:
        message = f"00000057: LdapErr: DSID-0C090FE1, comment: Error in attribute conversion operation ({name}), data 0"
        raise DirectoryError(ResultCode.NO_SUCH_ATTRIBUTE, message)
    if known.computed:
        if creating and known.name in _NAMING:
            return None  # it says what the object's name says already
        code = ResultCode.CONSTRAINT_VIOLATION
        if known.name in schema.BACK_LINKS:
            code = ResultCode.UNWILLING_TO_PERFORM
        elif known.name in _NAMING:
            code = ResultCode.NOT_ALLOWED_ON_RDN
        raise DirectoryError(code, f"0000209A: SecErr: DSID-03150F94, attribute is owned by the system ({known.name})")
    if known.name == "objectClass":
        raise DirectoryError(ResultCode.OBJECT_CLASS_VIOLATION, "00002014: the structural class cannot change")
    if known.secret and known.name != "unicodePwd":
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, f"0000001F: {known.name} cannot be written")
    return known


def _plain(known: Attribute, now: tuple[bytes, ...], update: Update, permissive: bool) -> Stored:
    given = values.checked(known, update.values)
    if update.operation is Operation.REPLACE:
        return values.pack(given)
    present = {values.fold(known, value): value for value in now}
    for value in given:
        folded = values.fold(known, value)
        if update.operation is Operation.ADD:
            if folded in present and not permissive:
                raise _value_error(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, "00002083", known)
            present.setdefault(folded, value)
        elif present.pop(folded, None) is None and not permissive:
            raise _value_error(ResultCode.NO_SUCH_ATTRIBUTE, "00002085", known)
    if update.operation is Operation.DELETE and not given:
        if not present and not permissive:
            raise _value_error(ResultCode.NO_SUCH_ATTRIBUTE, "00002085", known)
        present = {}
    if known.single and len(present) > 1:
        raise _value_error(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, "00002081", known)
    return values.pack(tuple(present.values()))


def _linked(
    store: DirectoryStore, known: Attribute, now: dict[Entry, None], update: Update, permissive: bool
) -> dict[Entry, None]:
    given = [_target(store, known, value) for value in update.values]
    if update.operation is Operation.DELETE:
        if not given and not now and not permissive:
            raise _value_error(ResultCode.NO_SUCH_ATTRIBUTE, "00002085", known)
        if not permissive and any(target not in now for target in given):
            # Windows and Samba answer unwillingToPerform for a missing member, not noSuchAttribute.
            raise _value_error(ResultCode.UNWILLING_TO_PERFORM, "00000561", known)
        wanted = {target: None for target in now if given and target not in set(given)}
    elif update.operation is Operation.ADD:
        if not permissive and any(target in now for target in given):
            raise _value_error(ResultCode.ENTRY_ALREADY_EXISTS, "00000562", known)
        wanted = now | dict.fromkeys(given)
    else:
        wanted = dict.fromkeys(given)
    if known.single and len(wanted) > 1:
        raise _value_error(ResultCode.CONSTRAINT_VIOLATION, "00002081", known)
    return wanted


def _target(store: DirectoryStore, known: Attribute, value: values.Value) -> Entry:
    try:
        target = store.entry(value if isinstance(value, uuid.UUID) else values.encode(value).decode(errors="replace"))
    except DirectoryError as error:
        if known.name == "member" or error.code is not ResultCode.NO_SUCH_OBJECT:
            raise
        # Only a missing member is "no such object"; any other reference to nothing violates a constraint.
        raise _value_error(ResultCode.CONSTRAINT_VIOLATION, "000020B5", known) from error
    if target.deleted:
        raise DirectoryError(ResultCode.NO_SUCH_OBJECT, "00002030: the target of the link is deleted")
    return target


def _password(update: Update) -> str:
    raw = values.encode(update.values[0]) if update.values else b""
    try:
        text = raw.decode("utf-16-le")
    except UnicodeDecodeError:
        text = ""
    if len(text) < 3 or text[0] != '"' or text[-1] != '"':
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM,
            "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0: not a quoted UTF-16 password",
        )
    return text[1:-1]


def _value_error(code: ResultCode, number: str, known: Attribute) -> DirectoryError:
    return DirectoryError(code, f"{number}: AtrErr: DSID-03151904, data 0, Att ({known.name})")
