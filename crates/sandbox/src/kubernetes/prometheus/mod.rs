//! A Prometheus in the cluster, behind the API server's proxy of services: what it would have scraped of the fleet's devices.

mod evaluate;
mod fleet;
mod promql;
mod series;

use std::{collections::BTreeSet, sync::Arc};

use http::Method;
use serde_json::{Value, json};

use self::{
    evaluate::{Course, Outcome, evaluate},
    promql::{Selector, Unanswered, parse, parse_selector},
    series::Exported,
};
use super::{
    answer::Call,
    http::{
        body::{self, Reply},
        path::ResourcePath,
    },
    kinds::Kind,
    refusal::{Refusal, Result},
    resource,
    shared::Shared,
};

pub(crate) use self::series::Told;

/// Where its service is.
const NAMESPACE: &str = "monitoring";
const SERVICE: &str = "prometheus";
const PORT: u16 = 9_090;
/// Points of one series, which is Prometheus' own bound.
const POINTS: i64 = 11_000;

/// The service that it is found by.
pub(crate) fn service() -> Value {
    let labels = json!({ "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "server" });
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": SERVICE, "namespace": NAMESPACE, "labels": labels },
        "spec": {
            "type": "ClusterIP", "clusterIP": "172.20.90.90", "clusterIPs": ["172.20.90.90"], "selector": labels,
            "ports": [{ "name": "http-web", "port": PORT, "targetPort": PORT, "protocol": "TCP" }],
        },
    })
}

/// Passes a request on to a service, of which one answers.
pub(crate) fn proxy(
    shared: &Arc<Shared>,
    call: &Call,
    path: &ResourcePath,
    kind: &Kind,
    subresource: &str,
) -> Result<Reply> {
    let said = path.name.as_deref().unwrap_or_default();
    let parts: Vec<&str> = said.split(':').collect();
    let (scheme, name, port) = match parts[..] {
        [scheme, name, port] => (scheme, name, port),
        [name, port] => ("", name, port),
        _ => ("", said, ""),
    };
    let named = ResourcePath { name: Some(name.to_owned()), ..path.clone() };
    shared.with(|cluster| resource::find(cluster, &named, kind, name))?;
    let is_its_port = port.is_empty() || port == "http-web" || port.parse() == Ok(PORT);
    let is_it = path.namespace.as_deref() == Some(NAMESPACE) && name == SERVICE && scheme != "https" && is_its_port;
    if !is_it {
        return Err(Refusal::no_endpoints(said));
    }
    if call.method != Method::GET {
        return Ok(refused(405, "bad_data", "only GET is in the sandbox"));
    }
    let asked = subresource.trim_start_matches("proxy").trim_start_matches('/');
    Ok(answer(shared, call, asked).unwrap_or_else(|unanswered| match unanswered {
        Unanswered::Wrong(why) => refused(400, "bad_data", &why),
        Unanswered::Beyond(why) => refused(422, "execution", &why),
    }))
}

fn refused(status: u16, kind: &str, why: &str) -> Reply {
    body::json(status, &json!({ "status": "error", "errorType": kind, "error": why }))
}

fn answer(shared: &Arc<Shared>, call: &Call, asked: &str) -> promql::Result<Reply> {
    let exported = || shared.with(|cluster| Exported::of(cluster));
    let now = shared.with(|cluster| cluster.clock.now().unix_timestamp());
    let data = match asked.strip_prefix("api/v1/").map(|asked| asked.split('/').collect::<Vec<_>>()).as_deref() {
        Some(["query"]) => at_once(call, &exported(), now)?,
        Some(["query_range"]) => over_time(call, &exported())?,
        Some(["series"]) => label_sets(call, &exported(), now)?,
        Some(["labels"]) => words(call, &exported(), now, |course| course.labels.keys().cloned().collect())?,
        Some(["label", label, "values"]) => {
            words(call, &exported(), now, |course| course.labels.get(*label).cloned().into_iter().collect())?
        }
        _ => return Ok(refused(404, "not_found", &format!("/{asked} is not in the sandbox"))),
    };
    Ok(body::json(200, &json!({ "status": "success", "data": data })))
}

fn wrong(name: &str, why: &str) -> Unanswered {
    Unanswered::Wrong(format!("invalid parameter {name:?}: {why}"))
}

/// A moment that is asked for, in seconds since 1970.
fn moment(call: &Call, name: &str) -> promql::Result<Option<f64>> {
    let Some(text) = call.query.get(name) else { return Ok(None) };
    let stamp = || super::clock::parse(text).map(|moment| moment.unix_timestamp().to_string());
    let seconds = text.parse::<f64>().ok().or_else(|| stamp()?.parse().ok());
    let seconds = seconds.filter(|seconds| seconds.is_finite() && seconds.abs() < 1e11);
    seconds.map(Some).ok_or_else(|| wrong(name, &format!("cannot parse {text:?} to a valid timestamp")))
}

