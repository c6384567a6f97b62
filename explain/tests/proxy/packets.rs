//! Packets as they pass, and forwarding.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::process::Command;
use std::thread;
use std::time::Duration;

use mqtt_wire::monitor::BreachKind;
use mqtt_wire::{Dialect, Packet, Version};

use crate::common::Run;
use crate::harness::{
    CONNACK, CONNECT, DISCONNECT, PINGREQ, PUBLISH, Proxy, is_verdict, objects, read, read_all,
    server, without_times,
};

/// A connection of a client and a server that say all this in turns, and what the program says.
/// The client then closes the connection.
fn converse(turns: &[(&[u8], &[u8])], args: &[&str]) -> Run {
    let script: Vec<(Vec<u8>, Vec<u8>)> = turns
        .iter()
        .map(|(client, server)| (client.to_vec(), server.to_vec()))
        .collect();
    let of_server = script.clone();
    let (upstream, serving) = server(1, move |_, mut stream| {
        for (question, answer) in &of_server {
            assert_eq!(read(&stream, question.len()), *question);
            stream.write_all(answer).unwrap();
        }
        assert_eq!(read_all(&stream), b"");
    });
    let proxy = Proxy::start(upstream, &[&["--once"], args].concat());
    let mut client = proxy.connect();
    for (question, answer) in &script {
        client.write_all(question).unwrap();
        assert_eq!(read(&client, answer.len()), *answer);
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"");
    serving.join().unwrap();
    proxy.finish()
}

#[test]
fn shows_packets_as_they_pass() {
    let run = converse(
        &[(CONNECT, CONNACK), (PUBLISH, b""), (DISCONNECT, b"")],
        &[],
    );
    let expected = "\
opened
#1       0  → CONNECT 3.1.1 \"c\", clean session, keep alive 60 s
#1       0  ← CONNACK 0x00 Success
#1      15  → PUBLISH \"a/b\" QoS 0, \"hello\"
#1      27  → DISCONNECT
#1          → the client closes the connection
#1          ← the server closes the connection
#1  VALID  4 packets
";
    assert_eq!(without_times(&run.output), expected);
    assert_eq!(run.status, 0);
}

#[test]
fn shows_broken_rules() {
    let bad = b"\x10\x0d\0\x04MQTT\x04\x0a\0\x3c\0\x01p";
    let run = converse(&[(bad, b"")], &[]);
    let output = without_times(&run.output);
    let error = Packet::decode(bad, Dialect::from_client(Version::V3_1_1)).unwrap_err();
    let fault = format!("INVALID  MQTT 3.1.1 from the client: {error}\n");
    assert!(output.contains(&fault), "{output}");
    assert!(
        output.contains("  nearest   with byte 9 = 02 the packet is valid\n"),
        "{output}"
    );
    assert!(output.ends_with("#1  INVALID  1 of 1 packet\n"), "{output}");
    assert_eq!(run.status, 1);

    let twice = [CONNACK, CONNACK].concat();
    let run = converse(&[(CONNECT, &twice)], &["--color", "always"]);
    let kind = BreachKind::SecondConnAck;
    let breach = format!("\x1b[31m       ! Server, CONNACK: {kind}");
    assert!(run.output.contains(&breach), "{}", run.output);
    assert_eq!(run.status, 1);
}

/// CONNECT of 5.0 with a Will on topic "w" and a Will Delay of 10 s in a Session of 60 s.
const WITH_DELAY: &[u8] = b"\x10\x20\0\x04MQTT\x05\x04\0\x3c\x05\x11\0\0\0\x3c\0\x01c\
                            \x05\x18\0\0\0\x0a\0\x01w\0\x02by";
/// The same without delay, and of 3.1.1.
const WITH_WILL_5: &[u8] = b"\x10\x16\0\x04MQTT\x05\x06\0\x3c\0\0\x01c\0\0\x01w\0\x02by";
const WITH_WILL_4: &[u8] = b"\x10\x14\0\x04MQTT\x04\x06\0\x3c\0\x01c\0\x01w\0\x02by";
const CONNACK_5: &[u8] = b"\x20\x03\0\0\0";

