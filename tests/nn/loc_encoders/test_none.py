"""No localisation encoder."""

import pytest

from locgraph.nn.loc_encoders.none import NoEncoder


@pytest.mark.parametrize("dimensions", [2, 3])
def test_an_empty_vector_for_each_cluster(dimensions, make_batch, make_sizes):
    encoder = NoEncoder(make_sizes(dimensions))

    assert encoder(make_batch(dimensions=dimensions)).shape == (7, 0)
    assert encoder.out_channels == 0
    assert not encoder.uses_localisations
    assert list(encoder.parameters()) == []
