"""The views of links: members, managers, and whom AD refers to."""
