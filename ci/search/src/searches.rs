//! The conversations of two conforming peers that are searched.

use mqtt_wire::{Sender, Version};
use stateright::{Checker, Model};

use crate::conversation::Conversations;
use crate::packet::{Kind, Packet};
use crate::settings::{Habits, METHOD, Settings};

pub struct Search {
    pub name: &'static str,
    pub settings: Settings,
}

const BOTH: &[u8] = &[1, 2];

fn habits(ids: u8, qos: &'static [u8]) -> Habits {
    Habits {
        ids,
        qos,
        repeats: 0,
    }
}

fn repeating(ids: u8, qos: &'static [u8], repeats: u8) -> Habits {
    Habits { ids, qos, repeats }
}

pub fn all(version: Version) -> Vec<Search> {
    let mut searches = Vec::new();
    let mut add = |name, settings| searches.push(Search { name, settings });
    messages(version, &mut add);
    requests(version, &mut add);
    sessions(version, &mut add);
    match version {
        Version::V5 => of_5_0(&mut add),
        _ => repetition(version, &mut add),
    }
    searches
}

type Add<'a> = dyn FnMut(&'static str, Settings) + 'a;

fn messages(version: Version, add: &mut Add<'_>) {
    let base = Settings::new(version);
    let exchange = |client, server| Settings {
        client,
        server,
        ..base.clone()
    };
    let silent = Habits::SILENT;
    add(
        "messages of both sides",
        exchange(habits(1, BOTH), habits(1, BOTH)),
    );
    add(
        "two messages of the Client",
        exchange(habits(2, BOTH), silent.clone()),
    );
    add(
        "two messages of the Server",
        exchange(silent.clone(), habits(2, BOTH)),
    );
    add(
        "three messages of the Client",
        exchange(habits(3, &[1]), silent.clone()),
    );
    add(
        "three messages of the Server",
        exchange(silent, habits(3, &[1])),
    );
    add(
        "two messages of the Client, one of the Server",
        exchange(habits(2, BOTH), habits(1, &[2])),
    );
    add(
        "two messages of the Server, one of the Client",
        exchange(habits(1, &[2]), habits(2, BOTH)),
    );
}

fn requests(version: Version, add: &mut Add<'_>) {
    let base = Settings {
        client: habits(1, BOTH),
        filters: &[1, 2],
        pings: true,
        ..Settings::new(version)
    };
    let ends = Settings {
        disconnects: true,
        refusals: if version == Version::V5 {
            &[0x87]
        } else {
            &[5]
        },
        early: true,
        ..base.clone()
    };
    add("requests, PINGREQ, DISCONNECT, refusal", ends);
    let two = Settings {
        client: habits(2, &[]),
        pings: false,
        ..base
    };
    add("two requests", two);
}

/// The connection breaks any number of times, and the Session goes on.
fn sessions(version: Version, add: &mut Add<'_>) {
    let connect = Packet::from(Kind::Connect { clean: false });
    let connect = match version {
        // Session Expiry Interval
        Version::V5 => connect.with_properties(b"\x11\0\0\0\x3c"),
        _ => connect,
    };
    let base = Settings {
        cuts: true,
        early: true,
        sessions_end: true,
        connect,
        ..Settings::new(version)
    };
    let session = |client, server| Settings {
        client,
        server,
        ..base.clone()
    };
    let silent = Habits::SILENT;
    add(
        "session, messages of both sides",
        session(habits(1, BOTH), habits(1, BOTH)),
    );
    add(
        "session, two messages of the Client",
        session(habits(2, BOTH), silent.clone()),
    );
    add(
        "session, two messages of the Server",
        session(silent.clone(), habits(2, BOTH)),
    );
    // a Session does not end here
    let late = |client, server| Settings {
        late: true,
        owed: 2,
        sessions_end: false,
        ..session(client, server)
    };
    add(
        "session, late answers of the Server",
        late(habits(1, BOTH), silent.clone()),
    );
    add(
        "session, late answers of the Client",
        late(silent.clone(), habits(1, BOTH)),
    );
    add(
        "session, late answers of the Server to two",
        late(habits(2, BOTH), silent.clone()),
    );
    if version != Version::V5 {
        let client = session(repeating(1, BOTH, 1), silent.clone());
        add("session and repetition of the Client", client);
        let server = session(silent, repeating(1, BOTH, 1));
        add("session and repetition of the Server", server);
    }
}

