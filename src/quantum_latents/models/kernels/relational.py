"""The sweeps of a relational critic, compiled, for one run of a stack on one core.

Notation: `quantum_latents.models.molgan`, whose `StackedRelationalCritic` owns the parameters. A
few molecules at a time go through all sweeps while their activations are near the core; they
lie in four *slots* of m molecules each:

    slot    molecules         values        adjoints
    0       mixed u           values        q, of the tangent sweep's result
    1       real x            values        p, of the means
    2       generated         values        p, of the means
    3       mixed u           tangents      p, of f(u)

The penalty needs the derivative of a derivative, and a network with tanh has second derivatives
everywhere, so four sweeps: values (slots 0 to 2); adjoints p backwards (slots 1 to 3), whose
end in slot 3 is the gradient of f at u; tangents forwards from that gradient scaled, d (slot 3);
adjoints q backwards of the tangent f' = grad f . d (slot 0). With h = tanh(z) and tangents h', z'

    p_z = (1 - h^2) p_h,   h' = (1 - h^2) z',   q_z = (1 - h^2) q_h - 2 h h' p_h,

and a product z = u W gives q_u = q_z W^T. Then d f' / dW = u^T q_z + u'^T p_z: in the order of the
slots, one product of all values with all adjoints gives the gradient of the whole loss.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quantum_latents.models.kernels.elementwise import tanh
from quantum_latents.models.kernels.mlp import parameters_of
from quantum_latents.models.kernels.product import add_product, panel_size, set_product
from quantum_latents.models.molgan import StackedRelationalCritic, pairs_of
from quantum_latents.molecules import BOND_CLASSES
from quantum_latents.simd import aligned_zeros, subroutine

__all__ = [
    "SLOT_MOLECULES",
    "RelationalCritic",
    "adjoints",
    "input_gradients",
    "place_molecules",
    "relational_critic",
    "second_adjoints",
    "tangents",
    "values",
    "weight_gradients",
]

_PLAIN, _AGGREGATES_FIRST, _CONVOLUTION, _GATE = 0, 1, 2, 3
SLOT_MOLECULES = 16
"""Molecules of a slot: their activations fit the second cache, their products fill tiles."""


class RelationalCritic(NamedTuple):
    """What the sweeps need of S stacked critics, as plain arrays.

    Attributes:
        flat, gradient: parameters and gradients of all runs.
        blocks: (L, 2, 2), for weight and bias of a layer where run 0's block starts in `flat`
            and how many numbers it has.
        kinds, inputs, outputs: (L,), of the layers.
        input_at, middle_at, output_at: (L,), where in `values` and `adjoints` a layer's U_l
            starts, what lies between U_l and its result, and (adjoints only) z.
        pairs: (P, 2), places of a pair.
        num_nodes: F.
        capacity: m.
        values, adjoints: the buffers.
        adjacency: (4 m, (R + 1) n, n), A and in slot 3 its tangent: row i (R + 1) + r of a
            molecule is row i of A_r, where A_0 is one, a place's own, and its tangent zero.
        turned: (m, (R + 1) n, n), of slot 3, where A_r is not symmetric: row j (R + 1) + r is
            column j of A_r.
        slopes, turned_slopes: (m, (R + 1) n, n), the gradient of f by A; node_slopes: (m, n, F),
            by X.
        product: workspace of products.
    """

    flat: np.ndarray
    gradient: np.ndarray
    blocks: np.ndarray
    kinds: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray
    input_at: np.ndarray
    middle_at: np.ndarray
    output_at: np.ndarray
    pairs: np.ndarray
    num_nodes: int
    capacity: int
    values: np.ndarray
    adjoints: np.ndarray
    adjacency: np.ndarray
    turned: np.ndarray
    slopes: np.ndarray
    turned_slopes: np.ndarray
    node_slopes: np.ndarray
    product: np.ndarray


def relational_critic(critic: StackedRelationalCritic) -> RelationalCritic:
    """Return the view of `critic` that the sweeps take, with buffers of its own.

    `critic` lies on the CPU and has a gradient; the view shares its memory.
    """
    assert critic.flat.grad is not None
    flat, gradient = critic.flat.detach().numpy(), critic.flat.grad.numpy()
    layers, n, m = critic.layers, critic.num_atoms, SLOT_MOLECULES
    blocks = np.zeros((len(layers), 2, 2), dtype=np.int64)
    start = 0
    for place, block in enumerate(critic.blocks):
        size = block.rows * block.columns
        blocks[place // 2, place % 2] = start, size
        start += critic.stack * size
    kinds, inputs, outputs = [], [], []
    places = np.zeros((3, len(layers)), dtype=np.int64)
    size = 0
    for place, layer in enumerate(layers):
        rows = 4 * m * (1 if layer.kind == "dense" else n)
        kind, middle = _PLAIN, 0
        if layer.kind == "convolution":
            kind = _AGGREGATES_FIRST if layer.aggregates_first else _CONVOLUTION
            width = layer.num_inputs if layer.aggregates_first else layer.num_outputs
            middle = BOND_CLASSES * width
        elif layer.kind == "gate":
            kind, middle = _GATE, layer.columns
        kinds.append(kind)
        inputs.append(layer.num_inputs)
        outputs.append(layer.num_outputs)
        for part, width in enumerate((layer.num_inputs, middle, layer.num_outputs)):
            places[part, place] = size
            size += rows * width
    mixing = BOND_CLASSES * n, n
    return RelationalCritic(
        flat=flat,
        gradient=gradient,
        blocks=blocks,
        kinds=np.array(kinds),
        inputs=np.array(inputs),
        outputs=np.array(outputs),
        input_at=places[0],
        middle_at=places[1],
        output_at=places[2],
        pairs=pairs_of(n),
        num_nodes=critic.num_node_classes,
        capacity=m,
        values=aligned_zeros(size, flat.dtype),
        adjoints=aligned_zeros(size, flat.dtype),
        adjacency=np.zeros((4 * m, *mixing), dtype=flat.dtype),
        turned=np.zeros((m, *mixing), dtype=flat.dtype),
        slopes=np.zeros((m, *mixing), dtype=flat.dtype),
        turned_slopes=np.zeros((m, *mixing), dtype=flat.dtype),
        node_slopes=np.zeros((m, n, critic.num_node_classes), dtype=flat.dtype),
        product=aligned_zeros(panel_size(flat.itemsize), flat.dtype),
    )


@subroutine
def _rows(buffer, at, width, start, stop):
    """Return rows [start, stop) of an array of so many columns that starts at `at`."""
    return buffer[at + start * width : at + stop * width].reshape(stop - start, width)


@subroutine
def _part(rows, b, size):
    """Return molecule b's part of rows that lie `size` to a molecule."""
    return rows[b * size : (b + 1) * size]


