"""Provision a Samba AD domain without being root. Runs under the system's python3, which has Samba's own modules.

    /usr/bin/python3 -I provision_samba.py DIRECTORY REALM PASSWORD

`samba-tool domain provision` does the same but insists on setting ownership and access lists of the sysvol share,
which only root may do and a test of LDAP does not need.
"""

import logging
import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.provision import provision


def main(directory: str, realm: str, password: str) -> None:
    parameters = LoadParm()
    parameters.load("/dev/null")  # else the machine's own smb.conf leaks into the new one
    provision(
        logging.getLogger(),
        system_session(),
        smbconf=None,
        targetdir=directory,
        realm=realm.upper(),
        domain=realm.split(".")[0].upper(),
        hostname="dc1",
        hostip="127.0.0.1",
        adminpass=password,
        serverrole="active directory domain controller",
        dns_backend="NONE",
        dom_for_fun_level=4,
        skip_sysvolacl=True,
        # mdb has an ordered index; with the default (tdb) every DirSync poll scans all objects.
        backend_store="mdb",
        backend_store_size=1 << 30,
        lp=parameters,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
