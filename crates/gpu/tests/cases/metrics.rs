//! The dictionary, and what is asked of Prometheus.

use std::collections::BTreeSet;

use trainyard_gpu::metrics::{
    Aggregation, By, Filters, Query, Question, Role, Source, Span, Unit, dictionary, find, parse_duration,
};

fn ask(question: Question, filters: &Filters) -> String {
    Query::ask(question, filters, None).unwrap().text
}

#[test]
fn every_name_is_in_the_dictionary_once() {
    let mut names = BTreeSet::new();
    for metric in dictionary() {
        for named in metric.names() {
            assert!(names.insert(named.name), "{}", named.name);
            assert_eq!(find(named.name).unwrap().metric.name, metric.name);
        }
    }
    assert!(find("up").is_none());
    for old in [
        "GPUDeviceMemoryLimit",
        "GPUDeviceCoreLimit",
        "GPUDeviceMemoryAllocated",
        "GPUDeviceCoreAllocated",
        "GPUDeviceSharedNum",
        "nodeGPUOverview",
        "nodeGPUMemoryPercentage",
        "nodeGPUMigInstance",
        "vGPUMemoryAllocated",
        "vGPUCoreAllocated",
        "vGPUPodsDeviceAllocated",
        "vGPUMemoryPercentage",
        "vGPUCorePercentage",
        "QuotaUsed",
        "HostGPUMemoryUsage",
        "HostCoreUtilization",
        "vGPU_device_memory_usage_in_bytes",
        "vGPU_device_memory_limit_in_bytes",
        "Device_memory_desc_of_container",
        "Device_utilization_desc_of_container",
        "Device_last_kernel_of_container",
        "MigInfo",
    ] {
        assert!(names.contains(old), "{old}");
    }
    for source in [Source::HamiScheduler, Source::HamiMonitor, Source::Dcgm, Source::NeuronMonitor] {
        assert!(dictionary().any(|metric| metric.source == source));
    }
}

#[test]
fn names_that_say_ratio_are_told_with_their_true_unit() {
    assert_eq!(find("hami_gpu_core_allocated_ratio").unwrap().metric.unit, Unit::Percent);
    assert_eq!(find("hami_host_gpu_utilization_ratio").unwrap().metric.unit, Unit::Percent);
    assert_eq!(find("hami_node_gpu_memory_allocated_ratio").unwrap().metric.unit, Unit::Ratio);
    let old = find("GPUDeviceMemoryLimit").unwrap();
    assert!(old.labels.iter().any(|label| label.role == Role::Node && label.name == "nodeid"));
}

#[test]
fn one_question_asks_under_every_name() {
    let query = Query::ask(Question::CardMemoryTotal, &Filters::default(), None).unwrap();
    assert_eq!(
        query.text,
        "label_replace(hami_gpu_memory_limit_bytes, \"node\", \"$1\", \"exported_node\", \"(.+)\") or \
         label_replace(label_replace(label_replace(label_replace(GPUDeviceMemoryLimit, \"node\", \"$1\", \"nodeid\", \"(.+)\"), \
         \"device_uuid\", \"$1\", \"deviceuuid\", \"(.+)\"), \"device_index\", \"$1\", \"deviceidx\", \"(.+)\"), \
         \"device_type\", \"$1\", \"devicetype\", \"(.+)\")"
    );
    assert_eq!(query.unit, Unit::Bytes);
}

#[test]
fn units_are_brought_to_one() {
    let used = ask(Question::CardMemoryUsed, &Filters::default());
    assert!(used.contains("DCGM_FI_DEV_FB_USED * 1048576"), "{used}");
    let mig = ask(Question::MigUtilization, &Filters::default());
    assert!(mig.contains("DCGM_FI_PROF_GR_ENGINE_ACTIVE * 100"), "{mig}");
    for question in Question::ALL {
        let (names, unit) = question.sources();
        for named in names.iter().map(|name| find(name).unwrap()) {
            let known = named.metric.unit == unit
                || matches!((named.metric.unit, unit), (Unit::Mebibytes, Unit::Bytes) | (Unit::Ratio, Unit::Percent));
            assert!(known, "{question:?} {}", named.name);
        }
    }
}

