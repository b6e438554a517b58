"""A real Active Directory for tests: a Samba AD domain controller on a loopback address of its own.

    with samba_dc() as dc:
        dc.add(f"CN=Ada,CN=Users,{dc.base_dn}", "user", {"sAMAccountName": "ada"})

The domain is provisioned once per machine (about ten seconds) into a cache directory and copied for every use (0.1 s),
so each use of `samba_dc` gets a fresh, independent domain. Samba's LDAP ports (389, 636, 3268, 3269) are fixed in its
binary: domain controllers run side by side only on different loopback addresses, so each takes a random one.

Source: recipe measured on Samba 4.17.12, Debian 12, 22 Nov 2026.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import ldap3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streams.contracts.identity import sid_of_bytes
from tests.support.parts import missing_part

INSTALL = "apt-get install samba ldb-tools ldap-utils   (and run as root, or with CAP_NET_BIND_SERVICE)"
RECIPE_VERSION = 2
DEFAULT_REALM = "corp.contoso.local"
ADMIN_PASSWORD = "Passw0rd!x1"  # a throw-away domain on loopback
REPLICATING_DIRECTORY_CHANGES = "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2"
RESET_PASSWORD = "00299570-246d-11d0-a768-00aa006e0529"
USER_CLASS = "bf967aba-0de6-11d0-a285-00aa003049e2"

Value = str | bytes | Sequence[str | bytes]


def require_samba() -> None:
    """Skip the test (CI=true or SYNCHEALTH_REQUIRE_ALL=1: fail it) when no domain controller can run here."""
    missing = [name for name in ("samba", "samba-tool", "ldbmodify") if _program(name) is None]
    reason = f"no {', '.join(missing)} on this machine" if missing else _bind_fault(free_address())
    if reason is None:
        return
    missing_part(f"Samba AD domain controller unavailable: {reason}. Install: {INSTALL}")


@dataclass
class SambaDC:
    """One running domain controller. `host` is also a subject name of its certificate; `ca_file` verifies it."""

    host: str
    directory: Path
    ca_file: Path
    ldap_port: int = 389
    ldaps_port: int = 636
    realm: str = DEFAULT_REALM
    admin_password: str = field(default=ADMIN_PASSWORD, repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _connection: Any = field(default=None, repr=False)

    @property
    def base_dn(self) -> str:
        return ",".join(f"DC={label}" for label in self.realm.split("."))

    @property
    def host_name(self) -> str:
        return f"dc1.{self.realm}"

    @property
    def admin_user(self) -> str:
        return f"administrator@{self.realm}"

    @property
    def ldaps_url(self) -> str:
        return f"ldaps://{self.host}:{self.ldaps_port}"

    def connect(self, user: str | None = None, password: str | None = None, **options: Any) -> Any:
        """Return a bound ldap3 connection over LDAPS (administrator unless told); the caller unbinds it."""
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.ca_file), valid_names=[self.host_name])
        server = ldap3.Server(self.host, self.ldaps_port, use_ssl=True, tls=tls, get_info=ldap3.NONE)
        options = {"auto_bind": True, "check_names": False, "raise_exceptions": True} | options
        return ldap3.Connection(server, user or self.admin_user, password or self.admin_password, **options)

    @property
    def connection(self) -> Any:
        """The administrator's ldap3 connection, opened at first use and closed with the controller."""
        if self._connection is None:
            self._connection = self.connect()
        return self._connection

    def add(self, dn: str, object_class: str, attributes: Mapping[str, Value] | None = None) -> bytes:
        """Add one object; return its objectGUID as the 16 bytes the directory keeps (little-endian)."""
        self.connection.add(dn, [object_class], dict(attributes or {}))
        return self.guid(dn)

    def add_user(self, name: str, **attributes: Value) -> str:
        """Add an enabled-looking user below CN=Users; return its distinguished name."""
        dn = f"CN={name},CN=Users,{self.base_dn}"
        self.add(dn, "user", {"sAMAccountName": name, "userPrincipalName": f"{name}@{self.realm}"} | attributes)
        return dn

    def add_computer(self, name: str, unit: str, system: str = "Windows 11 Enterprise") -> str:
        """Join a computer to the domain: an account with a password, its SPNs, its system; its distinguished name."""
        host = f"{name.lower()}.{self.realm}"
        services = [f"{kind}/{each}" for kind in ("HOST", "RestrictedKrbHost") for each in (name, host)]
        self._tool(
            "computer", "add", name, f"--computerou={unit}", "--prepare-oldjoin",
            *(f"--service-principal-name={service}" for service in services),
            "-H", str(self._sam), "-s", str(self._smb_conf),
        )  # fmt: skip
        dn = f"CN={name},{unit}"
        self.modify(dn, {"dNSHostName": host, "operatingSystem": system, "operatingSystemVersion": "10.0 (22631)"})
        return dn

    def guid(self, dn: str) -> bytes:
        self.connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["objectGUID"])
        return bytes(self.connection.response[0]["raw_attributes"]["objectGUID"][0])

    def modify(self, dn: str, changes: Mapping[str, Value | None]) -> None:
        """Replace attributes as a whole; `None` removes one."""
        self.connection.modify(dn, {name: [(ldap3.MODIFY_REPLACE, _as_list(value))] for name, value in changes.items()})

    def add_values(self, dn: str, attribute: str, *values: str | bytes) -> None:
        self.connection.modify(dn, {attribute: [(ldap3.MODIFY_ADD, list(values))]})

    def remove_values(self, dn: str, attribute: str, *values: str | bytes) -> None:
        self.connection.modify(dn, {attribute: [(ldap3.MODIFY_DELETE, list(values))]})

    def rename(self, dn: str, new_rdn: str, new_parent: str | None = None) -> None:
        self.connection.modify_dn(dn, new_rdn, new_superior=new_parent)

    def delete(self, dn: str) -> None:
        self.connection.delete(dn)

    def restore(self, guid: bytes, dn: str) -> None:
        """Undelete a tombstone: remove isDeleted and give it a name again, under the show-deleted control."""
        changes = {
            "isDeleted": [(ldap3.MODIFY_DELETE, [])],
            "distinguishedName": [(ldap3.MODIFY_REPLACE, [dn])],
        }
        show_deleted = ("1.2.840.113556.1.4.417", True, None)
        # Samba reanimates by the tombstone's own name only: a <GUID=...> name fails with operationsError.
        self.connection.search(f"<GUID={guid.hex()}>", "(objectClass=*)", ldap3.BASE, controls=[show_deleted])
        self.connection.modify(self.connection.response[0]["raw_dn"].decode(), changes, controls=[show_deleted])

    def set_password(self, dn: str, password: str) -> None:
        self.modify(dn, {"unicodePwd": f'"{password}"'.encode("utf-16-le")})

    def enable(self, dn: str) -> None:
        self.modify(dn, {"userAccountControl": "512"})

    def ldapmodify(self, ldif: str, *arguments: str) -> str:
        """Apply LDIF with OpenLDAP's `ldapmodify` as the administrator; return what it printed."""
        command = ["ldapmodify", "-H", self.ldaps_url, "-x", "-D", self.admin_user, "-w", self.admin_password]
        environment = os.environ | {"LDAPTLS_CACERT": str(self.ca_file), "LDAPTLS_REQCERT": "demand"}
        done = subprocess.run(
            [*command, *arguments], input=ldif, text=True, capture_output=True, env=environment, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"ldapmodify failed ({done.returncode}): {done.stderr}")
        return done.stdout

    def grant_replicating_directory_changes(self, sid: str) -> None:
        """Give the account `sid` (S-1-5-21-…) the control access right that DirSync needs; works while running."""
        self._tool(
            "dsacl", "set", "-H", str(self._sam), "-s", str(self._smb_conf), "--action=allow",
            f"--objectdn={self.base_dn}", f"--sddl=(OA;;CR;{REPLICATING_DIRECTORY_CHANGES};;{sid})",
        )  # fmt: skip

    def sid(self, dn: str) -> str:
        """The objectSid as text."""
        self.connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["objectSid"])
        return sid_of_bytes(bytes(self.connection.response[0]["raw_attributes"]["objectSid"][0]))

    def grant_password_reset(self, dn: str, sid: str) -> None:
        """Let the account `sid` reset the password of a user, or of every user below a unit."""
        whom = "OA;;CR" if dn.startswith("CN=") else "OA;CIIO;CR"
        of_users = "" if dn.startswith("CN=") else USER_CLASS
        self._tool(
            "dsacl", "set", "-H", str(self._sam), "-s", str(self._smb_conf), "--action=allow",
            f"--objectdn={dn}", f"--sddl=({whom};{RESET_PASSWORD};{of_users};{sid})",
        )  # fmt: skip

    def ldbmodify(self, ldif: str) -> None:
        """Change the database of a *stopped* controller directly, past every rule of the directory service."""
        if self._process is not None:
            raise RuntimeError("stop() the domain controller before ldbmodify")
        command = ["ldbmodify", f"--configfile={self._smb_conf}", "-H", str(self._sam)]
        subprocess.run(command, input=ldif, text=True, check=True, capture_output=True)

    def set_invocation_id(self, invocation_id: bytes) -> None:
        """Make the stopped controller look restored from a backup: new invocationId (16 little-endian bytes)."""
        settings = (
            "CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration," + self.base_dn
        )
        value = base64.b64encode(invocation_id).decode()
        self.ldbmodify(f"dn: {settings}\nchangetype: modify\nreplace: invocationId\ninvocationId:: {value}\n")

    def snapshot(self) -> Path:
        """Copy the stopped controller's directory; give the copy to `roll_back`."""
        copy = self.directory.with_name(f"snapshot-{time.monotonic_ns()}")
        shutil.copytree(self.directory, copy, ignore=_ignore_sockets)
        return copy

    def roll_back(self, snapshot: Path) -> None:
        """Put an older database under the stopped controller: a USN rollback."""
        shutil.rmtree(self.directory)
        shutil.copytree(snapshot, self.directory)

    def start(self) -> None:
        """Start the controller and wait until it accepts connections.

        Raises RuntimeError with the end of its log when it exits or does not listen within 120 seconds.
        """
        directory = self.directory
        for name in ("run", "ncalrpc"):
            (directory / name).mkdir(exist_ok=True)
        options = {
            "server services": "ldap",
            "dsdb:schema update allowed": "yes",  # tests.support.exchange_schema; Samba's default is no
            "interfaces": f"{self.host}/8",
            "bind interfaces only": "yes",
            "pid directory": directory / "run",
            "ncalrpc dir": directory / "ncalrpc",
            "log file": directory / "samba.log",
            "tls certfile": directory / "tls" / "cert.pem",
            "tls keyfile": directory / "tls" / "key.pem",
            "tls cafile": directory / "tls" / "cert.pem",
        }
        command = [_program("samba") or "samba", "-i", "--no-process-group", "-M", "single", "-s", str(self._smb_conf)]
        command += ["--debug-stdout", "-d", "1", *(f"--option={key}={value}" for key, value in options.items())]
        with (directory / "output.log").open("ab") as output:
            # stdin must stay open: samba in the foreground exits when its standard input ends.
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)
        deadline = time.monotonic() + 120
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (directory / "output.log").read_text(errors="replace")[-2000:]
                self.stop()
                raise RuntimeError(f"the domain controller on {self.host} did not start:\n{log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the controller; its directory stays, so `start` brings the same domain back."""
        if self._connection is not None:
            self._connection.unbind()
            self._connection = None
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def _listens(self) -> bool:
        for port in (self.ldap_port, self.ldaps_port):
            try:
                socket.create_connection((self.host, port), 1).close()
            except OSError:
                return False
        return True

    def _tool(self, *arguments: str) -> None:
        subprocess.run(["samba-tool", *arguments], check=True, capture_output=True)

    @property
    def _sam(self) -> Path:
        return self.directory / "private" / "sam.ldb"

    @property
    def _smb_conf(self) -> Path:
        return self.directory / "etc" / "smb.conf"


@contextmanager
def samba_dc(*, realm: str = DEFAULT_REALM, start: bool = True) -> Iterator[SambaDC]:
    """Run a fresh domain controller on a loopback address of its own for the body; everything is removed after it.

    Two controllers of one `realm` share their domain GUID and invocationId (both are copies); another realm (lower
    case, its first label is the NetBIOS domain) is another forest, provisioned at its first use. Skips or fails the
    calling test by the rule of `require_samba` where Samba cannot run.
    """
    require_samba()
    address = free_address()
    template = _provisioned_template(realm)
    with tempfile.TemporaryDirectory(prefix="synchealth-samba-") as scratch:
        directory = Path(scratch) / "dc1"
        shutil.copytree(template, directory, ignore=_ignore_sockets)
        configuration = directory / "etc" / "smb.conf"
        configuration.write_text(configuration.read_text().replace(str(template), str(directory)))
        _write_certificate(directory / "tls", f"dc1.{realm}", address)
        controller = SambaDC(address, directory, ca_file=directory / "tls" / "cert.pem", realm=realm)
        try:
            if start:
                controller.start()
            yield controller
        finally:
            controller.stop()


def _provisioned_template(realm: str) -> Path:
    """Return the machine-wide provisioned domain, making it under a lock when it is not there yet."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "synchealth-tests"
    root.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([_program("samba") or "samba", "--version"], capture_output=True, text=True, check=True)
    name = f"samba-{version.stdout.split()[-1]}-recipe{RECIPE_VERSION}-{realm}"
    template = root / name
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (template / ".complete").exists():
            shutil.rmtree(template, ignore_errors=True)
            _provision(template, realm)
            (template / ".complete").touch()
    return template


def _provision(directory: Path, realm: str) -> None:
    script = Path(__file__).with_name("provision_samba.py")
    # Isolated, else this very module would stand in for the samba package.
    command = ["/usr/bin/python3", "-I", str(script), str(directory), realm, ADMIN_PASSWORD]
    directory.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"provisioning a Samba domain failed ({done.returncode}): {done.stderr[-2000:]}")


def _write_certificate(directory: Path, host_name: str, address: str) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host_name)])
    names = x509.SubjectAlternativeName([x509.DNSName(host_name), x509.IPAddress(ip_address(address))])
    start = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=30))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = directory / "key.pem"
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def free_address() -> str:
    """A loopback address that no other domain controller of this machine is likely to take: one of 16 million."""
    return "127." + ".".join(str(1 + secrets.randbelow(254)) for _ in range(3))


def _bind_fault(address: str) -> str | None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, 389))
    except OSError as error:
        return f"this account may not listen on {address}:389 ({error})"
    return None


def _ignore_sockets(directory: str, names: list[str]) -> set[str]:
    return {name for name in names if (Path(directory) / name).is_socket()}


def _as_list(value: Value | None) -> list[str | bytes]:
    if value is None:
        return []
    return [value] if isinstance(value, str | bytes) else list(value)


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
