use std::process::ExitCode;

fn main() -> ExitCode {
    mqttspec::cli::main()
}
