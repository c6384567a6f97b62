//! The fate of a Will, for all terms from small sets and all sequences of two endings.

use mqtt_wire::ReasonCode;
use mqtt_wire::Version;
use mqtt_wire::will::{Ending, WillFate, WillTerms};

const FOR_EVER: u32 = u32::MAX;
const SECONDS: [u32; 6] = [0, 1, 2, 10, FOR_EVER - 1, FOR_EVER];

/// Compares the library with the specification below, and the specification with a wrong one: the control.
pub fn search(failed: &mut Vec<String>) {
    let (cases, differences) = compare(&Standard {
        forgets_expiry: false,
    });
    println!(
        "\nWills: {cases} sequences of two endings, {} differ",
        differences.len()
    );
    if let Some(first) = differences.first() {
        println!("    {first}");
        failed.push("Wills".to_owned());
    }
    let (_, differences) = compare(&Standard {
        forgets_expiry: true,
    });
    println!(
        "control: a Session Expiry Interval in DISCONNECT is forgotten: {} differ",
        differences.len()
    );
    if differences.is_empty() {
        failed.push("the control of Wills".to_owned());
    }
}

/// The number of sequences, and those with another fate.
fn compare(standard: &Standard) -> (usize, Vec<String>) {
    let (mut cases, mut differences) = (0, Vec::new());
    for terms in all_terms() {
        for first in endings() {
            for second in endings() {
                cases += 1;
                let (expected, found) = (
                    standard.fates(&terms, first, second),
                    fates(&terms, first, second),
                );
                if expected != found {
                    differences.push(format!(
                        "{terms:?}, {first:?}, {second:?}: {found:?} in place of {expected:?}"
                    ));
                }
            }
        }
    }
    (cases, differences)
}

fn all_terms() -> Vec<WillTerms> {
    let name = mqtt_wire::Utf8Str::new("c").expect("text");
    let topic = mqtt_wire::TopicName::new("w").expect("a topic");
    let mut all = Vec::new();
    for version in Version::ALL {
        for delay in SECONDS {
            for requested in SECONDS {
                for granted in SECONDS.into_iter().map(Some).chain([None]) {
                    let delays = [mqtt_wire::Property::WillDelayInterval(delay)];
                    let requests = [mqtt_wire::Property::SessionExpiryInterval(requested)];
                    let grants = granted.map(|it| [mqtt_wire::Property::SessionExpiryInterval(it)]);
                    let mut will = mqtt_wire::Will::new(topic, mqtt_wire::BinaryData::EMPTY);
                    let mut connect = mqtt_wire::Connect::new(version, name);
                    let mut connack = mqtt_wire::ConnAck::new(ReasonCode::Success);
                    if version == Version::V5 {
                        will.properties = (&delays).into();
                        connect.properties = (&requests).into();
                        if let Some(grants) = &grants {
                            connack.properties = grants.into();
                        }
                    }
                    connect.will = Some(will);
                    all.extend(WillTerms::new(&connect, &connack).filter(|it| !all.contains(it)));
                }
            }
        }
    }
    all
}

fn endings() -> Vec<Ending> {
    let mut all = vec![
        Ending::NetworkFailure,
        Ending::KeepAliveExpired,
        Ending::ClosedByClient,
        Ending::ClosedByServer,
        Ending::TakenOver { clean_start: false },
        Ending::TakenOver { clean_start: true },
        Ending::SessionEnded,
    ];
    let codes = [
        ReasonCode::NORMAL_DISCONNECTION,
        ReasonCode::DisconnectWithWillMessage,
        ReasonCode::UnspecifiedError,
    ];
    for reason_code in codes {
        for session_expiry_interval in SECONDS.into_iter().map(Some).chain([None]) {
            all.push(Ending::Disconnect {
                reason_code,
                session_expiry_interval,
            });
        }
    }
    all
}

/// The fate at an ending: never, at once, or after these seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Never,
    Now,
    After(u32),
}

