"""Pure evaluation: facts are folded and projected, views evaluated by their rules; and the oracle for tests."""
