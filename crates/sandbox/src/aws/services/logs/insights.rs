//! What a query finds.

use std::{cmp::Ordering, collections::HashSet};

use serde_json::Value;
use time::OffsetDateTime;

use super::{
    expression::order,
    query::{Column, Command, Source, Sum},
};
use crate::kubernetes::clock;

/// One event, or one row of what a command made.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// Fields by name, in their order.
    fields: Vec<(String, String)>,
    /// The event's text as JSON, if it is.
    json: Value,
    /// In milliseconds since 1970.
    time: Option<i64>,
}

impl Row {
    /// An event of a stream.
    pub(super) fn of(time: i64, message: &str, ingested: i64, stream: &str, log: &str, pointer: &str) -> Self {
        let fields = [
            ("@timestamp", stamp(time)),
            ("@message", message.to_owned()),
            ("@ingestionTime", stamp(ingested)),
            ("@logStream", stream.to_owned()),
            ("@log", log.to_owned()),
            ("@ptr", pointer.to_owned()),
        ];
        let json = if message.trim_start().starts_with('{') {
            serde_json::from_str(message).unwrap_or_default()
        } else {
            Value::Null
        };
        Self { fields: fields.map(|(name, value)| (name.to_owned(), value)).into(), json, time: Some(time) }
    }