#[expect(clippy::cast_possible_truncation, reason = "bounded above")]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

fn at_once(call: &Call, exported: &Exported, now: i64) -> promql::Result<Value> {
    let expression = parse(call.query.get("query").unwrap_or_default())?;
    let asked = moment(call, "time")?;
    let at = asked.map_or(now, whole);
    let stamp = asked.map_or_else(|| json!(now), |asked| json!(asked));
    Ok(match evaluate(&expression, exported, &[at])? {
        Outcome::Number(number) => json!({ "resultType": "scalar", "result": [stamp, shown(number)] }),
        Outcome::Series(series) => {
            let one =
                |course: Course| Some(json!({ "metric": course.labels, "value": [stamp, shown(course.values[0]?)] }));
            let result: Vec<Value> = sorted(series).into_iter().filter_map(one).collect();
            json!({ "resultType": "vector", "result": result })
        }
    })
}

fn over_time(call: &Call, exported: &Exported) -> promql::Result<Value> {
    let expression = parse(call.query.get("query").unwrap_or_default())?;
    let wanted = |name: &'static str| {
        moment(call, name)?.map(whole).ok_or_else(|| wrong(name, "cannot parse \"\" to a valid timestamp"))
    };
    let (start, end) = (wanted("start")?, wanted("end")?);
    let step = call.query.get("step").unwrap_or_default();
    let step = step.trim_end_matches('s').parse::<f64>().ok().map(whole).filter(|step| *step > 0);
    let step = step.ok_or_else(|| {
        wrong("step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
    })?;
    if end < start {
        return Err(wrong("end", "end timestamp must not be before start time"));
    }
    if (end - start) / step > POINTS {
        return Err(Unanswered::Wrong(format!(
            "exceeded maximum resolution of {POINTS} points per timeseries. Try decreasing the query resolution (?step=XX)"
        )));
    }
    let moments: Vec<i64> = (0..=(end - start) / step).map(|number| start + number * step).collect();
    let series = match evaluate(&expression, exported, &moments)? {
        Outcome::Number(number) => {
            vec![Course { labels: evaluate::Labels::new(), values: vec![Some(number); moments.len()] }]
        }
        Outcome::Series(series) => sorted(series),
    };
    let one = |course: Course| {
        let points = moments.iter().zip(course.values);
        let points: Vec<Value> = points.filter_map(|(at, value)| Some(json!([at, shown(value?)]))).collect();
        json!({ "metric": course.labels, "values": points })
    };
    Ok(json!({ "resultType": "matrix", "result": series.into_iter().map(one).collect::<Vec<_>>() }))
}

fn sorted(mut series: Vec<Course>) -> Vec<Course> {
    series.sort_by(|one, other| one.labels.cmp(&other.labels));
    series
}

/// A number as Prometheus writes it.
fn shown(number: f64) -> String {
    match number {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        number => number.to_string(),
    }
}

/// The series that the `match[]` of a request mean, all of them where there is none.
fn matching(call: &Call, exported: &Exported, now: i64) -> promql::Result<Vec<Course>> {
    let mut selectors = call.query.all("match[]").map(parse_selector).collect::<promql::Result<Vec<_>>>()?;
    if selectors.is_empty() {
        selectors.push(Selector::default());
    }
    let at = moment(call, "end")?.map_or(now, whole).min(now);
    let courses = selectors.iter().flat_map(|selector| exported.select(selector));
    let courses = courses.map(|meter| Course { values: vec![meter.value(at)], labels: meter.labels });
    Ok(sorted(courses.filter(|course| course.values[0].is_some()).collect()))
}

fn limited(call: &Call, mut items: Vec<Value>) -> Value {
    if let Some(limit) = call.query.get("limit").and_then(|text| text.parse().ok()).filter(|limit| *limit > 0) {
        items.truncate(limit);
    }
    items.into()
}

fn label_sets(call: &Call, exported: &Exported, now: i64) -> promql::Result<Value> {
    if call.query.all("match[]").next().is_none() {
        return Err(Unanswered::Wrong("no match[] parameter provided".to_owned()));
    }
    let sets = matching(call, exported, now)?.into_iter().map(|course| json!(course.labels)).collect();
    Ok(limited(call, sets))
}

fn words(call: &Call, exported: &Exported, now: i64, of: impl Fn(&Course) -> Vec<String>) -> promql::Result<Value> {
    let words: BTreeSet<String> = matching(call, exported, now)?.iter().flat_map(of).collect();
    Ok(limited(call, words.into_iter().map(Value::from).collect()))
}
