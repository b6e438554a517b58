"""The Alertmanager's side: who is told what, and which alert makes another one superfluous."""