#[test]
fn shows_that_the_will_must_be_published() {
    let without = "the client closed the connection without DISCONNECT";
    let cases = [
        (
            WITH_WILL_4,
            CONNACK,
            &b""[..],
            format!("WILL \"w\" QoS 0 \"by\": {without} [v3.1.1 MQTT-3.1.2-8]"),
        ),
        (
            WITH_WILL_5,
            CONNACK_5,
            PINGREQ,
            format!("WILL \"w\" QoS 0 \"by\": {without} [v5.0 MQTT-3.1.2-8]"),
        ),
        (
            WITH_WILL_5,
            CONNACK_5,
            b"\xe0\x01\x04",
            String::from(
                "WILL \"w\" QoS 0 \"by\": the client sent DISCONNECT 0x04 [v5.0 MQTT-3.1.2-8]",
            ),
        ),
        (
            WITH_DELAY,
            CONNACK_5,
            b"",
            format!(
                "in 10 s WILL \"w\" QoS 0 after 10 s \"by\", unless the client is back before: \
                 {without} [v5.0 MQTT-3.1.2-8]"
            ),
        ),
        (
            // a DISCONNECT that breaks off is none
            WITH_WILL_5,
            CONNACK_5,
            b"\xe0",
            format!("WILL \"w\" QoS 0 \"by\": {without} [v5.0 MQTT-3.1.2-8]"),
        ),
    ];
    for (connect, connack, last, note) in cases {
        let run = converse(&[(connect, connack), (last, b"")], &[]);
        let output = without_times(&run.output);
        let note = format!("#1          ! the server must publish {note}\n");
        assert!(output.contains(&note), "{output}\n{note}");
    }
}

#[test]
fn shows_no_will_that_is_not_published() {
    let refused: &[u8] = b"\x20\x02\0\x05";
    let cases: [(&[u8], &[u8], &[u8]); 5] = [
        (WITH_WILL_4, CONNACK, DISCONNECT),
        (WITH_WILL_5, CONNACK_5, DISCONNECT),
        (WITH_DELAY, CONNACK_5, b"\xe0\x01\0"),
        (WITH_WILL_4, refused, b""),
        (CONNECT, CONNACK, b""),
    ];
    for (connect, connack, last) in cases {
        let run = converse(&[(connect, connack), (last, b"")], &[]);
        assert!(!run.output.contains("must publish"), "{}", run.output);
        assert_eq!(run.status, 0, "{}", run.output);
    }
}

#[test]
fn a_server_that_closes_first_must_publish_too() {
    let (upstream, serving) = server(1, |_, mut stream| {
        assert_eq!(read(&stream, WITH_WILL_5.len()), WITH_WILL_5);
        stream.write_all(CONNACK_5).unwrap();
        stream.write_all(b"\xe0\x01\x8b").unwrap();
    });
    let proxy = Proxy::start(upstream, &["--once", "--json"]);
    let mut client = proxy.connect();
    client.write_all(WITH_WILL_5).unwrap();
    let answer = read_all(&client);
    assert_eq!(answer, [CONNACK_5, b"\xe0\x01\x8b"].concat());
    drop(client);
    serving.join().unwrap();
    let lines = objects(&proxy.finish().output);
    let will = &lines.last().unwrap()["will"];
    assert_eq!(will["fate"], "publish");
    assert_eq!(will["cause"], "the server closed the connection");
    assert_eq!(will["statement"], "v5.0 MQTT-3.1.2-8");
}

