import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.channels import ChannelFractions


def test_part_of_each_channel():
    channel = np.array([0, 1, 1, 0, 3, 1])
    groups = Groups.from_labels(np.zeros((6, 2)), np.array([0, 0, 0, 0, 1, 1]), {"channel": channel})
    values = ChannelFractions({1: "actin", 0: "lamin"}).compute(groups)
    assert list(values) == ["fraction_actin", "fraction_lamin"]
    assert values["fraction_actin"].tolist() == [0.5, 0.5]
    assert values["fraction_lamin"].tolist() == [0.5, 0.0]


def test_no_channel_is_refused():
    with pytest.raises(ConfigError, match=r"features\.features\.channels\.channels must map the index"):
        ChannelFractions({})
