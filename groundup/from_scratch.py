"""What a stage uses of torch that its learner is to write: found by reading, without importing.

From `torch.nn` a stage takes `Module`, `Parameter`, `ModuleList`, `Sequential`, `init` and
`parallel` (which only sends gradients between processes), from `torch.optim` only `Optimizer`, and
nothing of `torch.nn.functional` or its other doors. Stage 08 measures torch's own kernels beside
the learner's, and may.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from groundup.failures import place_in
from groundup.stages import Stage

ALLOWED = {
    "torch.nn": {"Module", "Parameter", "ModuleList", "Sequential", "init", "parallel"},
    "torch.optim": {"Optimizer"},
}
OTHER_DOORS = {
    "softmax",
    "log_softmax",
    "rms_norm",
    "layer_norm",
    "embedding",
    "cross_entropy_loss",
}
METHODS = {"softmax", "log_softmax"}
LAST = 7


class Finding(NamedTuple):
    place: str
    name: str
    """What is used there, as in `torch.nn.functional.softmax`."""
    rule: str

    def __str__(self) -> str:
        return f"{self.place} uses {self.name}: {self.rule}"


def findings(stage: Stage, package: Path) -> list[Finding]:
    """Every use of what `stage` rules out in the files of `package`, in order."""
    if stage.number > LAST:
        return []
    found = []
    for file in sorted(package.rglob("*.py")):
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue  # the tests say so already
        uses = {(line, name) for line, name in _uses(tree) if _rule(name)}
        found += [Finding(place_in(file, line), name, _rule(name)) for line, name in sorted(uses)]
    return found


def _rule(name: str) -> str:
    """The rule that using `name` breaks; empty if none."""
    if name.startswith("torch.nn.functional"):
        return "nothing of torch.nn.functional, you write it"
    for module, allowed in ALLOWED.items():
        if (
            name.startswith(f"{module}.")
            and name.removeprefix(f"{module}.").split(".")[0] not in allowed
        ):
            return f"from {module} only {', '.join(sorted(allowed))}"
    head, _, last = name.rpartition(".")
    if head in ("torch", "torch.special") and last in OTHER_DOORS:
        return "it is torch.nn.functional by another door, you write it"
    if head == "Tensor" and last in METHODS:
        return "it is torch.nn.functional as a method, you write it"
    return ""


def _uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that is imported or reached through an import."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node.lineno, f"{node.module}.{alias.name}"
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            yield node.lineno, _full_name(node, names)


def _full_name(node: ast.Attribute, names: dict[str, str]) -> str:
    """`F.softmax` as `torch.nn.functional.softmax`; an attribute of a value as `Tensor.softmax`."""
    path, value = [node.attr], node.value
    while isinstance(value, ast.Attribute):
        path.append(value.attr)
        value = value.value
    if isinstance(value, ast.Name) and value.id in names:
        return ".".join([names[value.id], *reversed(path)])
    own = isinstance(value, ast.Name) and value.id in ("self", "cls")
    return node.attr if own else f"Tensor.{node.attr}"