#[test]
fn a_client_that_vanishes_leaves_its_will() {
    let (upstream, serving) = server(1, |_, mut stream| {
        assert_eq!(read(&stream, WITH_WILL_4.len()), WITH_WILL_4);
        stream.write_all(CONNACK).unwrap();
        // the connection may be reset
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let proxy = Proxy::start(upstream, &["--once"]);
    let mut client = proxy.connect();
    client.write_all(WITH_WILL_4).unwrap();
    assert_eq!(client.peek(&mut [0; 4]).unwrap(), 4);
    drop(client); // what is not read makes it a reset
    serving.join().unwrap();
    let output = proxy.finish().output;
    let note = "! the server must publish WILL \"w\" QoS 0 \"by\": the c";
    assert!(output.contains(note), "{output}");
}

#[test]
fn writes_json() {
    let run = converse(&[(CONNECT, CONNACK), (DISCONNECT, b"")], &["--json"]);
    let lines = objects(&run.output);
    let verdicts: Vec<_> = lines
        .iter()
        .map(|it| it["verdict"].as_str().unwrap())
        .collect();
    let expected = [
        "opened", "accept", "accept", "accept", "closed", "closed", "ended",
    ];
    assert_eq!(verdicts, expected);
    for line in &lines {
        assert_eq!(line["number"], 1);
        assert!(line["seconds"].is_f64());
        let connection = line["connection"].as_str().unwrap();
        assert!(connection.starts_with("127.0.0.1:"), "{connection}");
    }
    assert_eq!(lines[1]["packet"]["type"], "CONNECT");
    assert_eq!(lines[2]["dialect"]["from"], "server");
    assert_eq!(lines[6]["packets"], 3);
}

#[test]
fn forwards_everything_unchanged() {
    let mut noise = Vec::new();
    let mut state = 1_u32;
    for _ in 0..20_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.push(state.to_be_bytes()[0]);
    }
    let valid = [CONNECT, PUBLISH, PUBLISH, DISCONNECT].concat();
    let mut long = b"\x30\xff\xff\xff\x7f\0\x01t".to_vec();
    // all of them, there and back, have room in the queue of what is to be shown
    long.resize(100_000, b'x');
    let inputs: Vec<Vec<u8>> = vec![
        valid.clone(),
        b"\x10\x0d\0\x04MQTT\x04\x0a\0\x3c\0\x01p".to_vec(),
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_vec(),
        b"\xff".repeat(5000),
        [&valid[..], &noise].concat(),
        noise.clone(),
        [CONNECT, &long].concat(),
        Vec::new(),
    ];
    // whole, and cut at each of the first places
    let cuts = |input: &Vec<u8>| 0..input.len().min(24);
    let connections = inputs.iter().map(|it| 1 + cuts(it).len()).sum();
    // answers with what it got, backwards, when all has come
    let (upstream, serving) = server(connections, |_, mut stream| {
        let mut bytes = read_all(&stream);
        bytes.reverse();
        stream.write_all(&bytes).unwrap();
    });
    let mut proxy = Proxy::start(upstream, &[]);
    let mut lines = BufReader::new(proxy.child.stdout.take().unwrap()).lines();
    let output = thread::spawn(move || {
        let mut output = String::new();
        let mut ended = 0;
        while ended < connections {
            let line = lines.next().unwrap().unwrap();
            ended += usize::from(is_verdict(&line));
            output += &line;
        }
        output
    });
    for input in &inputs {
        for cut in cuts(input).map(Some).chain([None]) {
            let mut client = proxy.connect();
            client.set_nodelay(true).unwrap();
            let (first, second) = input.split_at(cut.unwrap_or(0));
            client.write_all(first).unwrap();
            thread::yield_now();
            client.write_all(second).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut back = read_all(&client);
            back.reverse();
            assert!(back == *input, "{} bytes cut at {cut:?}", input.len());
        }
    }
    serving.join().unwrap();
    let output = output.join().unwrap();
    let count = |text: &str| output.matches(text).count();
    assert_eq!(count("an HTTP request"), 25);
    assert_eq!(count("PUBLISH of 268435460 bytes: too long to decode"), 25);
}

#[test]
fn forwards_a_half_closed_connection() {
    let (upstream, serving) = server(1, |_, mut stream| {
        stream.write_all(CONNACK).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&stream), CONNECT);
    });
    let proxy = Proxy::start(upstream, &["--once"]);
    let mut client = proxy.connect();
    assert_eq!(read_all(&client), CONNACK);
    client.write_all(CONNECT).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    serving.join().unwrap();
    let output = without_times(&proxy.finish().output);
    let server = output.find("the server closes").unwrap();
    let client = output.find("the client closes").unwrap();
    assert!(server < client, "{output}");
}

