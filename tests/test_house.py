"""The rules of the house: who may import whom, and dvc.yaml and params.yaml in step with the code."""

import ast
import importlib
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

from tests.conftest import ROOT
from tests.support.small import merged
from vaeline.config import ExperimentConfig
from vaeline.core.params import StageParams, read_yaml
from vaeline.provenance.closure import imported, is_code, stage_code

# From words that everyone uses up to the outside world; a room is named by its package.
LEVELS = {
    0: "errors params registry files stage numerics seeding devices closure progress downloads pretrained "
    "processes shards observations hardware",
    1: "data networks divergences moments mixtures interpolation flows schedules optimizers augmentation "
    "codebook codes",
    2: "likelihoods posteriors priors",
    3: "models",
    4: "objectives estimators disentanglement fid plots",
    5: "verdicts training epoch gradients state records monitor checks diagnostics gallery history config "
    "evaluation ex_post neighbours findings trends symptoms",
    6: "checkpoints scratch fingerprint provenance tracking report page compare showcase ui presets table1 "
    "zoo on_sprites commands watching experiments launch sweep tables frontier seeds bench clinic",
}
LEVEL = {room: level for level, rooms in LEVELS.items() for room in rooms.split()}
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


def test_every_module_has_a_level_and_every_level_its_modules(at_the_root):
    assert {room(module) for module in MODULES if "." in module} == LEVEL.keys()


def test_imports_point_downward(at_the_root):
    upward = [
        f"{module} (level {LEVEL[room(module)]}) imports {name} (level {LEVEL[room(name)]})"
        for module, names in imports().items()
        for name in names
        if LEVEL[room(name)] > LEVEL[room(module)]
    ]
    assert not upward


def test_no_module_imports_itself_by_a_detour(at_the_root):
    assert len(list(TopologicalSorter(imports()).static_order())) >= len(MODULES) - 1


def test_imports_are_named_in_full(at_the_root):
    """The closure of a stage follows names: nothing relative, and nothing put together at run time."""
    for path in [*SOURCE.rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        tree = ast.parse(path.read_text())
        assert not [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level], path
        assert not {"importlib.import_module", "__import__"} & {ast.unparse(n) for n in ast.walk(tree)}, path


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
    assert importers("mlflow") == {"store", "ui"}
    of_tracking = {stage for stage in STAGES if "src/vaeline/tracking/store.py" in stage_code(stage)}
    assert of_tracking == {"train", "report"}


def test_no_stage_imports_the_compiler_before_it_compiles(at_the_root):
    """It takes two seconds, and of all stages train alone may want it."""
    stages = ", ".join(f"stages.{stage}" for stage in sorted(STAGES))
    said = subprocess.check_output(
        [sys.executable, "-c", f"import sys, {stages}; print('torch._dynamo' in sys.modules)"], text=True
    )
    assert said == "False\n"


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
    listed = [dependency for dependency in PIPELINE[stage]["deps"] if is_code(dependency)]
    assert listed == stage_code(stage), "run `make deps`"


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
    "fid_samples": 50,
    "target_nll": 30.0,
    "fid_inception": "skip",
    "data": {"name": "digits", "train_size": 200, "valid_size": 50},
}
CYCLICAL = {"kl_schedule": "cyclical"}  # kl_cycles counts only there


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
        seen["train"] |= run_stage("train", **CYCLICAL)
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


# Put together here, so that this file does not hold them.
FORBIDDEN = [
    "/".join(words).encode()
    for words in (
        ("", "work", ""),
        ("", "root", ""),
        ("pypi.org", "simple"),
        ("files.python" + "hosted.org",),
    )
]


def test_no_file_holds_a_path_of_a_machine_or_the_address_of_a_registry():
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT
    )
    files = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    found = [
        f"{path.relative_to(ROOT)}: {word.decode()}"
        for path in files
        if path.is_file()
        for word in FORBIDDEN
        if word in path.read_bytes()
    ]
    assert not found
