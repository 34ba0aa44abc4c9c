//! The commands of a query.

use super::expression::{Condition, Reader, Token, said, tokens};

/// A command.
#[derive(Debug)]
pub(super) enum Command {
    /// Columns that are added.
    Fields(Vec<Column>),
    /// Columns that there are alone.
    Display(Vec<Column>),
    Filter(Condition),
    /// With whether the highest comes first.
    Sort(Vec<(Column, bool)>),
    Limit(usize),
    Dedup(Vec<String>),
    Stats(Vec<(Sum, String)>, Vec<Column>),
}

/// A column: where its value comes from, and its name.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) source: Source,
    pub(super) name: String,
}

/// Where the value of a column comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Field(String),
    /// The beginning of the span of so many seconds that the event is in.
    Bin(i64),
}

/// What is made of the values of many rows.
#[derive(Debug, Clone)]
pub(super) enum Sum {
    /// How many rows, or how many that have a field.
    Count(Option<String>),
    Distinct(String),
    Total(String),
    Average(String),
    Least(String),
    Most(String),
    Percentile(String, f64),
}

/// The commands of Insights that are not here.
const ABSENT: &[&str] = &[
    "anomaly",
    "diff",
    "filterIndex",
    "join",
    "lookup",
    "parse",
    "pattern",
    "SOURCE",
    "subqueries",
    "unmask",
    "unnest",
];

/// Reads a query. The error says what of it cannot be read, or is not in the sandbox.
pub(super) fn read(text: &str) -> Result<Vec<Command>, String> {
    let tokens = tokens(text)?;
    let mut reader = Reader::new(&tokens);
    let mut commands = Vec::new();
    reader.takes_sign("|");
    if reader.is_done() {
        return Err("the query is empty".to_owned());
    }
    loop {
        commands.push(command(&mut reader)?);
        if reader.is_done() {
            return Ok(commands);
        }
        let next = reader.next();
        if next != Some(&Token::Sign("|")) {
            return Err(format!("unexpected {} after a command", said(next)));
        }
    }
}

fn command(reader: &mut Reader<'_>) -> Result<Command, String> {
    let name = match reader.next() {
        Some(Token::Word(name)) => name.as_str(),
        other => return Err(format!("expected a command, found {}", said(other))),
    };
    match name.to_ascii_lowercase().as_str() {
        "fields" => columns(reader).map(Command::Fields),
        "display" => columns(reader).map(Command::Display),
        "filter" => reader.condition().map(Command::Filter),
        "sort" | "order" => sort(reader),
        "limit" | "head" => limit(reader).map(Command::Limit),
        "dedup" => Ok(Command::Dedup(columns(reader)?.into_iter().map(|column| column.name).collect())),
        "stats" => stats(reader),
        _ if ABSENT.iter().any(|absent| absent.eq_ignore_ascii_case(name)) => Err(format!(
            "the command {name} is not in the sandbox: fields, display, filter, sort, limit, dedup and stats are"
        )),
        _ => Err(format!("unknown command {name}")),
    }
}

fn list<T>(
    reader: &mut Reader<'_>,
    mut one: impl FnMut(&mut Reader<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut items = vec![one(reader)?];
    while reader.takes_sign(",") {
        items.push(one(reader)?);
    }
    Ok(items)
}

fn columns(reader: &mut Reader<'_>) -> Result<Vec<Column>, String> {
    list(reader, |reader| {
        let column = column(reader)?;
        named(reader, column.name.clone()).map(|name| Column { name, ..column })
    })
}

fn named(reader: &mut Reader<'_>, name: String) -> Result<String, String> {
    if reader.takes_word("as") { reader.name() } else { Ok(name) }
}

fn column(reader: &mut Reader<'_>) -> Result<Column, String> {
    match reader.function() {
        Some("bin") => {
            reader.next();
            reader.next();
            let span = reader.name()?;
            let seconds = seconds(&span).ok_or_else(|| format!("bin takes a time such as 5m, not {span}"))?;
            closed(reader)?;
            Ok(Column { source: Source::Bin(seconds), name: format!("bin({span})") })
        }
        Some(function) => Err(format!("the function {function} is not in the sandbox here")),
        None => reader.name().map(|name| Column { source: Source::Field(name.clone()), name }),
    }
}

fn closed(reader: &mut Reader<'_>) -> Result<(), String> {
    if reader.takes_sign(")") { Ok(()) } else { Err("a parenthesis does not end".to_owned()) }
}

/// `5m` and the like.
fn seconds(span: &str) -> Option<i64> {
    let end = span.find(|letter: char| !letter.is_ascii_digit())?;
    let number: i64 = span[..end].parse().ok().filter(|number| (1..=100_000).contains(number))?;
    let unit = match &span[end..] {
        "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hr" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    };
    Some(number * unit)
}

fn sort(reader: &mut Reader<'_>) -> Result<Command, String> {
    list(reader, |reader| {
        let column = match reader.function() {
            Some("bin") | None => column(reader)?,
            // The column of a sum may be named as it was written.
            Some(_) => {
                let (_, name) = sum(reader)?;
                Column { source: Source::Field(name.clone()), name }
            }
        };
        let descending = reader.takes_word("desc");
        if !descending {
            reader.takes_word("asc");
        }
        Ok((column, descending))
    })
    .map(Command::Sort)
}

fn limit(reader: &mut Reader<'_>) -> Result<usize, String> {
    let said = reader.name()?;
    said.parse()
        .ok()
        .filter(|rows| (1..=10_000).contains(rows))
        .ok_or_else(|| format!("limit takes a number from 1 to 10000, not {said}"))
}

fn stats(reader: &mut Reader<'_>) -> Result<Command, String> {
    let sums = list(reader, |reader| {
        let (sum, name) = sum(reader)?;
        named(reader, name).map(|name| (sum, name))
    })?;
    let keys = if reader.takes_word("by") { columns(reader)? } else { Vec::new() };
    Ok(Command::Stats(sums, keys))
}

fn sum(reader: &mut Reader<'_>) -> Result<(Sum, String), String> {
    let function = reader.function().ok_or("stats takes a function such as count(*)")?.to_owned();
    reader.next();
    reader.next();
    if function.eq_ignore_ascii_case("count") && (reader.takes_sign("*") || reader.takes_sign(")")) {
        // `count()` is closed by now, `count(*)` is not.
        let name = if reader.takes_sign(")") { "count(*)" } else { "count()" };
        return Ok((Sum::Count(None), name.to_owned()));
    }
    let field = reader.name()?;
    let mut name = format!("{function}({field})");
    let sum = match function.to_ascii_lowercase().as_str() {
        "count" => Sum::Count(Some(field)),
        "count_distinct" => Sum::Distinct(field),
        "sum" => Sum::Total(field),
        "avg" => Sum::Average(field),
        "min" => Sum::Least(field),
        "max" => Sum::Most(field),
        "pct" | "percentile" => {
            let percent = if reader.takes_sign(",") { reader.name()? } else { String::new() };
            name = format!("{function}({field}, {percent})");
            let percent = percent.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
            Sum::Percentile(
                field,
                percent.ok_or_else(|| format!("{function} takes a field and a number from 0 to 100"))?,
            )
        }
        _ => {
            return Err(format!(
                "the function {function} is not in the sandbox: count, count_distinct, sum, avg, min, max and pct are"
            ));
        }
    };
    closed(reader)?;
    Ok((sum, name))
}
