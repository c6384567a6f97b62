#!/usr/bin/env python3
"""Runs real clients against real brokers: a killed client leaves its Will, a client
that disconnects does not. Called by ../interop.sh, which installs and builds what it needs.

    run.py --broker PROGRAM --client PROGRAM --ws-server PROGRAM --explain PROGRAM --certificate FILE --key FILE
        --rumqttc PROGRAM --python PROGRAM --node-modules FOLDER
"""

import argparse
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE = 30  # seconds, for anything
HERE = pathlib.Path(__file__).parent


class Failure(Exception):
    pass


class Program:
    """A program and the lines that it prints."""

    running = set()

    def __init__(self, *argv):
        self.argv = [str(arg) for arg in argv]
        self.lines = []
        self.seen = 0
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        Program.running.add(self)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)
            self.changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def expect(self, wanted, never=()):
        """Waits for a line that is `wanted`, or that begins with it if `wanted` ends with an asterisk."""
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                while self.seen < len(self.lines):
                    line = self.lines[self.seen]
                    if line is None:
                        raise Failure(f"ended before it printed {wanted!r}: {self}")
                    self.seen += 1
                    if line in never:
                        raise Failure(f"printed {line!r}: {self}")
                    if line == wanted or wanted.endswith("*") and line.startswith(wanted[:-1]):
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise Failure(f"did not print {wanted!r}: {self}")

    def wait(self):
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"does not end: {self}") from None
        self.reader.join(PATIENCE)
        Program.running.discard(self)
        return status

    def interrupt(self):
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        self.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def __str__(self):
        printed = "".join(f"\n        | {line}" for line in self.lines if line is not None)
        return " ".join(self.argv) + printed


# ---- brokers -------------------------------------------------------------------------------


def example_broker(options, *flags):
    """The broker, its port, and its port for WebSocket."""
    broker = Program(options.broker, "--listen", "127.0.0.1:0", "--ws", 0, *flags)
    ports = [int(broker.expect("listening on *").rsplit(":", 1)[1]) for _ in range(2)]
    return broker, *ports


def mosquitto(folder, options):
    """The broker, and its ports for TCP, TLS and WebSocket."""
    listeners = ("", f"certfile {options.certificate}\nkeyfile {options.key}", "protocol websockets")
    ports = [free_port() for _ in listeners]
    lines = ["user root", "allow_anonymous true", "persistence false"]
    for port, lines_of_listener in zip(ports, listeners):
        lines += [f"listener {port} 127.0.0.1", lines_of_listener]
    config = pathlib.Path(folder, "mosquitto.conf")
    config.write_text("\n".join(lines) + "\n")
    broker = Program("mosquitto", "-c", config)
    deadline = time.monotonic() + PATIENCE
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline or broker.process.poll() is not None:
                    raise Failure(f"does not listen: {broker}") from None
                time.sleep(0.05)
    return broker, *ports


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def proxy(options, upstream, *flags):
    """mqtt-explain between clients and a server, and its port."""
    program = Program(options.explain, "proxy", "--listen", "127.0.0.1:0", "--upstream", upstream, *flags)
    words = program.expect("mqtt-explain: listening on *").split(",")[0]
    return program, int(words.rsplit(":", 1)[1])


def proxy_finds_nothing_wrong(options, program, capture):
    """Neither as the packets pass, nor in its capture. Ctrl-C ends it with its totals."""
    program.process.send_signal(signal.SIGINT)
    status = program.wait()
    [totals] = [line for line in program.lines if line and " from clients and " in line]
    if status != 0 or "0 refused, 0 break a rule" not in totals:
        raise Failure(f"status {status}: {program}")
    with Program(options.explain, capture) as reader:
        if reader.wait() != 0:
            raise Failure(str(reader))


# ---- clients -------------------------------------------------------------------------------

