//! Transcripts of rehearsals: JSON Lines of what was called, what was answered, and what was concluded.

use std::{
    fmt,
    fs::File,
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_contract::{Error, Result};
use trainyard_dispatch::{Outcome, Witness};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// Which incident it was.
    Begin(Begun),
    /// A call of a tool.
    Call(Called),
    /// What the assistant makes of it. The last one counts.
    Conclusion(Concluded),
}

/// Which incident it was, and where the chance began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begun {
    /// Its name; nothing for the fleet as it is.
    pub(crate) scenario: Option<String>,
    /// The seed, where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
}

/// What the assistant makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Concluded {
    /// In its own words.
    pub(crate) conclusion: String,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Called {
    /// Name of the tool.
    pub(crate) tool: String,
    /// Its arguments.
    #[serde(default)]
    pub(crate) arguments: Map<String, Value>,
    /// What became of it.
    #[serde(default)]
    pub(crate) outcome: Outcomes,
    /// What the assistant was shown.
    #[serde(default, alias = "result")]
    pub(crate) answer: Value,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcomes {
    /// It ran. What says nothing about it is taken to have run.
    #[default]
    Done,
    /// A person was to be asked first.
    Asked,
    /// It was refused, or it failed.
    Failed,
}

/// A transcript that is being written.
pub(crate) struct Transcript(Mutex<File>);

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transcript")
    }
}

impl Transcript {
    /// Begins a file. One that is there is not written over: it may be somebody's work.
    pub(crate) fn begin(path: &Path, scenario: Option<&str>, seed: Option<u64>) -> Result<Self> {
        let file = File::create_new(path).map_err(|error| {
            Error::validation(format!("could not begin the transcript {}: {error}", path.display()))
                .hint("name a file that is not there yet")
        })?;
        let transcript = Self(Mutex::new(file));
        transcript.write(&Begun { scenario: scenario.map(str::to_owned), seed });
        Ok(transcript)
    }

    fn write(&self, line: &impl Serialize) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = serde_json::to_string(line).map(|text| writeln!(file, "{text}"));
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("a line of the transcript could not be written");
        }
    }
}

impl Witness for Transcript {
    fn saw(&self, tool: &str, arguments: &Map<String, Value>, outcome: &Outcome) {
        let (outcome, answer) = match outcome {
            Outcome::Done(done) => (Outcomes::Done, done.value.clone()),
            Outcome::Ask(question) => (Outcomes::Asked, question.plan.clone()),
            Outcome::Failed(error, _) => (Outcomes::Failed, json!({ "error": error })),
        };
        self.write(&Called { tool: tool.to_owned(), arguments: arguments.clone(), outcome, answer });
    }
}

/// Reads a transcript, ours or one in the same form. A line that is none is an error that says which.
pub(crate) fn read(text: &str) -> Result<Vec<Line>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            line_of(line).map_err(|error| {
                Error::validation(format!("line {} of the transcript: {error}", at + 1)).hint(
                    "each line is {\"tool\": …, \"arguments\": {…}, \"outcome\": \"done\", \"answer\": …}, or {\"conclusion\": …}",
                )
            })
        })
        .collect()
}

/// A line by the member that tells its kind.
fn line_of(text: &str) -> serde_json::Result<Line> {
    let line: Value = serde_json::from_str(text)?;
    if line.get("tool").is_some() {
        serde_json::from_value(line).map(Line::Call)
    } else if line.get("conclusion").is_some() {
        serde_json::from_value(line).map(Line::Conclusion)
    } else {
        serde_json::from_value(line).map(Line::Begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_others_write_is_too() {
        let text = r#"{"scenario":"quota","seed":3}
{"tool":"k8s_list_events","arguments":{"namespace":"vision"},"outcome":"done","answer":{"count":1}}

{"tool":"x","result":"shown"}
{"conclusion":"the quota"}
"#;
        let lines = read(text).unwrap();
        assert_eq!(lines[0], Line::Begin(Begun { scenario: Some("quota".into()), seed: Some(3) }));
        let Line::Call(call) = &lines[2] else { panic!("{lines:?}") };
        assert_eq!((call.outcome, &call.answer), (Outcomes::Done, &json!("shown")));
        assert_eq!(lines[3], Line::Conclusion(Concluded { conclusion: "the quota".into() }));
        assert!(read("{\"tool\": 3}").unwrap_err().message().contains("line 1"));
    }
}
