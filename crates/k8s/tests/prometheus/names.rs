//! The questions of the accelerators' dictionary, as Prometheus itself understands them.

use trainyard_gpu::metrics::{Filters, Query, Question, dictionary};

use super::{at, eventually, house};

#[tokio::test]
async fn every_question_of_the_dictionary_is_one_that_prometheus_understands() {
    use trainyard_k8s::prometheus::Moment;
    let house = house(true, None);
    let api = at(house.server.url()).await;
    eventually(&api, "up").await;
    let filters = Filters {
        node: Some("gpu\"-a\\".into()),
        pod: Some("a{}\n".into()),
        namespace: Some("team-a".into()),
        device_uuid: Some("GPU-é".into()),
    };
    for question in Question::ALL {
        for filters in [&Filters::default(), &filters] {
            let query = Query::ask(question, filters, None).unwrap();
            api.query(&query.text, Moment::Now, 100).await.unwrap_or_else(|error| panic!("{question:?}: {error}"));
        }
    }
    for metric in dictionary() {
        let query = Query::metric(metric.name, &Filters::default(), None).unwrap();
        api.query(&query.text, Moment::Now, 100).await.unwrap_or_else(|error| panic!("{}: {error}", metric.name));
    }
}

#[tokio::test]
async fn old_and_new_names_answer_alike_whatever_became_of_their_labels() {
    for honor_labels in [true, false] {
        let house = house(honor_labels, None);
        let api = at(house.server.url()).await;
        let ask = |question, filters: Filters| {
            let api = api.clone();
            async move {
                let query = Query::ask(question, &filters, None).unwrap();
                let answer = eventually(&api, &query.text).await;
                let mut rows: Vec<_> = answer
                    .series
                    .iter()
                    .map(|series| {
                        let label = |name: &str| series.labels.get(name).cloned().unwrap_or_default();
                        (label("device_uuid"), label("node"), label("pod"), series.samples[0].value.round())
                    })
                    .collect();
                rows.sort_by(|one, other| one.0.cmp(&other.0));
                rows
            }
        };
        let row = |uuid: &str, node: &str, pod: &str, value: f64| (uuid.into(), node.into(), pod.into(), value);
        let cards = ask(Question::CardUtilization, Filters::default()).await;
        let found: Vec<_> = cards.iter().map(|(uuid, node, _, value)| (uuid.as_str(), node.as_str(), *value)).collect();
        assert_eq!(found, [("GPU-a0", "gpu-a", 73.0), ("GPU-a1", "gpu-a", 0.0), ("GPU-b0", "gpu-b", 12.0)]);
        let used =
            ask(Question::PodMemoryUsed, Filters { namespace: Some("team-b".into()), ..Filters::default() }).await;
        assert_eq!(used, [row("GPU-b0", "", "serve-0", 4_294_967_296.0)], "honor_labels {honor_labels}");
        let used = ask(Question::PodMemoryUsed, Filters { pod: Some("train-0".into()), ..Filters::default() }).await;
        assert_eq!(used, [row("GPU-a0", "", "train-0", 8_589_934_592.0)], "honor_labels {honor_labels}");
    }
}