/// Packets are repeated on the same connection.
fn repetition(version: Version, add: &mut Add<'_>) {
    let base = Settings::new(version);
    let repeat = |client, server| Settings {
        client,
        server,
        ..base.clone()
    };
    let silent = Habits::SILENT;
    add(
        "repetition of the Client",
        repeat(repeating(1, BOTH, 2), silent.clone()),
    );
    add(
        "repetition of the Server",
        repeat(silent.clone(), repeating(1, BOTH, 2)),
    );
    add(
        "repetition of the Client, three times",
        repeat(repeating(1, BOTH, 3), silent.clone()),
    );
    add(
        "repetition of the Server, three times",
        repeat(silent.clone(), repeating(1, BOTH, 3)),
    );
    add(
        "repetition of both sides",
        repeat(repeating(1, BOTH, 1), repeating(1, BOTH, 1)),
    );
    add(
        "repetition of the Client, two messages",
        repeat(repeating(2, BOTH, 1), silent.clone()),
    );
    add(
        "repetition of the Server, two messages",
        repeat(silent.clone(), repeating(2, BOTH, 1)),
    );
    let requests = Settings {
        filters: &[1, 2],
        ..repeat(repeating(1, &[1], 2), silent)
    };
    add("repetition of messages and requests", requests);
}

fn of_5_0(add: &mut Add<'_>) {
    let base = Settings::new(Version::V5);
    for (maximum, property) in [(1, b"\x21\0\x01"), (2, b"\x21\0\x02")] {
        let limited = |client, server| Settings {
            client,
            server,
            receive_maximum: maximum,
            failures: true,
            connect: base.connect.with_properties(property),
            connack: base.connack.with_properties(property),
            ..base.clone()
        };
        let quick = maximum == 1;
        let (ids, qos) = if quick { (2, BOTH) } else { (3, &[2][..]) };
        let silent = Habits::SILENT;
        add(
            "Receive Maximum of the Server",
            limited(habits(ids, qos), silent.clone()),
        );
        add(
            "Receive Maximum of the Client",
            limited(silent.clone(), habits(ids, qos)),
        );
        if quick {
            let session = |client, server| Settings {
                cuts: true,
                connect: Packet::from(Kind::Connect { clean: false })
                    .with_properties(b"\x11\0\0\0\x3c\x21\0\x01"),
                ..limited(client, server)
            };
            add(
                "Receive Maximum of the Server, session",
                session(habits(2, BOTH), silent.clone()),
            );
            add(
                "Receive Maximum of the Client, session",
                session(silent, habits(2, BOTH)),
            );
        }
    }
    let authentication = Settings {
        client: habits(1, &[1]),
        server: habits(1, &[1]),
        authentication: true,
        connect: base.connect.with_properties(METHOD),
        connack: base.connack.with_properties(METHOD),
        ..base.clone()
    };
    add("authentication", authentication.clone());
    let ends = Settings {
        disconnects: true,
        refusals: &[0x87],
        ..authentication
    };
    add("authentication, DISCONNECT, refusal", ends);
    let aliases = Settings {
        aliases: true,
        disconnects: true,
        connect: base.connect.with_properties(b"\x22\0\x01"),
        connack: base.connack.with_properties(b"\x22\0\x01"),
        ..base
    };
    add("Topic Aliases", aliases);
}

/// A conversation that violates a property, or else the numbers of the search.
pub struct Outcome {
    pub states: usize,
    pub depth: usize,
    pub transitions: usize,
    /// The packet types that passed the tap: bit n for type n of the Client, bit 16 + n for the Server.
    pub seen: u32,
    /// The names of the properties with an example, and the packets that pass the tap in it, in text.
    pub discoveries: Vec<(&'static str, String)>,
}

/// Searches all states.
pub fn search(conversations: Conversations) -> Outcome {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = conversations.checker().threads(threads).spawn_bfs().join();
    let model = checker.model();
    let mut discoveries = Vec::new();
    for (name, path) in checker.discoveries() {
        let mut text = String::new();
        for (state, action) in path.into_vec() {
            match action {
                Some(action) => {
                    if let Some((sender, packet)) = state.passing(&action, &model.settings) {
                        text += &line(sender, &packet, model.settings.version);
                    }
                    if matches!(action, crate::conversation::Action::Cut) {
                        text += "    the connection breaks\n";
                    }
                }
                None => text += &format!("    breaches: {:?}\n", state.breaches()),
            }
        }
        discoveries.push((name, text));
    }
    Outcome {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        transitions: checker.state_count(),
        seen: model.seen.load(std::sync::atomic::Ordering::Relaxed),
        discoveries,
    }
}

fn line(sender: Sender, packet: &Packet, version: Version) -> String {
    let bytes: String = packet
        .bytes(version)
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    format!("    {sender}: {bytes}  {:?}\n", packet.kind)
}
