"""What stages import: each is a process of its own, and waits for it before it does anything."""

import json
import subprocess
import sys

from tests.conftest import ROOT

NEW = {
    "prepare": [],
    "gate": [],
    "check": ["torch"],
    "train": ["pandas"],
    "fid_reference": ["scipy"],
    "evaluate": ["matplotlib"],
    "diagnose": ["sklearn"],
    "fid": [],
    "report": ["mlflow"],
    "a step": [],
}
"""What takes long to import, and the first of these that needs it. The last is a step of an optimizer."""

PROGRAM = """
import json
import sys

SLOW = {"torch", "torch._dynamo", "sympy", "pandas", "scipy", "matplotlib", "sklearn", "mlflow"}
new, before = {}, set()

def after(what):
    new[what] = sorted(SLOW & sys.modules.keys() - before)
    before.update(new[what])

IMPORTS
import torch
from vaeline.models.likelihoods.bernoulli import Coin, Coins
from vaeline.evaluation.uncompiled import UncompiledAdamW
from vaeline.training.optimizers.catalog import OPTIMIZERS

weight = torch.nn.Parameter(torch.ones(3))
Coins(Coin(logits=weight), 1).log_prob(torch.ones(2, 3)).sum().backward()
options = {"parameters": [weight], "learning_rate": 0.1, "weight_decay": 0.0}
names = {*OPTIMIZERS} - {"soap"}  # of a library that imports the compiler itself
for optimizer in UncompiledAdamW([weight]), *(OPTIMIZERS.build({"name": name}, **options) for name in names):
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
after("a step")
print(json.dumps(new))
"""


def test_stages_wait_for_no_slow_import_that_they_do_not_need():
    imports = "\n".join(f"import stages.{stage}\nafter({stage!r})" for stage in list(NEW)[:-1])
    program = PROGRAM.replace("IMPORTS", imports)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == NEW
