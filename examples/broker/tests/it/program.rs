//! The program: its flags and its output.

use std::net::SocketAddr;
use std::process::Stdio;

use mqtt_wire::{Connect, Properties, Property, QoS, Version};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::client::{Client, PATIENCE, V5, connect, message, retained, subscription, will};

struct Program {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-wire-broker"));
    command.args(flags).kill_on_drop(true);
    command
}

impl Program {
    async fn start(flags: &[&str]) -> Self {
        let mut command = command(&["--listen", "127.0.0.1:0"]);
        command.args(flags).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap();
        let line = line.unwrap().unwrap();
        let address = line.strip_prefix("listening on mqtt://").unwrap();
        Self {
            _child: child,
            address: address.parse().unwrap(),
            lines,
        }
    }

    /// Waits for a line that contains all these texts.
    async fn expect(&mut self, texts: &[&str]) -> String {
        loop {
            let line = timeout(PATIENCE, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("no line with {texts:?}"));
            let line = line.unwrap().expect("the program has ended");
            assert!(!line.contains(char::is_control), "{line:?}");
            if texts.iter().all(|text| line.contains(text)) {
                return line;
            }
        }
    }
}

/// Clients that come and go, so that lines are printed.
async fn make_lines(address: SocketAddr, clients: usize) {
    for _ in 0..clients {
        let client = Client::connect(address, connect(Version::V3_1_1, "client")).await;
        client.disconnect().await;
    }
}

#[tokio::test]
async fn a_closed_stdout_does_not_stop_it() {
    let Program {
        _child,
        address,
        lines,
        ..
    } = Program::start(&[]).await;
    drop(lines);
    make_lines(address, 100).await;
}

#[tokio::test]
async fn an_unread_stdout_does_not_stop_it() {
    let mut program = Program::start(&[]).await;
    // two lines of some 30 bytes for each: more than a pipe and the queue hold
    make_lines(program.address, 3000).await;
    program.expect(&["lines of the log are lost"]).await;
}

#[tokio::test]
async fn text_from_peers_cannot_control_the_terminal() {
    let mut program = Program::start(&[]).await;
    let evil = "\u{1b}]0;title\u{7}\nforged line\u{9b}31m";
    let evil_id = format!("client{evil}");
    let will_topic = format!("test{evil}");
    let dying = Connect {
        will: Some(will(&will_topic, "die")),
        ..connect(V5, &evil_id)
    };
    drop(Client::connect(program.address, dying).await);
    let escaped = r"\u{1b}]0;title\u{7}\nforged line\u{9b}31m";
    program.expect(&[" is \"client", escaped]).await;
    program
        .expect(&["the Will of \"client", "\"test", escaped])
        .await;
}

#[tokio::test]
async fn messages_that_are_dropped_or_not_retained_are_logged() {
    let flags = ["--max-queued-bytes", "1000", "--max-retained", "1"];
    let mut program = Program::start(&flags).await;
    let expiry = [Property::SessionExpiryInterval(60)];
    let slow = Connect {
        clean_start: false,
        properties: Properties::new(&expiry),
        ..connect(V5, "slow")
    };
    let mut client = Client::connect(program.address, slow).await;
    client
        .subscribe(&[subscription("a", QoS::AtLeastOnce)])
        .await;
    client.disconnect().await;
    let mut publisher = Client::connect(program.address, connect(V5, "publisher")).await;
    for _ in 0..10 {
        publisher.publish(message("a", "x", QoS::AtLeastOnce)).await;
    }
    program.expect(&["too much waits for \"slow\""]).await;
    let mut client = Client::resume(program.address, slow).await.0;
    for _ in 0..4 {
        client.take(message("a", "x", QoS::AtLeastOnce)).await;
    }
    program
        .expect(&["6 messages for \"slow\" were dropped"])
        .await;

    for topic in ["a", "b"] {
        publisher
            .publish(retained(topic, "x", QoS::AtMostOnce))
            .await;
    }
    program
        .expect(&["\"publisher\"", "\"b\" is not retained"])
        .await;
}

#[tokio::test]
async fn it_listens_for_websocket_too() {
    let mut program = Program::start(&["--ws", "0"]).await;
    program.expect(&["listening on ws://127.0.0.1:"]).await;
}

#[tokio::test]
async fn help_names_every_flag() {
    let output = command(&["--help"]).output().await.unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    let source = include_str!("../../src/main.rs");
    let flags = source.split("Long(\"").skip(1);
    let flags: Vec<_> = flags.filter_map(|it| it.split('"').next()).collect();
    assert!(flags.len() > 10, "{flags:?}");
    let is_missing = |flag: &str| flag == "help" || flag == "fault" && !cfg!(feature = "faults");
    for flag in flags.iter().filter(|flag| !is_missing(flag)) {
        assert!(help.contains(&format!("--{flag} ")), "{flag}");
    }
}

#[tokio::test]
async fn a_mistake_on_the_command_line_is_reported() {
    for (flags, text) in [
        (&["--frobnicate"][..], "--frobnicate"),
        (&["--listen", "nowhere"], "nowhere"),
        (&["--max-connections", "many"], "many"),
        (&["--tls", "missing.pem", "missing.pem"], "missing.pem"),
    ] {
        let output = timeout(PATIENCE, command(flags).output()).await.unwrap();
        let output = output.unwrap();
        assert!(!output.status.success());
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            error.starts_with("error: ") && error.contains(text),
            "{error}"
        );
    }
}
