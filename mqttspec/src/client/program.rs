//! The program under test, as a process.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mqtt_wire::Version;
use rustix::process::{Pid, Signal, kill_process_group};

use super::scenario::Scenario;

/// The exit status of a program without the scenario.
const LACKS_SCENARIO: i32 = 127;

/// The exit status of a program whose library reported a failure.
const REPORTS_FAILURE: i32 = 3;

/// How a program has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With status 0: the scenario is finished.
    Finished,
    /// With status 3: the library reported a failure.
    ReportsFailure,
    /// With status 127: the program lacks the scenario.
    LacksScenario,
    /// With any other status, as after a panic or an exception.
    Status(i32),
    Signal(i32),
}

impl Ended {
    pub const fn is_crash(self) -> bool {
        matches!(self, Self::Status(_) | Self::Signal(_))
    }

    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(0), _) => Self::Finished,
            (Some(REPORTS_FAILURE), _) => Self::ReportsFailure,
            (Some(LACKS_SCENARIO), _) => Self::LacksScenario,
            // a shell reports a signal of its child so
            (Some(code @ 129..=192), _) => Self::Signal(code - 128),
            (Some(code), _) => Self::Status(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Finished => f.write_str("status 0"),
            Self::ReportsFailure => write!(f, "status {REPORTS_FAILURE}"),
            Self::LacksScenario => write!(f, "status {LACKS_SCENARIO}"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// A process that plays one scenario. Dropping it kills the process and its children.
pub struct Program {
    child: Child,
    output: Option<[JoinHandle<String>; 2]>,
}

impl Program {
    /// Starts `command` with the host, the port, the version and the scenario as arguments.
    pub fn start(
        command: &str,
        port: u16,
        version: Version,
        scenario: Scenario,
    ) -> io::Result<Self> {
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec {command} \"$@\""), "mqttspec"])
            .args(["127.0.0.1", &port.to_string(), &version.to_string()])
            .arg(scenario.name())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let output = match (child.stdout.take(), child.stderr.take()) {
            (Some(stdout), Some(stderr)) => Some([collect(stdout), collect(stderr)]),
            _ => None,
        };
        Ok(Self { child, output })
    }

    /// How the process has ended, if it has.
    pub fn ended(&mut self) -> Option<Ended> {
        self.child.try_wait().ok().flatten().map(Ended::of)
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self, patience: Duration) -> Option<Ended> {
        let until = Instant::now() + patience;
        loop {
            let ended = self.ended();
            if ended.is_some() || Instant::now() > until {
                return ended;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends the process, and returns the standard output, and the last line of the error output that
    /// is about an error.
    pub fn stop(mut self) -> (String, String) {
        self.kill();
        let [stdout, stderr] = match self.output.take() {
            Some(output) => output.map(|it| it.join().unwrap_or_default()),
            None => Default::default(),
        };
        let lines = || {
            stderr
                .lines()
                .rev()
                .map(str::trim)
                .filter(|it| !it.is_empty())
        };
        let is_error = |it: &&str| it.contains("rror") || it.contains("panicked");
        let last = lines().find(is_error).or_else(|| lines().next());
        (stdout, last.unwrap_or_default().to_owned())
    }

    fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
