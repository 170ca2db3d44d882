import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.channels import ChannelIndicator


def test_one_in_its_channel_and_zero_elsewhere():
    groups = Groups.from_labels(np.zeros((4, 2)), np.array([0, 0, 1, 1]), {"channel": np.array([0, 1, 5, 1])})
    values = ChannelIndicator({0: "lamin", 1: "actin"}).measure(groups)
    assert {name: value.tolist() for name, value in values.items()} == {
        "in_lamin": [1, 0, 0, 0],
        "in_actin": [0, 1, 0, 1],
    }


def test_no_channel_is_refused():
    with pytest.raises(ConfigError, match=r"features\.localisations\.channel_indicator\.channels must map the index"):
        ChannelIndicator({})