    fn field(&self, name: &str) -> Option<String> {
        if let Some((_, value)) = self.fields.iter().find(|(known, _)| known == name) {
            return Some(value.clone());
        }
        let found =
            self.json.get(name).or_else(|| name.split('.').try_fold(&self.json, |value, part| value.get(part)))?;
        match found {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn column(&self, column: &Column) -> Option<String> {
        match &column.source {
            Source::Field(name) => self.field(name),
            // Rows that a sum made have the column already.
            Source::Bin(seconds) => match self.time {
                Some(time) => Some(stamp(time - time.rem_euclid(seconds * 1_000))),
                None => self.field(&column.name),
            },
        }
    }
}

/// A moment as Insights writes it.
fn stamp(millis: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let text = clock::stamp(moment);
    format!("{}.{:03}", text.trim_end_matches('Z').replace('T', " "), moment.millisecond())
}

/// What there is to show: rows of columns, and how many events were meant.
pub(super) struct Found {
    pub(super) rows: Vec<Vec<(String, String)>>,
    pub(super) matched: usize,
}

/// Carries out a query.
pub(super) fn run(commands: &[Command], mut rows: Vec<Row>, most: usize) -> Found {
    // Newest first, unless something else is asked for.
    rows.sort_by_key(|row| std::cmp::Reverse(row.time));
    let (mut shown, mut alone, mut matched, mut limit): (Vec<Column>, bool, usize, usize) =
        (Vec::new(), false, rows.len(), most);
    for command in commands {
        match command {
            Command::Fields(columns) => {
                for row in &mut rows {
                    rename(row, columns);
                }
                shown.extend(columns.iter().cloned());
            }
            Command::Display(columns) => {
                for row in &mut rows {
                    rename(row, columns);
                }
                (shown, alone) = (columns.clone(), true);
            }
            Command::Filter(condition) => {
                rows.retain(|row| condition.holds(&|name| row.field(name)));
                if !alone {
                    matched = rows.len();
                }
            }
            Command::Sort(keys) => rows.sort_by(|one, other| by(keys, one, other)),
            Command::Limit(most) => limit = *most,
            Command::Dedup(names) => {
                let mut seen = HashSet::new();
                rows.retain(|row| seen.insert(names.iter().map(|name| row.field(name)).collect::<Vec<_>>()));
            }
            Command::Stats(sums, keys) => {
                rows = summed(&rows, sums, keys);
                let columns = keys.iter().map(|key| key.name.clone()).chain(sums.iter().map(|(_, name)| name.clone()));
                shown = columns.map(|name| Column { source: Source::Field(name.clone()), name }).collect();
                alone = true;
            }
        }
    }
    rows.truncate(limit.min(most));
    if shown.is_empty() {
        shown = ["@timestamp", "@message"]
            .map(|name| Column { source: Source::Field(name.into()), name: name.into() })
            .into();
    }
    let cells = |row: &Row| {
        let cell =
            |column: &Column| Some((column.name.clone(), row.field(&column.name).or_else(|| row.column(column))?));
        let pointer = row.field("@ptr").filter(|_| row.time.is_some()).map(|pointer| ("@ptr".to_owned(), pointer));
        shown.iter().filter_map(cell).chain(pointer).collect()
    };
    Found { rows: rows.iter().map(cells).collect(), matched }
}

/// Gives a row the columns that have names of their own.
fn rename(row: &mut Row, columns: &[Column]) {
    for column in columns {
        let same = matches!(&column.source, Source::Field(name) if *name == column.name);
        if let (false, Some(value)) = (same, row.column(column)) {
            row.fields.push((column.name.clone(), value));
        }
    }
}

fn by(keys: &[(Column, bool)], one: &Row, other: &Row) -> Ordering {
    for (column, descending) in keys {
        let order = match (one.column(column), other.column(column)) {
            (Some(one), Some(other)) => order(&one, &other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        };
        let order = if *descending { order.reverse() } else { order };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn summed(rows: &[Row], sums: &[(Sum, String)], keys: &[Column]) -> Vec<Row> {
    let mut groups: std::collections::BTreeMap<Vec<Option<String>>, Vec<&Row>> = std::collections::BTreeMap::new();
    for row in rows {
        groups.entry(keys.iter().map(|key| row.column(key)).collect()).or_default().push(row);
    }
    if groups.is_empty() && keys.is_empty() {
        groups.insert(Vec::new(), Vec::new());
    }
    let row = |(values, rows): (Vec<Option<String>>, Vec<&Row>)| {
        let keys = keys.iter().zip(values).filter_map(|(key, value)| Some((key.name.clone(), value?)));
        let sums = sums.iter().filter_map(|(sum, name)| Some((name.clone(), sum.of(&rows)?)));
        Row { fields: keys.chain(sums).collect(), json: Value::Null, time: None }
    };
    groups.into_iter().map(row).collect()
}

impl Sum {
    fn of(&self, rows: &[&Row]) -> Option<String> {
        let texts = |name: &str| -> Vec<String> { rows.iter().filter_map(|row| row.field(name)).collect() };
        let numbers = |name: &str| -> Vec<f64> { texts(name).iter().filter_map(|text| text.parse().ok()).collect() };
        #[expect(clippy::cast_precision_loss, reason = "rows of one query")]
        let count = |count: usize| count as f64;
        match self {
            Self::Count(None) => Some(rows.len().to_string()),
            Self::Count(Some(name)) => Some(texts(name).len().to_string()),
            Self::Distinct(name) => Some(texts(name).into_iter().collect::<HashSet<_>>().len().to_string()),
            Self::Total(name) => Some(number(numbers(name).iter().sum())),
            Self::Average(name) => {
                let numbers = numbers(name);
                (!numbers.is_empty()).then(|| number(numbers.iter().sum::<f64>() / count(numbers.len())))
            }
            Self::Least(name) => texts(name).into_iter().min_by(|one, other| order(one, other)),
            Self::Most(name) => texts(name).into_iter().max_by(|one, other| order(one, other)),
            Self::Percentile(name, percent) => {
                let mut numbers = numbers(name);
                numbers.sort_by(f64::total_cmp);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place within the list")]
                let place = (percent / 100.0 * count(numbers.len().saturating_sub(1))).round() as usize;
                numbers.get(place).copied().map(number)
            }
        }
    }
}

/// At most four places, as Insights shows them.
fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{super::query::read, *};

    fn rows() -> Vec<Row> {
        let lines = [
            (1_000, "INFO step 1 loss 2.5"),
            (61_000, "WARN NCCL slow rank 3"),
            (62_000, "{\"level\": \"error\", \"gpu\": {\"index\": 5}, \"seconds\": 4}"),
            (125_000, "{\"level\": \"info\", \"gpu\": {\"index\": 2}, \"seconds\": 10}"),
        ];
        lines.map(|(time, line)| Row::of(time, line, time, "a", "1:/g", "p")).into()
    }

    fn found(query: &str) -> Vec<Vec<String>> {
        let rows = run(&read(query).expect(query), rows(), 10_000).rows;
        let values = |row: Vec<(String, String)>| {
            row.into_iter().filter(|(name, _)| name != "@ptr").map(|(_, value)| value).collect()
        };
        rows.into_iter().map(values).collect()
    }

    #[test]
    fn the_usual_commands_find_what_they_should() {
        for (query, wanted) in [
            (
                "fields @message | filter @message like /loss|NCCL/ | sort @timestamp asc",
                vec![vec!["INFO step 1 loss 2.5"], vec!["WARN NCCL slow rank 3"]],
            ),
            ("fields level | filter gpu.index >= 5 and not (level = 'info')", vec![vec!["error"]]),
            ("filter level in [\"info\", 'x'] | display seconds", vec![vec!["10"]]),
            (
                "filter ispresent(level) | stats count(*) as n, avg(seconds), max(seconds) by level | sort n desc, level",
                vec![vec!["error", "1", "4", "4"], vec!["info", "1", "10", "10"]],
            ),
            (
                "stats count() by bin(1m)",
                vec![
                    vec!["1970-01-01 00:00:00.000", "1"],
                    vec!["1970-01-01 00:01:00.000", "2"],
                    vec!["1970-01-01 00:02:00.000", "1"],
                ],
            ),
            ("fields @timestamp | limit 1", vec![vec!["1970-01-01 00:02:05.000"]]),
            ("filter @message not like \"NCCL\" | stats sum(seconds) as s", vec![vec!["14"]]),
            ("filter level != 'error' | fields level | limit 1", vec![vec!["info"]]),
            ("filter nothing = 1 | stats count(*)", vec![vec!["0"]]),
        ] {
            assert_eq!(found(query), wanted, "{query}");
        }
    }

    #[test]
    fn what_is_not_here_is_said() {
        for (query, why) in [
            ("parse @message \"* *\" as a, b", "parse is not in the sandbox"),
            ("filter strlen(@message) > 3", "strlen in a condition is not in the sandbox"),
            ("stats stddev(x)", "stddev is not in the sandbox"),
            ("filter a like 3", "like takes a text"),
            ("fields @message filter a = 1", "unexpected filter"),
            ("limit 0", "from 1 to 10000"),
            ("fetch x", "unknown command fetch"),
            ("filter (a = 1", "parenthesis"),
            ("filter a like /(/", "is none"),
            ("", "empty"),
        ] {
            assert!(read(query).expect_err(query).contains(why), "{query}: {:?}", read(query));
        }
    }
}
