//! The binary over HTTP: both eras, sessions, the door, limits, and a good end.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Era, Reply, Trainyard, Wait, Web, WebServer};

use crate::{BINARY, with_moto};

/// Longest time for something that happens at once.
const SOON: Duration = Duration::from_secs(20);

fn silent() -> Endpoint {
    Endpoint::start(|_| Reply::new(200, "text/xml", "").after(Wait::UntilClosed)).unwrap()
}

fn offline() -> Trainyard {
    Trainyard::at(BINARY, "http://127.0.0.1:9").unwrap()
}

fn identity(web: &mut Web) {
    let result = web.call("iam_get_caller_identity", json!({})).unwrap();
    assert_eq!(result["structuredContent"]["account"], "123456789012", "{result}");
}

#[test]
fn the_newer_era_needs_no_session_and_the_older_may_have_one() {
    let at = with_moto("eu-west-1");
    let server = at.serve_http(&[]).unwrap();
    let mut modern = server.connect(Era::Modern).unwrap();
    identity(&mut modern);
    let hello = modern.hello().unwrap();
    assert!(hello["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{hello}");
    assert!(modern.session().is_none());
    let list = modern.ask("tools/list", json!({})).unwrap();
    assert_eq!(list["cacheScope"], "public", "{list}");

    let mut legacy = server.connect(Era::Legacy).unwrap();
    let hello = legacy.hello().unwrap();
    assert_eq!(hello["protocolVersion"], "2025-11-25");
    assert!(legacy.session().is_some_and(|name| name.len() >= 32));
    assert_eq!(legacy.ask("tools/list", json!({})).unwrap()["tools"], list["tools"]);
    identity(&mut legacy);
    // A session that was ended is no more.
    let name = legacy.session().unwrap().to_owned();
    let ended = legacy.send("DELETE", "/mcp", &[("mcp-session-id", &name)], "").unwrap();
    assert!((200..300).contains(&ended.status), "{ended:?}");
    assert_eq!(legacy.request("tools/list", json!({})).unwrap().status, 404);
    assert!(server.stop().unwrap().0.success());
}

#[test]
fn without_sessions_the_older_era_is_answered_call_by_call() {
    let at = with_moto("eu-west-2");
    let server = at.serve_http(&["--no-sessions", "--allow-write"]).unwrap();
    let mut web = server.connect(Era::Legacy).unwrap();
    web.hello().unwrap();
    assert!(web.session().is_none());
    identity(&mut web);
    let answer = web.request("tools/list", json!({})).unwrap();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    // Nobody can be asked here, whatever the client said of itself before: the plan comes back with a handle.
    let call = json!({ "name": "aws_call", "arguments": {
        "service": "ec2", "operation": "TerminateInstances", "parameters": { "InstanceIds": ["i-0123456789abcdef0"] } } });
    let refused = web.ask("tools/call", call).unwrap();
    assert_eq!(refused["structuredContent"]["error"]["code"], "ConfirmationRequired", "{refused}");
    assert_eq!(web.send("GET", "/mcp", &[], "").unwrap().status, 405);
}

#[test]
fn nobody_comes_in_without_the_token() {
    let at = offline();
    let server = at.serve_http(&[]).unwrap();
    let token = server.token().unwrap().to_owned();
    let mut web = Web::connect(server.address(), Era::Modern).unwrap();
    for authorization in [None, Some("Bearer "), Some("Bearer wrong"), Some("Basic dTpw"), Some(token.as_str())] {
        let (mut headers, message) = web.message("tools/list", json!({}));
        headers.extend(authorization.map(|value| ("authorization".to_owned(), value.to_owned())));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = web.send("POST", "/mcp", &headers, &message.to_string());
        // The body was not read, so the connection may not be used again.
        let answer = answer.unwrap();
        assert_eq!(answer.status, 401, "{authorization:?}: {answer:?}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{answer:?}");
        assert!(!answer.body.contains(&token) && !answer.body.contains("tools"), "{answer:?}");
        web = Web::connect(server.address(), Era::Modern).unwrap();
    }
    let in_the_address = web.send("POST", &format!("/mcp?access_token={token}"), &[], "").unwrap();
    assert_eq!(in_the_address.status, 401);
    let mut web = server.connect(Era::Modern).unwrap();
    assert!(web.ask("tools/list", json!({})).is_ok());
    let (_, said) = server.stop().unwrap();
    assert!(!said.iter().any(|line| line.contains(&token)), "the token stands in the log");
}

#[test]
fn other_names_and_pages_are_turned_away() {
    let server = offline().serve_http(&["--allow-host", "yard.example", "--allow-origin", "https://app.example:443"]);
    let server = server.unwrap();
    let host = server.address().to_string();
    for (name, value, expected) in [
        ("host", "evil.example", 403),
        ("host", "yard.example", 200),
        ("host", host.as_str(), 200),
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("origin", "https://app.example", 200),
        ("origin", "https://app.example.evil.example", 403),
        ("origin", "http://localhost:6274", 200),
    ] {
        let mut web = server.connect(Era::Modern).unwrap().with(name, value);
        assert_eq!(web.request("tools/list", json!({})).unwrap().status, expected, "{name}: {value}");
    }
}

#[test]
fn a_session_is_its_openers_only() {
    let server = offline().serve_http(&[]).unwrap();
    let mut mine = server.connect(Era::Legacy).unwrap();
    mine.hello().unwrap();
    let mut nobodys = server.connect(Era::Legacy).unwrap().in_session("00000000-0000-4000-8000-000000000000");
    assert_eq!(nobodys.request("tools/list", json!({})).unwrap().status, 404);
    let mut stranger = Web::connect(server.address(), Era::Legacy).unwrap().in_session(mine.session().unwrap());
    assert_eq!(stranger.request("tools/list", json!({})).unwrap().status, 401);
}

#[test]
fn what_is_too_large_or_malformed_is_refused_and_the_server_lives() {
    let server = offline().serve_http(&[]).unwrap();
    let ask = |headers: &[(&str, &str)], body: &str| {
        let mut web = server.connect(Era::Modern).unwrap();
        web.send("POST", "/mcp", headers, body).map(|answer| answer.status)
    };
    let json = ("content-type", "application/json");
    assert!((400..500).contains(&ask(&[json], "{").unwrap()));
    assert_eq!(ask(&[("content-type", "text/plain")], "{}").unwrap(), 415);
    assert_eq!(ask(&[json, ("accept", "text/html")], "{}").unwrap(), 406);
    let large = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{}\"}}", "x".repeat(5 << 20));
    // The server may answer before it has read everything, and close: then the rest cannot be sent.
    assert!(ask(&[json], &large).map_or(true, |status| status == 413));
    let long = "x".repeat(300 << 10);
    assert!(ask(&[json, ("x-long", &long)], "{}").map_or(true, |status| status == 431));
    let mut web = server.connect(Era::Modern).unwrap();
    assert_eq!(web.send("PUT", "/mcp", &[], "").unwrap().status, 405);
    assert_eq!(web.send("GET", "/elsewhere", &[], "").unwrap().status, 404);
    assert!(server.connect(Era::Modern).unwrap().ask("tools/list", json!({})).is_ok());
}

