//! Numbers of calls as Prometheus reads them: the histogram that goes out over OTLP, in the text format and by the rules by which
//! Prometheus itself renames it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use trainyard_dispatch::{Ended, Watch};

use super::{SECONDS, attributes};

const NAME: &str = "mcp_server_operation_duration_seconds";

/// How long calls took, by tool and by how they ended.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<BTreeMap<String, Histogram>>);

#[derive(Debug, Default, Clone)]
struct Histogram {
    /// Calls that took at most so long, by bound.
    within: [u64; SECONDS.len()],
    all: u64,
    seconds: f64,
}

impl Watch for Counts {
    fn ended(&self, call: &Ended) {
        let labels: Vec<String> = attributes(call)
            .iter()
            // As JSON a text is quoted just as the format wants it.
            .map(|pair| format!("{}={:?}", pair.key.as_str().replace('.', "_"), pair.value.as_str()))
            .collect();
        let seconds = call.took.as_secs_f64();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = all.entry(labels.join(",")).or_default();
        histogram.all += 1;
        histogram.seconds += seconds;
        for (count, _) in histogram.within.iter_mut().zip(SECONDS).filter(|(_, bound)| seconds <= *bound) {
            *count += 1;
        }
    }
}

impl Counts {
    /// All of it.
    pub(crate) fn text(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut text = format!(
            "# HELP trainyard_build_info Which version runs.\n# TYPE trainyard_build_info gauge\n\
             trainyard_build_info{{version={:?}}} 1\n\
             # HELP {NAME} How long calls of tools took.\n# TYPE {NAME} histogram\n",
            env!("CARGO_PKG_VERSION")
        );
        for (labels, histogram) in all {
            let bounds = SECONDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
            for (bound, count) in bounds.zip(histogram.within.into_iter().chain([histogram.all])) {
                text.push_str(&format!("{NAME}_bucket{{{labels},le=\"{bound}\"}} {count}\n"));
            }
            text.push_str(&format!("{NAME}_sum{{{labels}}} {}\n", histogram.seconds));
            text.push_str(&format!("{NAME}_count{{{labels}}} {}\n", histogram.all));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use trainyard_contract::ErrorKind;
    use trainyard_dispatch::Ending;

    use super::*;

    #[test]
    fn calls_are_counted_by_tool_and_ending_in_buckets_that_add_up() {
        let counts = Counts::default();
        let call = |milliseconds, ending| Ended {
            tool: "list_gpu_nodes",
            toolset: "gpu",
            effect: None,
            door: "http",
            trace: None,
            ending,
            started: SystemTime::now(),
            took: Duration::from_millis(milliseconds),
        };
        for milliseconds in [5, 300, 400_000] {
            counts.ended(&call(milliseconds, Ending::Done));
        }
        counts.ended(&call(1, Ending::Failed(ErrorKind::AccessDenied)));
        let text = counts.text();
        let line = |ending: &str, rest: &str| {
            let found = text.lines().find(|line| line.contains(ending) && line.contains(rest));
            found.unwrap_or_else(|| panic!("{ending} {rest}: {text}")).rsplit(' ').next().unwrap().to_owned()
        };
        assert_eq!(line("\"done\"", "le=\"0.01\""), "1");
        assert_eq!(line("\"done\"", "le=\"0.5\""), "2");
        assert_eq!(line("\"done\"", "le=\"300\""), "2");
        assert_eq!(line("\"done\"", "le=\"+Inf\""), "3");
        assert_eq!(line("\"done\"", "_count{"), "3");
        assert_eq!(line("error_type=\"access_denied\"", "_count{"), "1");
        assert!(text.contains("gen_ai_tool_name=\"list_gpu_nodes\""), "{text}");
    }
}
