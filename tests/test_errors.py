"""The errors that a user can cause and mend."""

import inspect

import pytest

from locgraph import errors

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


def test_the_names_that_people_catch():
    assert {kind.__name__ for kind in ALL} == {
        "LocgraphError",
        "ConfigError",
        "DataError",
        "TooManyFailuresError",
        "FoldError",
        "CheckpointError",
        "MissingPackageError",
    }


@pytest.mark.parametrize("kind", ALL)
def test_one_base_catches_them_and_nothing_built_in_does(kind):
    assert issubclass(kind, errors.LocgraphError)
    # caught by mistake, were it one of these: a reader that tries formats catches ValueError and OSError
    assert not issubclass(kind, ValueError | OSError | LookupError | TypeError | RuntimeError)
    assert kind.__doc__


def test_too_many_failures_are_a_fault_of_the_data():
    assert issubclass(errors.TooManyFailuresError, errors.DataError)


def test_the_message_is_kept_word_for_word():
    with pytest.raises(errors.LocgraphError, match=r"^fold\.index=7 does not exist$"):
        raise errors.ConfigError("fold.index=7 does not exist")