/// The fates in the library: of the first ending, and of the second one if the Will waits until then.
fn fates(terms: &WillTerms, first: Ending, second: Ending) -> Vec<Fate> {
    match terms.fate(first) {
        WillFate::PublishAfter { delay, terms } => vec![
            Fate::After(delay.as_secs().try_into().expect("32 bits")),
            match terms.fate(second) {
                WillFate::PublishAfter { delay, .. } => {
                    Fate::After(delay.as_secs().try_into().expect("32 bits"))
                }
                fate => plain(fate),
            },
        ],
        fate => vec![plain(fate)],
    }
}

fn plain(fate: WillFate) -> Fate {
    match fate {
        WillFate::Discard => Fate::Never,
        _ => Fate::Now,
    }
}

/// The specification, as the events that a Server goes through.
struct Standard {
    /// The fault of the control.
    forgets_expiry: bool,
}

/// The state of the connection and its Session, as a Server knows it.
struct Server {
    version: Version,
    /// The Will Message is still stored.
    stored: bool,
    delay: u32,
    requested: u32,
    /// The Session ends this long after the connection.
    expiry: u32,
}

impl Standard {
    fn fates(&self, terms: &WillTerms, first: Ending, second: Ending) -> Vec<Fate> {
        let mut server = Server {
            version: terms.version,
            stored: true,
            delay: terms.will_delay_interval,
            requested: terms.requested_expiry_interval,
            expiry: terms.session_expiry_interval,
        };
        let mut fates = vec![self.fate(&mut server, first)];
        if let [Fate::After(_)] = fates[..] {
            fates.push(self.fate(&mut server, second));
        }
        fates
    }

    fn fate(&self, server: &mut Server, ending: Ending) -> Fate {
        if let Ending::Disconnect {
            reason_code,
            session_expiry_interval,
        } = ending
        {
            self.disconnect(server, reason_code as u8, session_expiry_interval);
        }
        if !server.stored {
            return Fate::Never;
        }
        // before 5.0 a Will is published when the connection closes (3.1.1 MQTT-3.1.2-8)
        if server.version != Version::V5 {
            return Fate::Now;
        }
        match ending {
            // the Session ends, and so does the wait (3.1.3.2.2)
            Ending::SessionEnded | Ending::TakenOver { clean_start: true } => Fate::Now,
            Ending::TakenOver { clean_start: false } => server.continues(),
            _ => server.wait(),
        }
    }

    fn disconnect(&self, server: &mut Server, code: u8, expiry: Option<u32>) {
        if server.version != Version::V5 {
            // any DISCONNECT removes the Will (3.1.1 MQTT-3.14.4-3)
            server.stored = false;
            return;
        }
        // a Protocol Error: this is no DISCONNECT (3.14.2.2.2)
        let is_error = server.requested == 0 && expiry.is_some_and(|it| it != 0);
        if is_error {
            return;
        }
        // 0x00 removes the Will (MQTT-3.14.4-3)
        if code == 0 {
            server.stored = false;
        }
        if let (Some(expiry), false) = (expiry, self.forgets_expiry) {
            server.expiry = expiry;
        }
    }
}

impl Server {
    /// A new connection continues the Session before the Will Delay has passed: no Will (MQTT-3.1.3-9). Without a delay, or
    /// if the Session has ended with its connection, the Will was published when the connection closed (3.1.4).
    fn continues(&self) -> Fate {
        let closes_with_will = self.delay == 0 || self.expiry == 0;
        if closes_with_will {
            Fate::Now
        } else {
            Fate::Never
        }
    }

    /// The Will waits for the end of the delay or of the Session, whichever is first (3.1.3.2.2).
    fn wait(&self) -> Fate {
        // 0xFFFFFFFF is a Session that does not end (3.1.2.11.2)
        let end_of_session = match self.expiry {
            FOR_EVER => None,
            seconds => Some(seconds),
        };
        let seconds = end_of_session.map_or(self.delay, |end| end.min(self.delay));
        if seconds == 0 {
            Fate::Now
        } else {
            Fate::After(seconds)
        }
    }
}
