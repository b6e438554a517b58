"""Stories: what goes wrong in the lab and is repaired, with the findings that must follow."""
