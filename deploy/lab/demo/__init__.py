"""`synchealth demo`: a whole hybrid organisation in a box, watched by the real pipeline while a story plays."""

from deploy.lab.demo.command import demo

__all__ = ["demo"]
