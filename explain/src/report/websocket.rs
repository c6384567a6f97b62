//! Lines and objects about WebSocket itself.

use anstyle::Style;
use mqtt_wire::Sender;
use serde_json::{Value, json};

use super::style::{FAINT, FAULT, UNSURE};
use super::view::View;
use crate::dissect::Secrets;
use crate::event::Notice;
use crate::names;
use crate::text::{count, quote};
use crate::websocket::{Control, Subprotocol, Unread};

/// A notice in words.
pub fn notice(notice: &Notice, view: View) -> (Style, String) {
    match notice {
        Notice::Request(request) => {
            let target = target(&request.target, view);
            let offers = match names(&request.protocols)[..] {
                [] => String::from(", no subprotocol"),
                ref names => format!(", offers the subprotocol {}", names.join(", ")),
            };
            (FAINT, format!("WebSocket request for {target}{offers}"))
        }
        Notice::Accepted(response) => {
            let selected = match &response.protocol {
                Some(Subprotocol(name)) => format!("the subprotocol {}", plain(name)),
                None => String::from("no subprotocol"),
            };
            let extensions = match response.extensions.join(", ") {
                none if none.is_empty() => none,
                some => format!(", with {}", plain(&some)),
            };
            let text = format!("WebSocket accepted, selects {selected}{extensions}");
            (FAINT, text)
        }
        Notice::Control(Control::Ping(payload)) => {
            let length = count(payload.len(), "byte");
            (FAINT, format!("WebSocket ping, {length}"))
        }
        Notice::Control(Control::Pong(payload)) => {
            let length = count(payload.len(), "byte");
            (FAINT, format!("WebSocket pong, {length}"))
        }
        Notice::Control(Control::Close { code, reason }) => {
            let code = code.map_or_else(|| String::from("without a code"), |it| it.to_string());
            let reason = match &reason[..] {
                "" => String::new(),
                reason => format!(" {}", quote(reason.as_bytes(), 120)),
            };
            (FAINT, format!("WebSocket close, {code}{reason}"))
        }
        Notice::Fault(fault, version) => {
            let statements = fault.statements(*version).join("; ");
            let text = format!("! WebSocket: {} [{statements}]", fault.kind.text());
            (FAULT, text)
        }
        Notice::Unread { length, reason } => {
            let bytes = match length {
                Some(length) => format!("{length} bytes of WebSocket not decoded"),
                None => String::from("not decoded from here on"),
            };
            (UNSURE, format!("{bytes}: {}", unread(*reason)))
        }
    }
}

/// The same as an object. For the page, it has the words, too.
pub fn notice_object(sender: Sender, it: &Notice, view: View) -> Value {
    let mut object = members(sender, it, view);
    if let Some(members) = object.as_object_mut().filter(|_| view.for_page) {
        let (_, text) = notice(it, view);
        members.insert("message".into(), text.into());
    }
    object
}

fn members(sender: Sender, notice: &Notice, view: View) -> Value {
    let from = names::sender(sender);
    let control = |name: &str, payload: &[u8]| {
        json!({
            "verdict": "websocket", "from": from, "event": name, "length": payload.len(),
        })
    };
    match notice {
        Notice::Request(request) => json!({
            "verdict": "websocket", "from": from, "event": "request",
            "target": target(&request.target, view), "subprotocols": names(&request.protocols),
        }),
        Notice::Accepted(response) => json!({
            "verdict": "websocket", "from": from, "event": "accepted",
            "subprotocol": response.protocol.as_ref().map(|it| &it.0),
            "extensions": response.extensions,
        }),
        Notice::Control(Control::Ping(payload)) => control("ping", payload),
        Notice::Control(Control::Pong(payload)) => control("pong", payload),
        Notice::Control(Control::Close { code, reason }) => json!({
            "verdict": "websocket", "from": from, "event": "close", "code": code,
            "reason": reason,
        }),
        Notice::Fault(fault, version) => json!({
            "verdict": "websocket", "from": from, "event": "fault", "kind": fault.kind.name(),
            "statements": fault.statements(*version),
        }),
        Notice::Unread { length, reason } => json!({
            "verdict": "unread", "from": from, "length": length, "message": unread(*reason),
        }),
    }
}

/// The path. The query behind it often holds a token or a signature.
fn target(target: &str, view: View) -> String {
    match target.split_once('?') {
        Some((path, _)) if view.secrets == Secrets::Hide => format!("{}?(hidden)", plain(path)),
        _ => plain(target),
    }
}

fn names(protocols: &[Subprotocol]) -> Vec<String> {
    protocols.iter().map(|it| plain(&it.0)).collect()
}

/// Text of a peer, without anything that a terminal obeys.
fn plain(text: &str) -> String {
    text.escape_debug().to_string()
}

fn unread(reason: Unread) -> &'static str {
    match reason {
        Unread::AfterFault => "it is unknown where the next frame of WebSocket begins",
        Unread::AfterGap => "after missing bytes, no frame of WebSocket begins there",
        Unread::Compressed => {
            "permessage-deflate has compressed the payload, and a part is missing or wrong"
        }
    }
}
