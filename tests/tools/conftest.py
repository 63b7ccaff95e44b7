import pytest


@pytest.fixture
def view(make_snapshot):
    """Return a factory of main views with some fields and indicators changed."""

    main = make_snapshot().main

    def make(view=main, close=None, **indicators):
        changes = {"indicators": view.indicators.model_copy(update=indicators)}
        return view.model_copy(update=changes | ({} if close is None else {"close": close}))

    return make
