"""What people do with findings: what it means for one of them, how all of it is known, and how it is written."""
