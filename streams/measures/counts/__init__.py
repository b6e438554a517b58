"""One file a family of counts: its name is the subject, COUNT its metric, `count` how a view counts (see family)."""
