"""`synchealth findings` and `synchealth explain`."""
