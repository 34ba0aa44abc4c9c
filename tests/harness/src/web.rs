//! The protocol over HTTP, as thin as it can be: nothing is hidden from the test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{Era, Result, process::Guard};

/// Longest time for one answer, and for the server to come up.
const LIMIT: Duration = Duration::from_mins(1);

/// A server that listens on loopback.
#[derive(Debug)]
pub struct WebServer {
    guard: Guard,
    address: SocketAddr,
    token: Option<String>,
    said: Receiver<String>,
}

impl WebServer {
    /// Starts a command that says on standard error where it listens.
    pub fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stderr.take().ok_or("no standard error")?).lines();
        let guard = Guard(child);
        let (sender, said) = mpsc::channel();
        thread::spawn(move || lines.map_while(std::result::Result::ok).try_for_each(|line| sender.send(line)));
        let (mut address, mut token, mut all) = (None, None, String::new());
        while address.is_none() {
            let line = said.recv_timeout(LIMIT).map_err(|_| format!("the server does not listen: {all}"))?;
            if let Some((_, file)) = line.split_once("with the token in ") {
                token = Some(std::fs::read_to_string(file)?.trim().to_owned());
            }
            if let Some((_, place)) = line.split_once("listening at ") {
                let place = place.split_once("://").map_or(place, |(_, rest)| rest);
                address = Some(place.split('/').next().unwrap_or_default().parse()?);
            }
            all.push_str(&line);
        }
        let address = address.ok_or("no address")?;
        Ok(Self { guard, address, token, said })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// The token that it wants, if it said where that is.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.guard.0.id()
    }

    /// Asks it to end and waits: how, and what it said.
    pub fn stop(mut self) -> Result<(ExitStatus, Vec<String>)> {
        self.ask_to_stop()?;
        let status = self.guard.wait(LIMIT)?;
        Ok((status, self.said.try_iter().collect()))
    }

    /// Waits for the end of a server that was asked to stop.
    pub fn stop_was_asked(mut self) -> Result<ExitStatus> {
        self.guard.wait(LIMIT)
    }

    /// Asks it to end.
    pub fn ask_to_stop(&self) -> Result<()> {
        let asked = Command::new("kill").arg(self.id().to_string()).status()?;
        if asked.success() { Ok(()) } else { Err("it could not be asked to end".into()) }
    }

    /// A connection that sends the token along.
    pub fn connect(&self, era: Era) -> Result<Web> {
        let mut web = Web::connect(self.address, era)?;
        if let Some(token) = &self.token {
            web = web.with("authorization", &format!("Bearer {token}"));
        }
        Ok(web)
    }
}

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub struct WebAnswer {
    /// Status code.
    pub status: u16,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// Body as text.
    pub body: String,
}

impl WebAnswer {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The messages in it: one as JSON, or those of a stream.
    pub fn messages(&self) -> Vec<Value> {
        if self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
            let lines = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
            return lines.filter_map(|line| serde_json::from_str(line.trim()).ok()).collect();
        }
        serde_json::from_str(&self.body).into_iter().collect()
    }
}

/// One connection, used for one request after another.
#[derive(Debug)]
pub struct Web {
    reader: BufReader<TcpStream>,
    address: SocketAddr,
    headers: Vec<(String, String)>,
    era: Era,
    session: Option<String>,
    last: u64,
}

