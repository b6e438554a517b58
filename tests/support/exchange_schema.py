"""What of Exchange's schema the tests need, added to a running Samba domain over LDAP, as Exchange's setup adds it.

Source: Microsoft, "Exchange Server Active Directory schema changes" and [MS-ADTS] 3.1.1.2 (what an attribute is made
of); identifiers as in a directory that Exchange has extended (OpenChange, oc_provision_schema_attributes.ldif).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import ldap3

from tests.support.samba import SambaDC, Value

_EXCHANGE = "1.2.840.113556.1.4.7000.102"
_ATTRIBUTES: Mapping[str, Mapping[str, Value]] = {
    "ms-Exch-Master-Account-Sid": {
        "lDAPDisplayName": "msExchMasterAccountSid",
        "attributeID": f"{_EXCHANGE}.81",
        "attributeSyntax": "2.5.5.17",  # String(Sid)
        "oMSyntax": "4",
        "rangeLower": "0",
        "rangeUpper": "28",
        "searchFlags": "9",
        "schemaIDGUID": uuid.UUID("936a855e-b09e-11d2-aa06-00c04f8eedd8").bytes_le,
    },
    "ms-Exch-Recipient-Type-Details": {
        "lDAPDisplayName": "msExchRecipientTypeDetails",
        "attributeID": f"{_EXCHANGE}.50855",
        "attributeSyntax": "2.5.5.16",  # LargeInteger
        "oMSyntax": "65",
        "searchFlags": "1",
        "schemaIDGUID": uuid.UUID("069ba1f8-540a-42a9-bf26-a7dd35475346").bytes_le,
    },
}


def extend_schema(dc: SambaDC) -> None:
    """Give users and contacts of the domain the attributes of a linked mailbox."""
    schema, connection = f"CN=Schema,CN=Configuration,{dc.base_dn}", dc.connection
    for name, attribute in _ATTRIBUTES.items():
        common = {"isSingleValued": "TRUE", "isMemberOfPartialAttributeSet": "TRUE"}
        connection.add(f"CN={name},{schema}", ["attributeSchema"], {**attribute, **common})
    _take_effect(connection)
    names = [attribute["lDAPDisplayName"] for attribute in _ATTRIBUTES.values()]
    connection.modify(f"CN=Mail-Recipient,{schema}", {"mayContain": [(ldap3.MODIFY_ADD, names)]})
    _take_effect(connection)


def _take_effect(connection: ldap3.Connection) -> None:
    """[MS-ADTS] 3.1.1.3.3.13, schemaUpdateNow."""
    connection.modify("", {"schemaUpdateNow": [(ldap3.MODIFY_REPLACE, ["1"])]})
