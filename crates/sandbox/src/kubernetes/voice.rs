//! What containers of a fleet write while they run: a line every ten seconds, made when somebody looks.

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{
    clock,
    cluster::{Cluster, ContainerPlace},
    random::digest,
};

/// Between two lines.
const APART: i64 = 10;
/// Most lines that are made at once: who runs for days has a log that was cut.
const MOST: i64 = 400;

/// Makes a line of its number and of chance.
type Voice = fn(i64, u64) -> String;

/// What a container says, by a part of its image's name; the rest are silent.
const VOICES: &[(&str, Voice)] = &[
    ("registry.example/train", training),
    ("registry.example/serve", serving),
    ("registry.example/embed", serving),
    ("registry.example/gateway", serving),
    ("registry.example/sweep", training),
];

fn training(number: i64, chance: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure in a log")]
    let (step, noise) = (number as f64, (chance % 100) as f64 / 2_000.0);
    let loss = 1.8 + 9.0 / (1.0 + step / 40.0) + noise;
    format!("step {} loss {loss:.3} tokens/s {}", number * 10, 11_700 + chance % 300)
}

fn serving(number: i64, chance: u64) -> String {
    format!("request {number} answered 200 in {} ms, {} waiting", 40 + chance % 90, chance / 100 % 4)
}

impl Cluster {
    /// Lets a container that runs write what it has to say by now. One whose log somebody wrote is silent.
    pub(crate) fn speak(&mut self, place: &ContainerPlace) {
        let now = self.clock.now();
        if self.life.is_none() {
            return;
        }
        let Some((voice, started)) = self.value("pods", &place.0, &place.1).and_then(|pod| voice(&pod, &place.2))
        else {
            return;
        };
        let due = (now - started).whole_seconds() / APART;
        let Some(last) = self.logs.spoken(place) else { return };
        let seed = digest(&[&place.0, &place.1, &place.2]);
        let mut text = String::new();
        for number in (last + 1).max(due - MOST)..=due {
            let moment = started + Duration::seconds(number * APART);
            let chance = digest(&[&seed.to_string(), &number.to_string()]);
            text.push_str(&format!("{} {}\n", clock::micro_stamp(moment), voice(number, chance)));
        }
        self.logs.write_spoken(place, &text, now, due);
    }
}

/// What a container says, and since when, if it runs.
fn voice(pod: &Value, container: &str) -> Option<(Voice, OffsetDateTime)> {
    let mut statuses = pod["status"]["containerStatuses"].as_array()?.iter();
    let status = statuses.find(|status| status["name"] == container)?;
    let started = clock::parse(status["state"]["running"]["startedAt"].as_str()?)?;
    let image = status["image"].as_str()?;
    let (_, voice) = VOICES.iter().find(|(part, _)| image.contains(part))?;
    Some((*voice, started))
}
