//! `mqtt-explain`: see the library beside it.

fn main() -> std::process::ExitCode {
    mqtt_explain::main()
}
