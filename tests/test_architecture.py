"""The shape of the house: import direction, what a bare import loads, sizes, names, and the README against the tree."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import simlab
from simlab.bounds import THEOREMS

ROOT = Path(__file__).parents[1]
PACKAGE = Path(simlab.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# the order of the theory; a module imports from its own station or from those before it
STATIONS = (
    {"errors"},
    {"estimates", "inputs", "records", "compiling"},
    {"seeds", "bounds", "machine", "occupancy", "tables", "terminal", "grading", "calibration"},
    {"missing_mass", "leaderboards", "logs"},
    {"drawing"},
    {"worlds"},
    {"corpora"},
    {"rendering"},
    {"models", "fitting"},
    {"pairs"},
    {"measures", "remembering"},
    {"judging", "poor_models", "posttraining"},
    {"trials"},
    {"sweep", "audit"},
    {"teach"},
)
LEAVES = STATIONS[2]
MAY_SHARE = ({"models", "fitting"},)  # a fit carries its trace, and the table of logits is fitted


def station(name: str) -> int:
    return next(i for i, names in enumerate(STATIONS) if name in names)


def imports(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            if node.module == "simlab":
                found |= {f"simlab.{alias.name}" for alias in node.names}
    return found


def violations(edges: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The imports (from, of) that go against the order."""
    wrong = []
    for here, there in edges:
        allowed = station(there) < station(here) or here == there or any({here, there} <= pair for pair in MAY_SHARE)
        leaf = here in LEAVES and there not in ("errors", "estimates", "inputs", "records", "compiling", here)
        if not allowed or leaf or (here == "drawing" and there not in LEAVES | {"errors", "drawing"}):
            wrong.append((here, there))
    return wrong


def test_every_module_has_a_station() -> None:
    for path in MODULES:
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        assert name == "__init__" or station(name) >= 0


def test_imports_go_in_one_direction() -> None:
    edges = []
    for path in MODULES:
        here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        names = imports(path) - {"simlab.__version__"}
        edges += [(here, name.split(".")[1]) for name in names if name.startswith("simlab.")]
    assert len(edges) > 50
    assert violations(edges) == []


def test_the_import_test_would_notice() -> None:
    wrong = [("worlds", "corpora"), ("bounds", "worlds"), ("drawing", "measures"), ("occupancy", "seeds")]
    wrong += [("audit", "sweep"), ("sweep", "audit"), ("terminal", "tables"), ("tables", "missing_mass")]
    assert violations(wrong) == wrong


def test_light_leaves_import_nothing_heavy() -> None:
    heavy = {"jax", "numba", "optax", "equinox", "matplotlib", "duckdb", "pydantic"}
    for path in [*(PACKAGE / "bounds").glob("*.py"), PACKAGE / "errors.py"]:
        assert not {name.split(".")[0] for name in imports(path)} & heavy, path
    for path in (ROOT / "figures").glob("*.py"):
        assert imports(path) <= {"simlab.drawing", "simlab.bounds"}, path


def test_experiments_import_no_sibling() -> None:
    names = {path.stem for path in (ROOT / "experiments").glob("*.py")}
    for path in (ROOT / "experiments").glob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & (names | {"experiments"}), path


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_import_simlab_loads_nothing_heavy() -> None:
    assert not loaded_by("import simlab") & {"jax", "numba", "matplotlib", "numpy", "scipy", "pydantic", "duckdb"}
    assert "jax" not in loaded_by("import simlab.drawing, simlab.bounds")


@pytest.mark.parametrize("program", ["simlab.sweep", "simlab.audit", "simlab.teach", "simlab.bounds"])
def test_help_costs_little(program: str) -> None:
    """Under 0.3 s of processor time (not of the clock, which a busy machine stretches), and nothing heavy loaded."""
    command = [sys.executable, "-X", "importtime", "-m", program, "--help"]
    spent = []
    for _ in range(3):
        before = os.times()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after = os.times()
        spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(spent) < 0.3
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert not loaded & {"numpy", "pydantic", "jax", "numba", "matplotlib", "scipy", "duckdb"}
    assert "Usage" in done.stdout or "usage" in done.stdout


def test_no_module_is_long() -> None:
    for path in MODULES:
        assert len(path.read_text().splitlines()) <= 300, path


def test_no_function_shares_its_modules_name() -> None:
    for path in MODULES:
        names = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert not names & {path.stem, path.parent.name}, path


def test_every_theorem_names_a_test_and_an_experiment_that_exist() -> None:
    for theorem in THEOREMS:
        path, name = theorem.test.split("::")
        assert f"def {name}(" in (ROOT / path).read_text(), theorem.slug
        assert (ROOT / theorem.experiment).exists(), theorem.slug


def readme() -> str:
    return (ROOT / "README.md").read_text()


def test_the_readme_is_short_and_its_files_exist() -> None:
    text = readme()
    assert len(text.splitlines()) < 100
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target


def test_the_readme_maps_the_tree() -> None:
    """Each line of the map exists, and each module of the package is on it."""
    block = re.search(r"```text\n(.*?)```", readme(), re.S)
    assert block is not None
    mapped = re.findall(r"^(\s*)(\S+(?: \S+)*)  ", block.group(1), re.M)
    assert len(mapped) == len(block.group(1).splitlines())
    names, folder = set(), ""
    for indent, line in mapped:
        for name in line.split():
            folder = folder if indent else name
            path = (folder if indent else "") + name
            assert (ROOT / path).exists(), path
            names.add(path.rstrip("/"))
    for path in PACKAGE.iterdir():
        if (path.suffix == ".py" and path.name != "__init__.py") or (path / "__init__.py").exists():
            assert f"simlab/{path.name}" in names, path.name


def test_the_readmes_table_of_claims_is_the_catalogue() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", readme(), re.M)
    assert [slug for slug, _ in rows] == [theorem.slug for theorem in THEOREMS]
    for (_, cells), theorem in zip(rows, THEOREMS, strict=True):
        assert theorem.experiment.removeprefix("experiments/").removesuffix(".py") in cells
        assert theorem.name in cells


def test_the_lock_file_names_public_hosts_only() -> None:
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text()))
    assert hosts <= {"pypi.org", "files.pythonhosted.org"}