impl Web {
    /// Connects; says nothing yet.
    pub fn connect(address: SocketAddr, era: Era) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self { reader: BufReader::new(stream), address, headers: Vec::new(), era, session: None, last: 0 })
    }

    /// With one more header on every request; the last of a name counts.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Name of the session that was opened, if one was.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Goes on in a session that was opened elsewhere.
    #[must_use]
    pub fn in_session(mut self, name: &str) -> Self {
        self.session = Some(name.to_owned());
        self
    }

    /// Sends one request and reads its whole answer.
    pub fn send(&mut self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Result<WebAnswer> {
        self.write(method, path, more, body)?;
        self.read(method)
    }

    /// Sends one request and reads nothing.
    pub fn write(&mut self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
        let named = |name: &str| more.iter().any(|(other, _)| *other == name);
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let host = self.address.to_string();
        let usual = [("host", host.as_str()), ("accept", "application/json, text/event-stream")];
        let own: Vec<_> = own.collect();
        for (name, value) in &own {
            if !named(name) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        for (name, value) in usual {
            if !named(name) && !own.iter().any(|(other, _)| *other == name) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        for (name, value) in more {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.push_str(body);
        Ok(self.reader.get_mut().write_all(head.as_bytes())?)
    }

    /// Reads one answer to its end.
    pub fn read(&mut self, method: &str) -> Result<WebAnswer> {
        let (status, headers) = self.head()?;
        let mut answer = WebAnswer { status, headers, body: String::new() };
        let mut body = Vec::new();
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(self.line()?.trim(), 16)?;
                let mut chunk = vec![0; size + 2];
                self.reader.read_exact(&mut chunk)?;
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&chunk[..size]);
            }
        } else if method != "HEAD" {
            let length = answer.header("content-length").unwrap_or("0").parse()?;
            body.resize(length, 0);
            self.reader.read_exact(&mut body)?;
        }
        answer.body = String::from_utf8(body)?;
        Ok(answer)
    }

    /// Reads a head and leaves the body where it is.
    pub fn head(&mut self) -> Result<(u16, Vec<(String, String)>)> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).ok_or("no status")?.parse()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok((status, headers))
    }

    /// The next line, as it came.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err("the connection was closed".into());
        }
        Ok(line)
    }

    /// A message in the words of the era: its headers, and the message itself.
    pub fn message(&mut self, method: &str, mut params: Value) -> (Vec<(String, String)>, Value) {
        self.last += 1;
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        match self.era {
            Era::Modern => {
                for (name, value) in [
                    ("protocolVersion", json!("2026-07-28")),
                    ("clientInfo", json!({ "name": "harness", "version": "1" })),
                    ("clientCapabilities", json!({})),
                ] {
                    let meta = &mut params["_meta"][format!("io.modelcontextprotocol/{name}")];
                    if meta.is_null() {
                        *meta = value;
                    }
                }
                headers.push(("mcp-protocol-version".to_owned(), "2026-07-28".to_owned()));
                headers.push(("mcp-method".to_owned(), method.to_owned()));
                if let Some(name) = ["name", "uri", "taskId"].iter().find_map(|key| params[*key].as_str()) {
                    headers.push(("mcp-name".to_owned(), name.to_owned()));
                }
            }
            Era::Legacy => {
                if method != "initialize" {
                    headers.push(("mcp-protocol-version".to_owned(), "2025-11-25".to_owned()));
                }
                if let Some(session) = &self.session {
                    headers.push(("mcp-session-id".to_owned(), session.clone()));
                }
            }
        }
        (headers, json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params }))
    }

    /// Sends a request of the protocol; the answer as it came.
    pub fn request(&mut self, method: &str, params: Value) -> Result<WebAnswer> {
        let (headers, message) = self.message(method, params);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.send("POST", "/mcp", &headers, &message.to_string())
    }

    /// The result of a request that has to succeed.
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        let answer = self.request(method, params)?;
        let last = self.last;
        let message = answer.messages().into_iter().find(|message| message["id"] == last);
        match message {
            Some(mut message) if message.get("result").is_some() => Ok(message["result"].take()),
            other => Err(format!("{method}: {} {other:?} {}", answer.status, answer.body).into()),
        }
    }

    /// The result of a call of a tool.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Result<Value> {
        let mut params = json!({ "name": tool });
        params["arguments"] = arguments;
        self.ask("tools/call", params)
    }

    /// Opens the session as the era does; the server's answer.
    pub fn hello(&mut self) -> Result<Value> {
        self.hello_with(json!({}))
    }

    /// The same as a client that can do these things.
    pub fn hello_with(&mut self, capabilities: Value) -> Result<Value> {
        if self.era == Era::Modern {
            return self.ask("server/discover", json!({}));
        }
        let mut hello = json!({ "protocolVersion": "2025-11-25", "clientInfo": { "name": "harness", "version": "1" } });
        hello["capabilities"] = capabilities;
        let answer = self.request("initialize", hello)?;
        self.session = answer.header("mcp-session-id").map(str::to_owned);
        let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.post(&done)?;
        let mut messages = answer.messages();
        let last = messages.pop().ok_or_else(|| format!("no answer: {answer:?}"))?;
        Ok(last["result"].clone())
    }

    /// Sends a message as it is, in the session.
    pub fn post(&mut self, message: &Value) -> Result<WebAnswer> {
        let session = self.session.clone().unwrap_or_default();
        let mut headers = vec![("content-type", "application/json"), ("mcp-protocol-version", "2025-11-25")];
        if !session.is_empty() {
            headers.push(("mcp-session-id", &session));
        }
        self.send("POST", "/mcp", &headers, &message.to_string())
    }
}
