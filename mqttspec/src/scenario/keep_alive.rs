//! Keep Alive.

use super::form::Scenario;
use crate::stage::{Outcome, Stage, Stop};

pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "keep-alive/silence-ends-the-connection",
    comment: "The broker closes the connection after 1.5 times Keep Alive without a packet.",
    shows: &[
        "v3.1 U31-keep-alive",
        "v3.1.1 MQTT-3.1.2-24",
        "v5.0 MQTT-3.1.2-22",
        "v5.0 MQTT-3.2.2-22",
    ],
    play: silence_ends_the_connection,
}];

fn silence_ends_the_connection(stage: &Stage<'_>) -> Outcome {
    let mut client = stage.client("a").keep_alive(1).connect()?;
    let keep_alive = client.keep_alive(1)?;
    let time = keep_alive * 3 / 2 + stage.patience();
    match client.closed_within(time) {
        Some(_) => Ok(()),
        None => {
            client.ping()?;
            Err(Stop::Missing(format!(
                "the broker does not close the connection within {time:?}"
            )))
        }
    }
}
