//! Runs the command that the command line names.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use clap_complete::Shell;

use crate::cli::{Cli, Command, UNUSABLE};
use crate::explain::{self, Source};
#[cfg(not(target_family = "wasm"))]
use crate::proxy;
use crate::{encode, judge};

/// The program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            // a closed output is no reason to fail
            let _ = message.print();
            return ExitCode::from(if message.use_stderr() { UNUSABLE } else { 0 });
        }
    };
    let done = match cli.command {
        Some(Command::Judge) => judge::run(io::stdin().lock(), BufWriter::new(io::stdout().lock()))
            .map(|all_read| ExitCode::from(u8::from(!all_read))),
        Some(Command::Encode(options)) => encode::run(&options),
        #[cfg(not(target_family = "wasm"))]
        Some(Command::Proxy(options)) => proxy::run(&options).map(ExitCode::from),
        // the page has no sockets
        #[cfg(target_family = "wasm")]
        Some(Command::Proxy(_)) => Err(io::ErrorKind::Unsupported.into()),
        Some(Command::Completions { shell }) => completions(shell),
        Some(Command::Man { command }) => man(command.as_deref()),
        None => explain::run(&cli.explain).map(ExitCode::from),
    };
    match done {
        Ok(status) => status,
        // the reader closed the output
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mqtt-explain: {error}");
            ExitCode::from(UNUSABLE)
        }
    }
}

/// Writes a script that completes the command line in a shell.
fn completions(shell: Shell) -> io::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mqtt-explain", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the manual page of the program or of one of its commands.
fn man(command: Option<&str>) -> io::Result<ExitCode> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    let page = match command {
        None => Some(&cli),
        Some(name) => cli.find_subcommand(name),
    };
    let page = page.unwrap_or(&cli).clone();
    let version = concat!("mqtt-explain ", env!("CARGO_PKG_VERSION"));
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .source(version)
        .render(&mut text)?;
    io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Explains the content of a file. `args` are the name of the program and its options.
///
/// # Errors
///
/// Wrong options, an input of no known form, and errors of `out`.
pub fn explain_bytes(args: &[&str], input: Vec<u8>, out: &mut dyn Write) -> io::Result<()> {
    let options = Cli::try_parse_from(args).map_err(io::Error::other)?.explain;
    let source = Source::parse(input)?;
    let output = options.show.output(Box::new(out));
    explain::print(source, &options, output).map(drop)
}
