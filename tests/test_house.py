"""The rules of the house: who may import whom, and dvc.yaml and params.yaml in step with the code."""

import ast
import importlib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.small import merged
from vaeline.config import ExperimentConfig
from vaeline.core.params import StageParams
from vaeline.core.yaml import read_yaml
from vaeline.provenance.closure import folded, has_code, imported, is_code, stage_code
from vaeline.provenance.dependencies import dependency_hash, files_in

# A room imports only rooms that stand before it.
ORDER = [
    *("core", "runtime", "provenance", "data", "models", "evaluation", "training", "config"),
    *("diagnosis", "reporting", "tracking", "serving", "experiments", "cli"),
]
SOURCE = ROOT / "src" / "vaeline"
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
)
STAGES = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}


def room(module: str) -> str:
    return module.split(".")[1]


def imports() -> dict[str, set[str]]:
    """Returns for each module of a room those of vaeline that it names in an import."""
    rooms = [module for module in MODULES if "." in module]
    packages = {
        module: {".".join(module.split(".")[:i]) for i in range(1, module.count(".") + 1)} for module in rooms
    }
    return {
        module: {name for name in imported(module) if name.startswith("vaeline.")}
        - packages[module]
        - {module}
        for module in rooms
    }


def test_every_room_has_its_place_in_the_order(at_the_root):
    assert {room(module) for module in MODULES if "." in module} == set(ORDER)


def test_a_room_imports_only_rooms_before_it(at_the_root):
    upward = [
        f"{module} imports {name}"
        for module, names in imports().items()
        for name in names
        if ORDER.index(room(name)) > ORDER.index(room(module))
    ]
    assert not upward


def test_training_depends_on_no_threshold_and_no_page(at_the_root):
    late = ORDER[ORDER.index("config") :]
    files = [Path(file).relative_to("src/vaeline") for file in stage_code("train") if file.startswith("src")]
    assert {file.parts[0] for file in files} & set(late) <= {"tracking"}


def test_no_module_imports_itself_by_a_detour(at_the_root):
    assert len(list(TopologicalSorter(imports()).static_order())) >= len(MODULES) - 1


def test_imports_are_named_in_full(at_the_root):
    """The closure of a stage follows names: nothing relative, and nothing put together at run time."""
    for path in [*SOURCE.rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        tree = ast.parse(path.read_text())
        assert not [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level], path
        names = {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Name | ast.Attribute)}
        assert not {"importlib.import_module", "__import__"} & names, path


def importers(package: str) -> set[str]:
    found = set()
    for path in [*SOURCE.rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == package for name in names):
                found.add(path.stem)
    return found


def test_mlflow_is_spoken_to_from_one_place(at_the_root):
    assert importers("mlflow") == {"mlflow_api", "machine_use"}
    of_tracking = {stage for stage in STAGES if "src/vaeline/tracking/runs/store.py" in stage_code(stage)}
    assert of_tracking == {"train", "report", "gate"}


def test_a_room_says_what_it_is_and_holds_its_table_only(at_the_root):
    for path in SOURCE.rglob("__init__.py"):
        docstring, *body = ast.parse(path.read_text()).body
        assert isinstance(docstring, ast.Expr), path
        assert all(isinstance(node, ast.ImportFrom | ast.Assign) for node in body), path


PIPELINE = read_yaml(ROOT / "dvc.yaml")["stages"]


def test_every_stage_has_its_entry_and_every_entry_its_stage():
    assert PIPELINE.keys() == STAGES
    assert {entry["cmd"] for entry in PIPELINE.values()} == {f"python -m stages.{stage}" for stage in STAGES}


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_depends_on_the_code_that_it_runs(stage, at_the_root):
    """File by file: what makes the stage stale is exactly what it uses."""
    listed = [dependency for dependency in PIPELINE[stage]["deps"] if is_code(dependency)]
    assert listed == folded(stage_code(stage)), "run `make deps`"
    files = [files_in(Path(path)) if Path(path).is_dir() else [Path(path)] for path in listed]
    entered = {file for of_path in files for file in of_path if has_code(file)}
    assert entered == set(filter(has_code, map(Path, stage_code(stage))))


def test_the_pipeline_can_be_read(at_the_root):
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 400


def test_dvc_sees_the_same_folders_as_the_tests_do(at_the_root):
    """The hash of a folder in dvc.lock is DVC's own."""
    recorded = read_yaml(ROOT / "dvc.lock")["stages"]
    folders = {
        d["path"]: d["md5"] for entry in recorded.values() for d in entry["deps"] if is_code(d["path"])
    }
    assert all(dependency_hash(path) == md5 for path, md5 in folders.items()), "run `make repro`"


def test_a_public_name_is_defined_once(at_the_root):
    """One name, one meaning: what a module defines at its top level, no other does."""
    places: dict[str, list[str]] = {}
    for path in [*SOURCE.rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]:
        for name in public_names(ast.parse(path.read_text())):
            places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def public_names(module: ast.Module) -> set[str]:
    names = set()
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


class Recording(StageParams):
    """Hands out every param, and remembers which were asked for by name."""

    def __init__(self, values: dict) -> None:
        super().__init__(values)
        self._read: set[str] = set()

    def __getattr__(self, key: str) -> object:
        value = super().__getattr__(key)
        self._read.add(key)
        return value


QUICK = {
    "device": "cpu",
    "hidden_dim": 16,
    "latent_dim": 2,
    "epochs": 1,
    "elbo_samples": 1,
    "iwae_k": 2,
    "ais_images": 2,
    "ais_steps": 2,
    "compress_images": 2,
    "fid_samples": 50,
    "target_nll": 30.0,
    "fid_inception": "skip",
    "data": {"name": "digits", "train_size": 200, "valid_size": 50},
}
# kl_cycles and lr_plateau_… count only there.
CONDITIONS = {"kl_schedule": "cyclical", "lr_schedule": "plateau"}


@pytest.fixture(scope="module")
def read(tmp_path_factory) -> dict[str, set[str]]:
    """The keys that each stage asks for by name, found by running the pipeline on digits."""
    root = tmp_path_factory.mktemp("pipeline")
    for name in ("dvc.yaml", "params.yaml"):
        (root / name).write_text((ROOT / name).read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DVC_ROOT", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr("vaeline.evaluation.fid.classifier.CLASSIFIER_STEPS", 5)
        seen = {stage: run_stage(stage) for stage in PIPELINE}
        seen["train"] |= run_stage("train", **CONDITIONS)
    return seen


def run_stage(stage: str, **changes: object) -> set[str]:
    params = Recording(merged(ExperimentConfig().to_dict(), QUICK | changes))
    importlib.import_module(f"stages.{stage}").main(params)
    return params._read


# report is there to log the whole, which it takes by `to_dict`; what train logs of itself does not count as a
# read, or any key that it is handed would be one.
WHOLE = {"report"}


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_is_handed_exactly_the_params_that_it_reads(stage, read):
    listed = PIPELINE[stage].get("params", [])
    assert len(listed) == len(set(listed))
    assert set(listed) == (ExperimentConfig.model_fields.keys() if stage in WHOLE else read[stage])


def test_every_param_is_read_by_the_stage_that_it_is_for(read):
    """A key that is only logged would be an option that does nothing."""
    assert set().union(*read.values()) == read_yaml(ROOT / "params.yaml").keys()
