//! Selectors of series, with every value quoted.

use std::collections::BTreeMap;

use super::dictionary::{Label, Named, Role};

/// Text as a PromQL string: whatever it holds, it stays within its quotes.
pub(super) fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// The selectors that together find the series of a metric: one, or more where Prometheus may have renamed labels that it
/// puts on targets itself. `range` such as `[300s]` is put behind each.
pub(super) fn selectors(named: &Named, filters: &BTreeMap<Role, String>) -> Vec<String> {
    let wanted: Vec<(Label, &str)> = named
        .labels
        .iter()
        .filter_map(|label| filters.get(&label.role).map(|value| (*label, value.as_str())))
        .collect();
    let renamed = |label: &Label| label.role.clashes() && label.name == label.role.canonical();
    // A pod's labels are renamed together, a node's on its own.
    let of_pod = wanted.iter().any(|(label, _)| renamed(label) && label.role != Role::Node);
    let of_node = wanted.iter().any(|(label, _)| renamed(label) && label.role == Role::Node);
    let ways = |clash: bool| if clash { &[false, true][..] } else { &[false][..] };
    let mut all = Vec::new();
    for pod_exported in ways(of_pod) {
        for node_exported in ways(of_node) {
            let matchers = wanted.iter().map(|(label, value)| {
                let exported = if label.role == Role::Node { *node_exported } else { *pod_exported };
                matcher(label, value, renamed(label), exported)
            });
            let matchers: Vec<_> = matchers.collect();
            let braces = if matchers.is_empty() { String::new() } else { format!("{{{}}}", matchers.join(",")) };
            all.push(format!("{}{braces}", named.name));
        }
    }
    all
}

fn matcher(label: &Label, value: &str, may_be_renamed: bool, exported: bool) -> String {
    let (name, value) = (label.name, quoted(value));
    match (may_be_renamed, exported) {
        (false, _) => format!("{name}={value}"),
        (true, true) => format!("exported_{name}={value}"),
        // Where the metric's own label was renamed, the plain one is the target's and says nothing of the pod.
        (true, false) => format!("{name}={value},exported_{name}=\"\""),
    }
}

/// Gives labels their one name, so that series under several names of a metric look alike.
pub(super) fn canonical(expression: String, labels: &[Label]) -> String {
    labels.iter().fold(expression, |inner, label| {
        let wanted = label.role.canonical();
        let inner = if label.name == wanted { inner } else { replaced(&inner, wanted, label.name) };
        if label.role.clashes() && label.name == wanted {
            replaced(&inner, wanted, &format!("exported_{wanted}"))
        } else {
            inner
        }
    })
}

/// Copies a label where it is there.
fn replaced(inner: &str, to: &str, from: &str) -> String {
    format!("label_replace({inner}, \"{to}\", \"$1\", \"{from}\", \"(.+)\")")
}
