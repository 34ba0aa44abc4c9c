//! Every endpoint test case that AWS publishes, for every service.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use trainyard_aws::{
    catalogue,
    endpoint::{AuthScheme, Endpoint, Parameter, Parameters, resolve, rules::Scheme},
};

/// botocore's source distribution, where `cargo xtask test-data` puts it or where the environment says.
fn botocore() -> PathBuf {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/xtask/botocore-sdist-1.44.5");
    let directory = std::env::var_os("TRAINYARD_BOTOCORE_SDIST").map_or(fetched, PathBuf::from);
    assert!(
        directory.join("tests").is_dir(),
        "{} holds no botocore: run `cargo xtask test-data`, which downloads its source distribution with pip, \
         or set TRAINYARD_BOTOCORE_SDIST to an unpacked one",
        directory.display()
    );
    directory
}

fn parameters(case: &Value) -> Parameters<'_> {
    let mut parameters = Parameters::new();
    for (name, value) in case["params"].as_object().into_iter().flatten() {
        match value {
            Value::Bool(value) => parameters.set(name, *value),
            Value::String(value) => parameters.set(name, value.as_str()),
            Value::Array(values) => {
                let texts: Vec<String> = values.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
                parameters.set(name, Parameter::from(texts));
            }
            other => panic!("{name} is {other}"),
        }
    }
    parameters
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The endpoint that a case expects. Its properties beside `authSchemes` (`backend`, `metricValues`) have no effect on
/// the call.
fn expected(endpoint: &Value) -> Endpoint {
    let scheme = |scheme: &Value| AuthScheme {
        scheme: match scheme["name"].as_str().unwrap() {
            "sigv4" => Scheme::SigV4,
            "sigv4a" => Scheme::SigV4a,
            "sigv4-s3express" => Scheme::S3Express,
            other => panic!("{other}"),
        },
        signing_name: scheme["signingName"].as_str().map(str::to_owned),
        signing_region: scheme["signingRegion"].as_str().map(str::to_owned),
        signing_region_set: texts(&scheme["signingRegionSet"]),
        disable_double_encoding: scheme["disableDoubleEncoding"].as_bool().unwrap_or(false),
    };
    let headers = endpoint["headers"].as_object().into_iter().flatten();
    Endpoint {
        url: endpoint["url"].as_str().unwrap().to_owned(),
        headers: headers.map(|(name, values)| (name.clone(), texts(values))).collect(),
        auth_schemes: endpoint["properties"]["authSchemes"].as_array().into_iter().flatten().map(scheme).collect(),
    }
}

#[test]
fn every_published_case_resolves_as_expected() {
    let root = botocore().join("tests/functional/endpoint-rules");
    let mut cases = 0;
    let mut failures = String::new();
    for entry in catalogue::services() {
        let path = root.join(entry.name).join("endpoint-tests-1.json");
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: Value = serde_json::from_slice(&bytes).unwrap();
        for case in file["testCases"].as_array().unwrap() {
            cases += 1;
            let given = parameters(case);
            let found = resolve(&entry.service().rules, &given);
            let right = match (&found, case["expect"]["error"].as_str()) {
                (Err(error), Some(message)) => error.to_string() == message,
                (Ok(endpoint), None) => *endpoint == expected(&case["expect"]["endpoint"]),
                _ => false,
            };
            if !right {
                writeln!(failures, "{}: {}: {found:?}", entry.name, case["documentation"]).unwrap();
            }
        }
    }
    println!("{cases} cases");
    assert!(cases >= 14_589, "only {cases} cases");
    assert!(failures.is_empty(), "{} of {cases} cases fail:\n{failures}", failures.lines().count());
}