/// Each side writes more than the sockets can hold, and the server reads only after that.
#[test]
fn a_side_that_does_not_read_delays_one_direction_only() {
    const LENGTH: usize = 40_000_000;
    let (upstream, serving) = server(1, |_, mut stream| {
        stream.write_all(&vec![1; LENGTH]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&stream).len(), LENGTH);
    });
    let proxy = Proxy::start(upstream, &["--once", "--summary"]);
    let client = proxy.connect();
    thread::scope(|scope| {
        scope.spawn(|| {
            (&client).write_all(&vec![2; LENGTH]).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        assert_eq!(read_all(&client).len(), LENGTH);
    });
    serving.join().unwrap();
    proxy.finish();
}

#[test]
fn serves_many_at_once() {
    const CLIENTS: usize = 20;
    let (upstream, serving) = server(CLIENTS, |_, mut stream| {
        assert_eq!(read(&stream, CONNECT.len()), CONNECT);
        stream.write_all(CONNACK).unwrap();
        read_all(&stream);
    });
    let mut proxy = Proxy::start(upstream, &[]);
    let clients: Vec<_> = (0..CLIENTS).map(|_| proxy.connect()).collect();
    for mut client in &clients {
        client.write_all(CONNECT).unwrap();
    }
    for client in &clients {
        assert_eq!(read(client, CONNACK.len()), CONNACK);
    }
    drop(clients);
    serving.join().unwrap();
    let lines = BufReader::new(proxy.child.stdout.take().unwrap()).lines();
    let verdicts = lines.map(Result::unwrap).filter(|it| is_verdict(it));
    let mut verdicts: Vec<_> = verdicts.take(CLIENTS).collect();
    verdicts.sort_unstable();
    let mut expected: Vec<_> = (1..=CLIENTS)
        .map(|number| format!("#{number}  VALID  2 packets"))
        .collect();
    expected.sort_unstable();
    assert_eq!(verdicts, expected);
}

#[test]
fn reports_an_unreachable_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let proxy = Proxy::start(nobody, &["--once"]);
    assert_eq!(read_all(&proxy.connect()), b"");
    let run = proxy.finish();
    let text = format!("#1  FAILED  cannot reach {nobody}: ");
    let lines: Vec<&str> = run.output.lines().collect();
    assert!(lines[1].starts_with(&text), "{}", run.output);
    // and no verdict on packets
    assert_eq!(lines[2..], [""]);
    assert!(run.errors.contains(&format!("cannot reach {nobody}: ")));
    assert_eq!(run.status, 64);

    let proxy = Proxy::start(nobody, &["--once", "--json"]);
    assert_eq!(read_all(&proxy.connect()), b"");
    let run = proxy.finish();
    let verdicts = objects(&run.output)
        .into_iter()
        .map(|it| it["verdict"].clone());
    assert_eq!(verdicts.collect::<Vec<_>>(), ["opened", "failed", "ended"]);
    assert_eq!(run.status, 64);
}

