"""The one-shot attribute scan: readers of LDAP, LDIF and JSON lines; the run; writers of what it finds."""
