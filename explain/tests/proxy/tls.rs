//! TLS on both sides: a proxy with `mqtts://` forwards to a proxy with `--cert`.

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::common::file;
use crate::harness::{CONNACK, CONNECT, DISCONNECT, Proxy, read, read_all, server, without_times};

/// Files of a certificate for `localhost`, its key, and the authority that signed it.
struct Identity {
    certificate: String,
    key: String,
    authority: String,
}

impl Identity {
    /// `name` is that of the test.
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let params = CertificateParams::new(vec![String::from("localhost")]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Self {
            certificate: file(&format!("{name}.pem"), certificate.pem().as_bytes()),
            key: file(&format!("{name}.key"), key.serialize_pem().as_bytes()),
            authority: file(&format!("{name}.ca"), issuer.pem().as_bytes()),
        }
    }

    /// A certificate that signed itself as an authority, as `openssl req -x509` makes it.
    fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![String::from("localhost")]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let certificate = file(&format!("{name}.pem"), certificate.pem().as_bytes());
        Self {
            authority: certificate.clone(),
            certificate,
            key: file(&format!("{name}.key"), key.serialize_pem().as_bytes()),
        }
    }

    /// A proxy that clients reach with TLS.
    fn listen(&self, upstream: impl ToString, args: &[&str]) -> Proxy {
        let tls = ["--cert", &self.certificate, "--key", &self.key];
        Proxy::start(upstream, &[&tls, args].concat())
    }
}

const EXPECTED: &str = "\
opened
#1       0  → CONNECT 3.1.1 \"c\", clean session, keep alive 60 s
#1       0  ← CONNACK 0x00 Success
#1      15  → DISCONNECT
#1          → the client closes the connection
#1          ← the server closes the connection
#1  VALID  3 packets
";

#[test]
fn forwards_over_tls_on_both_sides() {
    for identity in [Identity::new("both"), Identity::self_signed("both_self")] {
        let (upstream, serving) = server(1, |_, mut stream| {
            assert_eq!(read(&stream, CONNECT.len()), CONNECT);
            stream.write_all(CONNACK).unwrap();
            assert_eq!(read_all(&stream), DISCONNECT);
        });
        let far = identity.listen(upstream, &["--once"]);
        let url = format!("mqtts://localhost:{}", far.address.port());
        let near = Proxy::start(url, &["--once", "--ca", &identity.authority]);
        let mut client = near.connect();
        client.write_all(CONNECT).unwrap();
        assert_eq!(read(&client, CONNACK.len()), CONNACK);
        client.write_all(DISCONNECT).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&client), b"");
        serving.join().unwrap();
        for proxy in [near, far] {
            let run = proxy.finish();
            assert_eq!(without_times(&run.output), EXPECTED);
            assert_eq!(run.status, 0);
        }
    }
}

#[test]
fn forwards_megabytes_in_both_directions_at_once() {
    const LENGTH: usize = 3_000_000;
    let identity = Identity::new("megabytes");
    let pattern = |seed: usize| -> Vec<u8> {
        let bytes = (0..LENGTH).map(|at| (at * seed % 251) as u8);
        bytes.collect()
    };
    let (upstream, serving) = server(1, move |_, mut stream| {
        let reading = stream.try_clone().unwrap();
        let reader = thread::spawn(move || read_all(&reading));
        stream.write_all(&pattern(7)).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(reader.join().unwrap() == pattern(3));
    });
    let far = identity.listen(upstream, &["--once"]);
    let url = format!("mqtts://localhost:{}", far.address.port());
    let near = Proxy::start(url, &["--once", "--ca", &identity.authority]);
    let mut client = near.connect();
    let reading = client.try_clone().unwrap();
    let reader = thread::spawn(move || read_all(&reading));
    client.write_all(&pattern(3)).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert!(reader.join().unwrap() == pattern(7));
    serving.join().unwrap();
}

/// The line of a client whose connection fails.
fn failure(proxy: Proxy, first_bytes: &[u8]) -> String {
    let mut client = proxy.connect();
    client.write_all(first_bytes).unwrap();
    // the connection may be reset
    let _ = std::io::Read::read_to_end(&mut client, &mut Vec::new());
    let run = proxy.finish();
    assert_eq!(run.status, 64);
    // there is no verdict about the client
    let lines: Vec<_> = run.output.lines().skip(1).collect();
    let [failed, ""] = lines[..] else {
        panic!("{}", run.output);
    };
    failed.into()
}

#[test]
fn checks_the_certificate_of_the_server() {
    let identity = Identity::new("checks");
    let stranger = Identity::new("stranger");
    let (nowhere, _serving) = server(0, |_, _| {});
    for (host, ca, problem) in [
        (
            "localhost",
            &stranger.authority,
            "the issuer of the certificate is not trusted; see --ca",
        ),
        ("127.0.0.1", &identity.authority, "not valid for name"),
    ] {
        let far = identity.listen(nowhere, &[]);
        let url = format!("mqtts://{host}:{}", far.address.port());
        let near = Proxy::start(&url, &["--once", "--ca", ca]);
        let failed = failure(near, CONNECT);
        let expected = format!("#1  FAILED  cannot reach {url}: ");
        assert!(failed.starts_with(&expected), "{failed}");
        assert!(failed.contains(problem), "{failed}");
    }
    // a certificate that the user names is checked for the name of the server, too
    let identity = Identity::self_signed("checks_self");
    let far = identity.listen(nowhere, &[]);
    let url = format!("mqtts://127.0.0.1:{}", far.address.port());
    let near = Proxy::start(url, &["--once", "--ca", &identity.authority]);
    assert!(failure(near, CONNECT).contains("not valid for name"));
}

#[test]
fn reports_an_end_that_does_not_speak_tls() {
    let identity = Identity::new("plain");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = identity.listen(listener.local_addr().unwrap(), &["--once"]);
    let failed = failure(proxy, CONNECT);
    let expected = "#1  FAILED  no TLS with the client: the other end does not speak TLS";
    assert_eq!(failed, expected);

    let (upstream, _serving) = server(1, |_, mut stream| {
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
        read_all(&stream);
    });
    let url = format!("mqtts://localhost:{}", upstream.port());
    let proxy = Proxy::start(&url, &["--once", "--ca", &identity.authority]);
    let expected = format!("#1  FAILED  cannot reach {url}: the other end does not speak TLS");
    assert_eq!(failure(proxy, CONNECT), expected);
}

#[test]
fn refuses_files_without_certificates() {
    let empty = file("empty.pem", b"");
    for (args, problem) in [
        (["--ca", &empty], "no certificate in PEM"),
        (["--ca", "/none"], "/none: "),
    ] {
        let url = "mqtts://localhost:1";
        let all = ["proxy", "--listen", "127.0.0.1:0", "--upstream", url];
        let run = crate::common::explain(all.into_iter().chain(args), b"");
        assert!(run.errors.contains(problem), "{}", run.errors);
        assert_eq!(run.status, 64);
    }
}
