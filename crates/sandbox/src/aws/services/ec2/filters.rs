//! `Filters` of EC2: names with values, each of which may have wildcards.

use std::borrow::Cow;

use serde_json::Value;

use super::refused;
use crate::aws::wire::Refusal;

/// Filters that a noun knows: name, and where in a row the value stands. `*` goes through a list.
pub(super) type Names = &'static [(&'static str, &'static str)];

/// The rows that pass every filter: one of the values each. Some operations call the member `Filter`.
pub(super) fn filtered<'r>(
    rows: impl IntoIterator<Item = &'r Value>,
    input: &Value,
    names: Names,
) -> Result<Vec<&'r Value>, Refusal> {
    filtered_over(rows, input, names, &Value::Null)
}

/// The same for rows that have members in common, which stand apart.
pub(super) fn filtered_over<'r>(
    rows: impl IntoIterator<Item = &'r Value>,
    input: &Value,
    names: Names,
    common: &Value,
) -> Result<Vec<&'r Value>, Refusal> {
    let mut filters = Vec::new();
    let given = ["Filters", "Filter"].iter().filter_map(|member| input[*member].as_array()).flatten();
    for filter in given {
        let name = filter["Name"].as_str().unwrap_or_default();
        let wanted: Vec<&str> = filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        filters.push((place(name, names)?, wanted));
    }
    let passes = |row: &&Value| filters.iter().all(|(place, wanted)| place.matches(row, common, wanted));
    Ok(rows.into_iter().filter(passes).collect())
}

/// What a filter looks at.
enum Place {
    At(&'static str),
    Tag(String),
    TagKey,
    TagValue,
}

fn place(name: &str, names: Names) -> Result<Place, Refusal> {
    if let Some((_, path)) = names.iter().find(|(known, _)| *known == name) {
        return Ok(Place::At(path));
    }
    match (name, name.strip_prefix("tag:")) {
        (_, Some(key)) => Ok(Place::Tag(key.to_owned())),
        ("tag-key", None) => Ok(Place::TagKey),
        ("tag-value", None) => Ok(Place::TagValue),
        (_, None) => Err(refused("InvalidParameterValue", format!("The filter '{name}' is invalid"))),
    }
}

impl Place {
    fn matches(&self, row: &Value, common: &Value, wanted: &[&str]) -> bool {
        let any = |found: &Value| wanted.iter().any(|wanted| like(wanted, &text(found)));
        let tags = || row["Tags"].as_array().into_iter().flatten();
        match self {
            Self::At(path) => at(row, path, &any) || at(common, path, &any),
            Self::Tag(key) => tags().any(|tag| tag["Key"] == *key && any(&tag["Value"])),
            Self::TagKey => tags().any(|tag| any(&tag["Key"])),
            Self::TagValue => tags().any(|tag| any(&tag["Value"])),
        }
    }
}

/// Whether any value at a path is as it should be.
fn at(row: &Value, path: &str, is: &impl Fn(&Value) -> bool) -> bool {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let below = |place: &Value| rest.map_or_else(|| is(place), |rest| at(place, rest, is));
    match name {
        "*" => row.as_array().is_some_and(|items| items.iter().any(below)),
        name => row.get(name).is_some_and(below),
    }
}

fn text(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| value.to_string().into(), Cow::from)
}

/// `*` for any number of letters, `?` for one.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    // Most have neither, and are held against each of tens of thousands of rows.
    if !pattern.contains(['*', '?']) {
        return pattern == text;
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut here, mut star) = (0, 0, None);
    while here < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[here] => (at, here) = (at + 1, here + 1),
            _ => match star {
                // The star takes one letter more.
                Some((place, from)) => {
                    star = Some((place, from + 1));
                    (at, here) = (place + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_at_ec2() {
        for (pattern, text, wanted) in [
            ("p5.*", "p5.48xlarge", true),
            ("*xlarge", "p5.48xlarge", true),
            ("p?.48*", "p5.48xlarge", true),
            ("p5", "p5.48xlarge", false),
            ("", "", true),
            ("*", "", true),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbY", false),
        ] {
            assert_eq!(like(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
