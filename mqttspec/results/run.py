#!/usr/bin/env python3
"""Tests brokers and clients with mqttspec, and writes their results and the matrix into this folder.

    mqttspec/results/run.py                   all brokers and clients
    mqttspec/results/run.py mosquitto gmqtt   these two
    mqttspec/results/run.py --install         installs them first; Debian's packages need root

Each broker listens on 127.0.0.1 at a port that the system chose, and has a folder for its data that is removed at the
end. Programs that are no Debian packages are installed into ~/.cache/mqttspec, or into the folder that --folder names.

The files keep only the cases that they have in common. A case in which a subject crashes is left out, because its
maintainers learn of it first; it is printed, and so are those that --without names. After a change of the cases, run all
subjects.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CLIENTS = HERE.parent / "clients"
VERSIONS = {
    "aedes": "1.2.0",
    "amqtt": "0.12.1",
    "gmqtt": "0.8.0",
    "mqtt": "5.16.0",
    "paho-mqtt": "2.2.0",
    "rumqttd": "0.20.0",
}


class Subject:
    """A broker or a client: how to install it, and to find its version."""

    debian = []  # packages

    def __init__(self, folder):
        self.folder = folder  # where it is installed

    def install(self):
        pass

    def version(self):
        """The version of the first Debian package."""
        query = ["dpkg-query", "-W", "-f", "${Version}", self.debian[0]]
        return subprocess.run(query, capture_output=True, text=True).stdout + " (Debian)"

    def install_npm(self, package):
        run(["npm", "install", "--silent", "--prefix", self.folder, f"{package}@{VERSIONS[package]}"])

    def version_npm(self, package):
        return json.loads((self.folder / f"node_modules/{package}/package.json").read_text())["version"] + " (npm)"

    def install_pypi(self, package):
        run([sys.executable, "-m", "venv", self.folder])
        run([self.folder / "bin/pip", "install", "--quiet", f"{package}=={VERSIONS[package]}"])

    def version_pypi(self, package):
        shown = subprocess.run([self.folder / "bin/pip", "show", package], capture_output=True, text=True)
        return re.search(r"^Version: (.*)", shown.stdout, re.M)[1] + " (PyPI)"


class Broker(Subject):
    """A broker, and how to start it."""

    arguments = []  # of mqttspec
    # the versions that each of its ports serves
    ports = [["3.1", "3.1.1", "5.0"]]

    def command(self, data, port, *ports):
        """The command that runs in the foreground, and variables of its environment."""
        raise NotImplementedError

    def stopped(self, data):
        """Ends what the broker has left."""


class Mosquitto(Broker):
    debian = ["mosquitto"]

    def command(self, data, port):
        (data / "conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        return ["/usr/sbin/mosquitto", "-c", data / "conf"], {}


class Aedes(Broker):
    def install(self):
        self.install_npm("aedes")

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
        return self.version_npm("aedes")


class Amqtt(Broker):
    # it sends messages to clients of other cases; with fewer at a time, fewer cases stay unclear
    arguments = ["--jobs", "4"]

    def install(self):
        self.install_pypi("amqtt")

    def command(self, data, port):
        (data / "conf.yaml").write_text(
            f"listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{port}\n"
            "plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin:\n    allow_anonymous: true\n"
        )
        return [self.folder / "bin/amqtt", "-c", data / "conf.yaml"], {}

    def version(self):
        return self.version_pypi("amqtt")


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


class OurBroker(Broker):
    def install(self):
        run(["cargo", "build", "--quiet", "--package", "mqtt-wire-broker"], cwd=ROOT)

    def command(self, data, port):
        return [target() / "mqtt-wire-broker", "--listen", f"127.0.0.1:{port}"], {}

    def version(self):
        return "0.1.0"


class Client(Subject):
    """A client library, and the command that plays a scenario with it."""

    # at a time; the programs that start slowly share two processors
    jobs = 4

    def command(self):
        raise NotImplementedError


class PahoPython(Client):
    def install(self):
        self.install_pypi("paho-mqtt")

    def command(self):
        return f"{self.folder}/bin/python {CLIENTS}/paho_mqtt.py"

    def version(self):
        return self.version_pypi("paho-mqtt")


class Gmqtt(Client):
    def install(self):
        self.install_pypi("gmqtt")

    def command(self):
        return f"{self.folder}/bin/python {CLIENTS}/gmqtt_client.py"

    def version(self):
        return self.version_pypi("gmqtt")


class MqttJs(Client):
    def install(self):
        self.install_npm("mqtt")

    def command(self):
        return f"env NODE_PATH={self.folder}/node_modules node {CLIENTS}/mqttjs.js"

    def version(self):
        return self.version_npm("mqtt")


class Rumqttc(Client):
    def install(self):
        options = ["--no-default-features", "--features", "rumqttc", "--bin", "mqttspec-rumqttc"]
        options += ["--quiet", "--debug", "--locked", "--root", self.folder]
        run(["cargo", "install", "--path", ROOT / "ci", *options])

    def command(self):
        return self.folder / "bin/mqttspec-rumqttc"

    def version(self):
        lock = (ROOT / "ci/Cargo.lock").read_text()
        return re.search(r'name = "rumqttc"\nversion = "(.*)"', lock)[1] + " (crates.io)"


class MosquittoClients(Client):
    debian = ["mosquitto-clients"]

    def command(self):
        return CLIENTS / "mosquitto.sh"


class PahoC(Client):
    debian = ["libpaho-mqtt-dev", "gcc"]

    def install(self):
        run(["cc", CLIENTS / "paho.c", "-lpaho-mqtt3c", "-o", self.folder / "paho"])

    def command(self):
        return self.folder / "paho"


class PahoCpp(Client):
    debian = ["libpaho-mqttpp-dev", "g++"]

    def install(self):
        libraries = ["-lpaho-mqttpp3", "-lpaho-mqtt3as"]
        run(["c++", "-std=c++17", CLIENTS / "paho.cpp", *libraries, "-o", self.folder / "paho"])

    def command(self):
        return self.folder / "paho"


class PahoGo(Client):
    debian = ["golang-github-eclipse-paho.mqtt.golang-dev", "golang-go"]

    def install(self):
        environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}
        run(["go", "build", "-o", self.folder / "paho", CLIENTS / "paho.go"], env=environment)

    def command(self):
        return self.folder / "paho"


class Fuse(Client):
    debian = ["libmqtt-client-java", "default-jdk-headless"]
    jobs = 2

    def install(self):
        run(["javac", "-cp", "/usr/share/java/*", "-d", self.folder, CLIENTS / "Fuse.java"])

    def command(self):
        jars = ["mqtt-client", "hawtbuf", "hawtdispatch", "hawtdispatch-transport"]
        return f"java -cp {':'.join([str(self.folder), *(f'/usr/share/java/{jar}.jar' for jar in jars)])} Fuse"


class OurClient(Client):
    def install(self):
        run(["cargo", "build", "--quiet", "--package", "mqttspec", "--features", "client"], cwd=ROOT)

    def command(self):
        return target() / "mqttspec-client"

    def version(self):
        return "0.1.0"


SUBJECTS = {
    "brokers": {
        "mosquitto": Mosquitto,
        "aedes": Aedes,
        "amqtt": Amqtt,
        "rumqttd": Rumqttd,
        "RabbitMQ": RabbitMq,
        "ejabberd": Ejabberd,
        "mqtt-wire-broker": OurBroker,
    },
    "clients": {
        "paho-mqtt": PahoPython,
        "gmqtt": Gmqtt,
        "MQTT.js": MqttJs,
        "rumqttc": Rumqttc,
        "mosquitto-clients": MosquittoClients,
        "Paho-C": PahoC,
        "Paho-C++": PahoCpp,
        "paho.mqtt.golang": PahoGo,
        "FuseSource-mqtt-client": Fuse,
        "mqttspec-client": OurClient,
    },
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    all_names = [name for subjects in SUBJECTS.values() for name in subjects]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(all_names))
    parser.add_argument("--install", action="store_true", help="install the subjects first")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path.home() / ".cache/mqttspec")
    parser.add_argument("--without", action="append", default=[], metavar="PART",
                        help="leave out the cases whose names have this part, as those that a crash leaves out")
    options = parser.parse_args()
    names = options.names or all_names
    unknown = [name for name in names if name not in all_names]
    if unknown:
        parser.error(f"no subject {unknown[0]}; there are {', '.join(all_names)}")
    run(["cargo", "build", "--quiet", "--package", "mqttspec"], cwd=ROOT)
    failed = []
    for role, subjects in SUBJECTS.items():
        results = {}
        for name in (it for it in subjects if it in names):
            subject = subjects[name](options.folder / name)
            if options.install:
                install(subject)
            results[name] = test(name, subject)
        failed += [name for name, result in results.items() if result is None]
        publish(role, {name: result for name, result in results.items() if result}, options.without)
    paths = [path for role in SUBJECTS for path in stored(role)]
    run([target() / "mqttspec", "matrix", *paths, "--html", HERE / "matrix.html"])
    if failed:
        sys.exit(f"no result: {', '.join(failed)}")


def install(subject):
    subject.folder.mkdir(parents=True, exist_ok=True)
    if subject.debian:
        run(["apt-get", "install", "-y", "-q", *subject.debian])
    subject.install()


def test(name, subject):
    """The result of a subject; None if there is none."""
    with tempfile.TemporaryDirectory(prefix="mqttspec-") as folder:
        data = pathlib.Path(folder)
        if isinstance(subject, Client):
            return judge(name, subject, ["client", "--exec", subject.command(), "--jobs", subject.jobs], data)
        return test_broker(name, subject, data)


def test_broker(name, broker, data):
    """Starts a broker, and tests it at each of its ports."""
    ports = [free_port() for _ in broker.ports]
    command, variables = broker.command(data, *ports)
    environment = os.environ | {key: str(value) for key, value in variables.items()}
    log = (data / "output").open("w")
    process = subprocess.Popen(
        command, env=environment, cwd=data, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    try:
        if not all(wait_for(process, port) for port in ports):
            print(f"{name} does not start:\n{(data / 'output').read_text()[-2000:]}")
            return None
        results = [judge_versions(name, broker, *it, data) for it in zip(ports, broker.ports)]
    finally:
        stop(process)
        broker.stopped(data)
    return None if None in results else merged(results)


def judge_versions(name, broker, port, versions, data):
    """Runs the cases of these versions, and returns the result; None if there is none."""
    filters = [f"{version}/" for version in versions]
    result = judge(name, broker, ["server", f"127.0.0.1:{port}", *broker.arguments, *filters], data)
    for member in ["versions", "breaches_in_trials"] if result else []:
        result[member] = [it for it in result[member] if it["version"] in versions]
    return result


def judge(name, subject, command, data):
    """Runs mqttspec, and returns the result; None if there is none."""
    path = data / "result.json"
    path.unlink(missing_ok=True)
    command = [target() / "mqttspec", *command, "--name", f"{name} {subject.version()}", "--json", path]
    output = subprocess.run([str(it) for it in command], capture_output=True, text=True)
    if not path.exists():
        print(f"{name}: {output.stderr}")
        return None
    print(f"{name}: {output.stdout.splitlines()[-1]}", flush=True)
    return json.loads(path.read_text())


def merged(results):
    """The results of the ports of one broker as one."""
    first, *others = results
    for other in others:
        first["rules"] |= other["rules"]
        for member in ["versions", "breaches_in_trials", "cases"]:
            first[member] += other[member]
    return first


def publish(role, results, without):
    """Writes the results of brokers or clients, without these cases, and those in which one crashes."""
    folder = HERE / role
    folder.mkdir(exist_ok=True)
    for name, result in results.items():
        is_left_out = lambda case: case["verdict"] == "crash" or any(part in case["name"] for part in without)
        for case in filter(is_left_out, list(result["cases"])):
            print(f"left out: {name}: {case['name']}: {case['seen']}")
            result["cases"].remove(case)
        write_compact(result, folder / f"{name}.json")
    all_results = {path: json.loads(path.read_text()) for path in stored(role)}
    common = set.intersection(*({case["name"] for case in result["cases"]} for result in all_results.values()))
    for path, result in all_results.items():
        cases = result["cases"]
        # a rule that is broken in cases about other rules has a case only where that happened
        result["cases"] = [it for it in cases if it["name"] in common or "/traffic/" in it["name"]]
        if len(result["cases"]) < len(cases):
            write(result, path)


def stored(role):
    """The files with the results of brokers or clients."""
    return [path for name in SUBJECTS[role] if (path := HERE / role / f"{name}.json").exists()]


def write_compact(result, path):
    """A line for each case, without what `mqttspec matrix` adds again, and without the bytes where the packet of the
    case and the verdict say all."""
    result["address"] = ""
    del result["rules"]
    refusals = {it["version"]: it["refusal"] for it in result["versions"] if it["refusal"]}
    for case in result["cases"]:
        if case["verdict"] == "unsupported" and case["seen"] == refusals.get(case["version"]):
            del case["seen"]
        for member in ["comment", "expected", "explanation", "neighbour", "packet", "statements", "version"]:
            case.pop(member, None)
        for packet in case.get("exchange", []):
            packet.pop("text", None)
        if case["verdict"] in ("ok", "unsupported", "open", "non-strict", "lenient"):
            case.pop("exchange", None)
        if case["verdict"] == "ok":
            del case["seen"]
    write(result, path)


def write(result, path):
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
