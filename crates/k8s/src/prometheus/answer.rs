//! What Prometheus answers.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use trainyard_contract::{Error, ErrorKind, Result};

/// Samples that one answer may have. Who wants more wants a larger step.
pub(super) const MOST_SAMPLES: usize = 100_000;

/// Series, each with its samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// In the order in which Prometheus gave them.
    pub series: Vec<Series>,
    /// Series beyond what was asked for.
    pub left_out: usize,
    /// Native histograms, which have no one value and are not among the series.
    pub histograms: usize,
    /// What Prometheus itself found doubtful.
    pub warnings: Vec<String>,
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What tells it from others.
    pub labels: BTreeMap<String, String>,
    /// When and how much, oldest first.
    pub samples: Vec<Sample>,
}

/// A value at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Seconds since 1970.
    pub at: f64,
    /// In the unit of the expression; may be no number, or infinite.
    pub value: f64,
}

/// The frame of every answer.
#[derive(Deserialize)]
struct Frame<D> {
    status: String,
    data: Option<D>,
    #[serde(rename = "errorType", default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "snake_case")]
enum Data {
    Vector(Vec<AtOnce>),
    Matrix(Vec<OverTime>),
    Scalar(Pair),
    String(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct AtOnce {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Option<Pair>,
}

#[derive(Deserialize)]
struct OverTime {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<Pair>,
}

/// `[1700000000.123, "0.5"]`
#[derive(Deserialize)]
struct Pair(f64, String);

impl Pair {
    fn sample(&self) -> Result<Sample> {
        let value = self.1.parse().map_err(|_| nonsense("a sample is no number"))?;
        Ok(Sample { at: self.0, value })
    }
}

/// The answer to a question, with at most `most` series.
pub(super) fn series(status: StatusCode, body: &[u8], most: usize) -> Result<Answer> {
    let (data, warnings) = framed::<Data>(status, body)?;
    let mut answer = Answer { warnings, ..Answer::default() };
    let found: Vec<(BTreeMap<String, String>, Vec<Pair>)> = match data {
        Data::Vector(items) => items.into_iter().map(|it| (it.metric, it.value.into_iter().collect())).collect(),
        Data::Matrix(items) => items.into_iter().map(|it| (it.metric, it.values)).collect(),
        Data::Scalar(pair) => vec![(BTreeMap::new(), vec![pair])],
        Data::String(_) => return Err(Error::validation("the expression is a text, not series")),
    };
    let mut samples = 0_usize;
    for (labels, pairs) in found {
        if pairs.is_empty() {
            answer.histograms += 1;
            continue;
        }
        if answer.series.len() >= most {
            answer.left_out += 1;
            continue;
        }
        samples += pairs.len();
        if samples > MOST_SAMPLES {
            return Err(too_much(&format!("more than {MOST_SAMPLES} samples")));
        }
        let samples = pairs.iter().map(Pair::sample).collect::<Result<_>>()?;
        answer.series.push(Series { labels, samples });
    }
    Ok(answer)
}

/// The label sets of series.
pub(super) fn label_sets(status: StatusCode, body: &[u8]) -> Result<Vec<BTreeMap<String, String>>> {
    Ok(framed(status, body)?.0)
}

/// Names or values of labels.
pub(super) fn words(status: StatusCode, body: &[u8]) -> Result<Vec<String>> {
    Ok(framed(status, body)?.0)
}

fn framed<D: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<(D, Vec<String>)> {
    let Ok(frame) = serde_json::from_slice::<Frame<D>>(body) else {
        return Err(foreign(status));
    };
    match (frame.status.as_str(), frame.data) {
        ("success", Some(data)) => Ok((data, [frame.warnings, frame.infos].concat())),
        _ => Err(refused(status, &frame.error_type, &frame.error)),
    }
}

/// What Prometheus says is wrong.
fn refused(status: StatusCode, error_type: &str, message: &str) -> Error {
    let error = |kind: ErrorKind| Error::new(kind, format!("Prometheus says: {message}")).code(error_type.to_owned());
    let error = match error_type {
        "bad_data" => error(ErrorKind::Validation).hint("mend the expression: the message says where it is wrong"),
        "timeout" | "canceled" => {
            error(ErrorKind::Timeout).hint("ask for a shorter range, a larger step, or fewer series")
        }
        // It has a kind of its own for too many samples in memory, under the general word.
        "execution" => error(ErrorKind::Validation).hint("narrow the expression, or take a shorter range"),
        "unavailable" | "too_many_requests" => error(ErrorKind::Throttled),
        "not_found" => error(ErrorKind::NotFound),
        _ => return foreign(status),
    };
    error.http_status(status.as_u16())
}

/// What the API server on the way says when it does not let a question through.
pub(super) fn refused_by_cluster(status: StatusCode, body: &[u8]) -> Option<String> {
    let status_of_kubernetes: serde_json::Value = match status {
        StatusCode::FORBIDDEN => serde_json::from_slice(body).ok()?,
        _ => return None,
    };
    let said = |member: &str| status_of_kubernetes.get(member)?.as_str();
    said("message").filter(|_| said("kind") == Some("Status")).map(str::to_owned)
}

/// An answer that is not Prometheus' own.
fn foreign(status: StatusCode) -> Error {
    let error = match status {
        StatusCode::UNAUTHORIZED => Error::new(ErrorKind::Credentials, "Prometheus does not know who asks")
            .hint("check the credentials under [prometheus] in the settings file"),
        StatusCode::FORBIDDEN => Error::new(ErrorKind::AccessDenied, "Prometheus may not be asked with these credentials")
            .hint("in a workspace of Amazon Managed Service for Prometheus it takes aps:QueryMetrics, aps:GetSeries, aps:GetLabels"),
        StatusCode::NOT_FOUND => Error::not_found("Prometheus API", "/api/v1")
            .hint("is there a path missing in url? It must end where /api/v1 begins"),
        StatusCode::TOO_MANY_REQUESTS => Error::new(ErrorKind::Throttled, "Prometheus is asked too often"),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Error::new(ErrorKind::Network, format!("nothing answers for Prometheus there ({status})"))
        }
        _ => nonsense(&format!("what answers there ({status}) is no Prometheus")),
    };
    error.http_status(status.as_u16())
}

pub(super) fn too_much(what: &str) -> Error {
    Error::new(ErrorKind::Quota, format!("the answer has {what}"))
        .code("AnswerTooLarge")
        .hint("ask for a shorter range, a larger step, or fewer series")
}

fn nonsense(why: &str) -> Error {
    Error::new(ErrorKind::Network, why.to_owned()).code("NotPrometheus").hint("check url under [prometheus]")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: StatusCode = StatusCode::OK;

    #[test]
    fn every_form_of_answer_is_read() {
        let vector = br#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"node":"a"},"value":[1700000000.5,"0.25"]},{"metric":{"node":"b"},"value":[1700000000,"NaN"]},
            {"metric":{"node":"c"},"histogram":[1700000000,{"count":"1"}]}]},"warnings":["w"],"infos":["i"]}"#;
        let answer = series(OK, vector, 1).unwrap();
        assert_eq!(answer.series[0].samples, [Sample { at: 1_700_000_000.5, value: 0.25 }]);
        assert_eq!((answer.series.len(), answer.left_out, answer.histograms), (1, 1, 1));
        assert_eq!(answer.warnings, ["w", "i"]);
        // The result may come before its kind.
        let matrix = br#"{"data":{"result":[{"metric":{},"values":[[1,"+Inf"],[2,"-1"]]}],"resultType":"matrix"},"status":"success"}"#;
        let values: Vec<_> = series(OK, matrix, 9).unwrap().series[0].samples.iter().map(|it| it.value).collect();
        assert_eq!(values, [f64::INFINITY, -1.0]);
        let scalar = br#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#;
        assert_eq!(series(OK, scalar, 9).unwrap().series[0].samples.len(), 1);
        let text = br#"{"status":"success","data":{"resultType":"string","result":[1,"2"]}}"#;
        assert_eq!(series(OK, text, 9).unwrap_err().kind(), ErrorKind::Validation);
        assert_eq!(words(OK, br#"{"status":"success","data":["a"]}"#).unwrap(), ["a"]);
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let said =
            |status: u16, body: &str| series(StatusCode::from_u16(status).unwrap(), body.as_bytes(), 1).unwrap_err();
        let bad = said(400, r#"{"status":"error","errorType":"bad_data","error":"parse error at char 3"}"#);
        assert_eq!(bad.kind(), ErrorKind::Validation);
        assert!(bad.message().contains("char 3"));
        assert_eq!(said(503, r#"{"status":"error","errorType":"timeout","error":"t"}"#).kind(), ErrorKind::Timeout);
        assert_eq!(said(401, "").kind(), ErrorKind::Credentials);
        assert_eq!(said(403, r#"{"Message":"no"}"#).kind(), ErrorKind::AccessDenied);
        assert_eq!(said(404, "<html>").kind(), ErrorKind::NotFound);
        assert_eq!(said(502, "").kind(), ErrorKind::Network);
        assert_eq!(said(200, "<html>").code_str(), "NotPrometheus");
        let samples: Vec<_> = (0..=MOST_SAMPLES).map(|at| format!("[{at},\"1\"]")).collect();
        let many = format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"values":[{}]}}]}}}}"#,
            samples.join(",")
        );
        assert_eq!(said(200, &many).code_str(), "AnswerTooLarge");
    }
}
