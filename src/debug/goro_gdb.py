# SPDX-License-Identifier: MIT
"""gdb looks at goroutines, in a live process or a core file: info goroutines, goroutine ID|all COMMAND, and what
channels, mutexes and contexts say when they are printed, or by their addresses (info chan, info mutex …).

It comes with the library, in the section .debug_gdb_scripts. It writes no register and calls nothing in the
process: a parked goroutine is shown by an unwinder that claims the innermost frame of the selected thread while a
command runs, and says that its caller is where the goroutine has stopped. Everything is read by the numbers of
goro::detail::gdb_layout, so goro's own debug information is not needed. docs/design/gdb.md says more.
"""
import re
import struct

import gdb
import gdb.unwinder
from gdb.FrameDecorator import FrameDecorator

VERSION = 1


def read(address, size):
    return gdb.selected_inferior().read_memory(address, size).tobytes()


def number(address, size=8, signed=False):
    return int.from_bytes(read(address, size), "little", signed=signed)


def text(address, most=256):
    if address == 0:
        return ""
    out = bytearray()
    while len(out) < most:
        byte = read(address + len(out), 1)[0]
        if byte == 0:
            break
        out.append(byte)
    return out.decode("utf-8", "replace")


class Layout(dict):
    """goro::detail::gdb_layout: {name: number or address}."""

    def __init__(self):
        super().__init__()
        try:
            at = int(gdb.parse_and_eval("(unsigned long)&'goro::detail::gdb_layout'"))
            while True:
                name, address, value = struct.unpack("<QQQ", read(at, 24))
                if name == 0:
                    break
                self[text(name)] = address if address != 0 else value
                at += 24
        except gdb.error as error:
            raise gdb.GdbError(f"goro: no goroutines here: {error} If the program was stripped of its symbol table, "
                               "give gdb the file as it was built: gdb -s BUILT -c CORE")
        if self.get("version") != VERSION:
            raise gdb.GdbError(f"goro: this script is for layout {VERSION}, and the program has "
                               f"{self.get('version')}; use the script that came with its goro")

    def word(self, enum, value):
        """The word of an enum: its table is an array of C strings."""
        return text(number(self[enum] + 8 * value)) if value < self[enum + ".count"] else f"{enum} {value}"


class Goroutine:
    def __init__(self, layout, at):
        field = lambda name, size=8: number(at + layout["g." + name], size)
        self.layout = layout
        self.at = at
        self.id = field("id")
        self.state = layout.word("state", field("state", 1))
        self.why = field("why", 1)
        self.waits_on = field("waits_on")
        self.created_by = field("created_by")
        self.created_at = field("created_at")
        extra = field("extra")
        self.name = text(number(extra + layout["extra.name"])) if extra != 0 else ""
        machine = field("machine")
        self.tid = number(machine + layout["machine.tid"], 4) if machine != 0 and self.runs() else 0
        self.context = field("context")

    def runs(self):
        return self.state in ("running", "blocking")

    def is_stopped(self):
        """Its stack can be read from where it left it. A fresh one has none."""
        return self.state in ("parked", "runnable") and self.context != 0

    def waiting_ns(self):
        now = number(self.layout["coarse_clock"])
        since = number(self.context + self.layout["context.since"])
        return max(0, now - since) if self.state == "parked" and since != 0 else 0

    def registers(self):
        names = REGISTERS[gdb.selected_frame().architecture().name().split(":")[0]]
        return dict(zip(names, struct.unpack("<4Q", read(self.context, 32))))

    def description(self):
        out = f'{self.id}' + (f' "{self.name}"' if self.name else "")
        if self.state == "parked":
            out += f" [{self.layout.word('why', self.why)}"
            seconds = self.waiting_ns() / 1e9
            out += f", {seconds:.3g} s]" if seconds >= 0.01 else "]"
            if self.waits_on != 0:
                out += f" on {self.waits_on:#x}"
            if self.waits_on != 0 and self.layout.word("why", self.why).startswith("chan "):
                out += f" ({describe_chan(self.waits_on, waiting=False)})"
        elif self.runs():
            out += f" [{self.state}] in LWP {self.tid}"
        else:
            out += f" [{'not begun' if self.state == 'fresh' else self.state}]"
        out += f", created by {'a plain thread' if self.created_by == 0 else self.created_by} at {place(self.created_at)}"
        return out


# What saved_context holds: stack pointer, frame pointer, the saved base register, where to go on.
REGISTERS = {"i386": ("rsp", "rbp", "rbx", "rip"), "aarch64": ("sp", "x29", "x19", "pc")}


HEADERS = re.compile(r"include/(goro|c\+\+)/")  # what go() has inlined into the caller


