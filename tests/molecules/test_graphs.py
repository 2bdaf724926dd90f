import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantum_latents.molecules import BOND_CLASSES, GraphLayout

layouts = st.builds(
    GraphLayout,
    num_atoms=st.integers(2, 12),
    elements=st.sampled_from([("C",), ("C", "N", "O", "F"), ("B", "Si", "Cl")]),
)


@st.composite
def layouts_with_codes(draw):
    layout = draw(layouts)
    rows = draw(st.integers(0, 5))
    bonds = draw(arrays(np.uint8, (rows, layout.num_pairs), elements=st.integers(0, 3)))
    highest = len(layout.elements)
    nodes = draw(arrays(np.uint8, (rows, layout.num_atoms), elements=st.integers(0, highest)))
    return layout, np.concatenate([bonds, nodes], axis=1)


@given(layouts_with_codes())
def test_codes_come_back_from_one_hot_rows_and_from_graphs(pair):
    layout, codes = pair
    one_hot = layout.to_one_hot(codes)
    assert one_hot.dtype == np.uint8
    assert one_hot.shape == (len(codes), layout.one_hot_width)
    # One one in every group: P bonds and n places.
    assert (one_hot.sum(axis=1) == layout.num_pairs + layout.num_atoms).all()
    assert np.array_equal(layout.to_codes(one_hot), codes)
    assert np.array_equal(layout.to_codes(one_hot * 0.1 - 5.0), codes)
    bonds, nodes = layout.bonds(codes), layout.nodes(codes)
    assert np.array_equal(bonds, bonds.transpose(0, 2, 1))
    assert not bonds[:, range(layout.num_atoms), range(layout.num_atoms)].any()
    assert np.array_equal(layout.codes(bonds, nodes), codes)


@given(layouts)
def test_widths_count_what_the_notation_says(layout):
    n = layout.num_atoms
    assert layout.num_pairs == len(np.triu_indices(n, 1)[0])
    assert layout.code_width == layout.num_pairs + n
    groups = BOND_CLASSES * layout.num_pairs + (len(layout.elements) + 1) * n
    assert layout.one_hot_width == groups


def test_pairs_stand_in_the_order_of_the_upper_triangle():
    layout = GraphLayout(num_atoms=4, elements=("C",))
    codes = np.array([[1, 2, 3, 0, 1, 2, 1, 1, 1, 1]], dtype=np.uint8)
    assert layout.bonds(codes)[0].tolist() == [
        [0, 1, 2, 3],
        [1, 0, 0, 1],
        [2, 0, 0, 2],
        [3, 1, 2, 0],
    ]


@pytest.mark.parametrize("num_atoms", [1, 65, 0])
def test_places_are_two_to_sixty_four(num_atoms):
    with pytest.raises(ValueError, match="num_atoms is 2 to 64"):
        GraphLayout(num_atoms=num_atoms, elements=("C",))


def test_bad_fields_and_shapes_are_named():
    with pytest.raises(TypeError, match="integer"):
        GraphLayout(num_atoms=9.0, elements=("C",))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tuple"):
        GraphLayout(num_atoms=9, elements=["C"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tuple"):
        GraphLayout(num_atoms=9, elements=())
    with pytest.raises(ValueError, match="twice"):
        GraphLayout(num_atoms=9, elements=("C", "C"))
    layout = GraphLayout(num_atoms=3, elements=("C",))
    for read in (layout.bonds, layout.nodes, layout.to_one_hot, layout.to_codes):
        with pytest.raises(ValueError, match="rows of"):
            read(np.zeros((2, 5), dtype=np.uint8))
