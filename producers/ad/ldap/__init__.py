"""LDAP as this source speaks it: connections, DirSync, plain searches, refusals, TLS. Knows no object of ours."""