def place(address):
    """The line that called go: what is inlined there is goro's header, so the nearest line before that is another
    file's, in the same function. Else the function."""
    pc = address - 1
    line = gdb.find_pc_line(pc)
    block, first = gdb.block_for_pc(pc), pc
    while block is not None and not block.is_static and block.start <= pc < block.end:
        block, first = block.superblock, block.start
    while line.symtab is not None and HEADERS.search(line.symtab.filename) and first < line.pc:
        line = gdb.find_pc_line(line.pc - 1)
    if line.symtab is not None:
        return f"{line.symtab.filename}:{line.line}"
    return gdb.execute(f"info symbol {address:#x}", to_string=True).split(" in section")[0].strip()


def goroutines():
    layout = Layout()
    first, count = (number(number(layout["blocks"] + at)) for at in (0, 8))
    found = []
    for index in range(count):
        at = first + index * layout["g.size"]
        if layout.word("state", number(at + layout["g.state"], 1)) != "dead":
            found.append(Goroutine(layout, at))
    return sorted(found, key=lambda g: g.id)


class GoroutineUnwinder(gdb.unwinder.Unwinder):
    """Claims the innermost frame, and says that its caller is the goroutine."""

    def __init__(self):
        super().__init__("goro goroutine")
        self.shown = None    # registers of the goroutine
        self.innermost = None  # of the thread: by which its frame is known, as any other is not

    def __call__(self, pending):
        if self.shown is None:
            return None
        names = list(self.shown)
        if (int(pending.read_register(names[0])), int(pending.read_register(names[3]))) != self.innermost:
            return None
        # Below where the goroutine stopped, or gdb takes the caller's frame for one further inside and stops.
        frame = FrameId(self.shown[names[0]] - 16, int(pending.read_register(names[3])))
        info = pending.create_unwind_info(frame)
        kind = gdb.lookup_type("unsigned long")
        for name, value in self.shown.items():
            info.add_saved_register(name, gdb.Value(value).cast(kind))
        return info


class FrameId:
    def __init__(self, sp, pc):
        self.sp = gdb.Value(sp)
        self.pc = gdb.Value(pc)


class ClaimedFrameFilter:
    """Leaves out the claimed frame, which is not the goroutine's."""

    def __init__(self):
        self.name = "goro goroutine"
        self.priority = 1000
        self.enabled = True
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        if the_unwinder.shown is None:
            return frames
        return (f for f in frames if f.inferior_frame().level() != 0)


the_unwinder = GoroutineUnwinder()
gdb.unwinder.register_unwinder(None, the_unwinder, replace=True)
ClaimedFrameFilter()


def thread_of(tid):
    for thread in gdb.selected_inferior().threads():
        if thread.ptid[1] == tid:
            return thread
    return None


def run_in(g, command):
    """Runs a gdb command as if the goroutine were the selected thread."""
    before = gdb.selected_thread()
    if g.runs():
        thread = thread_of(g.tid)
        if thread is None:
            print("\trunning, and its thread cannot be found")
            return
        try:
            thread.switch()
            gdb.execute(command)
        finally:
            before.switch()
        return
    if not g.is_stopped():
        print("\thas not begun: there is no stack")
        return
    frame = gdb.newest_frame()
    registers = g.registers()
    names = list(registers)
    innermost = int(frame.read_register(names[0])), int(frame.read_register(names[3]))
    try:
        the_unwinder.shown, the_unwinder.innermost = registers, innermost
        gdb.invalidate_cached_frames()
        gdb.newest_frame().older().select()
        gdb.execute(command)
    finally:
        the_unwinder.shown = None
        gdb.invalidate_cached_frames()
        gdb.newest_frame().select()


class InfoGoroutines(gdb.Command):
    """Every goroutine: id, name, state, what it waits for, who created it and where.
One that waits says since when and on what; one that runs, in which thread (LWP)."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        for g in goroutines():
            print(g.description())


class GoroutineCommand(gdb.Command):
    """goroutine ID COMMAND: runs a gdb command, bt for instance, in the frames of a goroutine.
