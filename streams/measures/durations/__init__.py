"""One file a family of durations: its name is the subject, DURATION its metric, `waiting` and `ended` (see family).

Waits stand in the view's row, so a duplicate or a restart measures nothing twice; whoever dies before the row is
written measures once more: these are samples for histograms, not an account.
"""
