"""`synchealth funnel`."""
