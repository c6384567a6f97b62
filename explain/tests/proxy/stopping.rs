//! The end of the program: by the user, by a signal, or because nobody reads its output.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;

use crate::common::Run;
use crate::harness::{
    CONNACK, CONNECT, PINGREQ, PUBLISH, Proxy, objects, read, read_all, server, without_times,
};

/// Sends a signal as soon as the program has shown `last` on its output, and returns all of it.
fn stop(mut proxy: Proxy, signal: &str, last: &str) -> Run {
    let mut lines = BufReader::new(proxy.child.stdout.take().unwrap());
    let mut output = String::new();
    while !output.lines().any(|line| line.contains(last)) {
        assert_ne!(lines.read_line(&mut output).unwrap(), 0, "{output}");
    }
    kill(&proxy, signal);
    while lines.read_line(&mut output).unwrap() > 0 {}
    let run = proxy.end();
    Run { output, ..run }
}

fn kill(proxy: &Proxy, signal: &str) {
    let number = proxy.child.id().to_string();
    let killed = Command::new("kill").args([signal, &number]).status();
    assert!(killed.unwrap().success());
}

#[test]
fn writes_totals_when_it_is_stopped() {
    for signal in ["-INT", "-TERM"] {
        let (upstream, _serving) = server(2, |_, mut stream| {
            assert_eq!(read(&stream, CONNECT.len()), CONNECT);
            stream.write_all(CONNACK).unwrap();
            read_all(&stream);
        });
        let proxy = Proxy::start(upstream, &[]);
        let mut first = proxy.connect();
        first.write_all(CONNECT).unwrap();
        assert_eq!(read(&first, CONNACK.len()), CONNACK);
        drop(first);
        let mut second = proxy.connect();
        second.write_all(CONNECT).unwrap();
        assert_eq!(read(&second, CONNACK.len()), CONNACK);
        // Packet Identifier 0, which is malformed
        second.write_all(b"\x40\x02\0\0").unwrap();
        second.write_all(PINGREQ).unwrap();
        let run = stop(proxy, signal, "PINGREQ");
        let output = without_times(&run.output);
        let end = "\
#2  INVALID  1 of 4 packets, still open
2 connections, 1 still open: 4 packets from clients and 2 from servers, 1 refused, 0 break a rule \
of the conversation
";
        assert!(output.ends_with(end), "{signal}: {output}");
        assert_eq!(run.status, 1);
    }
}

#[test]
fn the_summary_replaces_the_totals() {
    let (upstream, _serving) = server(1, |_, mut stream| {
        assert_eq!(read(&stream, CONNECT.len()), CONNECT);
        stream.write_all(CONNACK).unwrap();
        assert_eq!(read(&stream, PUBLISH.len()), PUBLISH);
        read_all(&stream);
    });
    let proxy = Proxy::start(upstream, &["--summary", "--only-invalid"]);
    let mut client = proxy.connect();
    client.write_all(CONNECT).unwrap();
    assert_eq!(read(&client, CONNACK.len()), CONNACK);
    client.write_all(PUBLISH).unwrap();
    client.write_all(b"\x40\x02\0\0").unwrap();
    let run = stop(proxy, "-INT", "INVALID");
    let summary = run.output.find("SUMMARY  4 packets, ").unwrap();
    assert!(
        !run.output.contains("packets from clients"),
        "{}",
        run.output
    );
    assert!(
        run.output[summary..].contains("  1  still open, or the end was not seen\n"),
        "{}",
        run.output
    );
    assert_eq!(run.status, 1);
}

#[test]
fn writes_totals_as_json() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let proxy = Proxy::start(nobody, &["--json"]);
    assert_eq!(read_all(&proxy.connect()), b"");
    let run = stop(proxy, "-INT", "\"ended\"");
    let totals = objects(&run.output).pop().unwrap();
    let expected = serde_json::json!({
        "verdict": "totals", "connections": 1, "open": 0, "failed": 1,
        "packets": {"client": 0, "server": 0}, "refused": 0, "breaking": 0, "websocket": 0,
    });
    assert_eq!(totals, expected);
    // the connection of one client has failed, and the program went on
    assert_eq!(run.status, 0);
    assert_eq!(run.errors, "");
}

#[test]
fn an_unreachable_server_is_no_end_without_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut proxy = Proxy::start(address, &[]);
    assert_eq!(read_all(&proxy.connect()), b"");
    let mut lines = BufReader::new(proxy.child.stdout.take().unwrap()).lines();
    let failed = format!("#1  FAILED  cannot reach {address}: ");
    assert!(lines.any(|line| line.unwrap().starts_with(&failed)));
    // the next connection finds a server
    let listener = TcpListener::bind(address).unwrap();
    let mut client = proxy.connect();
    client.write_all(PUBLISH).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    assert_eq!(read(&accepted, PUBLISH.len()), PUBLISH);
}

#[test]
fn forwards_the_rest_when_the_output_is_closed() {
    let (upstream, serving) = server(1, |_, mut stream| {
        assert_eq!(read(&stream, CONNECT.len()), CONNECT);
        stream.write_all(CONNACK).unwrap();
        for _ in 0..100 {
            assert_eq!(read(&stream, PINGREQ.len()), PINGREQ);
            stream.write_all(b"\xd0\0").unwrap();
        }
        read_all(&stream);
    });
    let mut proxy = Proxy::start(upstream, &[]);
    drop(proxy.child.stdout.take());
    let mut client = proxy.connect();
    client.write_all(CONNECT).unwrap();
    assert_eq!(read(&client, CONNACK.len()), CONNACK);
    for _ in 0..100 {
        client.write_all(PINGREQ).unwrap();
        assert_eq!(read(&client, 2), b"\xd0\0");
    }
    drop(client);
    serving.join().unwrap();
    assert_eq!(proxy.child.wait().unwrap().code(), Some(0));
}
