"""Hygiene: attribute values that Entra ID or Entra Connect rejects, rewrites or drops. The continuous IdFix."""
