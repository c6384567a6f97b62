"""Runs entry points of the compiled library with unknown arguments (angr), and compares the answers with a
specification (z3)."""

import ctypes
import logging
from dataclasses import dataclass

logging.disable(logging.CRITICAL)  # angr reports missing parts that are not in use here

import angr  # noqa: E402
import claripy  # noqa: E402
import z3  # noqa: E402
from angr.concretization_strategies import SimConcretizationStrategyRange  # noqa: E402

from tables import TableMemory  # noqa: E402

INPUT, ANSWER, OUTPUT = 0x1000_0000, 0x2000_0000, 0x3000_0000

NEED_MORE, ACCEPTED, REFUSED = 1, 2, 3


class Answer(ctypes.Structure):
    """`Answer` in src/lib.rs."""

    _fields_ = [
        ("verdict", ctypes.c_uint32),
        ("packet_type", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("field", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("length", ctypes.c_uint64),
        ("value", ctypes.c_uint32),
        ("packet_id", ctypes.c_uint32),
        ("reason_code", ctypes.c_uint32),
        ("session_present", ctypes.c_uint32),
        ("content", ctypes.c_uint64),
        ("output", ctypes.c_uint64),
    ]

    def fields(self):
        return {name: getattr(self, name) for name, _ in self._fields_}


FIELDS = {name: (getattr(Answer, name).offset, getattr(Answer, name).size) for name, _ in Answer._fields_}


class Wrong(Exception):
    """A claim does not hold."""


@dataclass
class Path:
    """What a path through an entry point needs, and what it writes."""

    condition: z3.BoolRef
    answer: dict[str, z3.BitVecRef]


class Forbidden(angr.SimProcedure):
    """Ends a path at a function that no path may reach."""

    NO_RET = True

    def run(self, reason=""):
        self.state.globals["forbidden"] = reason
        self.exit(1)


class Inputs:
    """Unknown arguments by name: bytes in memory, and numbers."""

    def __init__(self, count=0, **bits):
        # for angr
        self.bytes = [claripy.BVS(f"byte{place}", 8, explicit_name=True) for place in range(count)]
        self.numbers = {name: claripy.BVS(name, size, explicit_name=True) for name, size in bits.items()}
        # the same for z3; each number is an attribute
        self.terms = [z3.BitVec(f"byte{place}", 8) for place in range(count)]
        for name, size in bits.items():
            setattr(self, name, z3.BitVec(name, size))
        # conditions of an example that is tried on this processor
        self.small = []

    def register(self, argument):
        if isinstance(argument, int):
            return claripy.BVV(argument, 64)
        number = self.numbers[argument]
        return number.zero_extend(64 - number.length)

    def values(self, model):
        """The bytes and numbers of an example."""
        value = lambda term: model.eval(term, model_completion=True).as_long()
        numbers = {name: value(z3.BitVec(name, number.length)) for name, number in self.numbers.items()}
        return bytes(map(value, self.terms)), numbers


angr.SimState.register_default("sym_memory", TableMemory)


class Machine:
    """One build of the library: in angr, and for examples in this process."""

    def __init__(self, library):
        self.project = angr.Project(library, auto_load_libs=False, main_opts={"base_addr": 0x40_0000})
        self.native = ctypes.CDLL(library)
        self.native.kind_name.restype = ctypes.c_size_t
        self.kinds = self._kinds()
        panics = [it for it in self.project.loader.main_object.symbols if it.is_function and "panic" in it.name]
        if not panics:
            raise Wrong("the library has no symbols")
        for symbol in panics:
            self._forbid(symbol.rebased_addr, "a panic is reachable")
        # angr would go on with any result
        unknown = [address for address, it in self.project._sim_procedures.items() if it.is_stub]
        for address in unknown:
            self._forbid(address, "a path needs a function that angr does not know")

    def _forbid(self, address, reason):
        self.project.hook(address, Forbidden(reason=reason), replace=True)

    def _kinds(self):
        """The numbers of the kinds of error."""
        kinds, room = {}, ctypes.create_string_buffer(64)
        while length := self.native.kind_name(len(kinds), room, len(room)):
            kinds[room.raw[:length].decode()] = len(kinds)
        return kinds

    def call(self, entry, *arguments):
        """Calls an entry point in this process."""
        answer = Answer()
        getattr(self.native, entry)(*arguments, ctypes.byref(answer))
        return answer

    def paths(self, entry, arguments, inputs, assumptions, stop_at=None):
        """All paths through an entry point. Arguments are numbers, and the names of unknown ones; the place of the
        answer is added here. Paths may also end at the function `stop_at`: their conditions are returned, too."""
        function = self.project.loader.find_symbol(entry).rebased_addr
        options = {angr.options.SYMBOL_FILL_UNCONSTRAINED_MEMORY, angr.options.SYMBOL_FILL_UNCONSTRAINED_REGISTERS}
        registers = [inputs.register(argument) for argument in (*arguments, ANSWER)]
        state = self.project.factory.call_state(function, *registers, add_options=options)
        # an address that cannot be resolved completely is an error, never a guess
        state.memory.read_strategies = [SimConcretizationStrategyRange(1024)]
        state.memory.write_strategies = [SimConcretizationStrategyRange(16)]
        for place, byte in enumerate(inputs.bytes):
            state.memory.store(INPUT + place, byte)
        state.memory.store(ANSWER, claripy.BVV(0, 8 * ctypes.sizeof(Answer)))
        state.solver.add(*assumptions(inputs))
        manager = self.project.factory.simgr(state)
        stop = stop_at and self._address(stop_at)
        while manager.active:
            manager.step()
            manager.move("active", "stopped", lambda path: path.addr == stop)
        if manager.errored:
            raise Wrong(f"angr: {manager.errored[0]}")
        ends = [self._end(state, inputs) for state in manager.deadended]
        return ends, [condition(state) for state in manager.stashes.get("stopped", [])]

    def _address(self, name):
        symbols = self.project.loader.main_object.symbols
        [address] = {symbol.rebased_addr for symbol in symbols if symbol.is_function and name in symbol.name}
        return address

    def _end(self, state, inputs):
        taken = condition(state)
        if reason := state.globals.get("forbidden"):
            raise Wrong(f"{reason}, for example with {shown(inputs, example(taken))}")
        if state.addr != self.project.simos.return_deadend:
            raise Wrong(f"a path ends at {state.addr:#x}, for example with {shown(inputs, example(taken))}")
        load = lambda place, size: state.memory.load(ANSWER + place, size, endness="Iend_LE")
        return Path(taken, {name: to_z3(load(*place)) for name, place in FIELDS.items()})


def to_z3(term):
    return claripy.backends.z3.convert(term)


def condition(state):
    return to_z3(claripy.And(claripy.true(), *state.solver.constraints))


def example(*conditions):
    """Values that meet the conditions, or None if there are none. If any values do, they are empty, which counts as
    false."""
    solver = z3.Solver()
    solver.add(*conditions)
    verdict = solver.check()
    if verdict == z3.unknown:
        raise Wrong(f"z3 does not decide: {solver.reason_unknown()}")
    return solver.model() if verdict == z3.sat else None


def check(paths, expected, assumed, inputs, native, others=()):
    """Each path gives the expected answer, an example of it does so on this processor, and the paths cover everything
    that is assumed, together with the conditions `others`."""
    for path in paths:
        differs = z3.Or([path.answer[name] != value for name, value in expected.items()])
        if (model := example(path.condition, differs)) is not None:
            have, want = (in_words(evaluate(model, terms)) for terms in (path.answer, expected))
            raise Wrong(f"{shown(inputs, model)}: the library gives {have}; the specification gives {want}")
        model = example(path.condition, *inputs.small)
        if model is None:
            raise Wrong("a path has no example of a size that can be tried")
        here, there = native(*inputs.values(model)).fields(), evaluate(model, path.answer)
        if here != there:
            here, there = in_words(here), in_words(there)
            raise Wrong(f"{shown(inputs, model)}: this processor gives {here}; angr gives {there}")
    check_cover([*(path.condition for path in paths), *others], assumed, inputs)


def check_cover(conditions, assumed, inputs):
    missed = lambda conditions: example(assumed, z3.Not(z3.Or(conditions)))
    if (model := missed(conditions)) is not None:
        raise Wrong(f"{shown(inputs, model)}: no path covers this input")
    if missed(conditions[:-1]) is None:
        raise Wrong("the check of the cover does not notice that a path is left out")


def evaluate(model, terms):
    return {name: model.eval(term, model_completion=True).as_long() for name, term in terms.items()}


def in_words(answer):
    return ", ".join(f"{name} {value}" for name, value in answer.items() if value) or "no verdict"


def shown(inputs, model):
    memory, numbers = inputs.values(model)
    return " ".join(filter(None, [memory.hex(" "), *(f"{name}={value}" for name, value in numbers.items())]))
