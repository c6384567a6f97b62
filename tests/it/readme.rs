//! The server of `README.md` runs, and answers a bad packet before it closes the connection.

#[test]
fn the_readme_has_the_example() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../../examples/server.rs");
    let code = example.split_once("\n\n").map(|(_, code)| code.trim());
    assert!(code.is_some_and(|code| readme.contains(code)));
}

#[allow(dead_code)] // its `main` listens for ever
mod server {
    use std::io::Read;

    include!("../../examples/server.rs");

    /// The bytes that the server sends until it closes the connection, which the client keeps open. The
    /// last packet makes it close: bytes that it has not read by then would reset the connection.
    fn sends_and_receives(sent: &[&[u8]]) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = listener.accept().unwrap().0;
        let server = std::thread::spawn(move || serve(socket).is_ok());
        for bytes in sent {
            client.write_all(bytes).unwrap();
        }
        let patience = std::time::Duration::from_secs(30);
        client.set_read_timeout(Some(patience)).unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        server.join().unwrap();
        received
    }

    const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01p";

    #[test]
    fn answers_connect_and_pingreq() {
        let received = sends_and_receives(&[
            CONNECT,
            b"\x30\x06\x00\x01t\x00on",
            b"\xc0\x00",
            b"\xe0\x00",
        ]);
        assert_eq!(received, b"\x20\x03\x00\x00\x00\xd0\x00");
    }

    #[test]
    fn assigns_a_client_identifier_to_a_client_that_sent_none() {
        let connect = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00";
        let received = sends_and_receives(&[connect, b"\xe0\x00"]);
        let dialect = mqtt_wire::Dialect::from_server(mqtt_wire::Version::V5);
        let connack = match mqtt_wire::Packet::decode(&received, dialect).unwrap() {
            mqtt_wire::Packet::ConnAck(connack) => connack,
            packet => panic!("{packet:?}"),
        };
        let assigned = connack.assigned_client_identifier().unwrap();
        assert!(assigned.as_str().starts_with("127.0.0.1:"));
    }

    #[test]
    fn answers_a_bad_packet() {
        // QoS 3 in a SUBSCRIBE
        let received = sends_and_receives(&[CONNECT, b"\x82\x07\x00\x01\x00\x00\x01#\x03"]);
        assert_eq!(received, b"\x20\x03\x00\x00\x00\xe0\x01\x82");
    }

    #[test]
    fn answers_a_bad_connect() {
        // Will QoS 1 without a Will
        let bad = b"\x10\x0d\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x00";
        assert_eq!(sends_and_receives(&[bad]), b"\x20\x03\x00\x81\x00");
        // an unknown version
        let bad = b"\x10\x0c\x00\x04MQTT\x06\x02\x00\x3c\x00\x00";
        assert_eq!(sends_and_receives(&[bad]), b"\x20\x03\x00\x84\x00");
    }

    #[test]
    fn closes_the_connection_after_a_packet_that_it_does_not_serve() {
        let qos_1: &[u8] = b"\x32\x06\x00\x01t\x00\x01\x00";
        for packet in [CONNECT, qos_1] {
            let received = sends_and_receives(&[CONNECT, packet]);
            assert_eq!(received, b"\x20\x03\x00\x00\x00");
        }
    }
}
