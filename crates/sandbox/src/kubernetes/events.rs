//! The two faces of events: that of the core group, in which they are kept, and that of `events.k8s.io`.

use serde_json::{Map, Value, json};

/// Names of members in the core group and in the newer one.
const NAMES: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("reportingComponent", "reportingController"),
];

pub(crate) fn to_new(event: Value) -> Value {
    renamed(event, |name| NAMES.iter().find(|(core, _)| *core == name).map(|(_, new)| *new))
}

pub(crate) fn to_core(event: Value) -> Value {
    let mut event = renamed(event, |name| NAMES.iter().find(|(_, new)| *new == name).map(|(core, _)| *core));
    for member in ["source", "involvedObject"] {
        if event[member].is_null() {
            event[member] = json!({});
        }
    }
    event
}

fn renamed(event: Value, name: impl Fn(&str) -> Option<&'static str>) -> Value {
    let Value::Object(members) = event else { return event };
    let renamed = members.into_iter().map(|(key, value)| (name(&key).map_or(key, str::to_owned), value));
    Value::Object(renamed.collect::<Map<_, _>>())
}
