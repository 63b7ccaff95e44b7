"""How hard a property is tried: by half of its examples, in `make test-all` (profile `thorough`) by all of them."""

from hypothesis import settings

settings.register_profile("thorough")


def examples(number: int) -> int:
    """Return how many of so many examples this session tries."""
    return number if settings.get_current_profile_name() == "thorough" else number // 2
