import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.features.channels import check_channels


def test_channels_are_named_by_index_in_their_order():
    assert list(check_channels("a", {2: "actin", 0: "lamin"}).items()) == [(2, "actin"), (0, "lamin")]
    assert check_channels("a", {"1": 647}) == {1: "647"}  # as JSON gives it back


@pytest.mark.parametrize(
    "value", [{}, None, ["actin"], {-1: "a"}, {0.5: "a"}, {"red": "a"}, {True: "a"}, {0: "a", 1: "a"}, {0: ""},
              {0: None}, {0: "a", "0": "b"}]
)  # fmt: skip
def test_channels_without_an_index_or_name_of_their_own_are_refused(value):
    with pytest.raises(ConfigError, match=r"c must map the index of each channel to a name of its own, such as"):
        check_channels("c", value)
