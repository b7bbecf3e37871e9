"""The `vaeline` command: its help, its one-line errors, and what each command does."""

import hashlib
import os
import re
import shlex
import subprocess
import sys

import pandas as pd
import pytest
import typer
import yaml
from typer.testing import CliRunner

from tests.conftest import ROOT
from vaeline import __version__
from vaeline.cli import app
from vaeline.core.errors import DamagedFileError, VaelineError
from vaeline.experiments.sweep import Sweep
from vaeline.provenance import closure
from vaeline.runtime import damage

COMMANDS = typer.main.get_command(app).commands
COMMAND_LINE = "from vaeline.cli import main; main()"


def run(*arguments: str, status: int = 0):
    result = CliRunner().invoke(app, list(arguments), prog_name="vaeline")
    assert result.exit_code == status, result.output
    return result


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_an_example_that_parses(name, at_the_root):
    help_text = run(name, "--help").stdout
    (example,) = re.findall(r"^ +vaeline (.+)$", help_text.partition("Example:")[2], flags=re.MULTILINE)
    command, *arguments = shlex.split(example)
    assert command == name
    context = COMMANDS[name].make_context(name, arguments)
    assert context.params is not None
    for parameter in COMMANDS[name].params:  # presets that it names are there
        offered = {item.value for item in parameter.shell_complete(context, "")}
        given = context.params[parameter.name] if offered else None
        assert offered.issuperset([given] if isinstance(given, str) else given or [])


def test_help_lists_every_command_and_nothing_is_cut_off():
    listed = run("--help").stdout.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.strip().splitlines()] == list(COMMANDS)
    assert "..." not in listed


def test_without_a_command_the_help_is_printed():
    assert run().stdout == run("--help").stdout


def test_version_is_printed():
    assert run("--version").stdout == f"{__version__}\n"