MOSQUITTO_VERSIONS = {"3.1": "mqttv31", "3.1.1": "mqttv311", "5.0": "mqttv5"}
MOSQUITTO_TLS = []  # arguments while the broker uses TLS


class Client:
    """A kind of client, with the command line of examples/client.rs by default."""

    versions = ("3.1", "3.1.1", "5.0")
    subscribed = "subscribed"

    def __init__(self, *argv, url="127.0.0.1:{port}"):
        self.argv = argv
        self.url = url

    def run(self, port, version, client_id, qos, retain, will, publish, subscribe):
        args = ["--id", client_id, "--version", version, "--qos", qos, "--will", *will]
        for topic, message in publish:
            args += ["--pub", topic, message]
        args += ["--retain"] * retain + ["--sub", subscribe]
        client = Program(*self.argv, self.url.format(port=port), *args)
        client.expect(self.subscribed)
        return client

    def leaves_will_on_ctrl_c(self, _version):
        return False


class Rumqttc(Client):
    versions = ("3.1.1", "5.0")


class MosquittoSub(Client):
    def run(self, port, version, client_id, qos, retain, will, publish, subscribe):
        topic, message = will
        args = ["--will-topic", topic, "--will-payload", message, "--will-qos", qos]
        args += ["--will-retain"] * retain + ["-t", subscribe, "-i", client_id]
        client = mosquitto_sub(port, "-q", qos, "-v", "-V", MOSQUITTO_VERSIONS[version], *args)
        for topic, message in publish:
            mosquitto_pub(port, topic, message, qos, retain)
        return client

    def leaves_will_on_ctrl_c(self, version):
        return version == "5.0"  # it sends DISCONNECT with Reason Code 0x04


def mosquitto_sub(port, *args):
    client = Program("stdbuf", "-oL", "mosquitto_sub", "-p", port, "-d", *MOSQUITTO_TLS, *args)
    client.expect("Subscribed (mid: *")
    return client


def mosquitto_pub(port, topic, message, qos, retain=False, version="3.1.1"):
    text = ["-m", message] if message else ["-n"]
    with Program(
        *("mosquitto_pub", "-p", port, "-V", MOSQUITTO_VERSIONS[version], "-t", topic, *text),
        *(["-q", qos] + ["-r"] * retain + MOSQUITTO_TLS),
    ) as client:
        if client.wait() != 0:
            raise Failure(str(client))


# ---- the checks ----------------------------------------------------------------------------


def killed_client_leaves_its_will(port, client, version):
    """Two subscribers, of 3.1.1 and 5.0, receive the Will."""
    with contextlib.ExitStack() as stack:
        watchers = [
            stack.enter_context(mosquitto_sub(port, "-t", "test", "-i", "alive", "-q", 2)),
            stack.enter_context(mosquitto_sub(port, "-t", "test", "-i", "alive5", "-q", 2, "-V", 5)),
        ]
        victim = client.run(
            port, version, "sub", 2, False, will=("test", "die"), publish=[], subscribe="topic"
        )
        with victim:
            victim.kill()
            for watcher in watchers:
                watcher.expect("die")


def status_is_retained(port, client, version):
    """Retained `online` on connecting, and a retained Will `offline` on the same topic."""
    topic = "device/status"
    with contextlib.ExitStack() as stack:

        def watch(name):
            return stack.enter_context(mosquitto_sub(port, "-t", topic, "-i", name, "-q", 1))

        def device():
            online, offline = (topic, "online"), (topic, "offline")
            return stack.enter_context(
                client.run(
                    port, version, "device", 1, True, offline, [online], subscribe="device/command"
                )
            )

        early = watch("early")
        killed = device()
        early.expect("online")
        late = watch("late")
        late.expect("online")
        killed.kill()
        early.expect("offline")
        late.expect("offline")
        watch("later").expect("offline")

        leaving = device()
        early.expect("online")
        leaving.interrupt()
        if client.leaves_will_on_ctrl_c(version):
            early.expect("offline")
            watch("last").expect("offline")
        else:
            mosquitto_pub(port, topic, "a later message", 1)
            early.expect("a later message", never=["offline"])
            watch("last").expect("online")
        mosquitto_pub(port, topic, None, 1, retain=True)


