"""`synchealth report`."""
