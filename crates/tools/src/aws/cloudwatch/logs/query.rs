//! The text of a query. What the caller says becomes a value in it, never a command, unless it is one as a whole.

use trainyard_contract::{Error, Result};

/// What is looked for.
pub(super) struct Wanted<'a> {
    pub(super) fields: Option<&'a str>,
    pub(super) resource_name: Option<&'a str>,
    pub(super) filter_pattern: Option<&'a str>,
    pub(super) limit: u32,
}

/// Commands that a pattern may consist of. `unmask` is left out: it shows what the log group's owner hid. `SOURCE` is
/// left out as well: it would read another group than the answer names.
const COMMANDS: [&str; 11] =
    ["filter", "fields", "display", "parse", "stats", "sort", "limit", "dedup", "pattern", "diff", "unnest"];

pub(super) fn text(wanted: &Wanted<'_>) -> Result<String> {
    let fields = wanted.fields.map_or(Ok("@timestamp, @message"), checked_fields)?;
    let mut query = format!("fields {fields}");
    if let Some(name) = wanted.resource_name.filter(|name| !name.is_empty()) {
        query.push_str(&format!("\n| filter @message like {}", quoted(name)));
    }
    let mut sorted = true;
    if let Some(pattern) = wanted.filter_pattern.map(str::trim).filter(|pattern| !pattern.is_empty()) {
        let command = command(pattern)?;
        // Sums have no time to be sorted by.
        sorted = !stages(&command)?.iter().any(|stage| matches!(first_word(stage), "stats" | "pattern" | "diff"));
        query.push_str(&format!("\n| {command}"));
    }
    if sorted {
        query.push_str("\n| sort @timestamp desc");
    }
    query.push_str(&format!("\n| limit {}", wanted.limit));
    Ok(query)
}

/// A text that means itself.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted.push(' '),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// Commands as they are; a pattern between slashes, or words, as a filter.
fn command(pattern: &str) -> Result<String> {
    let pattern = pattern.trim_start_matches('|').trim();
    if COMMANDS.contains(&first_word(pattern)) && pattern.contains(char::is_whitespace) {
        for stage in stages(pattern)? {
            let word = first_word(&stage);
            if !COMMANDS.contains(&word) {
                return Err(Error::validation(format!(
                    "filter_pattern holds {word:?}, which is no command that may stand there"
                ))
                .hint(format!("commands: {}", COMMANDS.join(", "))));
            }
        }
        return Ok(pattern.to_owned());
    }
    if let Some(inner) = pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'))
        && !inner.is_empty()
    {
        if ends_early(inner) {
            return Err(Error::validation("a slash within the pattern is written \\/"));
        }
        return Ok(format!("filter @message like /{inner}/"));
    }
    Ok(format!("filter @message like {}", quoted(pattern)))
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// Whether a pattern has a slash that would end it, or a line of its own.
fn ends_early(pattern: &str) -> bool {
    let mut escaped = false;
    for letter in pattern.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '/' | '\n' | '\r' => return true,
            _ => {}
        }
    }
    escaped
}

/// The commands of a query, split at bars that stand in no text or pattern.
fn stages(query: &str) -> Result<Vec<String>> {
    let mut stages = vec![String::new()];
    let mut within: Option<char> = None;
    let mut escaped = false;
    let mut before = ' ';
    for letter in query.chars() {
        match within {
            Some(_) if escaped => escaped = false,
            Some(_) if letter == '\\' => escaped = true,
            Some(end) if letter == end => within = None,
            Some(_) => {}
            None => match letter {
                '"' | '\'' | '`' => within = Some(letter),
                // A slash begins a pattern after a word such as `like` or `=~`, and divides otherwise.
                '/' if before.is_whitespace() => within = Some('/'),
                '|' => stages.push(String::new()),
                '#' => return Err(Error::validation("filter_pattern may not hold comments")),
                _ => {}
            },
        }
        if let Some(stage) = stages.last_mut().filter(|_| letter != '|' || within.is_some()) {
            stage.push(letter);
        }
        before = letter;
    }
    if within.is_some() {
        return Err(Error::validation("a text or pattern in filter_pattern is not closed"));
    }
    Ok(stages.into_iter().map(|stage| stage.trim().to_owned()).collect())
}

fn checked_fields(fields: &str) -> Result<&str> {
    let fields = fields.trim();
    if fields.is_empty() || fields.contains(['|', '\n', '\r', '#']) {
        return Err(Error::validation(format!("fields {fields:?} is not a list of fields"))
            .hint("such as @timestamp, @message, kubernetes.pod_name"));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(resource_name: Option<&str>, filter_pattern: Option<&str>) -> Result<String> {
        text(&Wanted { fields: None, resource_name, filter_pattern, limit: 50 })
    }

    #[test]
    fn a_query_is_what_the_older_server_sent() {
        assert_eq!(
            of(Some("trainer-0"), Some("filter @message like /NCCL/")).unwrap(),
            "fields @timestamp, @message\n| filter @message like \"trainer-0\"\n| filter @message like /NCCL/\n\
             | sort @timestamp desc\n| limit 50"
        );
    }

    #[test]
    fn nobody_gets_out_of_a_value() {
        let query = of(Some("x\" | fields @ptr | filter a like \"y"), None).unwrap();
        assert!(query.contains(r#"like "x\" | fields @ptr | filter a like \"y""#), "{query}");
        let back = of(Some(r"x\"), None).unwrap();
        assert!(back.contains(r#"like "x\\""#), "{back}");
        assert!(of(Some("a\nb"), None).unwrap().contains("\"a b\""));
    }

    #[test]
    fn words_and_patterns_are_filters() {
        assert!(of(None, Some("out of memory")).unwrap().contains("filter @message like \"out of memory\""));
        assert!(of(None, Some("/(?i)oom|killed/")).unwrap().contains("filter @message like /(?i)oom|killed/"));
        assert!(of(None, Some("error")).unwrap().contains("like \"error\""));
        assert!(of(None, Some("filter")).unwrap().contains("like \"filter\""), "a word alone is a word");
        assert!(of(None, Some("/a/ | unmask /b/")).is_err());
    }

    #[test]
    fn commands_stand_as_they_are_and_hidden_ones_are_refused() {
        let sums = of(None, Some("stats count(*) by bin(5m)")).unwrap();
        assert!(!sums.contains("sort"), "{sums}");
        assert!(of(None, Some("filter a like \"x|y\" | stats count()")).unwrap().contains("x|y"));
        for bad in [
            "filter a = 1 | unmask @message",
            "filter a = 1 | SOURCE 'other'",
            "filter a = \"open",
            "filter a = 1 # note",
        ] {
            assert!(of(None, Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn fields_are_fields() {
        let with = |fields| text(&Wanted { fields: Some(fields), resource_name: None, filter_pattern: None, limit: 1 });
        assert!(with("@timestamp, strlen(@message) as size").unwrap().starts_with("fields @timestamp, strlen"));
        assert!(with("@message | unmask @message").is_err());
        assert!(with(" ").is_err());
    }
}
