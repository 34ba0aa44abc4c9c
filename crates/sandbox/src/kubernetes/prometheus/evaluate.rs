//! What an expression is at a row of moments.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{
    promql::{Expression, Fold, Operator, Replacement, Result, Selector, Unanswered},
    series::{Exported, NAME},
};

/// Labels of a series; its name is one of them.
pub(super) type Labels = BTreeMap<String, String>;

/// A series with its value at each of the moments, where it has one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Course {
    pub(super) labels: Labels,
    pub(super) values: Vec<Option<f64>>,
}

/// What an expression is.
#[derive(Debug)]
pub(super) enum Outcome {
    Number(f64),
    Series(Vec<Course>),
}

/// Seconds between two scrapes.
const SCRAPE: i64 = 30;
/// Scrapes of a window that are looked at; of a longer window every so many-th.
const LOOKED_AT: i64 = 32;

/// Evaluates at these moments, in seconds since 1970.
pub(super) fn evaluate(expression: &Expression, exported: &Exported, moments: &[i64]) -> Result<Outcome> {
    let series = |expression: &Expression| match evaluate(expression, exported, moments)? {
        Outcome::Series(series) => Ok(series),
        Outcome::Number(_) => Err(Unanswered::Wrong("expected an instant vector, got a scalar".to_owned())),
    };
    Ok(Outcome::Series(match expression {
        Expression::Number(number) => return Ok(Outcome::Number(*number)),
        Expression::Selector(selector) => selected(selector, exported, moments),
        Expression::Over(fold, selector, seconds) => over(*fold, selector, *seconds, exported, moments),
        Expression::Replace(inner, how) => replaced(series(inner)?, how)?,
        Expression::Or(left, right) => either(series(left)?, series(right)?),
        Expression::Aggregate(fold, labels, inner) => aggregated(*fold, labels, series(inner)?),
        Expression::Binary(left, operator, right) => {
            let (left, right) = (evaluate(left, exported, moments)?, evaluate(right, exported, moments)?);
            return binary(left, *operator, right);
        }
    }))
}

fn selected(selector: &Selector, exported: &Exported, moments: &[i64]) -> Vec<Course> {
    let courses = exported.select(selector).into_iter().map(|meter| Course {
        values: moments.iter().map(|moment| meter.value(*moment)).collect(),
        labels: meter.labels,
    });
    courses.filter(Course::is_there).collect()
}

fn over(fold: Fold, selector: &Selector, seconds: i64, exported: &Exported, moments: &[i64]) -> Vec<Course> {
    let step = SCRAPE * (seconds / SCRAPE / LOOKED_AT + 1);
    let courses = exported.select(selector).into_iter().map(|meter| {
        let window = |moment: &i64| {
            // Scrapes happen at the same moments, whoever asks about which window.
            let last = moment - moment.rem_euclid(step);
            let scrapes = (0..).map(|number| last - number * step).take_while(|at| *at > moment - seconds);
            let values: Vec<f64> = scrapes.filter_map(|at| meter.value(at)).collect();
            fold.of(values.into_iter().rev())
        };
        let values = moments.iter().map(window).collect();
        Course { labels: nameless(meter.labels), values }
    });
    courses.filter(Course::is_there).collect()
}

fn nameless(mut labels: Labels) -> Labels {
    labels.remove(NAME);
    labels
}

fn replaced(series: Vec<Course>, how: &Replacement) -> Result<Vec<Course>> {
    if how.to.is_empty() || !how.to.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Unanswered::Wrong(format!("invalid destination label name in label_replace(): {}", how.to)));
    }
    let replaced = series.into_iter().map(|mut course| {
        let value = course.labels.get(&how.from).map_or("", String::as_str);
        if let Some(found) = how.pattern.captures(value) {
            let mut text = String::new();
            found.expand(&how.with, &mut text);
            if text.is_empty() {
                course.labels.remove(&how.to)
            } else {
                course.labels.insert(how.to.clone(), text)
            };
        }
        course
    });
    Ok(replaced.collect())
}

/// All of the left, and of the right what the left has no value for.
fn either(left: Vec<Course>, right: Vec<Course>) -> Vec<Course> {
    let mut known: BTreeMap<Labels, Vec<bool>> = BTreeMap::new();
    for course in &left {
        let there = known.entry(nameless(course.labels.clone())).or_insert_with(|| vec![false; course.values.len()]);
        for (is, value) in there.iter_mut().zip(&course.values) {
            *is |= value.is_some();
        }
    }
    let more = right.into_iter().map(|mut course| {
        if let Some(there) = known.get(&nameless(course.labels.clone())) {
            for (value, is) in course.values.iter_mut().zip(there) {
                *value = value.filter(|_| !is);
            }
        }
        course
    });
    let more: Vec<Course> = more.filter(Course::is_there).collect();
    left.into_iter().chain(more).collect()
}

