//! The program between a client and a server, on the loopback.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use crate::common::Run;

pub const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c";
pub const CONNACK: &[u8] = b"\x20\x02\0\0";
pub const PUBLISH: &[u8] = b"\x30\x0a\0\x03a/bhello";
pub const PINGREQ: &[u8] = b"\xc0\0";
pub const DISCONNECT: &[u8] = b"\xe0\0";

/// The program, passing connections on to a server.
pub struct Proxy {
    pub child: Child,
    stderr: BufReader<ChildStderr>,
    pub address: SocketAddr,
}

impl Proxy {
    pub fn start(upstream: impl ToString, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mqtt-explain"))
            .args(["proxy", "--listen", "127.0.0.1:0", "--upstream"])
            .arg(upstream.to_string())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stderr = child.stderr.take().unwrap();
        let mut stderr = BufReader::new(stderr);
        stderr.read_line(&mut line).unwrap();
        let words = line.strip_prefix("mqtt-explain: listening on ").unwrap();
        let address = words.split(',').next().unwrap().parse().unwrap();
        Self {
            child,
            stderr,
            address,
        }
    }

    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// Waits until the program ends by itself, and returns its output.
    pub fn finish(mut self) -> Run {
        let mut output = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_string(&mut output).unwrap();
        let run = self.end();
        Run { output, ..run }
    }

    /// The same, but its output is read elsewhere.
    pub fn end(mut self) -> Run {
        let mut errors = String::new();
        self.stderr.read_to_string(&mut errors).unwrap();
        let status = self.child.wait().unwrap().code().unwrap();
        Run {
            output: String::new(),
            errors,
            status,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // it may have ended
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that serves each connection in its own thread.
pub fn server(
    connections: usize,
    serve: impl Fn(usize, TcpStream) + Clone + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let all = thread::spawn(move || {
        let serving = (0..connections).map(|number| {
            let (stream, _) = listener.accept().unwrap();
            let serve = serve.clone();
            thread::spawn(move || serve(number, stream))
        });
        let serving: Vec<_> = serving.collect();
        serving.into_iter().for_each(|it| it.join().unwrap());
    });
    (address, all)
}

pub fn read(mut stream: &TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

pub fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The output without the parts that differ each time.
pub fn without_times(output: &str) -> String {
    let lines = output.lines().map(|line| {
        let end = line.char_indices().nth(18).map_or(line.len(), |it| it.0);
        let (place, rest) = line.split_at(end);
        match place.split_whitespace().collect::<Vec<_>>()[..] {
            [number, seconds] if seconds.parse::<f64>().is_ok() => format!("{number}{rest}\n"),
            [_, client] if client.starts_with("127.0.0.1:") => String::from("opened\n"),
            _ => format!("{line}\n"),
        }
    });
    lines.collect()
}

/// Whether a line has the verdict on a connection.
pub fn is_verdict(line: &str) -> bool {
    line.starts_with('#') && !line.contains('→')
}

pub fn objects(output: &str) -> Vec<Value> {
    let lines = output.lines();
    lines.map(|it| serde_json::from_str(it).unwrap()).collect()
}