@subroutine
def _weight(net, flat, run, layer):
    """Return a weight as (rows, columns), inputs by outputs."""
    block = parameters_of(net, flat, run, layer, 0)
    rows = net.inputs[layer] * (BOND_CLASSES if net.kinds[layer] == _AGGREGATES_FIRST else 1)
    return block.reshape(rows, len(block) // rows)


@subroutine
def _zero(rows):
    for row in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            rows[row, i] = 0


@subroutine
def _copy(target, at, source, width):
    """Write the first `width` columns of the source to the target's columns from `at` on."""
    for row in range(source.shape[0]):
        for i in range(width):
            target[row, at + i] = source[row, i]


@subroutine
def _apply_tanh(rows, width):
    for row in range(rows.shape[0]):
        for i in range(width):
            rows[row, i] = tanh(rows[row, i])


@subroutine
def _blocks(rows):
    """Return rows (N, (R + 1) w) as (N (R + 1), w): a row for each place j and block r.

    One product with a molecule's A, ((R + 1) n, n), mixes all its places: A^T times the blocks is
    the sum over j and r of A_r[j, i] block_jr, and A times rows (n, w) has in block r of place i
    the sum over j of A_r[i, j] row_j. With A turned, so do the sums of A_r[i, j] and A_r[j, i].
    """
    return rows.reshape(rows.shape[0] * BOND_CLASSES, rows.shape[1] // BOND_CLASSES)


@subroutine
def place_molecules(net, x, start, count, slot):
    """Write the rows [start, start + count) of molecules x (B, K P + F n) to a slot."""
    n, num_nodes = net.adjacency.shape[2], net.num_nodes
    cut = BOND_CLASSES * len(net.pairs)
    nodes = _rows(net.values, net.input_at[0], num_nodes, slot * count * n, (slot + 1) * count * n)
    for b in range(count):
        adjacency, row = net.adjacency[slot * count + b], x[start + b]
        adjacency[:] = 0
        for pair in range(len(net.pairs)):
            i, j = net.pairs[pair]
            for r in range(1, BOND_CLASSES):
                a = row[BOND_CLASSES * pair + r]
                adjacency[BOND_CLASSES * i + r, j] = a
                adjacency[BOND_CLASSES * j + r, i] = a
        for i in range(n):
            adjacency[BOND_CLASSES * i, i] = 1
            for k in range(num_nodes):
                nodes[b * n + i, k] = row[cut + num_nodes * i + k]


@subroutine
def _nodes_into(net, layer, start, stop):
    """Write X beside the hidden part of U_l, in the rows [start, stop)."""
    if net.kinds[layer] == _PLAIN:
        return
    nodes = _rows(net.values, net.input_at[0], net.num_nodes, start, stop)
    u = _rows(net.values, net.input_at[layer], net.inputs[layer], start, stop)
    _copy(u, net.inputs[layer] - net.num_nodes, nodes, net.num_nodes)


@subroutine
def values(net, run, count, first, last):
    """Sweep 1: values of the molecules [first, last), counted over all slots of `count`."""
    n, num_layers, nothing = net.adjacency.shape[2], len(net.kinds), net.product[:0]
    per_mixed = BOND_CLASSES * n
    for layer in range(num_layers):
        kind, width = net.kinds[layer], net.outputs[layer]
        per = np.intp(1) if kind == _PLAIN else n
        start, stop = first * per, last * per
        u = _rows(net.values, net.input_at[layer], net.inputs[layer], start, stop)
        weight, bias = (
            _weight(net, net.flat, run, layer),
            parameters_of(net, net.flat, run, layer, 1),
        )
        if layer == num_layers - 1:
            scores = _rows(net.values, net.output_at[layer], width, start, stop)
            set_product(scores, bias, u, weight, net.product)
            return
        following = net.inputs[layer + 1]
        if kind == _GATE:
            middle = _rows(net.values, net.middle_at[layer], 2 * width, start, stop)
            set_product(middle, bias, u, weight, net.product)
            result = _rows(net.values, net.input_at[layer + 1], following, first, last)
            half = middle.dtype.type(0.5)
            _zero(result)
            for b in range(last - first):
                total = result[b]
                for row in range(b * n, (b + 1) * n):
                    gate, value = middle[row, :width], middle[row, width:]
                    for i in range(width):
                        gate[i] = half + half * tanh(half * gate[i])
                        value[i] = tanh(value[i])
                        total[i] += gate[i] * value[i]
            _apply_tanh(result, width)
            continue
        h = _rows(net.values, net.input_at[layer + 1], following, start, stop)
        if kind == _PLAIN:
            set_product(h[:, :width], bias, u, weight, net.product)
        elif kind == _AGGREGATES_FIRST:
            middle = _rows(net.values, net.middle_at[layer], BOND_CLASSES * u.shape[1], start, stop)
            blocks = _blocks(middle)
            for b in range(last - first):
                target, of_b = _part(blocks, b, per_mixed), _part(u, b, n)
                set_product(target, nothing, net.adjacency[first + b], of_b, net.product)
            set_product(h[:, :width], bias, middle, weight, net.product)
        else:
            middle = _rows(net.values, net.middle_at[layer], BOND_CLASSES * width, start, stop)
            set_product(middle, nothing, u, weight, net.product)
            blocks = _blocks(middle)
            for b in range(last - first):
                target, of_b = _part(h, b, n)[:, :width], _part(blocks, b, per_mixed)
                set_product(target, bias, net.adjacency[first + b].T, of_b, net.product)
        _apply_tanh(h, width)
        if kind != _PLAIN:
            _nodes_into(net, layer + 1, start, stop)


@subroutine
def adjoints(net, run, count, first, seeds):
    """Sweep 2: adjoints p of the molecules [first, 4 m), from seeds[slot] at the score.

    Slot 3 takes its values from slot 0, and writes the gradient by A and X to the slopes.
    """
    n, num_layers, last = net.adjacency.shape[2], len(net.kinds), 4 * count
    one, nothing = net.values.dtype.type(1), net.product[:0]
    net.slopes[:count] = 0
    net.turned_slopes[:count] = 0
    _zero(net.node_slopes.reshape(len(net.slopes), net.node_slopes[0].size)[:count])
    for layer in range(num_layers - 1, -1, -1):
        kind, width = net.kinds[layer], net.outputs[layer]
        per = np.intp(1) if kind == _PLAIN else n
        begin = first * per
        if layer == 0 and kind == _AGGREGATES_FIRST:
            first = 3 * count  # nobody asks for the gradient by the others' input
        start, stop = first * per, last * per
        weight = _weight(net, net.flat, run, layer)
        p_u = _rows(net.adjoints, net.input_at[layer], net.inputs[layer], start, stop)
        if layer == num_layers - 1:
            for row in range(stop - start):
                seed = seeds[(first + row) // count]
                for i in range(p_u.shape[1]):
                    p_u[row, i] = seed * weight[i, 0]
            continue
        following = net.inputs[layer + 1]
        num_h = last if kind == _GATE else last * per
        p_h = _rows(net.adjoints, net.input_at[layer + 1], following, 0, num_h)
        h = _rows(net.values, net.input_at[layer + 1], following, 0, num_h)
        if kind == _GATE:
            middle = _rows(net.values, net.middle_at[layer], 2 * width, 0, last * n)
            p_middle = _rows(net.adjoints, net.middle_at[layer], 2 * width, 0, last * n)
            for b in range(first, last):
                v = b - 3 * count if b >= 3 * count else b
                s, p_sum = h[v], p_h[b]
                for k in range(n):
                    gate, value = middle[v * n + k, :width], middle[v * n + k, width:]
                    p_gate = p_middle[b * n + k, :width]
                    p_value = p_middle[b * n + k, width:]
                    for i in range(width):
                        p_product = (one - s[i] * s[i]) * p_sum[i]
                        p_gate[i] = p_product * value[i] * gate[i] * (one - gate[i])
                        p_value[i] = p_product * gate[i] * (one - value[i] * value[i])
            set_product(p_u, nothing, p_middle[start:], weight.T, net.product)
        else:
            p_z = _rows(net.adjoints, net.output_at[layer], width, 0, last * per)
            for row in range(begin, stop):
                v = row - 3 * count * per if row >= 3 * count * per else row
                for i in range(width):
                    p_z[row, i] = (one - h[v, i] * h[v, i]) * p_h[row, i]
            if kind == _PLAIN:
                set_product(p_u, nothing, p_z[start:], weight.T, net.product)
            else:
                _convolution_adjoints(net, layer, count, first, p_z[start:], p_u, weight)
        if kind != _PLAIN:
            # X enters beside the hidden part of U_l; U_1 is X alone.
            hidden = net.inputs[layer] - net.num_nodes
            for b in range(count):
                for i in range(n):
                    row = p_u[(3 * count + b - first) * n + i]
                    for k in range(net.num_nodes):
                        net.node_slopes[b, i, k] += row[hidden + k]
    for b in range(count):
        slopes, turned = net.slopes[b], net.turned_slopes[b]
        for i in range(n):
            for j in range(n):
                slopes[BOND_CLASSES * i, j] = 0  # A_0 is given
                for r in range(1, BOND_CLASSES):
                    slopes[BOND_CLASSES * i + r, j] += turned[BOND_CLASSES * j + r, i]
            for r in range(1, BOND_CLASSES):
                slopes[BOND_CLASSES * i + r, i] = 0  # a place is not bound to itself


@subroutine
def _convolution_adjoints(net, layer, count, first, p_z, p_u, weight):
    """Write p_u of a convolution from p_z, both of the molecules from `first` on."""
    n, last, width = net.adjacency.shape[2], 4 * count, net.outputs[layer]
    start, stop = first * n, last * n
    by_product, nothing = net.kinds[layer] == _CONVOLUTION, net.product[:0]
    mixed, per_mixed = width if by_product else net.inputs[layer], BOND_CLASSES * n
    p_middle = _rows(net.adjoints, net.middle_at[layer], BOND_CLASSES * mixed, start, stop)
    p_blocks = _blocks(p_middle)
    if by_product:
        middle = _rows(net.values, net.middle_at[layer], BOND_CLASSES * mixed, 0, count * n)
        source, per_source = _blocks(middle), per_mixed
    else:
        source, per_source = _rows(net.values, net.input_at[layer], mixed, 0, count * n), n
        set_product(p_middle, nothing, p_z, weight.T, net.product)
    for b in range(first, last):
        v = b - 3 * count if b >= 3 * count else b
        p, p_mixed = _part(p_z, b - first, n), _part(p_blocks, b - first, per_mixed)
        of_v = _part(source, v, per_source)
        if by_product:
            set_product(p_mixed, nothing, net.adjacency[v], p, net.product)
            if b >= 3 * count:
                add_product(net.turned_slopes[v], of_v, p.T, net.product)
        else:
            result = _part(p_u, b - first, n)
            set_product(result, nothing, net.adjacency[v].T, p_mixed, net.product)
            if b >= 3 * count:
                add_product(net.slopes[v], p_mixed, of_v.T, net.product)
    if by_product:
        set_product(p_u, nothing, p_middle, weight.T, net.product)


@subroutine
def tangents(net, run, count):
    """Sweep 3: tangents of slot 3, from A's and X's directions there; values are slot 0's."""
    n, num_layers = net.adjacency.shape[2], len(net.kinds)
    one, nothing, per_mixed = net.values.dtype.type(1), net.product[:0], BOND_CLASSES * n
    for layer in range(num_layers - 1):
        kind, width = net.kinds[layer], net.outputs[layer]
        per = np.intp(1) if kind == _PLAIN else n
        start, stop = 3 * count * per, 4 * count * per
        u_dot = _rows(net.values, net.input_at[layer], net.inputs[layer], start, stop)
        u = _rows(net.values, net.input_at[layer], net.inputs[layer], 0, count * per)
        weight, following = _weight(net, net.flat, run, layer), net.inputs[layer + 1]
        if kind == _GATE:
            middle = _rows(net.values, net.middle_at[layer], 2 * width, 0, count * n)
            dots = _rows(net.values, net.middle_at[layer], 2 * width, start, stop)
            set_product(dots, nothing, u_dot, weight, net.product)
            s = _rows(net.values, net.input_at[layer + 1], following, 0, count)
            s_dot = _rows(net.values, net.input_at[layer + 1], following, 3 * count, 4 * count)
            _zero(s_dot)
            for b in range(count):
                total = s_dot[b]
                for row in range(b * n, (b + 1) * n):
                    gate, value = middle[row, :width], middle[row, width:]
                    gate_dot, value_dot = dots[row, :width], dots[row, width:]
                    for i in range(width):
                        gate_dot[i] *= gate[i] * (one - gate[i])
                        value_dot[i] *= one - value[i] * value[i]
                        total[i] += gate_dot[i] * value[i] + gate[i] * value_dot[i]
                for i in range(width):
                    total[i] *= one - s[b, i] * s[b, i]
            continue
        h = _rows(net.values, net.input_at[layer + 1], following, 0, count * per)
        h_dot = _rows(net.values, net.input_at[layer + 1], following, start, stop)
        if kind == _PLAIN:
            set_product(h_dot[:, :width], nothing, u_dot, weight, net.product)
        elif kind == _AGGREGATES_FIRST:
            dots = _rows(net.values, net.middle_at[layer], BOND_CLASSES * u.shape[1], start, stop)
            blocks = _blocks(dots)
            for b in range(count):
                target, tangent = _part(blocks, b, per_mixed), net.adjacency[3 * count + b]
                set_product(target, nothing, tangent, _part(u, b, n), net.product)
                add_product(target, net.adjacency[b], _part(u_dot, b, n), net.product)
            set_product(h_dot[:, :width], nothing, dots, weight, net.product)
        else:
            middle = _rows(net.values, net.middle_at[layer], BOND_CLASSES * width, 0, count * n)
            dots = _rows(net.values, net.middle_at[layer], BOND_CLASSES * width, start, stop)
            set_product(dots, nothing, u_dot, weight, net.product)
            blocks, of_dots = _blocks(middle), _blocks(dots)
            for b in range(count):
                target, mixing = _part(h_dot, b, n)[:, :width], net.adjacency[b].T
                set_product(target, nothing, mixing, _part(of_dots, b, per_mixed), net.product)
                add_product(target, net.turned[b].T, _part(blocks, b, per_mixed), net.product)
        for row in range(stop - start):
            for i in range(width):
                h_dot[row, i] *= one - h[row, i] * h[row, i]
        if kind != _PLAIN:
            _nodes_into(net, layer + 1, start, stop)


@subroutine
def _bend(q_z, q_h, p_h, h, h_dot):
    """Write q_z = (1 - h^2) q_h - 2 h h' p_h, row by row."""
    one, two = q_z.dtype.type(1), q_z.dtype.type(2)
    for row in range(q_z.shape[0]):
        for i in range(q_z.shape[1]):
            value = h[row, i]
            bent = two * value * h_dot[row, i] * p_h[row, i]
            q_z[row, i] = (one - value * value) * q_h[row, i] - bent


@subroutine
def second_adjoints(net, run, count):
    """Sweep 4: adjoints q of slot 0, after the other three."""
    n, num_layers = net.adjacency.shape[2], len(net.kinds)
    one, two = net.values.dtype.type(1), net.values.dtype.type(2)
    nothing, per_mixed = net.product[:0], BOND_CLASSES * n
    score = num_layers - 1
    _zero(_rows(net.adjoints, net.input_at[score], net.inputs[score], 0, count))
    for layer in range(num_layers - 2, -1, -1):
        kind, width = net.kinds[layer], net.outputs[layer]
        per = np.intp(1) if kind == _PLAIN else n
        rows, following = count * per, net.inputs[layer + 1]
        weight = _weight(net, net.flat, run, layer)
        q_u = _rows(net.adjoints, net.input_at[layer], net.inputs[layer], 0, rows)
        if kind == _GATE:
            q_h = _rows(net.adjoints, net.input_at[layer + 1], following, 0, 4 * count)
            h = _rows(net.values, net.input_at[layer + 1], following, 0, 4 * count)
            middle = _rows(net.values, net.middle_at[layer], 2 * width, 0, 4 * rows)
            q_middle = _rows(net.adjoints, net.middle_at[layer], 2 * width, 0, rows)
            for b in range(count):
                s, s_dot, p_h, q = h[b], h[3 * count + b], q_h[3 * count + b], q_h[b]
                for row in range(b * n, (b + 1) * n):
                    gate, value = middle[row, :width], middle[row, width:]
                    gate_dot = middle[3 * rows + row, :width]
                    value_dot = middle[3 * rows + row, width:]
                    by_gate, by_value = q_middle[row, :width], q_middle[row, width:]
                    for i in range(width):
                        slope = one - s[i] * s[i]
                        p_s = slope * p_h[i]
                        q_s = slope * q[i] - two * s[i] * s_dot[i] * p_h[i]
                        q_gate = q_s * value[i] + p_s * value_dot[i]
                        q_value = q_s * gate[i] + p_s * gate_dot[i]
                        bent = (one - two * gate[i]) * gate_dot[i] * p_s * value[i]
                        by_gate[i] = gate[i] * (one - gate[i]) * q_gate + bent
                        bent = two * value[i] * value_dot[i] * p_s * gate[i]
                        by_value[i] = (one - value[i] * value[i]) * q_value - bent
            set_product(q_u, nothing, q_middle, weight.T, net.product)
            continue
        q_h = _rows(net.adjoints, net.input_at[layer + 1], following, 0, 4 * rows)
        h = _rows(net.values, net.input_at[layer + 1], following, 0, 4 * rows)
        z = _rows(net.adjoints, net.output_at[layer], width, 0, 4 * rows)
        q_z, p_z = z[:rows], z[3 * rows :]
        _bend(q_z, q_h[:rows], q_h[3 * rows :], h[:rows], h[3 * rows :])
        if kind == _PLAIN:
            set_product(q_u, nothing, q_z, weight.T, net.product)
        elif kind == _CONVOLUTION:
            q_middle = _rows(net.adjoints, net.middle_at[layer], BOND_CLASSES * width, 0, rows)
            blocks = _blocks(q_middle)
            for b in range(count):
                target, mixing = _part(blocks, b, per_mixed), net.adjacency[b]
                set_product(target, nothing, mixing, _part(q_z, b, n), net.product)
                add_product(target, net.turned[b], _part(p_z, b, n), net.product)
            if layer:
                set_product(q_u, nothing, q_middle, weight.T, net.product)
        elif layer:
            width = net.inputs[layer]
            q_middle = _rows(net.adjoints, net.middle_at[layer], BOND_CLASSES * width, 0, 4 * rows)
            set_product(q_middle[:rows], nothing, q_z, weight.T, net.product)
            blocks, of_p = _blocks(q_middle[:rows]), _blocks(q_middle[3 * rows :])
            for b in range(count):
                target, tangent = _part(q_u, b, n), net.adjacency[3 * count + b].T
                mixing, of_b = net.adjacency[b].T, _part(blocks, b, per_mixed)
                set_product(target, nothing, mixing, of_b, net.product)
                add_product(target, tangent, _part(of_p, b, per_mixed), net.product)


@subroutine
def weight_gradients(net, run, count, seeds):
    """Add the gradient of the block's loss by all parameters, after the four sweeps."""
    n, num_layers = net.adjacency.shape[2], len(net.kinds)
    for layer in range(num_layers):
        kind, width = net.kinds[layer], net.outputs[layer]
        rows = 4 * count * (np.intp(1) if kind == _PLAIN else n)
        by_weight = _weight(net, net.gradient, run, layer)
        by_bias = parameters_of(net, net.gradient, run, layer, 1)
        left = _rows(net.values, net.input_at[layer], net.inputs[layer], 0, rows)
        if layer == num_layers - 1:
            for row in range(count, rows):
                for i in range(left.shape[1]):
                    by_weight[i, 0] += seeds[row // count] * left[row, i]
            for slot in (1, 2):
                by_bias[0] += seeds[slot] * count
            return
        right = _rows(net.adjoints, net.output_at[layer], width, 0, rows)
        if kind == _GATE:
            right = _rows(net.adjoints, net.middle_at[layer], 2 * width, 0, rows)
        elif kind == _AGGREGATES_FIRST:
            left = _rows(
                net.values, net.middle_at[layer], BOND_CLASSES * net.inputs[layer], 0, rows
            )
        for row in range(rows // 4 * 3):
            for i in range(right.shape[1]):
                by_bias[i] += right[row, i]
        if kind == _CONVOLUTION:
            right = _rows(net.adjoints, net.middle_at[layer], BOND_CLASSES * width, 0, rows)
        add_product(by_weight, left.T, right, net.product)


@subroutine
def input_gradients(net, start, count, gradient):
    """Write the gradient by x (rows start to start + count) from the slopes of slot 3."""
    n, num_nodes = net.adjacency.shape[2], net.num_nodes
    cut = BOND_CLASSES * len(net.pairs)
    for b in range(count):
        row, slopes = gradient[start + b], net.slopes[b]
        for pair in range(len(net.pairs)):
            i, j = net.pairs[pair]
            row[BOND_CLASSES * pair] = 0
            for r in range(1, BOND_CLASSES):
                of_i, of_j = slopes[BOND_CLASSES * i + r, j], slopes[BOND_CLASSES * j + r, i]
                row[BOND_CLASSES * pair + r] = of_i + of_j
        for i in range(n):
            for k in range(num_nodes):
                row[cut + num_nodes * i + k] = net.node_slopes[b, i, k]
