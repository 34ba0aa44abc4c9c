//! Questions to a real Prometheus that scrapes a small exporter.

#![expect(clippy::unwrap_used, reason = "a broken environment ends the test")]

mod names;
mod trust;

use std::time::{Duration, Instant};

use trainyard_aws::Engine;
use trainyard_contract::ErrorKind;
use trainyard_harness::prometheus::{self, ACCELERATORS, Prometheus as Server, Setup};
use trainyard_k8s::prometheus::{Answer, Api, Moment, Prometheus, Settings, Stretch};

/// CI is slow, and a Prometheus scrapes when it likes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server with what it scrapes.
struct House {
    server: Server,
    _exporter: trainyard_harness::Endpoint,
}

fn house(honor_labels: bool, history: Option<String>) -> House {
    let exporter = prometheus::exporter(ACCELERATORS).unwrap();
    let scrapes = Some(exporter.url().trim_start_matches("http://").to_owned());
    let server = Server::start(&Setup { scrapes, honor_labels, history, web: None }).unwrap();
    House { server, _exporter: exporter }
}

fn engine() -> Engine {
    Engine::new(trainyard_aws::Settings::default())
}

async fn api(settings: Settings) -> Api {
    Prometheus::new(settings, engine()).unwrap().named().await.unwrap().unwrap()
}

async fn at(url: String) -> Api {
    api(Settings { url: Some(url), ..Settings::default() }).await
}

/// Asks until there is an answer with series.
async fn eventually(api: &Api, expression: &str) -> Answer {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = api.query(expression, Moment::Now, 100).await;
        match answer {
            Ok(answer) if !answer.series.is_empty() => return answer,
            other if Instant::now() > end => panic!("{expression}: {other:?}"),
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

#[tokio::test]
async fn what_is_asked_is_answered_and_what_is_wrong_is_told() {
    let house = house(true, None);
    let api = at(house.server.url()).await;
    let temperature = eventually(&api, "DCGM_FI_DEV_GPU_TEMP{Hostname=\"gpu-a\"}").await;
    assert_eq!(temperature.series[0].samples[0].value.to_bits(), 61.0_f64.to_bits());
    assert_eq!(temperature.series[0].labels["UUID"], "GPU-a0");

    let few = api.query("DCGM_FI_DEV_GPU_TEMP", Moment::Now, 1).await.unwrap();
    assert_eq!((few.series.len(), few.left_out), (1, 1));
    let names = api.label_values("__name__", 1000).await.unwrap();
    assert!(names.contains(&"hami_gpu_memory_limit_bytes".to_owned()), "{names:?}");
    assert!(api.labels(1000).await.unwrap().contains(&"device_uuid".to_owned()));
    let now = i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let sets = api.series(&["QuotaUsed", "hami_resource_quota_used"], now - 600, now + 60, 10).await.unwrap();
    assert_eq!(sets.len(), 2);

    let broken = api.query("sum by (", Moment::Now, 10).await.unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::Validation);
    assert!(broken.message().contains("parse error"), "{broken}");
    assert_eq!(api.query(" ", Moment::Now, 10).await.unwrap_err().kind(), ErrorKind::Validation);
    assert_eq!(api.label_values("a/../../query", 10).await.unwrap_err().kind(), ErrorKind::Validation);
    let wide = Stretch { start: 0, end: now, step: 1 };
    assert_eq!(api.query_range("up", wide, 10).await.unwrap_err().kind(), ErrorKind::Validation);
    // Prometheus has a bound of its own below ours: 11,000 points.
    let many = Stretch { start: now - 20_000, end: now, step: 1 };
    assert_eq!(api.query_range("up", many, 10).await.unwrap_err().kind(), ErrorKind::Validation);
}

#[tokio::test]
async fn history_comes_with_its_points() {
    let start = 1_700_000_000;
    let mut history = String::from("# TYPE hami_host_gpu_utilization_ratio gauge\n");
    for minute in 0..60 {
        let labels = "node=\"gpu-a\",device_uuid=\"GPU-a0\"";
        history.push_str(&format!("hami_host_gpu_utilization_ratio{{{labels}}} {minute} {}\n", start + 60 * minute));
    }
    history.push_str("# EOF\n");
    let house = house(true, Some(history));
    let api = at(house.server.url()).await;
    eventually(&api, "up").await;
    let stretch = Stretch { start, end: start + 3540, step: 60 };
    let answer = api.query_range("hami_host_gpu_utilization_ratio", stretch, 10).await.unwrap();
    let values: Vec<_> = answer.series[0].samples.iter().map(|sample| sample.value.round()).collect();
    assert_eq!(values, (0..60).map(f64::from).collect::<Vec<_>>());
    let then = api.query("hami_host_gpu_utilization_ratio", Moment::At(start + 600), 10).await.unwrap();
    assert_eq!(then.series[0].samples[0].value.to_bits(), 10.0_f64.to_bits());
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_too_late_is_given_up() {
    use trainyard_harness::{Endpoint, Reply, Wait};
    let endpoint = Endpoint::start(|seen| {
        if seen.path.contains("huge") {
            Reply::new(200, "application/json", &"x".repeat(9 << 20))
        } else {
            Reply::new(200, "application/json", "{}").after(Wait::UntilClosed)
        }
    })
    .unwrap();
    let api = api(Settings { url: Some(endpoint.url()), timeout: Some(1), ..Settings::default() }).await;
    assert_eq!(api.query("slow", Moment::Now, 1).await.unwrap_err().kind(), ErrorKind::Timeout);
    let patient = at(endpoint.url()).await;
    assert_eq!(patient.query("huge", Moment::Now, 1).await.unwrap_err().code_str(), "AnswerTooLarge");
    let nobody = at("http://127.0.0.1:1".to_owned()).await;
    assert_eq!(nobody.query("up", Moment::Now, 1).await.unwrap_err().kind(), ErrorKind::Network);
}
