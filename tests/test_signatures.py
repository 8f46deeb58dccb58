"""Signatures tell the truth: the whole road from world to verdict, run with every annotation checked.

jaxtyping checks dtypes and shapes (one name of a dimension, one length), beartype the rest. It runs in a process of its
own, because tests of bad input call functions with what their signatures forbid, on purpose.
"""

import subprocess
import sys

ROAD = """
import beartype
from jaxtyping import install_import_hook

check = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))  # an int is a float, as for type checkers
stations = "worlds corpora rendering fitting models pairs measures judging trials bounds tables drawing sweep".split()
stations += "seeds terminal missing_mass audit logs grading calibration posttraining".split()
install_import_hook([f"simlab.{name}" for name in stations], "__main__.check")  # numba compiles undecorated code only

from simlab import missing_mass, worlds
from simlab.audit import audit_corpus, audit_evals
from simlab.corpora import group, list_facts, sample, sample_listed
from simlab.measures import missing_mass as missing
from simlab.measures import observe
from simlab.models import LEARNERS, learn
from simlab.pairs import tabulate
from simlab.seeds import Streams
from simlab.sweep import run
from simlab.trials import trial

streams = Streams(3)
prompted = worlds.with_singleton_rate(0.3, 200, "zipf", n_facts=300, answers=7, answer_rate=0.8)
strings = worlds.factoids(worlds.zipf(50), 500)
tried = 0
for world in (prompted, strings):
    truth = list_facts(world, streams.numpy("truth"))
    listed = sample_listed(truth, 200, streams.numpy("corpus"))
    for corpus, where in ((group(listed), world), (listed, truth)):
        for name, needs in LEARNERS.items():
            if (needs.prompted if world.prompted else needs.factoids) and not (needs.listed and corpus is not listed):
                few = {"steps": 10} if "steps" in needs.options else {}
                observe(tabulate(where, corpus, learn(name, corpus, streams, **few), streams))
                tried += 1
        missing(world, corpus)
for world in (worlds.pareto(10**9, 1.5), worlds.geometric(10**9, 1 - 1e-6), worlds.from_counts([1, 2, 2, 5])):
    tried += len(trial(world, 10**6, ("calibrated", "guess_one", "abstain"), streams, count_cap=2))
counts = missing_mass.counts_of({1: 30, 2: 12, 7: 9}, idk=5)
for name in ("good_turing", "chao_jost", "robbins", "chao1", "ace"):
    estimator = getattr(missing_mass, name)
    tried += estimator(counts).low >= 0
tried += missing_mass.coverage_curve(counts, replicates=5).coverage.size > 0
FILE = OUT + "/facts.csv"
open(FILE, "w").write("p,a" + chr(10) + "".join(f"{i % 40},{i % 7}" + chr(10) for i in range(90)))
tried += bool(audit_corpus(FILE, prompt="p", answer="a").text())
LOG = OUT + "/log.csv"
open(LOG, "w").write("id,grade,p" + chr(10) + "".join(f"{i},{i % 3 > 0},{i / 90}" + chr(10) for i in range(90)))
tried += bool(audit_evals(LOG).html())
result = run(smoke=True, engine="serial", out=OUT)
assert result.status == 0
print("checked", tried)

import numpy as np
from jaxtyping import TypeCheckError
from simlab.models import Fit

Fit("x", np.ones(2), np.ones(2), np.ones(2))
try:
    Fit("x", np.ones(2), np.ones(3), np.ones(2))
except TypeCheckError:
    print("noticed")
"""


def test_the_road_from_world_to_verdict_and_a_wrong_shape_is_noticed_on_it(tmp_path) -> None:
    code = ROAD.replace("OUT", repr(str(tmp_path)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["checked", "39", "noticed"]
