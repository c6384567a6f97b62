//! Helpers for all tests.
#![allow(dead_code)] // no file uses all of it

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mqtt_wire::Sender;

/// A run of the program.
pub struct Run {
    pub output: String,
    pub errors: String,
    pub status: i32,
}

pub fn explain<'a>(args: impl IntoIterator<Item = &'a str>, input: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mqtt-explain"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // it may end before it has read everything
    let _ = child.stdin.take().unwrap().write_all(input);
    let done = child.wait_with_output().unwrap();
    Run {
        output: String::from_utf8(done.stdout).unwrap(),
        errors: String::from_utf8(done.stderr).unwrap(),
        status: done.status.code().unwrap(),
    }
}

/// A frame of WebSocket from the client.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = *b"mask";
    let masked = payload.iter().zip(mask.iter().cycle());
    let masked: Vec<u8> = masked.map(|(byte, key)| byte ^ key).collect();
    [&[first, 0x80 | payload.len() as u8], &mask[..], &masked].concat()
}

/// A frame of WebSocket from the server.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, payload.len() as u8], payload].concat()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn temporary(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

pub fn file(name: &str, content: &[u8]) -> String {
    let path = temporary(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().into()
}

/// Whether a capture has the beginning of a connection.
#[derive(Clone, Copy, PartialEq)]
pub enum Start {
    Captured,
    Missing,
}

/// A capture of a connection to port 1883. The times of the segments are in milliseconds.
pub fn pcap(start: Start, segments: &[(u32, Sender, &[u8])]) -> Vec<u8> {
    const RAW_IP: u32 = 101;
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    const PUSH: u8 = 0x08;
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    for field in [0, 0, u32::MAX, RAW_IP] {
        file.extend(field.to_le_bytes());
    }
    let mut sent = [1_u32, 1];
    let mut packet = |time: u32, sender: Sender, flags: u8, payload: &[u8]| {
        let (me, hosts, ports) = match sender {
            Sender::Client => (0, [1, 2], [40_000_u16, 1883]),
            Sender::Server => (1, [2, 1], [1883, 40_000]),
        };
        let length = u16::try_from(40 + payload.len()).unwrap();
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        for host in hosts {
            packet.extend([10, 0, 0, host]);
        }
        for port in ports {
            packet.extend(port.to_be_bytes());
        }
        let is_syn = flags & SYN != 0;
        packet.extend((sent[me] - u32::from(is_syn)).to_be_bytes());
        packet.extend(sent[1 - me].to_be_bytes());
        packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(payload);
        sent[me] += u32::try_from(payload.len()).unwrap();
        let length = u32::from(length);
        for field in [time / 1000, time % 1000 * 1000, length, length] {
            file.extend(u32::to_le_bytes(field));
        }
        file.extend(packet);
    };
    if start == Start::Captured {
        packet(0, Sender::Client, SYN, b"");
        packet(0, Sender::Server, SYN | ACK, b"");
    }
    for (time, sender, payload) in segments {
        packet(*time, *sender, ACK | PUSH, payload);
    }
    file
}