def messages_of_every_qos_arrive(port, client, version):
    """From clients of all versions."""
    with client.run(
        port, version, "reader", 2, False, ("nowhere", "-"), publish=[], subscribe="a/+/c"
    ) as reader:
        for sender in MOSQUITTO_VERSIONS:
            for qos in range(3):
                topic = f"a/{sender}/c"
                mosquitto_pub(port, topic, f"QoS {qos}", qos, version=sender)
                reader.expect(f"{topic} QoS {qos}")


CHECKS = [killed_client_leaves_its_will, status_is_retained, messages_of_every_qos_arrive]


def stopped_client_leaves_its_will(port):
    """Its socket stays open, and its Keep Alive passes."""
    with contextlib.ExitStack() as stack:
        watcher = stack.enter_context(mosquitto_sub(port, "-t", "hung/+", "-v", "-q", 1))
        for version in ("3.1.1", "5.0"):
            will = ["--will-topic", f"hung/{version}", "--will-payload", "die", "-k", 5]
            arguments = ["-V", MOSQUITTO_VERSIONS[version], "-t", "topic", *will]
            stack.enter_context(mosquitto_sub(port, *arguments)).process.send_signal(signal.SIGSTOP)
        first = watcher.expect("hung/*")
        watcher.expect("hung/3.1.1 die" if first == "hung/5.0 die" else "hung/5.0 die")


def will_may_wait_for_its_client(port):
    """Will Delay Interval, and a Session that outlives its connection (5.0)."""
    will = ["--will-topic", "late", "--will-payload", "die", "-D", "will", "will-delay-interval", 2]
    session = ["-V", "mqttv5", "-i", "waiting", "-t", "topic", "-c", "-x", 60]
    with mosquitto_sub(port, "-t", "late", "-q", 1) as watcher:
        mosquitto_sub(port, *session, *will).kill()
        with mosquitto_sub(port, *session):
            time.sleep(2.5)
            mosquitto_pub(port, "late", "it is back", 1)
            watcher.expect("it is back", never=["die"])
        mosquitto_sub(port, *session, *will).kill()
        killed = time.monotonic()
        watcher.expect("die")
        if time.monotonic() - killed < 1.5:
            raise Failure("the Will did not wait")


CHECKS_OF_BROKERS = [stopped_client_leaves_its_will, will_may_wait_for_its_client]


