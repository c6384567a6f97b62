//! The examples of the statement tables in `../shared/spec`, if that folder exists: each reject example of level `packet`
//! breaks the statement of its row, and each accept example breaks none.

use std::path::{Path, PathBuf};

use crate::fixtures::{self, from_hex};
use mqtt_wire::{Dialect, Packet, Version};

/// Examples with another verdict here than in the table, by decision.
const DECIDED: &[(&str, &str)] = &[
    // 24 characters: accepted unless an option says otherwise, as all brokers do
    ("U31-clientid", "102600064d5149"),
];

#[test]
fn examples_of_the_statement_tables_get_their_verdict() {
    let Some(folder) = shared("spec") else { return };
    let mut rows = 0;
    for (file, version) in [
        ("statements-v3.1.1.csv", Some(Version::V3_1_1)),
        ("statements-v5.0.csv", Some(Version::V5)),
        ("unnumbered.csv", None),
    ] {
        for row in read_csv(&folder.join(file)) {
            if row("level") != "packet" {
                continue;
            }
            rows += 1;
            check_row(&row, version);
        }
    }
    assert_eq!(rows, 241);
}

fn check_row(row: &impl Fn(&str) -> String, version: Option<Version>) {
    let version = version.unwrap_or_else(|| match row("version").as_str() {
        "3.1" => Version::V3_1,
        "3.1.1" => Version::V3_1_1,
        _ => Version::V5,
    });
    let dialect = match row("dir").as_str() {
        "s" => Dialect::from_server(version),
        _ => Dialect::from_client(version),
    };
    let (id, reject, accept) = (row("id"), row("reject_example"), row("accept_example"));
    let reject_bytes = from_hex(&reject);
    if !reject.is_empty() {
        let decided = DECIDED
            .iter()
            .any(|(decided, hex)| id == *decided && reject.starts_with(hex));
        match Packet::decode(&reject_bytes, dialect) {
            Ok(_) => assert!(decided, "{version} {id}: accepts {reject}"),
            Err(error) => {
                assert!(
                    error.statements().any(|statement| statement.id() == id),
                    "{id}: {reject} gives {error}"
                );
                if let (Version::V5, Some(code)) = (version, error.reason_code()) {
                    let code = format!("{:#04x}", code as u8);
                    assert_eq!(row("reason_code").to_lowercase(), code, "{id}: {reject}");
                }
            }
        }
    }
    if !accept.is_empty() {
        // an accept example may come from the other side than the reject example
        let bytes = from_hex(&accept);
        let accepted = [dialect, dialect.reply()].map(|dialect| Packet::decode(&bytes, dialect));
        assert!(
            accepted.iter().any(Result::is_ok),
            "{version} {id}: refuses {accept}: {accepted:?}"
        );
    }
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(name);
    path.is_dir().then_some(path)
}

/// The rows of a table: each gives the field of a column.
fn read_csv(path: &Path) -> Vec<impl Fn(&str) -> String + use<>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(fixtures::split_csv_line);
    let header = lines.next().unwrap();
    lines
        .map(|fields| {
            let header = header.clone();
            move |column: &str| {
                let index = header.iter().position(|name| name == column);
                index.map_or(String::new(), |index| fields[index].clone())
            }
        })
        .collect()
}
