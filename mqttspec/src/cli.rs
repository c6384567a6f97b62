//! The command line.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use lexopt::{Arg, Parser, ValueExt};

use crate::address::{Address, Trust};
use crate::case::{self, Case};
use crate::client::{self, ClientCase, ClientOptions, Probed};
use crate::expect::Expectations;
use crate::result::{About, Role, RunResult};
use crate::run::{Finding, Options, run};
use crate::subject::Login;
use crate::traffic;
use crate::verdict::Verdict;
use crate::{html, report};

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
    command: Option<Command>,
    address: Option<String>,
    program: Option<String>,
    filters: Vec<String>,
    results: Vec<PathBuf>,
    ca: Option<PathBuf>,
    insecure: bool,
    user_name: Option<String>,
    password: Option<String>,
    jobs: Option<usize>,
    list: bool,
    strict: bool,
    name: Option<String>,
    expect: Option<PathBuf>,
    write_expect: Option<PathBuf>,
    json: Option<PathBuf>,
    junit: Option<PathBuf>,
    html: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Server,
    Client,
    Matrix,
}

/// Runs the command, and returns whether the subject is as expected.
fn execute(args: impl IntoIterator<Item = OsString>) -> Result<bool, Box<dyn Error>> {
    let Some(flags) = Flags::parse(args)? else {
        io::stdout().write_all(help().as_bytes())?;
        return Ok(true);
    };
    match flags.command {
        Some(Command::Server) => server(&flags),
        Some(Command::Client) => client(&flags),
        Some(Command::Matrix) => matrix(&flags),
        None => Err("no command; see --help".into()),
    }
}

/// Tests a broker.
fn server(flags: &Flags) -> Result<bool, Box<dyn Error>> {
    let cases = case::all();
    let selected: Vec<_> = cases
        .iter()
        .filter(|it| flags.selects(it))
        .cloned()
        .collect();
    if flags.list {
        return list(&selected);
    }
    require_a_case(&selected)?;
    let expectations = flags.expectations()?;
    let address = flags.address.as_deref();
    let address = address.ok_or("the address of a broker is missing")?;
    let options = flags.options(address)?;

    let started = Instant::now();
    let bar = progress_bar(selected.len());
    let introduce = |subject: &_| print_quietly(&report::capabilities(subject));
    let progress = |finding: &Finding| advance(&bar, &selected, finding);
    let (subject, findings) = run(&options, &selected, introduce, progress)
        .map_err(|error| format!("{address}: {error}"))?;
    bar.finish_and_clear();
    let results = Results {
        is_whole: selected.len() == cases.len(),
        cases,
        selected,
        findings,
        about: About::broker(&subject),
        trials: report::breaches_of_trials(&subject),
        seconds: started.elapsed().as_secs_f64(),
    };
    results.report(flags, expectations)
}

/// Tests a client.
fn client(flags: &Flags) -> Result<bool, Box<dyn Error>> {
    let all = client::cases();
    let is_selected = |it: &&ClientCase| flags.selects(&it.case);
    let playable: Vec<_> = all.iter().filter(is_selected).cloned().collect();
    let of = |cases: &[ClientCase]| cases.iter().map(|it| it.case.clone()).collect::<Vec<_>>();
    let (cases, selected) = (of(&all), of(&playable));
    if flags.list {
        return list(&selected);
    }
    require_a_case(&selected)?;
    let expectations = flags.expectations()?;
    // a case waits most of the time
    let jobs = || thread::available_parallelism().map_or(2, |it| it.get() * 2);
    let options = ClientOptions {
        command: flags.program.clone().ok_or("--exec is missing")?,
        jobs: flags.jobs.unwrap_or_else(jobs),
    };

    let started = Instant::now();
    let bar = progress_bar(selected.len());
    let mut probed = Vec::new();
    let introduce = |found: &[Probed]| {
        print_quietly(&client::describe(&options.command, found));
        probed = found.to_vec();
    };
    let progress = |finding: &Finding| advance(&bar, &selected, finding);
    let findings = client::run(&options, &playable, introduce, progress)?;
    bar.finish_and_clear();
    let results = Results {
        is_whole: selected.len() == cases.len(),
        cases,
        selected,
        findings,
        about: About::client(&options.command, &probed),
        trials: String::new(),
        seconds: started.elapsed().as_secs_f64(),
    };
    results.report(flags, expectations)
}

fn list(selected: &[Case]) -> Result<bool, Box<dyn Error>> {
    require_a_case(selected)?;
    let mut out = io::stdout().lock();
    for case in selected {
        writeln!(out, "{}", case.name)?;
    }
    Ok(true)
}

