//! Lines of the log on their way into the chain: everything but their number and the hash of the line before, which they
//! get when they are written.

use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Lines one after the other, in one piece of memory, since a busy server has thousands of them in a second.
#[derive(Default)]
pub(super) struct Lines {
    text: String,
    /// Where each ends in `text`.
    ends: Vec<usize>,
}

impl Lines {
    /// Adds a line with these groups of members (`"name":value,…`, without braces).
    pub(super) fn add(&mut self, at: OffsetDateTime, session: &str, event: &str, members: &[&str]) {
        let time = at.format(&Rfc3339).unwrap_or_default();
        for part in ["\"time\":\"", &time, "\",\"session\":\"", session, "\",\"event\":\"", event, "\""] {
            self.text.push_str(part);
        }
        for group in members.iter().filter(|group| !group.is_empty()) {
            self.text.push(',');
            self.text.push_str(group);
        }
        self.ends.push(self.text.len());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Puts `earlier` lines before these.
    pub(super) fn put_before(&mut self, mut earlier: Self) {
        let start = earlier.text.len();
        earlier.text.push_str(&self.text);
        earlier.ends.extend(self.ends.iter().map(|end| start + end));
        *self = earlier;
    }

    /// The members of each line.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| &self.text[std::mem::replace(&mut start, *end)..*end])
    }
}

/// The members of an object, without its braces.
pub(super) fn members(object: &impl Serialize) -> String {
    let mut text = serde_json::to_string(object).unwrap_or_default();
    if text.len() >= 2 {
        text.pop();
        text.remove(0);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn lines_keep_their_order_and_their_members() {
        let (mut first, mut second) = (Lines::default(), Lines::default());
        let at = OffsetDateTime::UNIX_EPOCH;
        first.add(at, "s", "begin", &[&members(&json!({ "tool": "a\"b" })), &members(&json!({}))]);
        second.add(at, "s", "end", &["\"call\":1"]);
        second.put_before(first);
        let read: Vec<Value> =
            second.iter().map(|line| serde_json::from_str(&format!("{{{line}}}")).unwrap()).collect();
        assert_eq!((read.len(), second.count()), (2, 2));
        assert_eq!((&read[0]["event"], &read[0]["tool"]), (&json!("begin"), &json!("a\"b")));
        assert_eq!((&read[1]["event"], &read[1]["call"]), (&json!("end"), &json!(1)));
    }
}
