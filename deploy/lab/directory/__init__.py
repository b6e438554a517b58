"""An LDAP v3 directory that behaves like Windows Active Directory where a real Samba domain controller does not."""
