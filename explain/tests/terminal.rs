//! The picture of a terminal in the README shows the output of the program. This test draws it again
//! and compares; with `UPDATE=1` it writes the picture.

mod common;

use std::path::Path;

use anstyle_svg::{Term, WIN10_CONSOLE};

use common::explain;

#[test]
fn the_picture_of_the_terminal_is_current() {
    let bytes = "10 0d 0004 4d515454 04 0a 003c 0001 70";
    let run = explain(["--color", "always", bytes], b"");
    let screen = format!("$ mqtt-explain {bytes}\n{}", run.output);
    let picture = Term::new().palette(WIN10_CONSOLE).render_svg(&screen);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("terminal.svg");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &picture).unwrap();
    }
    let drawn = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        drawn == picture,
        "terminal.svg is not current: UPDATE=1 cargo test -p mqtt-explain --test terminal"
    );
}
