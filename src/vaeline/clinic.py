"""The clinic: provokes each failure, checks that it is found, and that the printed remedy cures it.

`make clinic`, or `make clinic NAME="holes-beta overfitting-static"`, runs the presets clinic-FAILURE-HOW, the
command that each finding prints, and sound trainings that differ by seed, up to diagnose and no further; and
writes docs/clinic.md and docs/clinic.json. What has run at this code is not run again.
"""

import hashlib
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dvc.api
from scipy.stats import beta
from tqdm import tqdm

from vaeline import presets, tables
from vaeline.closure import stage_code
from vaeline.commands import overrides
from vaeline.errors import VaelineError
from vaeline.experiments import params_with
from vaeline.files import read_json, write_json, write_text
from vaeline.findings.detectors import DETECTORS
from vaeline.findings.finding import Finding, load, of, problems
from vaeline.launch import failure, started, stoppable, watch
from vaeline.progress import bar
from vaeline.provenance import tags
from vaeline.watching import kept

DOCS = Path("docs")
RESULTS = Path(".scratch/clinic")
PREFIX, BASE = "clinic-", "clinic"
SEEDS = range(1, 13)
STAGES = ("prepare", "check", "train", "fid_reference", "diagnose")
TITLES = {detector.name: detector.title for detector in DETECTORS}