goroutine all COMMAND: the same for each. Frame 0 is not the goroutine's, and is not shown in a bt; up, frame N,
info locals work from frame 1 on, within the one command. For several, pass them by \"python\" or a user-defined
command."""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        which, _, command = argument.strip().partition(" ")
        if not which or not command:
            raise gdb.GdbError("goroutine ID|all COMMAND; info goroutines has the ids")
        all_of_them = goroutines()
        chosen = [g for g in all_of_them if which in ("all", str(g.id))]
        if not chosen:
            raise gdb.GdbError(f"goroutine {which}: there is none of that id")
        for g in chosen:
            if which == "all":
                print(f"goroutine {g.description()}")
            try:
                run_in(g, command)
            except gdb.error as error:
                if which != "all":
                    raise
                print(f"\t{error}")


def pointer_in(value):
    """The one pointer in a handle, however deep."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        return int(value)
    if kind.code == gdb.TYPE_CODE_STRUCT:
        for field in kind.fields():
            if not hasattr(field, "bitpos"):  # static
                continue
            found = pointer_in(value[field])
            if found is not None:
                return found
    return None


def waiting_on(address):
    """How many wait there, as words."""
    counts = {}
    for g in goroutines():
        if g.state == "parked" and g.waits_on == address:
            word = g.layout.word("why", g.why)
            counts[word] = counts.get(word, 0) + 1
    return [f"{n} in {word}" for word, n in sorted(counts.items())]


# What an object at an address says. No types are needed, so it works with -g1 and without debug information.

def describe_chan(at, waiting=True):
    layout = Layout()
    field = lambda name, size=8: number(at + layout["chan." + name], size)
    facts = []
    if field("hooks") != 0:
        facts.append("of a timer")
    else:
        facts += [f"len {field('length')}", "unbounded" if field("unbounded", 1) else f"cap {field('capacity')}"]
    if field("closed", 1):
        facts.append("closed")
    return ", ".join(facts + (waiting_on(at) if waiting else []))


def describe_mutex(at):
    return ", ".join(["locked" if number(at, 4) & 1 else "free"] + waiting_on(at))  # its one word


def describe_rw_mutex(at):
    word, slots = number(at), number(at + 8)  # in front of all else
    readers = word >> 32
    held = "locked for writing" if word >> 28 & 1 else f"{readers} reading" if readers else "free"
    if slots != 0:
        held += ", readers counted elsewhere as well"
    return ", ".join([held] + waiting_on(at))


def describe_context(at):
    layout = Layout()
    kind = layout.word("context_kind", number(at + layout["context.kind"], 1))
    breaker = number(at + layout["context.breaker"])
    if breaker == 0:
        return f"{kind}, can never be done"
    status = number(breaker + layout["core.status"], 1)
    state = {0: "not done", layout["errc.canceled"]: "canceled",
             layout["errc.deadline_exceeded"]: "deadline exceeded"}.get(status, f"done: errc {status}")
    children = number(breaker + layout["core.child_count"])
    return f"{kind}, {state}" + (f", {children} children" if children else "")


HANDLES = ("goro::chan", "goro::recv_chan", "goro::send_chan", "goro::context")  # what has the object's address in it
DESCRIBED = {"chan": describe_chan, "mutex": describe_mutex, "rw_mutex": describe_rw_mutex,
             "context": describe_context}


class Printer:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        kind = self.value.type.strip_typedefs().unqualified().name
        bare = kind.split("<")[0]
        at = pointer_in(self.value) if bare in HANDLES else int(self.value.address)
        if not at:
            return f"{kind} (nil)"
        where = f" {at:#x}" if bare in HANDLES else ""
        return f"{kind}{where} ({DESCRIBED[bare.split('::')[1].replace('recv_', '').replace('send_', '')](at)})"


class InfoObject(gdb.Command):
    """What a channel, mutex, rw_mutex or context at an address says: info chan ADDRESS, info mutex ADDRESS, ...
For programs without types (-g1, stripped), where print cannot know what it has. info goroutines shows the addresses of
what is waited for. A global lock is at its symbol (info mutex &a_lock); a global chan or context is a pointer to what
it refers to (info chan *(long *)&a_channel)."""

    def __init__(self, kind):
        super().__init__("info " + kind, gdb.COMMAND_DATA)
        self.kind = kind

    def invoke(self, argument, from_tty):
        if not argument:
            raise gdb.GdbError(f"info {self.kind} ADDRESS")
        try:
            at = int(gdb.parse_and_eval(f"(unsigned long)({argument})"))
            print(f"{self.kind} {at:#x} ({DESCRIBED[self.kind](at)})")
        except gdb.error as error:
            raise gdb.GdbError(f"info {self.kind}: {error}")


def printer_for(value):
    bare = (value.type.strip_typedefs().unqualified().name or "").split("<")[0]
    return Printer(value) if bare in HANDLES + ("goro::mutex", "goro::rw_mutex") else None


if not any(getattr(printer, "goro", False) for printer in gdb.pretty_printers):
    printer_for.goro = True
    gdb.pretty_printers.append(printer_for)
InfoGoroutines()
GoroutineCommand()
for what in DESCRIBED:
    InfoObject(what)