def test_help_imports_nothing_that_takes_long():
    code = (
        "import sys\nfrom vaeline.cli import app\n"
        "try:\n    app(['sweep', '--help'])\n"
        "finally:\n    print(*sys.modules, sep=chr(10))"
    )
    modules = subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()
    assert not {"torch", "mlflow", "dvc", "pandas", "numpy", "matplotlib"} & set(modules)
    assert "vaeline.cli" in modules


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["swep"], 2, "vaeline: No such command 'swep'. Did you mean 'sweep'?; see `vaeline --help`"),
        (["--nonsense"], 2, "vaeline: No such option: --nonsense"),
        (["sweep"], 2, "vaeline sweep: Missing argument"),
        (["ui", "--port", "many"], 2, "vaeline ui: Invalid value for '--port'"),
        (["ui", "--port", "0"], 2, "vaeline ui: Invalid value for '--port'"),
        (["deps", "dvc.yaml"], 2, "vaeline deps: Got unexpected extra argument"),
        (["sweep", "beta"], 1, "vaeline sweep: 'beta' is no range: expected key=value,value,…"),
        (["sweep", "beta=1", "beta=2"], 1, "vaeline sweep: 'beta' is swept twice"),
        (["sweep", "beta=-1"], 1, "vaeline sweep: params.yaml with these changes: beta = -1 is not allowed"),
        (
            ["sweep", "betta=1"],
            1,
            "vaeline sweep: params.yaml with these changes: unknown key 'betta' (did you mean 'beta'?)",
        ),
        (
            ["frontier", "--beta", "many"],
            1,
            "vaeline frontier: params.yaml with these changes: beta = 'many' is not allowed",
        ),
        (["frontier", "--set", "beta=3"], 1, "vaeline frontier: 'beta=3' sets a param that is swept"),
        (["seeds", "--set", "epochs"], 1, "vaeline seeds: 'epochs' is no override"),
        (["preset", "fastest"], 1, "vaeline preset: no preset 'fastest': presets has burda-"),
        (["zoo", "vapm"], 1, "vaeline zoo: there is no 'vapm': vae "),
        (["sprites", "bta-vae"], 1, "vaeline sprites: there is no 'bta-vae': beta-vae "),
        (["clinic", "hole"], 1, "vaeline clinic: there is no case 'hole': "),
        (["compare", "workspace", "no-such-run"], 1, "vaeline compare: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_command_is_one_line(arguments, status, line, at_the_root):
    result = run(*arguments, status=status)
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_what_is_said_of_a_damaged_file_is_what_a_stage_would_say(tmp_path, monkeypatch):
    def read_damaged() -> None:
        raise DamagedFileError("outputs/train/history.csv", "damaged", "use another")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(closure, "rewrite", read_damaged)
    monkeypatch.setattr(damage, "_cache", lambda: tmp_path)
    md5 = hashlib.md5(b"a").hexdigest()
    lock = f"stages: {{train: {{outs: [{{path: outputs/train/history.csv, md5: {md5}}}]}}}}"
    (tmp_path / "dvc.lock").write_text(lock)
    (tmp_path / "outputs/train").mkdir(parents=True)
    (tmp_path / "outputs/train/history.csv").write_text("b")
    line = "damaged: `rm -f outputs/train/history.csv && dvc repro` restores it\n"
    assert run("deps", status=1).stderr == f"vaeline deps: outputs/train/history.csv: {line}"


def test_outside_the_repository_one_line_says_where_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (["check-params"], ["preset"], ["sweep", "beta=1"]):
        assert "run from the repository's root" in run(*command, status=1).stderr


def test_params_are_checked_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    assert run("check-params").stdout == "params.yaml: valid\n"
    params["prior"]["vamp"]["components"] = 0  # read by no stage of the default run
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    assert run("check-params", status=1).stderr.startswith(
        "vaeline check-params: params.yaml: prior.vamp.components = 0 is not allowed"
    )


@pytest.fixture
def swept(monkeypatch, tmp_path):
    """Takes the calls of `sweep`, which then has one result and the failures that are put into it."""
    calls: list[tuple] = []
    failures: dict[tuple, str] = {}
    table = pd.DataFrame({"beta": [1.0], "experiment": ["beta=1"], "revision": ["0" * 40]})

    def sweep(grid, shared, command, placement):
        calls.append((dict(grid), list(shared), command))
        return Sweep(list(grid), shared, table, failures, command)

    def write(page, swept):
        (tmp_path / "page.md").write_text(f"the page of {page.name}\n")
        return [tmp_path / "page.md"]

    monkeypatch.setattr("vaeline.experiments.sweep.sweep", sweep)
    monkeypatch.setattr("vaeline.experiments.sweep_page.SweepPage.write", write)
    return calls, failures


@pytest.mark.parametrize(
    ("line", "grid", "shared"),
    [
        ("sweep beta=0.5,1,2", {"beta": ["0.5", "1", "2"]}, []),
        ("sweep seed=1..3", {"seed": ["1", "2", "3"]}, []),
        (
            "sweep beta=0.5,1 latent_dim=10,20 --set epochs=10 --set data.name=digits",
            {"beta": ["0.5", "1"], "latent_dim": ["10", "20"]},
            ["epochs=10", "data.name=digits"],
        ),
        ("frontier --beta 0.5,1 --set epochs=9", {"beta": ["0.5", "1"]}, ["epochs=9"]),
        ("seeds --seeds 7,8", {"seed": ["7", "8"]}, []),
        ("seeds --seeds 7 --set 'notes=two words'", {"seed": ["7"]}, ["notes=two words"]),
    ],
)
def test_sweeps_run_their_grid_and_print_their_page(swept, line, grid, shared):
    calls, _ = swept
    command, *arguments = shlex.split(line)
    printed = run(command, *arguments).stdout
    assert calls == [(grid, shared, shlex.join(["vaeline", command, *arguments]))]
    assert printed.startswith(f"the page of {command}\n")
    assert "\nWrote " in printed
    assert printed.endswith("Next: vaeline compare beta=1\n")


def test_sweeps_have_default_values(swept):
    calls, _ = swept
    run("frontier")
    run("seeds")
    assert calls[0][0] == {"beta": ["0.25", "0.5", "1", "2", "4"]}
    assert calls[1][0] == {"seed": ["1", "2", "3", "4", "5"]}
    assert calls[0][2] == "vaeline frontier --beta 0.25,0.5,1,2,4"


def test_sweep_with_failures_prints_its_page_and_ends_with_status_1(swept):
    _, failures = swept
    failures[(3.0,)] = "train: all NaN"
    result = run("frontier", "--beta", "1,3", status=1)
    assert result.stdout.startswith("the page of frontier\n")
    assert result.stderr == "vaeline frontier: 1 failed, see above; the table has the others\n"


def test_ctrl_c_is_one_line_that_says_how_to_go_on(monkeypatch):
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vaeline.experiments.sweep.sweep", stopped)
    result = run("sweep", "beta=1,2", status=130)
    assert result.stderr == "vaeline sweep: stopped; the same command resumes it\n"


def test_kill_stops_a_command_as_ctrl_c_does():
    code = (
        "import os, signal, time\nfrom vaeline import cli\n"
        "@cli.app.command('wait')\ndef wait():\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(60)\n"
        "cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "wait"], capture_output=True, text=True)
    assert done.returncode == 143
    assert done.stderr == "vaeline wait: stopped; the same command resumes it\n"


def test_presets_are_listed_without_a_name(at_the_root):
    names = run("preset").stdout.split()
    assert {"fast-1l-vae-k1", "zoo-vamp"} <= set(names)
    assert "zoo" not in names  # a part of others


def test_preset_prints_its_result_and_its_record(at_the_root, monkeypatch, tmp_path):
    record = tmp_path / "record.json"
    record.write_text('{"results": {"nll": 86.51, "nll_se": 0.21, "verdict": "pass"}}')
    ran = []
    monkeypatch.setattr(
        "vaeline.experiments.preset_runs.run_preset", lambda *asked: ran.append(asked) or record
    )
    printed = run("preset", "fast-1l-vae-k1", "zoo-vae", "--seed", "7").stdout
    assert ran == [("fast-1l-vae-k1", 7), ("zoo-vae", 7)]
    assert printed.startswith(f"fast-1l-vae-k1: NLL 86.51 ± 0.21 pass\nWrote {record}\n")
    assert printed.endswith("Next: vaeline table1\n")
    run("preset", "zoo-vae", "no-such", status=1)
    assert len(ran) == 2  # every name is checked before the first runs


@pytest.mark.parametrize(("command", "page"), [("table1", "table1.md"), ("zoo", "models.md")])
def test_studies_write_their_page(at_the_root, monkeypatch, tmp_path, command, page):
    monkeypatch.setattr("vaeline.experiments.study.RESULTS", tmp_path)
    monkeypatch.setattr("vaeline.experiments.study.run_presets", lambda presets, after, _: after(presets[0]))
    printed = run(command).stdout
    assert f"Wrote {tmp_path / page}, " in printed
    assert (tmp_path / page).read_text() == (ROOT / "docs" / "results" / page).read_text()


def test_clinic_says_what_writes_its_page(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "vaeline.experiments.clinic.run.run_clinic", lambda cases: [] if cases else [tmp_path / "clinic.md"]
    )
    assert run("clinic", "holes-beta").stdout == "Next: `vaeline clinic` runs all cases and writes the page\n"
    assert run("clinic").stdout == f"Wrote {tmp_path / 'clinic.md'}\n"


def test_ui_is_served_at_the_port_of_the_option_or_of_the_environment(monkeypatch):
    ports = []
    monkeypatch.setattr("vaeline.tracking.ui.serve_ui", ports.append)
    run("ui")
    run("ui", "--port", "5001")
    monkeypatch.setenv("PORT", "5002")
    run("ui")
    assert ports == [5000, 5001, 5002]


@pytest.mark.parametrize(
    ("command", "function"),
    [("readme", "vaeline.reporting.readme.update_readme"), ("deps", "vaeline.provenance.closure.rewrite")],
)
def test_command_says_what_it_wrote_and_its_errors_are_one_line(monkeypatch, command, function):
    monkeypatch.setattr(function, lambda: None)
    assert run(command).stdout.startswith("Wrote ")

    def fails() -> None:
        raise VaelineError("no such file")

    monkeypatch.setattr(function, fails)
    assert run(command, status=1).stderr == f"vaeline {command}: no such file\n"


def test_remote_is_given_its_endpoint_and_says_what_is_next(monkeypatch):
    given = []
    monkeypatch.setattr("vaeline.experiments.remote.set_remote", lambda *words: given.append(words))
    assert "vaeline push" in run("remote", "s3://vaes/store", "--endpoint", "http://s3:9000").stdout
    run("remote", "/shared/vaes")
    assert given == [("s3://vaes/store", "http://s3:9000"), ("/shared/vaes", "")]


@pytest.mark.parametrize(
    ("words", "completed"),
    [("zoo vam", {"vamp"}), ("clinic holes", {"holes-beta", "holes-prior"}), ("fro", {"frontier"})],
)
def test_shell_completes_commands_and_names(at_the_root, words, completed):
    environment = os.environ | {
        "_VAELINE_COMPLETE": "complete_bash",
        "COMP_WORDS": f"vaeline {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    code = COMMAND_LINE.replace("main()", "sys.argv[0] = 'vaeline'; main()")
    said = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}"], env=environment, capture_output=True, text=True
    )
    assert set(said.stdout.split()) == completed
