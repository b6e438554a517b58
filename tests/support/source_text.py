"""What a module of ours says: its strings, docstrings aside."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def told(tree: ast.AST) -> Iterator[ast.Constant]:
    """The string constants of a module that are no docstring: those name sources, as these were called."""
    explained = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explained:
            yield node
