"""The pure engine: fold facts, correlate views, judge them, and the oracle that checks it all."""
