"""Loads from constant tables at an address that depends on one unknown byte, as short terms.

angr makes a term with a condition for each address, which takes z3 and angr itself long. The terms here have a
condition for each run of equal or of consecutive values, and mean the same.
"""

from collections import defaultdict

import angr
import claripy


class TableMemory(angr.storage.DefaultMemory):
    """angr's memory, with another term for such a load."""

    def load(self, addr, size=None, **kwargs):
        address = getattr(addr, "ast", addr)
        is_plain = isinstance(size, int) and kwargs.get("condition") is None
        if is_plain and isinstance(address, claripy.ast.BV) and address.symbolic:
            term = self._table(address, size, kwargs.get("endness"))
            if term is not None:
                return term
        return super().load(addr, size, **kwargs)

    def _table(self, address, size, endness):
        unknown = {leaf for leaf in address.leaf_asts() if leaf.symbolic}
        if len(unknown) != 1:
            return None
        [byte] = unknown
        if byte.length != 8:
            return None
        order = "little" if endness == "Iend_LE" else "big"
        key = (address.hash(), size, order)
        if key not in terms:
            terms[key] = self._term(address, byte, size, order)
        return terms[key]

    def _term(self, address, byte, size, order):
        values = []
        for number in range(256):
            place = claripy.replace(address, byte, claripy.BVV(number, 8))
            value = self._constant(claripy.backends.concrete.convert(place).value, size, order)
            if value is None:
                return None
            values.append(value)
        return term_of(byte, values, 8 * size)

    def _constant(self, place, size, order):
        """The number at a place that the program cannot write to."""
        binary = self.state.project.loader.main_object
        segment = binary.find_segment_containing(place)
        if segment is None or segment.is_writable or not segment.contains_addr(place + size - 1):
            return None
        return int.from_bytes(self.state.project.loader.memory.load(place, size), order)


terms = {}


def term_of(byte, values, bits):
    """The value at the index `byte`."""
    index = byte.zero_extend(bits - 8)
    conditions = defaultdict(list)  # by the value, or by the difference between value and index
    place = 0
    while place < len(values):
        same, rising = run(values, place, 0, bits), run(values, place, 1, bits)
        end = max(same, rising)
        if same >= rising:
            key = (values[place], False)
        else:
            key = (values[place] - place) % 2**bits, True
        conditions[key].append(claripy.And(byte.UGE(place), byte.ULE(end - 1)))
        place = end
    *rest, last = sorted(conditions, key=lambda key: len(conditions[key]))
    term = value_of(last, index, bits)
    for key in rest:
        term = claripy.If(claripy.Or(*conditions[key]), value_of(key, index, bits), term)
    return term


def value_of(key, index, bits):
    number, is_difference = key
    constant = claripy.BVV(number, bits)
    return index + constant if is_difference else constant


def run(values, start, step, bits):
    """The end of the run from `start` in which each value is `step` above the one before."""
    end = start + 1
    while end < len(values) and values[end] == (values[end - 1] + step) % 2**bits:
        end += 1
    return end
