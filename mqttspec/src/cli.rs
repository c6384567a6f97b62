//! The command line.

use std::error::Error;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{fs, io};

use lexopt::{Arg, Parser, ValueExt};

use crate::case::{self, Case};
use crate::expect::Expectations;
use crate::report;
use crate::run::{Options, run};
use crate::subject::{Address, Login};

/// The number of scenarios at a time.
const SCENARIO_JOBS: usize = 16;
/// The least time for something that has to come.
const PATIENCE: Duration = Duration::from_secs(2);

/// The program.
pub fn main() -> ExitCode {
    match execute(std::env::args_os().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // the reader closed the output
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mqttspec: {error}");
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
}

#[derive(Default)]
struct Flags {
    address: Option<Address>,
    filters: Vec<String>,
    user_name: Option<String>,
    password: Option<String>,
    jobs: Option<usize>,
    list: bool,
    strict: bool,
    expect: Option<PathBuf>,
    write_expect: Option<PathBuf>,
    json: Option<PathBuf>,
    junit: Option<PathBuf>,
}

/// Runs the command, and returns whether the broker is as expected.
fn execute(args: impl IntoIterator<Item = OsString>) -> Result<bool, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let Some(flags) = Flags::parse(args)? else {
        write!(out, "{HELP}")?;
        return Ok(true);
    };
    let cases = case::all();
    let is_selected =
        |case: &&Case| flags.filters.is_empty() || flags.filters.iter().any(|it| case.matches(it));
    let selected: Vec<_> = cases.iter().filter(is_selected).cloned().collect();
    if selected.is_empty() {
        return Err("no case has this name, statement or section".into());
    }
    if flags.list {
        for case in &selected {
            writeln!(out, "{}", case.name)?;
        }
        return Ok(true);
    }
    let expectations = match &flags.expect {
        Some(path) => {
            let text =
                fs::read_to_string(path).map_err(|it| format!("{}: {it}", path.display()))?;
            let parsed = Expectations::parse(&text);
            Some(parsed.map_err(|it| format!("{}: {it}", path.display()))?)
        }
        None => None,
    };
    let options = Options {
        address: flags.address.ok_or("the address of a broker is missing")?,
        login: flags.user_name.map(|user_name| Login {
            user_name,
            password: flags.password.unwrap_or_default(),
        }),
        jobs: flags.jobs.unwrap_or(1),
        scenario_jobs: flags.jobs.unwrap_or(SCENARIO_JOBS),
        patience: PATIENCE,
    };

    let started = Instant::now();
    let (total, mut done) = (selected.len(), 0);
    let has_bar = io::stderr().is_terminal();
    let introduce = |subject: &_| print_quietly(&report::capabilities(subject));
    let progress = |_: &_| {
        done += 1;
        if has_bar {
            eprint!("\r{done}/{total}");
        }
    };
    let address = options.address.to_string();
    let (subject, findings) = run(&options, &selected, introduce, progress)
        .map_err(|error| format!("{address}: {error}"))?;
    if has_bar {
        eprint!("\r\x1b[K");
    }
    for finding in &findings {
        let is_shown = finding.verdict.is_failure(flags.strict);
        if let Some(case) = selected.get(finding.case).filter(|_| is_shown) {
            writeln!(out, "\n{}", report::details(case, finding).trim_end())?;
        }
    }
    let of_trials = report::breaches_of_trials(&subject);
    write!(
        out,
        "{of_trials}\n{}",
        report::summary(&selected, &findings)
    )?;
    let (counts, seconds) = (report::counts(&findings), started.elapsed().as_secs_f64());
    writeln!(out, "{total} cases in {seconds:.1} s: {counts}")?;

    if let Some(path) = &flags.json {
        let json = report::json(&subject, &selected, &findings);
        fs::write(path, format!("{json:#}\n"))?;
    }
    if let Some(path) = &flags.junit {
        fs::write(path, report::junit(&selected, &findings, flags.strict))?;
    }
    if let Some(path) = &flags.write_expect {
        fs::write(
            path,
            Expectations::write(&selected, &findings, flags.strict),
        )?;
    }
    let Some(expectations) = expectations else {
        let fails = findings
            .iter()
            .any(|it| it.verdict.is_failure(flags.strict));
        return Ok(!fails && subject.breaches.is_empty());
    };
    let drift = expectations.drift(&cases, &selected, &findings, flags.strict);
    for line in &drift {
        writeln!(out, "drift: {line}")?;
    }
    if drift.is_empty() {
        writeln!(out, "as expected")?;
    }
    Ok(drift.is_empty())
}