fn aggregated(fold: Fold, labels: &[String], series: Vec<Course>) -> Vec<Course> {
    let mut groups: BTreeMap<Labels, Vec<Course>> = BTreeMap::new();
    for course in series {
        let own = course.labels.iter().filter(|(name, _)| labels.contains(name));
        let own = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        groups.entry(own).or_default().push(course);
    }
    let together = groups.into_iter().map(|(labels, members)| {
        let moments = members.first().map_or(0, |course| course.values.len());
        let at = |moment: usize| fold.of(members.iter().filter_map(|course| course.values[moment]));
        Course { labels, values: (0..moments).map(at).collect() }
    });
    together.collect()
}

fn binary(left: Outcome, operator: Operator, right: Outcome) -> Result<Outcome> {
    let with_number = |series: Vec<Course>, number: f64, number_is_left: bool| {
        let value = |value: f64| {
            let (left, right) = if number_is_left { (number, value) } else { (value, number) };
            operator.of(left, right, value)
        };
        Outcome::Series(changed(series, operator, |_, own| own.and_then(value)))
    };
    match (left, right) {
        (Outcome::Number(left), Outcome::Number(right)) if !operator.compares() => {
            Ok(Outcome::Number(operator.of(left, right, left).unwrap_or(f64::NAN)))
        }
        (Outcome::Number(_), Outcome::Number(_)) => {
            Err(Unanswered::Wrong("comparisons between scalars must use BOOL modifier".to_owned()))
        }
        (Outcome::Series(series), Outcome::Number(number)) => Ok(with_number(series, number, false)),
        (Outcome::Number(number), Outcome::Series(series)) => Ok(with_number(series, number, true)),
        (Outcome::Series(left), Outcome::Series(right)) => {
            let mut partners: BTreeMap<Labels, Vec<Option<f64>>> = BTreeMap::new();
            for course in right {
                match partners.entry(nameless(course.labels)) {
                    Entry::Vacant(place) => drop(place.insert(course.values)),
                    Entry::Occupied(place) => {
                        let why = format!(
                            "found duplicate series for the match group {:?} on the right hand-side",
                            place.key()
                        );
                        return Err(Unanswered::Beyond(why));
                    }
                }
            }
            let paired = left.into_iter().filter_map(|course| {
                let partner = partners.get(&nameless(course.labels.clone()))?;
                let value = |moment: usize, own: Option<f64>| operator.of(own?, partner[moment]?, own?);
                changed(vec![course], operator, value).pop()
            });
            Ok(Outcome::Series(paired.collect()))
        }
    }
}

/// Series with other values. A comparison chooses among series, and leaves them their names.
fn changed(series: Vec<Course>, operator: Operator, value: impl Fn(usize, Option<f64>) -> Option<f64>) -> Vec<Course> {
    let changed = series.into_iter().map(|course| Course {
        values: course.values.into_iter().enumerate().map(|(moment, own)| value(moment, own)).collect(),
        labels: if operator.compares() { course.labels } else { nameless(course.labels) },
    });
    changed.filter(Course::is_there).collect()
}

impl Course {
    fn is_there(&self) -> bool {
        self.values.iter().any(Option::is_some)
    }
}

impl Fold {
    /// One value of several, oldest first; none of none.
    fn of(self, values: impl Iterator<Item = f64>) -> Option<f64> {
        let values: Vec<f64> = values.collect();
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 series")]
        let count = values.len() as f64;
        let sum = || values.iter().sum::<f64>();
        let last = *values.last()?;
        Some(match self {
            Self::Avg => sum() / count,
            Self::Sum => sum(),
            Self::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Count => count,
            Self::Last => last,
        })
    }
}

impl Operator {
    fn compares(self) -> bool {
        !matches!(self, Self::Add | Self::Subtract | Self::Multiply | Self::Divide)
    }

    /// The result; of a comparison that holds, the value that is kept.
    fn of(self, left: f64, right: f64, kept: f64) -> Option<f64> {
        #[expect(clippy::float_cmp, reason = "PromQL compares so")]
        let equal = left == right;
        let holds = match self {
            Self::Add => return Some(left + right),
            Self::Subtract => return Some(left - right),
            Self::Multiply => return Some(left * right),
            Self::Divide => return Some(left / right),
            Self::Equal => equal,
            Self::Unequal => !equal,
            Self::Greater => left > right,
            Self::Less => left < right,
            Self::AtLeast => left >= right,
            Self::AtMost => left <= right,
        };
        holds.then_some(kept)
    }
}
