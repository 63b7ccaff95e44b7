"""How hard a property is tried: by half of its examples, in `make test-all` (profile `thorough`) by all of them.

Never by the clock: a machine that others use makes the first example as slow as it likes.
"""

from hypothesis import HealthCheck, settings

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", UNTIMED)
settings.register_profile("thorough", UNTIMED)
settings.load_profile("default")


def examples(number: int) -> int:
    """Return how many of so many examples this session tries."""
    return number if settings.get_current_profile_name() == "thorough" else number // 2