fn require_a_case(selected: &[Case]) -> Result<(), &'static str> {
    match selected {
        [] => Err("no case has this name, statement or section"),
        _ => Ok(()),
    }
}

/// The results of a run.
struct Results {
    /// All cases that exist.
    cases: Vec<Case>,
    selected: Vec<Case>,
    /// Whether all cases are selected.
    is_whole: bool,
    findings: Vec<Finding>,
    about: About,
    /// The failures outside of cases.
    trials: String,
    seconds: f64,
}

impl Results {
    /// Prints the results, writes the files, and returns whether the subject is as expected.
    fn report(
        mut self,
        flags: &Flags,
        expectations: Option<Expectations>,
    ) -> Result<bool, Box<dyn Error>> {
        let mut out = io::stdout().lock();
        let total = self.selected.len();
        traffic::separate(&mut self.selected, &mut self.findings);
        let (selected, findings) = (&self.selected, &self.findings);
        for finding in findings {
            let is_shown = finding.verdict.is_failure(flags.strict);
            if let Some(case) = selected.get(finding.case).filter(|_| is_shown) {
                writeln!(out, "\n{}", report::details(case, finding).trim_end())?;
            }
        }
        write!(
            out,
            "{}\n{}",
            self.trials,
            report::summary(selected, findings)
        )?;
        let counts = report::counts(findings);
        let seconds = self.seconds;
        writeln!(out, "{total} cases in {seconds:.1} s: {counts}")?;
        flags.write_files(self.about, selected, findings)?;

        let Some(expectations) = expectations else {
            let fails = |it: &Finding| it.verdict.is_failure(flags.strict);
            return Ok(!findings.iter().any(fails) && self.trials.is_empty());
        };
        let mut drift = expectations.drift(&self.cases, selected, findings, flags.strict);
        if self.is_whole {
            drift.extend(expectations.missing_traffic(selected));
        }
        for line in &drift {
            writeln!(out, "drift: {line}")?;
        }
        if drift.is_empty() {
            writeln!(out, "as expected")?;
        }
        Ok(drift.is_empty())
    }
}

/// Puts the results of several runs into one page.
fn matrix(flags: &Flags) -> Result<bool, Box<dyn Error>> {
    let path = flags.html.as_ref().ok_or("--html FILE is missing")?;
    if flags.results.is_empty() {
        return Err("the files that --json wrote are missing".into());
    }
    let of_brokers = case::all();
    let of_clients: Vec<_> = client::cases().into_iter().map(|it| it.case).collect();
    let read_result = |path: &PathBuf| -> Result<RunResult, Box<dyn Error>> {
        let result = serde_json::from_str::<RunResult>(&read(path)?);
        let mut result = result.map_err(|it| format!("{}: {it}", path.display()))?;
        result.complete(match result.role {
            Role::Broker => &of_brokers,
            Role::Client => &of_clients,
        });
        Ok(result)
    };
    let results = flags.results.iter().map(read_result);
    let results = results.collect::<Result<Vec<_>, _>>()?;
    write(path, &html::page(&results))?;
    Ok(true)
}

