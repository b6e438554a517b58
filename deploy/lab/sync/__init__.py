"""A sync engine that behaves like Microsoft Entra Connect: what it matches, refuses, quarantines and restores."""
