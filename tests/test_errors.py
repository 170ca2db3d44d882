"""The errors that a user can cause and mend."""

import inspect
import pickle

import pytest

from locgraph import errors

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


def test_the_names_that_people_catch():
    assert {kind.__name__ for kind in ALL} == {
        "LocgraphError",
        "ConfigError",
        "DataError",
        "TooManyFailuresError",
        "FoldError",
        "CheckpointError",
        "MissingPackageError",
        "FolderInUseError",
        "NotFiniteError",
        "StorageError",
    }


@pytest.mark.parametrize("kind", ALL)
def test_one_base_catches_them_and_nothing_built_in_does(kind):
    assert issubclass(kind, errors.LocgraphError)
    # caught by mistake, were it one of these: a reader that tries formats catches ValueError and OSError
    assert not issubclass(kind, ValueError | OSError | LookupError | TypeError | RuntimeError)
    assert kind.__doc__


def test_too_many_failures_are_a_fault_of_the_data():
    assert issubclass(errors.TooManyFailuresError, errors.DataError)


def test_a_setting_is_named_first_and_prefixed_by_callers_that_know_more():
    error = errors.ConfigError("expected at least 2, found 1", setting="heads")
    assert str(error) == "heads: expected at least 2, found 1"
    assert (
        str(error.within("cluster_encoder").within("model"))
        == "model.cluster_encoder.heads: expected at least 2, found 1"
    )
    assert str(errors.DataError("no localisation").within("columns")) == "no localisation"


def test_an_error_survives_the_way_from_a_worker_process():
    error = pickle.loads(pickle.dumps(errors.DataError("no such file", setting="path").within("labels")))

    assert (str(error), error.setting) == ("labels.path: no such file", "labels.path")
