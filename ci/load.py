#!/usr/bin/env python3
"""Puts load on the broker and measures its CPU time and memory. Nobody reads its output meanwhile.

    cargo build -p mqtt-wire-broker && python3 ci/load.py target/debug/mqtt-wire-broker
"""

import contextlib
import os
import resource
import socket
import struct
import subprocess
import sys
import time

PATIENCE = 300  # seconds, for anything that has to happen
IDLE = 5000  # clients
MIB = 1 << 20
PROGRAM = sys.argv[1]


class Broker:
    """The program with a pipe as stdout, which is not read after the first line."""

    def __init__(self, *flags, close_stdout=False):
        argv = [PROGRAM, "--listen", "127.0.0.1:0", *map(str, flags)]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        self.port = int(line.removeprefix("listening on ").rsplit(":", 1)[1])
        if close_stdout:
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def cpu(self):
        """The CPU time of all its threads, in seconds."""
        folder = f"/proc/{self.process.pid}/task"
        times = (open(f"{folder}/{task}/schedstat").read().split()[0] for task in os.listdir(folder))
        return sum(map(int, times)) / 1e9

    def memory(self):
        """The most memory that it had, in MiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            [line] = [line for line in status if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024


    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Client:
    """A client of 3.1.1 with Keep Alive 0."""

    def __init__(self, broker, client_id, *filters):
        self.socket = socket.create_connection(("127.0.0.1", broker.port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(packet(0x10, text("MQTT") + b"\x04\x02\x00\x00" + text(client_id)))
        self.expect(b"\x20\x02\x00\x00")
        for topic in filters:
            self.send(packet(0x82, b"\x00\x01" + text(topic) + b"\x00"))
            self.expect(b"\x90\x03\x00\x01\x00")

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, count):
        data = bytearray()
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            check(more, "the broker closed a connection")
            data += more
        return bytes(data)

    def expect(self, data):
        got = self.receive(len(data))
        check(got == data, f"{got!r} instead of {data!r}")

    def ping(self):
        self.send(b"\xc0\x00")
        self.expect(b"\xd0\x00")


def text(value):
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def packet(first_byte, body):
    length, rest = b"", len(body)
    while True:
        rest, digit = rest >> 7, rest & 0x7F
        length += bytes([digit | (0x80 if rest else 0)])
        if not rest:
            return bytes([first_byte]) + length + body


def publish(topic, payload):
    return packet(0x30, text(topic) + payload)


class Failure(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


# ---- the checks ----------------------------------------------------------------------------


def cpu_per_publish(idle):
    """Microseconds for a PUBLISH from one client to another, the best of five rounds; and memory."""
    count, message = 2000, publish("a/b/c", b"x" * 16)
    with Broker() as broker:
        clients = [Client(broker, f"idle-{number}", f"idle/{number}/#") for number in range(idle)]
        reader, publisher = Client(broker, "reader", "a/+/c"), Client(broker, "publisher")
        best = float("inf")
        for _ in range(5):
            before = broker.cpu()
            for _ in range(count):
                publisher.send(message)
                reader.expect(message)
            best = min(best, (broker.cpu() - before) / count * 1e6)
        for client in clients:
            client.socket.close()
        return best, broker.memory()


def idle_clients_cost_nothing():
    """A PUBLISH costs the same beside many clients that it does not concern."""
    idle = min(IDLE, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100)
    if idle < IDLE:
        print(f"note: only {idle} idle clients, because of the limit of open files (ulimit -n)")
    few, _ = cpu_per_publish(5)
    many, memory = cpu_per_publish(idle)
    bound = 16 + idle * 32 / 1024  # 32 KiB for each client
    print(
        f"CPU per PUBLISH beside 5 clients {few:.1f} us, beside {idle} {many:.1f} us;"
        f" memory {memory:.0f} MiB of {bound:.0f}"
    )
    check(many <= 2 * few, "a PUBLISH costs more than twice as much")
    check(memory <= bound, "too much memory")


def silent_sockets_are_closed():
    """500 sockets without a whole CONNECT neither stop other clients nor stay."""
    with Broker("--connect-timeout", 3) as broker:
        silent = [socket.create_connection(("127.0.0.1", broker.port), PATIENCE) for _ in range(500)]
        for each in silent[::2]:
            each.sendall(b"\x10\xff")
        Client(broker, "client").ping()
        for each in silent:
            with contextlib.suppress(ConnectionResetError):
                check(each.recv(1) == b"", "a silent socket got something")
        Client(broker, "client").ping()
        bound = 48
        print(f"500 silent sockets are closed; memory {broker.memory():.0f} MiB of {bound}")
        check(broker.memory() <= bound, "too much memory")


def stopped_readers_cost_bounded_memory():
    """20 clients read nothing of what is sent to them: 16 MiB each."""
    queued = 2 * MIB
    with Broker("--max-queued-bytes", queued, "--write-timeout", 3) as broker:
        stopped = [Client(broker, f"stopped-{number}", f"flood/{number}") for number in range(20)]
        publisher = Client(broker, "publisher")
        files = broker.open_files()
        for _ in range(256):
            for number in range(20):
                publisher.send(publish(f"flood/{number}", b"x" * 65536))
        publisher.ping()
        # for each its queue, what waits for its socket, and one packet more of both
        bound = 24 + 20 * (queued / MIB + 0.5)
        memory = broker.memory()
        print(f"20 stopped readers and a flood of 320 MiB: memory {memory:.0f} MiB of {bound:.0f}")
        check(memory <= bound, "too much memory")
        deadline = time.monotonic() + PATIENCE
        while broker.open_files() > files - len(stopped):
            check(time.monotonic() < deadline, "clients that read nothing are still connected")
            time.sleep(0.1)
        publisher.ping()


def a_closed_stdout_does_not_stop_it():
    with Broker(close_stdout=True) as broker:
        for number in range(1000):
            Client(broker, f"client-{number}").socket.close()
        Client(broker, "client").ping()
        print("1000 clients without a stdout")


def an_unread_stdout_does_not_stop_it():
    with Broker() as broker:
        for number in range(3000):
            Client(broker, f"client-{number}").socket.close()
        Client(broker, "client").ping()
        bound = 48
        print(f"3000 clients with an unread stdout: memory {broker.memory():.0f} MiB of {bound}")
        check(broker.memory() <= bound, "too much memory")


def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    started, failed = time.monotonic(), 0
    checks = [
        idle_clients_cost_nothing,
        silent_sockets_are_closed,
        stopped_readers_cost_bounded_memory,
        a_closed_stdout_does_not_stop_it,
        an_unread_stdout_does_not_stop_it,
    ]
    for each in checks:
        try:
            each()
        except (Failure, OSError) as failure:
            failed += 1
            print(f"FAILED: {each.__name__}: {failure}")
    passed = len(checks) - failed
    print(f"load: {passed} checks passed, {failed} failed, {time.monotonic() - started:.0f} s")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
