#!/usr/bin/env python3
"""Tests brokers with mqttspec, and writes their results and the matrix into this folder.

    mqttspec/results/run.py                   all brokers, and the matrix
    mqttspec/results/run.py mosquitto aedes   these two, and the matrix
    mqttspec/results/run.py --install         installs the brokers first; Debian's need root

Each broker listens on 127.0.0.1 at a port that the system chose, and has a folder for its data that is removed at the
end. Brokers that are no Debian packages are installed into ~/.cache/mqttspec, or into the folder that --folder names.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VERSIONS = {"aedes": "1.2.0", "amqtt": "0.12.1", "rumqttd": "0.20.0"}


class Broker:
    """A broker: how to install it, to start it and to find its version."""

    debian = []  # packages
    arguments = []  # of mqttspec
    # the versions that each of its ports serves
    ports = [["3.1", "3.1.1", "5.0"]]

    def __init__(self, folder):
        self.folder = folder  # where it is installed

    def install(self):
        pass

    def command(self, data, port, *ports):
        """The command that runs in the foreground, and variables of its environment."""
        raise NotImplementedError

    def version(self):
        """The version of the only Debian package."""
        fields = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", self.debian[0]], capture_output=True, text=True)
        return fields.stdout + " (Debian)"

    def stopped(self, data):
        """Ends what the broker has left."""


class Mosquitto(Broker):
    debian = ["mosquitto"]

    def command(self, data, port):
        (data / "conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        return ["/usr/sbin/mosquitto", "-c", data / "conf"], {}


class Aedes(Broker):
    def install(self):
        run(["npm", "install", "--silent", "--prefix", self.folder, f"aedes@{VERSIONS['aedes']}"])

    def command(self, data, port):
        (data / "broker.mjs").write_text(
            f"import {{ createRequire }} from 'node:module'\n"
            f"const {{ Aedes }} = createRequire('{self.folder}/')('aedes')\n"
            f"import net from 'node:net'\n"
            f"const broker = await Aedes.createBroker()\n"
            f"net.createServer(broker.handle).listen({port}, '127.0.0.1')\n"
        )
        return ["node", data / "broker.mjs"], {}

    def version(self):
        return json.loads((self.folder / "node_modules/aedes/package.json").read_text())["version"] + " (npm)"


class Amqtt(Broker):
    def install(self):
        run([sys.executable, "-m", "venv", self.folder])
        run([self.folder / "bin/pip", "install", "--quiet", f"amqtt=={VERSIONS['amqtt']}"])

    def command(self, data, port):
        (data / "conf.yaml").write_text(
            f"listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{port}\n"
            "plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin:\n    allow_anonymous: true\n"
        )
        return [self.folder / "bin/amqtt", "-c", data / "conf.yaml"], {}

    def version(self):
        shown = subprocess.run([self.folder / "bin/pip", "show", "amqtt"], capture_output=True, text=True)
        return re.search(r"^Version: (.*)", shown.stdout, re.M)[1] + " (PyPI)"


class Rumqttd(Broker):
    ports = [["3.1", "3.1.1"], ["5.0"]]

    def install(self):
        run(["cargo", "install", "--quiet", "--root", self.folder, f"rumqttd@{VERSIONS['rumqttd']}"])

    def command(self, data, port, port_of_v5):
        connections = (
            "connection_timeout_ms = 60000\nmax_payload_size = 1048576\nmax_inflight_count = 100\n"
            "dynamic_filters = true\n"
        )
        text = (
            "id = 0\n[router]\nid = 0\nmax_connections = 10010\nmax_outgoing_packet_count = 200\n"
            "max_segment_size = 104857600\nmax_segment_count = 10\n"
        )
        for name, at in [("v4", port), ("v5", port_of_v5)]:
            text += f'[{name}.1]\nname = "{name}"\nlisten = "127.0.0.1:{at}"\nnext_connection_delay_ms = 1\n'
            text += f"[{name}.1.connections]\n{connections}"
        (data / "conf.toml").write_text(text)
        return [self.folder / "bin/rumqttd", "-c", data / "conf.toml"], {}

    def version(self):
        return VERSIONS["rumqttd"] + " (crates.io)"


class RabbitMq(Broker):
    debian = ["rabbitmq-server"]

    def command(self, data, port):
        (data / "plugins").write_text("[rabbitmq_mqtt].\n")
        (data / "rabbitmq.conf").write_text(
            f"listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{port}\nmqtt.allow_anonymous = true\n"
            "loopback_users = none\n"
        )
        return ["/usr/lib/rabbitmq/bin/rabbitmq-server"], {
            "RABBITMQ_NODENAME": "mqttspec@localhost",
            "RABBITMQ_CONFIG_FILE": data / "rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": data / "plugins",
            "RABBITMQ_MNESIA_BASE": data / "mnesia",
            "RABBITMQ_LOG_BASE": data / "log",
            "RABBITMQ_PID_FILE": data / "pid",
            "RABBITMQ_DIST_PORT": free_port(),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "HOME": data,
            **erlang(data),
        }

    def stopped(self, data):
        stop_epmd(data)


class Ejabberd(Broker):
    debian = ["ejabberd"]
    # it wants the address of an account
    arguments = ["--username", "mqttspec@localhost", "--password", "mqttspec"]

    def command(self, data, port):
        (data / "conf.yml").write_text(
            f"hosts:\n  - localhost\nloglevel: none\nlisten:\n  -\n    port: {port}\n    ip: 127.0.0.1\n"
            "    module: mod_mqtt\n"
            "auth_method: anonymous\nanonymous_protocol: login_anon\nallow_multiple_connections: true\n"
            "acl:\n  local:\n    user_regexp: \"\"\n"
            "modules:\n  mod_mqtt:\n    access_publish:\n      \"#\":\n        - allow\n"
            "    access_subscribe:\n      \"#\":\n        - allow\n"
        )
        options = ["-noshell", "-noinput", "-mnesia", "dir", f'"{data}/mnesia"', "-s", "ejabberd"]
        return ["erl", "-sname", "mqttspec@localhost", "-start_epmd", "false", "-dist_listen", "false", *options], {
            "ERL_LIBS": "/usr/lib/x86_64-linux-gnu",
            "EJABBERD_CONFIG_PATH": data / "conf.yml",
            "EJABBERD_LOG_PATH": data / "ejabberd.log",
            "HOME": data,
        }


class Ours(Broker):
    def install(self):
        run(["cargo", "build", "--quiet", "--package", "mqtt-wire-broker"], cwd=ROOT)

    def command(self, data, port):
        return [target() / "mqtt-wire-broker", "--listen", f"127.0.0.1:{port}"], {}

    def version(self):
        return "0.1.0"


BROKERS = {
    "mosquitto": Mosquitto,
    "aedes": Aedes,
    "amqtt": Amqtt,
    "rumqttd": Rumqttd,
    "RabbitMQ": RabbitMq,
    "ejabberd": Ejabberd,
    "mqtt-wire-broker": Ours,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BROKERS))
    parser.add_argument("--install", action="store_true", help="install the brokers first")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path.home() / ".cache/mqttspec")
    options = parser.parse_args()
    names = options.names or list(BROKERS)
    unknown = [name for name in names if name not in BROKERS]
    if unknown:
        parser.error(f"no broker {unknown[0]}; there are {', '.join(BROKERS)}")
    run(["cargo", "build", "--quiet", "--package", "mqttspec"], cwd=ROOT)
    failed = []
    for name in names:
        broker = BROKERS[name](options.folder / name)
        if options.install:
            install(broker)
        if not test(name, broker):
            failed.append(name)
    results = sorted(HERE.glob("*.json"), key=lambda it: list(BROKERS).index(it.stem))
    run([target() / "mqttspec", "matrix", *results, "--html", HERE / "brokers.html"])
    if failed:
        sys.exit(f"no result: {', '.join(failed)}")


def install(broker):
    broker.folder.mkdir(parents=True, exist_ok=True)
    if broker.debian:
        run(["apt-get", "install", "-y", "-q", *broker.debian])
    broker.install()


def test(name, broker):
    """Tests a broker, and returns whether there is a result."""
    with tempfile.TemporaryDirectory(prefix="mqttspec-") as folder:
        data, ports = pathlib.Path(folder), [free_port() for _ in broker.ports]
        command, variables = broker.command(data, *ports)
        environment = os.environ | {key: str(value) for key, value in variables.items()}
        log = (data / "output").open("w")
        process = subprocess.Popen(
            command, env=environment, cwd=data, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            if not all(wait_for(process, port) for port in ports):
                print(f"{name} does not start:\n{(data / 'output').read_text()[-2000:]}")
                return False
            results = [judge(name, broker, *it, data) for it in zip(ports, broker.ports)]
        finally:
            stop(process)
            broker.stopped(data)
    if None in results:
        return False
    write_compact(merged(results), HERE / f"{name}.json")
    return True


def judge(name, broker, port, versions, data):
    """Runs the cases of these versions, and returns the result; None if there is none."""
    path = data / "result.json"
    path.unlink(missing_ok=True)
    options = [*broker.arguments, "--name", f"{name} {broker.version()}", "--json", path]
    filters = [f"{version}/" for version in versions]
    command = [target() / "mqttspec", "server", f"127.0.0.1:{port}", *options, *filters]
    output = subprocess.run(command, capture_output=True, text=True)
    if not path.exists():
        print(f"{name}: {output.stderr}")
        return None
    print(f"{name}: {output.stdout.splitlines()[-1]}", flush=True)
    result = json.loads(path.read_text())
    for member in ["versions", "breaches_in_trials"]:
        result[member] = [it for it in result[member] if it["version"] in versions]
    return result


def merged(results):
    """The results of the ports of one broker as one."""
    first, *others = results
    for other in others:
        first["rules"] |= other["rules"]
        for member in ["versions", "breaches_in_trials", "cases"]:
            first[member] += other[member]
    return first


def write_compact(result, path):
    """A line for each case, without what `mqttspec matrix` adds again, and with the bytes only where the broker is at
    fault or there is no verdict."""
    result["address"] = ""
    del result["rules"]
    for case in result["cases"]:
        for member in ["comment", "expected", "explanation", "neighbour", "packet", "statements", "version"]:
            case.pop(member, None)
        for packet in case.get("exchange", []):
            packet.pop("text", None)
        if case["verdict"] in ("ok", "unsupported", "open"):
            case.pop("exchange", None)
        if case["verdict"] == "ok":
            del case["seen"]
    cases = result.pop("cases")
    head = json.dumps(result, ensure_ascii=False, indent=0)[:-2]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
    path.write_text(f'{head},\n"cases": [\n{lines}\n]\n}}\n')


def target():
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"


def erlang(data):
    """Settings of Erlang's port mapper, for which a private one is started."""
    path = data / "epmd"
    port = int(path.read_text()) if path.exists() else free_port()
    path.write_text(str(port))
    return {"ERL_EPMD_PORT": port, "ERL_EPMD_ADDRESS": "127.0.0.1"}


def stop_epmd(data):
    subprocess.run(["epmd", "-port", (data / "epmd").read_text(), "-kill"], capture_output=True)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(process, port):
    """Whether the broker listens."""
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.2)
    return False


def stop(process):
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(20)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            pass


def run(command, **options):
    subprocess.run([str(it) for it in command], check=True, **options)


if __name__ == "__main__":
    main()
