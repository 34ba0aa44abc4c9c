//! What is measured of Lambda functions: their calls, counted as they were made.

use std::collections::BTreeMap;

use super::{Series, Source};
use crate::aws::{account::Cx, services::lambda::runs};

const NAMESPACE: &str = "AWS/Lambda";

/// Names and units.
const METRICS: &[(&str, &str)] =
    &[("Duration", "Milliseconds"), ("Errors", "Count"), ("Invocations", "Count"), ("Throttles", "Count")];

type Dimensions = Vec<(&'static str, String)>;

/// The series that are meant, by namespace and name: of all functions, of each, and of each version or alias that was named.
pub(super) fn series<'c>(cx: &'c Cx<'_>, is_meant: impl Fn(&str, &str) -> bool) -> Vec<Series<'c>> {
    let mut found = Vec::new();
    for (name, unit) in METRICS.iter().filter(|(name, _)| is_meant(NAMESPACE, name)) {
        let mut by_dimensions = BTreeMap::<Dimensions, Vec<(i64, f64)>>::new();
        for (function, qualifier, second, values) in runs(cx.account, cx.region) {
            let Some(value) = values[*name].as_f64() else { continue };
            let own = vec![("FunctionName", function.to_owned())];
            let of_qualifier = qualifier.map(|qualifier| {
                vec![("FunctionName", function.to_owned()), ("Resource", format!("{function}:{qualifier}"))]
            });
            for dimensions in [Some(Vec::new()), Some(own), of_qualifier].into_iter().flatten() {
                by_dimensions.entry(dimensions).or_default().push((second, value));
            }
        }
        found.extend(by_dimensions.into_iter().map(|(dimensions, events)| Series {
            namespace: NAMESPACE,
            name,
            unit,
            dimensions,
            source: Source::Events(events),
        }));
    }
    found
}