#[test]
fn what_head_and_body_say_has_to_agree() {
    let server = offline().serve_http(&[]).unwrap();
    let mut web = server.connect(Era::Modern).unwrap();
    let (headers, message) = web.message("tools/call", json!({ "name": "aws_search", "arguments": { "query": "x" } }));
    for (name, value, code) in [
        ("mcp-method", "tools/list", -32020),
        ("mcp-name", "aws_call", -32020),
        ("mcp-protocol-version", "2025-11-25", -32020),
    ] {
        let headers = headers.iter().map(|(key, old)| (key.as_str(), if key == name { value } else { old.as_str() }));
        let answer = web.send("POST", "/mcp", &headers.collect::<Vec<_>>(), &message.to_string()).unwrap();
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(answer.messages()[0]["error"]["code"], code, "{answer:?}");
    }
}

#[test]
fn progress_comes_before_the_answer() {
    let at = with_moto("eu-west-1");
    let server = at.serve_http(&[]).unwrap();
    for era in [Era::Modern, Era::Legacy] {
        let mut web = server.connect(era).unwrap();
        web.hello().unwrap();
        let call = json!({
            "name": "ec2_list_instances",
            "arguments": { "regions": ["eu-west-1", "us-west-2", "ap-south-1"] },
            "_meta": { "progressToken": "mine" }
        });
        let answer = web.request("tools/call", call).unwrap();
        let messages = answer.messages();
        let told: Vec<_> = messages.iter().filter_map(|message| message["params"]["progress"].as_f64()).collect();
        assert!(told.len() >= 2 && told.is_sorted_by(|a, b| a < b), "{era:?}: {messages:?}");
        assert!(messages.last().unwrap().get("result").is_some(), "{era:?}: {messages:?}");
    }
}

#[test]
fn a_connection_that_is_closed_takes_its_call_back() {
    let endpoint = silent();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let server = at.serve_http(&[]).unwrap();
    let mut web = server.connect(Era::Modern).unwrap();
    let (headers, message) = web.message("tools/call", json!({ "name": "iam_get_caller_identity", "arguments": {} }));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    web.write("POST", "/mcp", &headers, &message.to_string()).unwrap();
    assert!(endpoint.eventually(SOON, |endpoint| endpoint.under_way() == 1));
    drop(web);
    assert!(endpoint.eventually(SOON, |endpoint| endpoint.closed_early() == 1));
}

