"""Our own source as syntax trees, for tests that say what may stand where."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "src" / "bascule"


@cache
def modules() -> dict[str, ast.Module]:
    """Path below ``src/bascule`` → its tree; without tests."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        if not file.name.startswith("test_"):
            found[str(file.relative_to(ROOT))] = ast.parse(file.read_text("utf-8"))
    return found


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """(path, call) of each call of a function or a method with one of these names."""
    for path in modules():
        for node in nodes(path):
            if isinstance(node, ast.Call) and _name(node.func) in names:
                yield path, node


@cache
def nodes(path: str) -> tuple[ast.AST, ...]:
    """Everything in one module's tree."""
    return tuple(ast.walk(modules()[path]))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class Origin:
    """Whether an expression of a module is made of what stands in our source alone: literals, constants, numbers, and texts made of these."""

    def __init__(self, path: str) -> None:
        self._tree = modules()[path]
        self._asked: dict[tuple[ast.AST, str], bool] = {}
        self._parents = {child: node for node in ast.walk(self._tree) for child in ast.iter_child_nodes(node)}

    def is_ours(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant():
                return True
            case ast.JoinedStr(values=values):
                return all(self.is_ours(v.value if isinstance(v, ast.FormattedValue) else v) for v in values)
            case ast.BinOp(left=left, right=right):
                return self.is_ours(left) and self.is_ours(right)
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_ours(body) and self.is_ours(orelse)
            case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
                return all(map(self.is_ours, values))
            case ast.Subscript(value=value):
                return self.is_ours(value)
            case ast.Dict(values=values):
                return all(map(self.is_ours, values))
            case ast.Call():
                return self._is_our_call(node)
            case ast.Name():
                return self._is_our_name(node)
        return False

    def _is_our_call(self, node: ast.Call) -> bool:
        """``int(…)``; ``ours.format(ours)``, ``.join``, ``.replace``; a method of the class that gives what is ours."""
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node.func, ast.Name):
            return node.func.id == "int"
        if not isinstance(node.func, ast.Attribute):
            return False
        if node.func.attr in ("format", "join", "replace"):
            return self.is_ours(node.func.value) and all(map(self.is_ours, arguments))
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "self" and not arguments:
            bodies = [n for n in ast.walk(self._tree) if isinstance(n, ast.FunctionDef) and n.name == node.func.attr]
            returned = [r.value for body in bodies for r in ast.walk(body) if isinstance(r, ast.Return)]
            return bool(returned) and all(value is not None and self.is_ours(value) for value in returned)
        return False

    def _is_our_name(self, node: ast.Name) -> bool:
        """A constant (in capitals), or a local name to which nothing but what is ours is ever given."""
        if node.id.lstrip("_").isupper():
            return True
        function = self._parents[node]
        while not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            function = self._parents[function]
        if (known := self._asked.get((function, node.id))) is not None:
            return known
        self._asked[function, node.id] = (
            True  # while it is looked into: a text may be made of itself and of what else is given to it
        )
        given: list[ast.expr] = []
        for each in ast.walk(function):
            match each:
                case ast.Assign(targets=[ast.Name(id=node.id)], value=value):
                    given.append(value)
                case ast.AugAssign(target=ast.Name(id=node.id), value=value):
                    given.append(value)
                case ast.For(target=ast.Name(id=node.id), iter=ast.Tuple(elts=values)):
                    given += values
                case ast.For(target=ast.Name(id=node.id), iter=value):
                    given.append(value)
        ours = self._asked[function, node.id] = bool(given) and all(map(self.is_ours, given))
        return ours
