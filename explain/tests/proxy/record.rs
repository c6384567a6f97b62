//! The file of `--write`.

use std::io::Write;
use std::net::Shutdown;

use serde_json::Value;

use crate::common::{explain, temporary};
use crate::harness::{
    CONNACK, CONNECT, DISCONNECT, PUBLISH, Proxy, objects, read, read_all, server,
};

/// The part of the output that is the same live and from the file.
fn packets(output: &str) -> Vec<Value> {
    let of_packet = |mut object: Value| {
        let members = object.as_object_mut()?;
        members.get("packet")?;
        for other in ["connection", "seconds", "capture_packet"] {
            members.remove(other);
        }
        Some(object)
    };
    objects(output).into_iter().filter_map(of_packet).collect()
}

#[test]
fn the_file_has_what_passed() {
    let path = temporary("passed.pcapng");
    let path = path.to_str().unwrap();
    // longer than a segment may be
    let mut long = b"\x30\xc0\x9a\x0c\0\x01t".to_vec();
    long.resize(4 + 200_000, b'x');
    let of_server = long.clone();
    let (upstream, serving) = server(1, move |_, mut stream| {
        assert_eq!(read(&stream, CONNECT.len()), CONNECT);
        stream.write_all(CONNACK).unwrap();
        assert_eq!(read(&stream, of_server.len()), of_server);
        stream.write_all(PUBLISH).unwrap();
        assert_eq!(read_all(&stream), DISCONNECT);
    });
    let proxy = Proxy::start(upstream, &["--once", "--json", "--write", path]);
    let mut client = proxy.connect();
    let address = client.local_addr().unwrap();
    client.write_all(CONNECT).unwrap();
    assert_eq!(read(&client, CONNACK.len()), CONNACK);
    client.write_all(&long).unwrap();
    assert_eq!(read(&client, PUBLISH.len()), PUBLISH);
    client.write_all(DISCONNECT).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"");
    serving.join().unwrap();
    let live = proxy.finish();

    let read = explain(["--json", path], b"");
    assert_eq!(packets(&read.output), packets(&live.output));
    assert_eq!(packets(&read.output).len(), 5);
    assert_eq!(read.status, 0);
    let lines = objects(&read.output);
    let expected = format!("{address} > 127.0.0.1:1883");
    assert_eq!(lines[0]["connection"], expected);
    let verdicts: Vec<_> = lines.iter().map(|it| it["verdict"].clone()).collect();
    assert!(verdicts.contains(&"closed".into()) && verdicts.contains(&"ended".into()));
    assert!(!verdicts.contains(&"missing".into()), "{}", read.output);
}

#[test]
fn refuses_a_file_that_cannot_be_created() {
    let args = [
        "proxy",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        "127.0.0.1:1",
    ];
    let write = ["--write", "/no/such/folder"];
    let run = explain(args.into_iter().chain(write), b"");
    assert!(run.errors.contains("/no/such/folder: "), "{}", run.errors);
    assert_eq!(run.status, 64);
}