#[test]
fn a_call_of_a_session_is_taken_back_by_its_notification() {
    let endpoint = silent();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let server = at.serve_http(&[]).unwrap();
    let mut web = server.connect(Era::Legacy).unwrap();
    web.hello().unwrap();
    let (headers, message) = web.message("tools/call", json!({ "name": "iam_get_caller_identity", "arguments": {} }));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    web.write("POST", "/mcp", &headers, &message.to_string()).unwrap();
    assert!(endpoint.eventually(SOON, |endpoint| endpoint.under_way() == 1));
    let mut other = server.connect(Era::Legacy).unwrap().in_session(web.session().unwrap());
    let taken_back =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": message["id"] } });
    assert_eq!(other.post(&taken_back).unwrap().status, 202);
    assert!(endpoint.eventually(SOON, |endpoint| endpoint.closed_early() == 1));
}

/// A call that is answered only after the server was told to stop.
fn stop_during_a_call(era: Era) -> (Value, WebServer) {
    let answer = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/me</Arn>\
                  <UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>\
                  <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>";
    let endpoint =
        Endpoint::start(|_| Reply::new(200, "text/xml", answer).after(Wait::For(Duration::from_secs(1)))).unwrap();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let server = at.serve_http(&[]).unwrap();
    let mut web = server.connect(era).unwrap();
    web.hello().unwrap();
    let (headers, message) = web.message("tools/call", json!({ "name": "iam_get_caller_identity", "arguments": {} }));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    web.write("POST", "/mcp", &headers, &message.to_string()).unwrap();
    assert!(endpoint.eventually(SOON, |endpoint| endpoint.under_way() == 1));
    server.ask_to_stop().unwrap();
    let answer = web.read("POST").unwrap();
    (answer.messages().pop().unwrap(), server)
}

#[test]
fn calls_under_way_are_answered_before_the_end() {
    for era in [Era::Modern, Era::Legacy] {
        let (answer, server) = stop_during_a_call(era);
        assert_eq!(answer["result"]["structuredContent"]["account"], "123456789012", "{era:?}: {answer}");
        assert!(server.stop_was_asked().unwrap().success());
    }
}

#[test]
fn health_is_told_to_everybody_and_says_nothing_else() {
    let server = offline().serve_http(&[]).unwrap();
    let mut web = Web::connect(server.address(), Era::Modern).unwrap().with("host", "10.0.0.7");
    let answer = web.send("GET", "/health", &[], "").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"ok"}"#));
    assert_eq!(web.send("HEAD", "/health", &[], "").unwrap().status, 200);
    assert_eq!(web.send("POST", "/health", &[], "").unwrap().status, 405);
}

#[test]
fn beyond_this_machine_only_with_tls_or_on_purpose() {
    let at = offline();
    let refused = at.run(&["serve", "--http", "0.0.0.0:0"]).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--tls-cert") && refused.stderr.contains("--plain-http"), "{}", refused.stderr);
    let mut command = at.command(&["serve", "--http", "0.0.0.0:0", "--plain-http"]);
    command.env("TRAINYARD_LOG", "info");
    assert!(WebServer::start(command).is_ok());
}

#[test]
fn a_socket_in_the_file_system_needs_no_token() {
    use std::os::unix::{fs::PermissionsExt, net::UnixStream};
    let at = offline();
    let path = at.home().join("socket");
    let address = format!("unix:{}", path.display());
    let mut command = at.command(&["serve", "--http", &address]);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let end = std::time::Instant::now() + SOON;
    let mut stream = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(error) => assert!(std::time::Instant::now() < end, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let body = body.to_string();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\naccept: application/json, text/event-stream\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("2025-06-18"), "{answer}");
    child.kill().unwrap();
    child.wait().unwrap();
    // What a killed server leaves behind does not stand in the way of the next.
    assert!(path.exists());
    let mut again = at.command(&["serve", "--http", &address]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let end = std::time::Instant::now() + SOON;
    while UnixStream::connect(&path).is_err() {
        assert!(std::time::Instant::now() < end && again.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    again.kill().unwrap();
    again.wait().unwrap();
}

#[test]
fn a_slow_talker_holds_up_nobody() {
    let server = offline().serve_http(&[]).unwrap();
    let mut slow: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"POST /mcp HTTP/1.1\r\nhost: local").unwrap();
    }
    assert!(server.connect(Era::Modern).unwrap().ask("tools/list", json!({})).is_ok());
}
