"""One directory object as its facts tell it: registers, links, scope, addresses, who it is. Pure."""
