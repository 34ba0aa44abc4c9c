//! AWS's own guide, a service in beta. What goes wrong with it is said beside our articles, and fails nothing.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Others, Reads};

/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longest question that it takes, by AWS's documentation.
const LONGEST: usize = 299;

/// What came of asking.
#[derive(Serialize, JsonSchema)]
pub(super) struct Said {
    /// The words that were sent: letters, digits and a few marks are all that it takes.
    asked: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Others>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Asks, and waits no longer than [`PATIENCE`].
pub(super) async fn ask(aws: &Aws<Reads>, query: &str) -> Said {
    let asked = askable(query);
    if asked.is_empty() {
        return Said { asked, answer: None, error: Some("nothing is left of the query that it takes".to_owned()) };
    }
    let question = QueryKnowledgeBase { question: asked.clone() };
    match tokio::time::timeout(PATIENCE, aws.send(&question)).await {
        Ok(Ok(reply)) => Said { asked, answer: Some(Others(reply.answer)), error: None },
        Ok(Err(error)) => Said { asked, answer: None, error: Some(error.to_string()) },
        Err(_) => Said { asked, answer: None, error: Some(format!("no answer in {} s", PATIENCE.as_secs())) },
    }
}

/// The query in the characters that the guide takes.
fn askable(query: &str) -> String {
    let plain: String = query
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || ",.?: ".contains(letter) { letter } else { ' ' })
        .collect();
    let mut words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    words.truncate(LONGEST);
    words.trim_end().to_owned()
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct QueryKnowledgeBase {
    question: String,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct Answered {
    #[serde(default)]
    answer: String,
}

impl Operation for QueryKnowledgeBase {
    const SERVICE: &'static str = "eks-mcpserver";
    const ACTION: &'static str = "QueryKnowledgeBase";
    type Needs = Reads;
    type Reply = Answered;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn calls_fit_the_model() {
        check::<QueryKnowledgeBase>();
    }

    #[test]
    fn a_query_is_put_in_the_characters_that_the_guide_takes() {
        assert_eq!(askable("pod \"x\" failed: can't pull?"), "pod x failed: can t pull?");
        assert_eq!(askable("\u{e9}<>"), "");
        assert_eq!(askable(&"word ".repeat(100)).len(), 299);
    }
}
