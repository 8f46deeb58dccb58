"""The same code on a GPU, where there is one: fits are those of the CPU, and what lacks memory is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from simlab.corpora import Listed, list_facts, sample, sample_listed
from simlab.errors import BadInput
from simlab.fitting import Family, fit, fit_many
from simlab.models.bilinear import Bilinear
from simlab.models.mlp import MLP
from simlab.models.softmax_table import SoftmaxTable
from simlab.models.transformer import Transformer
from simlab.seeds import Streams
from simlab.sweep.devices import gpus
from simlab.worlds import uniform

pytestmark = pytest.mark.skipif(not gpus(), reason="no NVIDIA GPU is here")
STREAMS = Streams(5, "gpu")
FAMILIES = [SoftmaxTable(), Bilinear(4), MLP(16, 8), Transformer(2, 16, 2)]


@pytest.fixture(autouse=True)
def there() -> None:
    """Skip where JAX cannot use the GPU that is there."""
    try:
        jax.devices("gpu")
    except RuntimeError as error:
        pytest.skip(f"JAX sees no GPU: {error}")


def a_corpus(replicate: int = 0) -> Listed:
    streams = Streams(3, "gpu", replicate)
    world = uniform(30, answers=6, answer_rate=0.8)
    return sample_listed(list_facts(world, streams.numpy("truth")), 80, streams.numpy("corpus"))


@pytest.mark.parametrize("batch", [None, 16])
@pytest.mark.parametrize("model", FAMILIES, ids=lambda model: model.name)
def test_a_fit_is_the_same_on_both(model: Family, batch: int | None) -> None:
    """In double precision, the same draws of a minibatch too; and not the start of it merely."""
    told: dict[str, Any] = {"streams": STREAMS, "steps": 40, "learning_rate": 0.02, "batch": batch}
    cpu, gpu = (fit(a_corpus(), model, device=device, **told) for device in ("cpu", "gpu"))
    np.testing.assert_allclose(gpu.trace.loss, cpu.trace.loss, rtol=1e-6)
    assert abs(cpu.trace.loss[-1] / cpu.trace.loss[0] - 1) > 0.01
    np.testing.assert_allclose(gpu.density.p_hat, cpu.density.p_hat, atol=1e-5)  # type: ignore[union-attr]


@pytest.mark.parametrize("precision", ["single", "mixed"])
@pytest.mark.parametrize("model", FAMILIES, ids=lambda model: model.name)
def test_less_precision_ends_near(model: Family, precision: str) -> None:
    """Single precision multiplies in the device's own format there (tf32), mixed in bfloat16; paths part in time."""
    told: dict[str, Any] = {"streams": STREAMS, "steps": 40, "learning_rate": 0.02, "device": "gpu"}
    exact, less = (fit(a_corpus(), model, precision=name, **told) for name in ("double", precision))
    np.testing.assert_allclose(less.trace.loss[:20], exact.trace.loss[:20], rtol=0.05)
    assert less.trace.loss[-1] < less.trace.loss[20]


def test_many_fits_are_each_fit() -> None:
    corpora = [a_corpus(i) for i in range(5)]
    streams = [Streams(1, "gpu", i) for i in range(5)]
    many = fit_many(corpora, Bilinear(4), streams=streams, steps=30, learning_rate=0.05, device="gpu")
    for corpus, stream, one in zip(corpora, streams, many, strict=True):
        alone = fit(corpus, Bilinear(4), streams=stream, steps=30, learning_rate=0.05, device="cpu")
        np.testing.assert_allclose(one.trace.loss, alone.trace.loss, rtol=1e-6)


def test_lbfgs_reaches_its_tolerance_there() -> None:
    fitted = fit(
        sample(uniform(1_000), 500, STREAMS.numpy("corpus")), SoftmaxTable(), streams=STREAMS, optimizer="lbfgs",
        weight_decay=0.01, tolerance=1e-8, device="gpu",
    )  # fmt: skip
    assert fitted.trace.converged


def test_a_batch_larger_than_its_memory_is_refused_before_it_is_taken() -> None:
    need = r"(more than the|[\d.]+ TB of) [\d.]+ GB free"
    with pytest.raises(BadInput, match=rf"^batch = 1000000000: mlp needs {need}: take a smaller"):
        fit(a_corpus(), MLP(), streams=STREAMS, batch=10**9, device="gpu")


def test_a_sweep_gives_there_what_it_gives_on_the_cpu(tmp_path: Path) -> None:
    """A whole experiment with fits, on each device in processes of its own."""
    root = Path(__file__).parents[1]
    tables = {}
    for device in ("cpu", "gpu"):
        out = tmp_path / device
        command = [sys.executable, "-m", "simlab.sweep", "experiments/error_from_iiv_training.py", "--smoke"]
        environment = {k: v for k, v in os.environ.items() if k != "JAX_PLATFORMS"}
        done = subprocess.run(
            [*command, "--device", device, "--workers", "1", "--out", str(out)],
            cwd=root, env=environment, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        tables[device] = np.genfromtxt(out / "summary.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
        told = "".join(path.read_text() for path in (out / "runs").iterdir())
        assert f'"device": "{device}"' in told
    cpu, gpu = tables["cpu"], tables["gpu"]
    assert cpu.dtype.names == gpu.dtype.names
    numbers = [name for name in cpu.dtype.names or () if cpu.dtype[name].kind == "f"]
    assert len(numbers) > 5
    for name in numbers:
        np.testing.assert_allclose(gpu[name], cpu[name], rtol=1e-4, atol=1e-6, err_msg=name)
