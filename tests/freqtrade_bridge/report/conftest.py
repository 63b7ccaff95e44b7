import pytest
from reported import made


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Return the evidence of a made-up run of 5,000 decisions over three pairs, and its archive."""
    return made(5000, tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def evidence(run):
    return run[0]


@pytest.fixture(scope="session")
def archive(run):
    return run[1]


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    return made(600, tmp_path_factory.mktemp("small"))[0]
