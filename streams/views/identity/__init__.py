"""The views of users, groups and contacts: both sides, and what synchronisation would write."""
