//! The conversations of the statement tables in `../shared/spec`, where they are at hand.

#[path = "spec.rs"]
#[allow(dead_code)]
mod spec;

use mqtt_wire::monitor::Monitor;
use mqtt_wire::{Dialect, Packet, Sender, Version};

#[test]
fn stream_statements() {
    let Some(folder) = spec::shared("spec") else {
        return;
    };
    let mut rows = 0;
    for (file, version) in [
        ("statements-v3.1.1.csv", Some(Version::V3_1_1)),
        ("statements-v5.0.csv", Some(Version::V5)),
        ("unnumbered.csv", None),
    ] {
        for row in spec::read_csv(&folder.join(file)) {
            if row("level") != "stream" {
                continue;
            }
            let version = version.unwrap_or(if row("version") == "5.0" {
                Version::V5
            } else {
                Version::V3_1_1
            });
            rows += 1;
            for which in ["reject_example", "accept_example"] {
                if row(which).is_empty() {
                    println!("{version} {} no {which}", row("id"));
                    continue;
                }
                let mut monitor = Monitor::new();
                let mut breaches = vec![];
                let mut steps: Vec<String> = row("context")
                    .split(' ')
                    .filter(|s| !s.is_empty())
                    .map(String::from)
                    .collect();
                steps.push(format!("{}:{}", row("dir"), row(which)));
                for step in &steps {
                    let (side, hex) = step.split_once(':').unwrap();
                    let bytes = spec::from_hex(hex);
                    let sender = if side == "c" {
                        Sender::Client
                    } else {
                        Sender::Server
                    };
                    match Packet::decode(&bytes, Dialect::new(version, sender)) {
                        Ok(p) => {
                            monitor.observe(Dialect::new(version, sender), &p, bytes.len(), |b| {
                                breaches.push(b)
                            })
                        }
                        Err(e) => println!("{version} {} {which} {step}: {e}", row("id")),
                    }
                }
                let ok = if which == "reject_example" {
                    breaches
                        .iter()
                        .any(|b| b.statements().any(|s| s.id() == row("id")))
                } else {
                    breaches.is_empty()
                };
                if !ok {
                    println!(
                        "BAD {version} {} {which} {steps:?}: {:?}",
                        row("id"),
                        breaches.iter().map(|b| b.to_string()).collect::<Vec<_>>()
                    );
                }
            }
        }
    }
    println!("{rows} rows");
}