def message_arrives_over_websocket(options, client):
    """From each version to each version."""
    with Program(options.ws_server, "127.0.0.1:0") as server, contextlib.ExitStack() as stack:
        port = int(server.expect("listening on *").rsplit(":", 1)[1])

        def connect(version, name, publish, subscribe):
            will = ("nowhere", "-")
            return stack.enter_context(
                client.run(port, version, name, 0, False, will, publish, subscribe)
            )

        readers = [connect(version, f"reader {version}", [], "a/+") for version in client.versions]
        for version in client.versions:
            message = ("a/b", f"from {version}")
            connect(version, f"sender {version}", [("b", "elsewhere"), message], "unused")
            for reader in readers:
                reader.expect(f"a/b from {version}", never=["b elsewhere"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("broker", "client", "ws-server", "explain", "certificate", "key", "rumqttc", "python", "node-modules"):
        parser.add_argument(f"--{option}", required=True)
    options = parser.parse_args()

    def mqttjs(url):
        return Client("node", HERE / "mqttjs_client.mjs", options.node_modules, url=url)

    clients = {
        "mosquitto_sub": MosquittoSub(),
        "examples/client": Client(options.client),
        "paho-mqtt": Client(options.python, HERE / "paho_client.py"),
        "MQTT.js": mqttjs("mqtt://127.0.0.1:{port}"),
        "rumqttc": Rumqttc(options.rumqttc),
    }
    started, results = time.monotonic(), []

    def report(check, where, *arguments):
        verdict = "ok"
        try:
            check(*arguments)
        except Failure as failure:
            verdict = f"FAILED: {failure}"
        results.append(verdict == "ok")
        print(f"{where}: {check.__name__.replace('_', ' ')}: {verdict}", flush=True)

    def is_running(broker):
        if broker.process.poll() is not None:
            raise Failure(str(broker))

    def check_broker(where, broker, port, clients):
        with broker:
            for name, client in clients.items():
                for version in client.versions:
                    for check in CHECKS:
                        report(check, f"{where}, {name} {version}", port, client, version)
            for check in CHECKS_OF_BROKERS:
                report(check, where, port)
            report(is_running, where, broker)

    broker, port, ws_port = example_broker(options)
    over_websocket = {"MQTT.js over WebSocket": mqttjs(f"ws://127.0.0.1:{ws_port}")}
    check_broker("broker", broker, port, clients | over_websocket)

    with tempfile.TemporaryDirectory() as folder:
        broker, port, _, _ = mosquitto(folder, options)
        check_broker("mosquitto", broker, port, clients)

    def check_proxies(proxies):
        """Between clients and mosquitto: the name, the URL from its ports, flags, and the clients."""
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            broker, *ports = mosquitto(folder, options)
            stack.enter_context(broker)
            for number, (where, url, flags, clients) in enumerate(proxies):
                capture = pathlib.Path(folder, f"{number}.pcapng")
                program, port = proxy(options, url.format(*ports), *flags, "--write", capture)
                stack.enter_context(program)
                for name, client in clients.items():
                    for version in [it for it in client.versions if it != "3.1"]:
                        for check in CHECKS:
                            report(check, f"{where}, {name} {version}", port, client, version)
                report(proxy_finds_nothing_wrong, where, options, program, capture)

    over_tcp = {name: clients[name] for name in ("mosquitto_sub", "paho-mqtt", "MQTT.js")}
    over_websocket = {"MQTT.js over WebSocket": mqttjs("ws://127.0.0.1:{port}")}
    check_proxies(
        [
            ("proxy to mosquitto", "127.0.0.1:{0}", [], over_tcp | over_websocket),
            ("proxy to mosquitto over WebSocket", "ws://127.0.0.1:{2}", [], over_tcp | over_websocket),
        ]
    )

    broker, port, ws_port = example_broker(options, "--tls", options.certificate, options.key)
    MOSQUITTO_TLS.extend(["--cafile", options.certificate])
    os.environ["NODE_EXTRA_CA_CERTS"] = options.certificate
    over_tls = {
        "mosquitto_sub": MosquittoSub(),
        "MQTT.js": mqttjs("mqtts://localhost:{port}"),
        "MQTT.js over WebSocket": mqttjs(f"wss://localhost:{ws_port}"),
    }
    check_broker("broker with TLS", broker, port, over_tls)
    tls = ["--cert", options.certificate, "--key", options.key, "--ca", options.certificate]
    over_tls["MQTT.js over WebSocket"] = mqttjs("wss://localhost:{port}")
    check_proxies([("proxy with TLS to mosquitto", "mqtts://localhost:{1}", tls, over_tls)])

    over_websocket = mqttjs("ws://127.0.0.1:{port}")
    over_websocket.versions = ("3.1.1", "5.0")  # 3.1 has another subprotocol
    report(message_arrives_over_websocket, "ws-server, MQTT.js", options, over_websocket)

    passed, failed = results.count(True), results.count(False)
    print(f"interop: {passed} checks passed, {failed} failed, {time.monotonic() - started:.0f} s")
    return failed != 0


def stop(*_):
    sys.exit("interop: stopped")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    try:
        sys.exit(main())
    finally:
        for program in list(Program.running):
            os.killpg(program.process.pid, signal.SIGKILL)
