"""`synchealth check`: before the first start, is everything reachable, and may we read it?"""

from deploy.cli.check.command import check

__all__ = ["check"]
