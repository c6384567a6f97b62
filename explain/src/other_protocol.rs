//! Signs that bytes are not MQTT but another protocol.

const PROXY_HEADER: &str = "a PROXY protocol header, which a load balancer puts before MQTT";

const BEGINNINGS: [(&[u8], &str); 12] = [
    (
        b"GET ",
        "an HTTP request; MQTT over WebSocket begins like this",
    ),
    (b"POST ", "an HTTP request"),
    (b"PUT ", "an HTTP request"),
    (b"HEAD ", "an HTTP request"),
    (b"OPTIONS ", "an HTTP request"),
    (b"CONNECT ", "a request to an HTTP proxy"),
    (b"HTTP/", "an HTTP answer"),
    (b"PRI * HTTP/2", "an HTTP/2 connection"),
    (b"PROXY ", PROXY_HEADER),
    (b"\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a", PROXY_HEADER),
    (b"SSH-", "an SSH connection"),
    (b"AMQP", "an AMQP connection"),
];

/// The protocol of the bytes, if it is clearly another one than MQTT.
pub fn detect(bytes: &[u8]) -> Option<&'static str> {
    if let [0x14..=0x17, 0x03, 0x00..=0x04, ..] = bytes {
        return Some("a TLS record: the connection is encrypted, and MQTT is inside of it");
    }
    let begins = |(start, _): &&(&[u8], &str)| bytes.starts_with(start);
    BEGINNINGS.iter().find(begins).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detects_other_protocols() {
        assert!(detect(b"\x16\x03\x01\x02\x00\x01").is_some_and(|it| it.contains("TLS")));
        assert!(detect(b"GET /mqtt HTTP/1.1\r\n").is_some_and(|it| it.contains("WebSocket")));
        assert!(detect(b"PROXY TCP4 1.2.3.4").is_some_and(|it| it.contains("PROXY")));
        assert_eq!(detect(b"\x10\x0d\x00\x04MQTT"), None);
    }
}