#[test]
fn unread_output_does_not_delay_forwarding() {
    const LENGTH: usize = 16_384;
    const PACKETS: usize = 2000;
    let mut publish = b"\x30\xfd\x7f\0\x01t".to_vec();
    publish.resize(LENGTH, b'x');
    let length = CONNECT.len() + PACKETS * LENGTH;
    let (upstream, serving) = server(1, move |_, stream| {
        let mut rest = &stream;
        let copied = std::io::copy(&mut rest, &mut std::io::sink()).unwrap();
        assert_eq!(copied, length as u64);
    });
    let proxy = Proxy::start(upstream, &["--once", "--tree"]);
    let mut client = proxy.connect();
    client.write_all(CONNECT).unwrap();
    for _ in 0..PACKETS {
        client.write_all(&publish).unwrap();
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"");
    serving.join().unwrap();
    // everything has arrived; now what was seen of it
    let output = proxy.finish().output;
    let published = output.matches("→ PUBLISH \"t\"").count();
    let unseen = output.lines().filter_map(|line| {
        let bytes = line.strip_suffix(" bytes skipped: too fast to show")?;
        bytes.split(' ').next_back()?.parse::<usize>().ok()
    });
    let unseen: Vec<usize> = unseen.collect();
    assert!(!unseen.is_empty());
    assert!(!output.contains("INVALID"));
    let connect = CONNECT.len();
    let seen = connect + published * LENGTH;
    assert_eq!(seen + unseen.into_iter().sum::<usize>(), length);
}
#[test]
fn filters_and_totals_are_those_of_captures() {
    let bad_publish = b"\x38\x0a\0\x03a/bhello";
    let turns: &[(&[u8], &[u8])] = &[(CONNECT, CONNACK), (PUBLISH, b""), (bad_publish, b"")];
    let run = converse(turns, &["--only-invalid"]);
    let output = without_times(&run.output);
    assert!(
        output.starts_with("opened\n#1      27  → INVALID"),
        "{output}"
    );
    assert!(
        output.ends_with("#1  INVALID  1 of 4 packets\n"),
        "{output}"
    );
    assert!(!output.contains("the client closes"), "{output}");
    assert_eq!(run.status, 1);

    let run = converse(turns, &["--client-id", "other"]);
    assert_eq!((run.output.as_str(), run.status), ("", 3));

    let turns: &[(&[u8], &[u8])] = &[
        (CONNECT, CONNACK),
        (b"\x32\x07\0\x03a/b\0\x01", b"\x40\x02\0\x01"),
        (DISCONNECT, b""),
    ];
    let run = converse(turns, &["--client-id", "c", "--topic", "a/#"]);
    let output = without_times(&run.output);
    let shown: Vec<_> = output.lines().collect();
    assert_eq!(shown.len(), 6, "{output}");
    assert!(
        shown[1].ends_with("→ PUBLISH \"a/b\" QoS 1 id 1, empty"),
        "{output}"
    );
    assert!(shown[2].ends_with("← PUBACK id 1"), "{output}");
    assert_eq!(shown[5], "#1  VALID  2 packets");

    let run = converse(turns, &["--summary"]);
    let totals = "SUMMARY  5 packets, 34 bytes, 1 connection, ";
    assert!(run.output.starts_with(totals), "{}", run.output);
    assert!(
        run.output.contains("PUBLISH → PUBACK: 0."),
        "{}",
        run.output
    );
    assert!(run.output.contains("1  by DISCONNECT from the client\n"));
}

#[test]
fn the_clock_of_the_proxy_is_that_of_the_machine() {
    let run = converse(&[(CONNECT, CONNACK)], &["--json", "--time", "utc"]);
    let opened = &objects(&run.output)[0];
    let now = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H"])
        .output()
        .unwrap();
    let now = String::from_utf8(now.stdout).unwrap();
    let time = opened["time"].as_str().unwrap();
    // up to the tens of hours
    assert_eq!(time[..12], now[..12], "{time}");
}

/// `--only-invalid` shows that an incomplete packet has become complete.
#[test]
fn the_rest_of_an_incomplete_packet_is_shown() {
    let (upstream, serving) = server(1, |_, mut stream| {
        read(&stream, CONNECT.len());
        stream.write_all(CONNACK).unwrap();
        read_all(&stream);
    });
    let proxy = Proxy::start(upstream, &["--once", "--only-invalid"]);
    let mut client = proxy.connect();
    client.write_all(CONNECT).unwrap();
    read(&client, CONNACK.len());
    let (first, rest) = PUBLISH.split_at(5);
    client.write_all(first).unwrap();
    thread::sleep(Duration::from_millis(1800));
    client.write_all(rest).unwrap();
    client.write_all(DISCONNECT).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    read_all(&client);
    serving.join().unwrap();
    let run = proxy.finish();
    let output = without_times(&run.output);
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines.len(), 4, "{output}");
    assert!(lines[1].contains("→ INCOMPLETE"), "{output}");
    assert!(lines[2].contains("→ PUBLISH \"a/b\""), "{output}");
    assert_eq!(lines[3], "#1  VALID  4 packets");
    assert_eq!(run.status, 0);
}
