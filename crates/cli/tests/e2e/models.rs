//! A service that is newer than the binary, described in a folder.

use serde_json::json;
use trainyard_harness::{Endpoint, Reply, Trainyard};

use crate::BINARY;

#[test]
fn a_service_that_came_later_is_described_and_called() {
    let server =
        Endpoint::start(|_| Reply::new(200, "application/x-amz-json-1.1", "{\"Shade\": \"crimson\"}")).unwrap();
    let trainyard = Trainyard::at(BINARY, &server.url()).unwrap();
    let folder = trainyard.home().join("models/paintbox/2031-01-01");
    std::fs::create_dir_all(&folder).unwrap();
    let shapes = json!({
        "Question": {"type": "structure", "required": ["Colour"], "members": {"Colour": {"shape": "Text"}}},
        "Answer": {"type": "structure", "members": {"Shade": {"shape": "Text"}}},
        "Text": {"type": "string"},
    });
    let description = json!({
        "metadata": {
            "apiVersion": "2031-01-01", "endpointPrefix": "paintbox", "jsonVersion": "1.1", "protocol": "json",
            "serviceFullName": "Paint Box", "serviceId": "Paint Box", "signatureVersion": "v4", "targetPrefix": "PaintBox",
        },
        "operations": {"GetPaint": {
            "name": "GetPaint", "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": "Question"}, "output": {"shape": "Answer"},
        }},
        "shapes": shapes,
    });
    let rules = json!({"version": "1.0", "parameters": {"Endpoint": {"builtIn": "SDK::Endpoint", "type": "String"}}, "rules": [
        {"conditions": [], "type": "endpoint", "endpoint": {"url": {"ref": "Endpoint"}, "properties": {}, "headers": {}}},
    ]});
    std::fs::write(folder.join("service-2.json"), description.to_string()).unwrap();
    std::fs::write(folder.join("endpoint-rule-set-1.json"), rules.to_string()).unwrap();
    let models = trainyard.home().join("models");
    let trainyard = trainyard.with("AWS_DATA_PATH", models.to_str().unwrap()).with("AWS_REGION", "eu-west-1");

    let described = trainyard
        .run(&["call", "aws_describe", "--args", "{\"service\": \"paintbox\", \"operation\": \"GetPaint\"}"])
        .unwrap();
    assert!(described.stdout.contains("Colour"), "{described:?}");

    let call = "{\"service\": \"paintbox\", \"operation\": \"GetPaint\", \"parameters\": {\"Colour\": \"red\"}}";
    let refused = trainyard.run(&["call", "aws_call", "--args", call]).unwrap();
    assert!(refused.stderr.contains("--allow-write"), "what nobody has judged counts as a change: {refused:?}");
    assert_eq!(server.take().len(), 0);

    let called = trainyard.run(&["call", "aws_call", "--args", call, "--allow-write", "--yes"]).unwrap();
    assert!(called.stdout.contains("crimson"), "{called:?}");
    assert_eq!(server.take()[0].header("x-amz-target"), Some("PaintBox.GetPaint"));
}
