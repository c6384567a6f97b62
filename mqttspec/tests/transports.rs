//! The program reaches our broker over each transport.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use mqtt_wire_broker::transport::{self, Transport};
use mqtt_wire_broker::{Broker, Settings, serve};
use mqttspec::{Address, Options, Trust, Verdict, cases, run};

#[test]
fn the_broker_is_reached_over_each_transport() {
    let certificate = Certificate::new();
    let file = Trust::File(&certificate.path);
    for (scheme, trust) in [
        ("mqtt", Trust::System),
        ("ws", Trust::System),
        ("mqtts", file),
        ("wss", file),
        ("mqtts", Trust::Everything),
    ] {
        let port = start(scheme, &certificate);
        let address = Address::new(&format!("{scheme}://localhost:{port}"), trust).unwrap();
        let mut cases = cases();
        cases.retain(|it| it.matches("3.8.3") || it.matches("MQTT-3.1.2-11"));
        let options = Options::new(address);
        let (subject, findings) = run(&options, &cases, |_| {}, |_| {}).unwrap();
        let served = subject.capabilities.iter().map(|it| it.refusal.is_none());
        assert_eq!(served.collect::<Vec<_>>(), [true; 3], "{scheme}");
        assert!(findings.len() > 10);
        for finding in findings {
            let name = &cases[finding.case].name;
            let reason = &finding.reason;
            assert_eq!(finding.verdict, Verdict::Ok, "{scheme} {name}: {reason}");
        }
    }
}

#[test]
fn a_certificate_that_is_not_trusted_ends_the_run() {
    let certificate = Certificate::new();
    let port = start("mqtts", &certificate);
    let other = Certificate::new();
    let trust = Trust::File(&other.path);
    let address = Address::new(&format!("mqtts://localhost:{port}"), trust).unwrap();
    let options = Options::new(address);
    let error = run(&options, &cases(), |_| {}, |_| {}).err().unwrap();
    assert!(error.to_string().contains("certificate"), "{error}");
}

/// Starts our broker, and returns its port.
fn start(scheme: &str, certificate: &Certificate) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = || transport::tls(&certificate.path, &certificate.path).unwrap();
    let tls = matches!(scheme, "mqtts" | "wss").then(tls);
    let transport = Transport::new(tls, matches!(scheme, "ws" | "wss"));
    thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            serve(
                listener,
                transport,
                Arc::new(Broker::new(Settings::default())),
            )
            .await;
        });
    });
    port
}

/// A file with a certificate for `localhost`, which is its own authority, and its key.
struct Certificate {
    path: PathBuf,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Certificate {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("mqttspec-{}-{number}.pem", std::process::id()));
        let text = made.cert.pem() + &made.signing_key.serialize_pem();
        fs::write(&path, text).unwrap();
        Self { path }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}
