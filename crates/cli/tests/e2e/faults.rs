//! The register of what the AWS-MCP server gets wrong, thirty-four faults: each has a test that names it, here or beside
//! the tools it is about. Here are those that concern every tool of the toolsets `ec2`, `ebs` and `vpc`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use trainyard_harness::{Endpoint, Era, Reply, Session, Trainyard};

use crate::BINARY;

const TOOLSETS: &str = "ec2,ebs,vpc";
const SERVE: [&str; 6] =
    ["--toolsets", TOOLSETS, "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];

/// A tool as a client sees it, with arguments that work.
struct Listed {
    name: String,
    schema: Value,
    example: Value,
}

/// An AWS that says the same to everything, and the tools in front of it.
struct World {
    endpoint: Endpoint,
    session: Session,
    tools: Vec<Listed>,
}

impl World {
    fn new(answer: impl Fn() -> Reply + Send + Sync + 'static) -> Self {
        let endpoint = Endpoint::start(move |_| answer()).unwrap();
        let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
        let list = at.run(&["tools", "--json", "--toolsets", TOOLSETS]).unwrap();
        let list: Value = serde_json::from_str(&list.stdout).unwrap();
        let tools = list["tools"].as_array().unwrap().iter().map(|tool| {
            let name = tool["name"].as_str().unwrap().to_owned();
            let one = at.run(&["tools", &name, "--json", "--toolsets", TOOLSETS]).unwrap();
            let one: Value = serde_json::from_str(&one.stdout).unwrap();
            Listed { schema: one["inputSchema"].clone(), example: one["calls"][0]["example"].clone(), name }
        });
        let tools: Vec<_> = tools.collect();
        let mut session = at.serve(&SERVE, Era::Modern).unwrap();
        session.hello().unwrap();
        Self { endpoint, session, tools }
    }

    fn error(&mut self, tool: &str, arguments: &Value) -> Value {
        let mut result = self.session.call(tool, arguments.clone()).unwrap();
        assert_eq!(result["isError"], true, "{tool} {arguments}: {result}");
        result["structuredContent"]["error"].take()
    }
}

fn forbidden() -> Reply {
    let body = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform \
                this operation.</Message></Error></Errors><RequestID>11111111-2222-3333-4444-555555555555</RequestID></Response>";
    Reply::new(403, "text/xml", body)
}

#[test]
fn f03_what_the_list_says_of_arguments_is_what_a_call_is_held_to() {
    let mut world = World::new(forbidden);
    for Listed { name, schema, example } in std::mem::take(&mut world.tools) {
        let properties = schema["properties"].as_object().unwrap().clone();
        let required: BTreeSet<String> =
            schema["required"].as_array().into_iter().flatten().map(|key| key.as_str().unwrap().to_owned()).collect();
        // What is listed as optional is: the required ones alone are understood.
        let least: Map<_, _> = example
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, _)| required.contains(*key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let text = world.session.call(&name, least.into()).unwrap().to_string();
        assert!(!text.contains("argument ") || !text.contains("is missing"), "{name}: {text}");
        world.endpoint.take();
        // What is listed as required is.
        for key in &required {
            let mut less = example.clone();
            less.as_object_mut().unwrap().remove(key);
            world.endpoint.take();
            let error = world.error(&name, &less);
            assert!(error["category"] == "validation" && error.to_string().contains(key.as_str()), "{error}");
            assert!(world.endpoint.take().is_empty(), "{name} without {key} was sent");
        }
        // What is listed is known, and looked at: nothing takes a list of lists.
        for key in properties.keys() {
            let mut odd = example.clone();
            odd[key] = json!([[[]]]);
            let error = world.error(&name, &odd);
            assert!(error["category"] == "validation" && error.to_string().contains(key), "{name} {key}: {error}");
        }
        let mut more = example;
        more["no_such_argument"] = 1.into();
        assert!(world.error(&name, &more).to_string().contains("no_such_argument"), "{name}");
        assert!(world.endpoint.take().is_empty(), "{name}: a malformed call was sent");
    }
}

#[test]
fn f05_f06_no_failure_is_shaped_like_a_success() {
    let garbage = || Reply::new(200, "text/html", "<html>a captive portal</html");
    for (answer, categories) in [
        (forbidden as fn() -> Reply, &["access_denied"][..]),
        (garbage as fn() -> Reply, &["internal", "network", "unsupported"][..]),
    ] {
        let mut world = World::new(answer);
        for Listed { name, example, .. } in std::mem::take(&mut world.tools) {
            let error = world.error(&name, &example);
            let category = error["category"].as_str().unwrap();
            // A tool that asks the price list is asked in another protocol than this answers in.
            let ours = error["service"] == "ec2" || error["service"].is_null();
            assert!(!ours || categories.contains(&category), "{name}: {error}");
            assert!(!error["message"].as_str().unwrap().is_empty(), "{name}: {error}");
        }
    }
}

#[test]
fn f29_nothing_is_sent_that_the_tool_does_not_know() {
    let mut world = World::new(forbidden);
    let extra = json!({ "image_id": "ami-0123456789abcdef0", "instance_type": "m5.large",
                        "ExtraParams": { "MaxCount": 500, "IamInstanceProfile": { "Name": "admin" } } });
    let error = world.error("ec2.create_instance", &extra);
    assert!(error.to_string().contains("ExtraParams"), "{error}");
    assert!(world.endpoint.take().is_empty());
}

#[test]
fn f33_f34_filters_are_typed_and_values_are_in_the_schema() {
    let world = World::new(forbidden);
    let schema = |tool: &str| &world.tools.iter().find(|listed| listed.name == tool).unwrap().schema["properties"];
    let tokens = schema("ec2_modify_metadata_options")["http_tokens"].to_string();
    assert!(tokens.contains("enum") && tokens.contains("required"), "{tokens}");
    let states = schema("ec2_describe_images")["image_ids"].to_string();
    assert!(states.contains("array") && states.contains("string"), "{states}");
    for listed in &world.tools {
        let Some(filters) = listed.schema["properties"].get("filters") else { continue };
        let values = match filters["type"].as_str() {
            Some("array") => &filters["items"]["properties"]["values"],
            _ => &filters["additionalProperties"],
        };
        assert_eq!(values["type"], "array", "{}: {filters}", listed.name);
    }
}

/// By an F and its two digits in a comment or message, or in the test's own name.
#[test]
fn every_fault_of_the_register_has_a_test_that_names_it() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let mut sources = String::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "rs") {
            sources += &std::fs::read_to_string(path).unwrap();
        }
    }
    let named = |number: u32| {
        let at = |mark: &str| {
            sources.match_indices(mark).any(|(at, _)| !sources[at + 3..].starts_with(|it: char| it.is_ascii_digit()))
        };
        at(&format!("F{number:02}")) || at(&format!("f{number:02}_"))
    };
    let missing: Vec<_> = (1..=34).filter(|&number| !named(number)).collect();
    assert!(missing.is_empty(), "no test names {missing:?}");
}