#[test]
fn labels_that_prometheus_renames_are_found_either_way() {
    let filters = Filters { namespace: Some("team".to_owned()), pod: Some("a".to_owned()), ..Filters::default() };
    let query = ask(Question::PodUtilization, &filters);
    assert!(query.contains(r#"{namespace="team",exported_namespace="",pod="a",exported_pod=""}"#), "{query}");
    assert!(query.contains(r#"{exported_namespace="team",exported_pod="a"}"#), "{query}");
    assert!(query.contains(r#"Device_utilization_desc_of_container{podnamespace="team",podname="a"}"#), "{query}");
}

#[test]
fn what_cannot_be_filtered_is_left_to_names_that_can() {
    let filters = Filters { node: Some("one".to_owned()), ..Filters::default() };
    let query = Query::ask(Question::CardUtilization, &filters, None).unwrap();
    assert!(query.not_filterable_by.is_empty());
    assert!(query.text.contains(r#"DCGM_FI_DEV_GPU_UTIL{Hostname="one"}"#), "{}", query.text);
    let query = Query::ask(Question::PodUtilization, &filters, None).unwrap();
    assert_eq!(query.not_filterable_by, ["node"]);
    // A card's metric in DCGM carries the pod; HAMi's does not, and would answer for everybody.
    let filters = Filters { pod: Some("a".to_owned()), ..Filters::default() };
    let query = Query::ask(Question::CardUtilization, &filters, None).unwrap();
    assert!(!query.text.contains("hami_host"), "{}", query.text);
}

#[test]
fn parameters_cannot_leave_their_quotes() {
    let evil = Filters { pod: Some("a\"} or vector(1) or {b=\"\\\n".to_owned()), ..Filters::default() };
    let query = ask(Question::PodMemoryUsed, &evil);
    assert!(query.contains(r#"podname="a\"} or vector(1) or {b=\"\\\n""#), "{query}");
    for bad in [String::new(), "x".repeat(254)] {
        let filters = Filters { device_uuid: Some(bad), ..Filters::default() };
        assert!(Query::ask(Question::CardPower, &filters, None).is_err());
    }
    assert!(Query::metric("up{job=\"x\"}", &Filters::default(), None).is_err());
}

#[test]
fn looking_back_and_bringing_together() {
    let query = Query::ask(Question::NeuronUtilization, &Filters::default(), Some((Aggregation::Max, 3600))).unwrap();
    let query = query.aggregated(Aggregation::Avg, By::Device);
    assert_eq!(
        query.text,
        "avg by (device_uuid) (label_replace(max_over_time(neuroncore_utilization_ratio[3600s]) * 100, \"device_index\", \"$1\", \
         \"neuroncore\", \"(.+)\"))"
    );
    assert!(Query::ask(Question::CardPower, &Filters::default(), Some((Aggregation::Max, 0))).is_err());
    assert!(Query::ask(Question::CardPower, &Filters::default(), Some((Aggregation::Max, 8 * 86_400))).is_err());
}

#[test]
fn durations_and_spans_are_bounded() {
    for (text, seconds) in [("30s", 30), ("5m", 300), ("1h30m", 5400), ("7d", 604_800), ("1w", 604_800)] {
        assert_eq!(parse_duration(text).unwrap(), seconds, "{text}");
    }
    for bad in ["", "5", "m", "5x", "-5m", "0s", "99999999999999999999d", "9223372036854775807w", "5 m"] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
    let span = Span::last(3600, 10_000, None, 120).unwrap();
    assert_eq!((span.start, span.end, span.step), (6400, 10_000, 31));
    assert!((span.end - span.start) / span.step < 120);
    assert_eq!(Span::last(3600, 10_000, Some(60), 120).unwrap().step, 60);
    assert!(Span::last(3600, 10_000, Some(1), 120).is_err());
    assert!(Span::last(3600, 10_000, Some(0), 120).is_err());
    assert!(Span::last(32 * 86_400, 10_000, None, 120).is_err());
    assert!(Span::last(0, 10_000, None, 120).is_err());
}