/// Prints before the cases; a closed output shows at the end.
fn print_quietly(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

impl Flags {
    /// The flags of the program; `None` if they ask for help.
    fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, lexopt::Error> {
        use lexopt::Arg::{Long, Short, Value};
        let mut flags = Self::default();
        let mut parser = Parser::from_args(args);
        let mut command = None;
        while let Some(flag) = parser.next()? {
            match flag {
                Short('h') | Long("help") => return Ok(None),
                Long("list") => flags.list = true,
                Long("strict") => flags.strict = true,
                Long("jobs") => flags.jobs = Some(parser.value()?.parse()?),
                Long("username") => flags.user_name = Some(parser.value()?.string()?),
                Long("password") => flags.password = Some(parser.value()?.string()?),
                Long("expect") => flags.expect = Some(parser.value()?.into()),
                Long("write-expect") => flags.write_expect = Some(parser.value()?.into()),
                Long("json") => flags.json = Some(parser.value()?.into()),
                Long("junit") => flags.junit = Some(parser.value()?.into()),
                Value(value) if command.is_none() => {
                    let name = value.string()?;
                    if name != "server" {
                        return Err(format!("no command {name:?}; see --help").into());
                    }
                    command = Some(name);
                }
                Value(value) if flags.address.is_none() && !flags.list => {
                    flags.address = Some(value.parse()?);
                }
                Value(value) => flags.filters.push(value.string()?),
                Arg::Short(_) | Arg::Long(_) => return Err(flag.unexpected()),
            }
        }
        match command {
            Some(_) => Ok(Some(flags)),
            None => Err("no command; see --help".into()),
        }
    }
}

const HELP: &str = "\
Tests a live MQTT broker against the rules of MQTT 3.1, 3.1.1 and 5.0.

usage: mqttspec server HOST:PORT [FLAG]... [FILTER]...
       mqttspec server --list [FILTER]...

A packet case sends a packet that the standard refuses, and then its neighbour: the closest packet
that a broker has to accept. A scenario plays several clients, and judges what the broker delivers.
A FILTER selects the cases whose name contains it, and those that are about a statement
(MQTT-3.1.2-11) or a section (3.1.2).

  --list               print the names of the cases
  --jobs N             run N cases at a time [1, and 16 scenarios]; with more than 1 packet case a
                       crash is `unclear`
  --username NAME      log in, where the packet is not itself a CONNECT
  --password PASSWORD
  --strict             let the run fail for `non-strict`, too
  --expect FILE        known deviations, `NAME VERDICT` in each line; any difference fails
  --write-expect FILE  write the deviations that were found
  --json FILE          write all findings
  --junit FILE         write all findings as JUnit XML

Verdicts:
  ok           refused, and the neighbour accepted; or the statement of a scenario kept
  non-strict   refused, but not with the code that the standard asks for, or without closing
  lenient      accepted: a PINGREQ behind the packet was answered
  over-strict  the neighbour refused as malformed or as a protocol error
  hang         neither closed nor answered
  crash        nobody can connect any more
  breach       the broker sent bytes that break a rule, or did not send what it has to
  unsupported  the broker lacks something that the case needs
  open         the standard does not decide
  unclear      no verdict

Exit status: 0 if nothing fails, 1 if something does, 2 if the run was not possible.
";
