//! The program runs, and the server receives what it should.

use std::process::Command;

#[test]
fn the_lamp_obeys_a_message_and_answers_a_bad_packet() {
    let output = Command::new(env!("CARGO_BIN_EXE_embassy"))
        .output()
        .unwrap();
    let output_text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{output_text}");
    let lines_of = |program: &str| -> Vec<String> {
        let lines = output_text.lines();
        let lines = lines.filter_map(|line| line.strip_prefix(program)?.strip_prefix(": "));
        lines.map(String::from).collect()
    };

    assert_eq!(
        lines_of("server"),
        [
            "CONNECT",
            "SUBSCRIBE",
            "PUBACK",
            "Success",
            "CONNECT",
            "SUBSCRIBE",
            "Malformed Packet",
        ]
    );
    let lamp = lines_of("lamp");
    assert_eq!(lamp[..2], ["on", "disconnected"]);
    assert!(lamp[2].contains("PublishQos3"), "{}", lamp[2]);
}