/// On the standard error, if that is a terminal.
fn progress_bar(total: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left  {wide_msg}");
    let bar = ProgressBar::new(total.try_into().unwrap_or(u64::MAX));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn advance(bar: &ProgressBar, selected: &[Case], finding: &Finding) {
    if let Some(case) = selected.get(finding.case) {
        bar.set_message(case.name.clone());
    }
    bar.inc(1);
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|it| format!("{}: {it}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|it| format!("{}: {it}", path.display()))
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
        while let Some(flag) = parser.next()? {
            match flag {
                Short('h') | Long("help") => return Ok(None),
                Long("exec") => flags.program = Some(parser.value()?.string()?),
                Long("list") => flags.list = true,
                Long("strict") => flags.strict = true,
                Long("ca") => flags.ca = Some(parser.value()?.into()),
                Long("insecure") => flags.insecure = true,
                Long("jobs") => flags.jobs = Some(parser.value()?.parse()?),
                Long("username") => flags.user_name = Some(parser.value()?.string()?),
                Long("password") => flags.password = Some(parser.value()?.string()?),
                Long("name") => flags.name = Some(parser.value()?.string()?),
                Long("expect") => flags.expect = Some(parser.value()?.into()),
                Long("write-expect") => flags.write_expect = Some(parser.value()?.into()),
                Long("json") => flags.json = Some(parser.value()?.into()),
                Long("junit") => flags.junit = Some(parser.value()?.into()),
                Long("html") => flags.html = Some(parser.value()?.into()),
                Value(value) => flags.add(value)?,
                Arg::Short(_) | Arg::Long(_) => return Err(flag.unexpected()),
            }
        }
        Ok(Some(flags))
    }

    /// A value without a flag.
    fn add(&mut self, value: OsString) -> Result<(), lexopt::Error> {
        match self.command {
            None => {
                let name = value.string()?;
                self.command = Some(match &name[..] {
                    "server" => Command::Server,
                    "client" => Command::Client,
                    "matrix" => Command::Matrix,
                    _ => return Err(format!("no command {name:?}; see --help").into()),
                });
            }
            Some(Command::Matrix) => self.results.push(value.into()),
            Some(Command::Server) if self.address.is_none() && !self.list => {
                self.address = Some(value.string()?);
            }
            Some(Command::Server | Command::Client) => self.filters.push(value.string()?),
        }
        Ok(())
    }

    fn selects(&self, case: &Case) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|it| case.matches(it))
    }

    fn expectations(&self) -> Result<Option<Expectations>, String> {
        let Some(path) = &self.expect else {
            return Ok(None);
        };
        let parsed = Expectations::parse(&read(path)?);
        Ok(Some(
            parsed.map_err(|it| format!("{}: {it}", path.display()))?,
        ))
    }

    fn options(&self, address: &str) -> io::Result<Options> {
        let trust = match &self.ca {
            _ if self.insecure => Trust::Everything,
            Some(path) => Trust::File(path),
            None => Trust::System,
        };
        let options = Options::new(Address::new(address, trust)?);
        Ok(Options {
            login: self.user_name.clone().map(|user_name| Login {
                user_name,
                password: self.password.clone().unwrap_or_default(),
            }),
            jobs: self.jobs.unwrap_or(options.jobs),
            scenario_jobs: self.jobs.unwrap_or(options.scenario_jobs),
            ..options
        })
    }

    fn write_files(
        &self,
        about: About,
        selected: &[Case],
        findings: &[Finding],
    ) -> Result<(), Box<dyn Error>> {
        let result = RunResult::new(self.name.as_deref(), about, selected, findings);
        if let Some(path) = &self.json {
            write(
                path,
                &format!("{}\n", serde_json::to_string_pretty(&result)?),
            )?;
        }
        if let Some(path) = &self.junit {
            write(path, &report::junit(selected, findings, self.strict))?;
        }
        if let Some(path) = &self.html {
            write(path, &html::page(&[result]))?;
        }
        if let Some(path) = &self.write_expect {
            write(path, &Expectations::write(selected, findings, self.strict))?;
        }
        Ok(())
    }
}

fn help() -> String {
    let verdicts = Verdict::ALL.map(|it| format!("  {it:<12} {}\n", it.meaning()));
    HELP.to_owned() + &verdicts.concat()
}

const HELP: &str = "\
Tests a live MQTT broker or client against the rules of MQTT 3.1, 3.1.1 and 5.0.

usage: mqttspec server ADDRESS [FLAG]... [FILTER]...
       mqttspec client --exec COMMAND [FLAG]... [FILTER]...
       mqttspec server|client --list [FILTER]...
       mqttspec matrix RESULT... --html FILE

ADDRESS is HOST:PORT, or SCHEME://HOST[:PORT][/PATH] with the scheme mqtt, mqtts (TLS), ws (WebSocket)
or wss (both).

A packet case sends a packet that the standard refuses, and then its neighbour: the closest packet
that the other side has to accept. A scenario of a broker plays several clients, and judges what it
delivers. A FILTER selects the cases whose name contains it, and those that are about a statement
(MQTT-3.1.2-11) or a section (3.1.2).

For a client, mqttspec is the broker. It starts COMMAND once for each case, with four arguments: host,
port, version (3.1, 3.1.1, 5.0) and the name of a scenario. mqttspec/README.md has the scenarios.

  --exec COMMAND       a shell command that starts the client
  --list               print the names of the cases
  --jobs N             run N cases at a time [broker: 1, and 16 scenarios; client: two for each
                       core]; with more than 1 packet case a crash of a broker is `unclear`
  --ca FILE            certificates to trust, in PEM, instead of those that the system trusts
  --insecure           trust every certificate
  --username NAME      log in, where the packet is not itself a CONNECT
  --password PASSWORD
  --strict             let the run fail for `non-strict`, too
  --expect FILE        known deviations, `NAME VERDICT` in each line; any difference fails
  --write-expect FILE  write the deviations that were found
  --json FILE          write all findings
  --junit FILE         write all findings as JUnit XML
  --html FILE          write all findings as one page, which needs no network
  --name NAME          the name and version of the subject, for JSON and HTML [its address]

`matrix` compares several brokers on one page. RESULT is a file that --json wrote.

Exit status: 0 if nothing fails, 1 if something does, 2 if the run was not possible.

Verdicts:
";
