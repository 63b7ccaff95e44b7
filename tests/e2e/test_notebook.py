"""The notebooks run from top to bottom in a fresh kernel of this interpreter, and are committed without outputs."""

import sys
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import install
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
EACH = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
LONG = {"backtest", "compare", "live"}
"""Several backtests each; what they show of `lab` is held by test_lab.py, too."""
RUN = pytest.mark.parametrize(
    "path", [pytest.param(one, id=one.stem, marks=[pytest.mark.slow] * (one.stem in LONG)) for one in NOTEBOOKS]
)


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Return the name of a kernel that runs this very interpreter, installed where only this test looks."""
    install(prefix=str(tmp_path), kernel_name="candlegraph-test")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    # A proxy that refuses: what leaves loopback fails, as it would without a network.
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    return "candlegraph-test"


@RUN
def test_a_notebook_runs_offline_from_top_to_bottom(path, kernel, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, kernel_name=kernel, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert client.km is None or client.kernel_name == kernel
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    shown = "".join(str(cell.get("outputs")) for cell in notebook.cells)
    assert sys.executable not in shown


@EACH
def test_a_notebook_is_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and all(cell.outputs == [] and cell.execution_count is None for cell in code)
