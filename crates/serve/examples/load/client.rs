//! A client that costs little beside what it measures: requests are bytes made once, answers are counted, not read.

use std::{env, process::Stdio, time::Instant};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, tcp},
    process::{ChildStdin, ChildStdout, Command},
};

use crate::{CALLS, Peer, Speed};

const HELLO: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"load","version":"1"}}}"#;
const READY: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo_region","arguments":{"region":"eu-west-1"}}}"#;
/// In every good answer.
const PROOF: &[u8] = br#""structuredContent":{"region":"eu-west-1"}"#;

/// A server in a process of its own, which ends with this value.
pub(crate) struct Child {
    child: tokio::process::Child,
    pipe: Option<Pipe>,
    address: String,
}

impl Child {
    fn start(kind: &str, door: &str) -> tokio::process::Child {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["serve", kind, door]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        command.spawn().unwrap()
    }

    pub(crate) async fn stdio(kind: &str) -> Self {
        Self::opened(Self::start(kind, "stdio"), CALL, PROOF).await
    }

    /// Another server, and a call that it answers well.
    pub(crate) async fn peer(peer: &Peer) -> Self {
        let [program, rest @ ..] = peer.command.as_slice() else { panic!("no command") };
        let mut command = Command::new(program);
        command.args(rest).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let Peer { tool, arguments, .. } = peer;
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        );
        Self::opened(command.spawn().unwrap(), &call, b"\"content\"").await
    }

    async fn opened(mut child: tokio::process::Child, call: &str, proof: &'static [u8]) -> Self {
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut pipe = Pipe { input, output, line: Vec::new(), call: call.to_owned(), proof };
        pipe.write(&format!("{HELLO}\n")).await;
        pipe.answer().await;
        pipe.write(&format!("{READY}\n")).await;
        pipe.calls(CALLS / 20, 1).await;
        Self { child, pipe: Some(pipe), address: String::new() }
    }

    pub(crate) async fn http(kind: &str) -> Self {
        let mut child = Self::start(kind, "http");
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).await.unwrap();
        let address = address.trim().to_owned();
        Connection::open(&address).await.calls(CALLS / 20).await;
        Self { child, pipe: None, address }
    }

    pub(crate) fn pipe(&mut self) -> &mut Pipe {
        self.pipe.as_mut().unwrap()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Processor time so far, in seconds (the system counts in hundredths).
    pub(crate) fn processor(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id().unwrap())).unwrap();
        let fields: Vec<f64> =
            stat.rsplit_once(')').unwrap().1.split_whitespace().map(|word| word.parse().unwrap_or_default()).collect();
        (fields[11] + fields[12]) / 100.0
    }

    /// Physical memory now, in MiB.
    pub(crate) fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }

    #[expect(clippy::cast_precision_loss, reason = "a few thousand calls")]
    pub(crate) fn speed(&self, started: Instant, before: f64, calls: usize) -> Speed {
        let seconds = started.elapsed().as_secs_f64();
        Speed(calls as f64 / seconds, (self.processor() - before) / calls as f64 * 1e6)
    }
}

/// The two ends of a server on standard input and output.
pub(crate) struct Pipe {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: Vec<u8>,
    call: String,
    /// In every good answer.
    proof: &'static [u8],
}

impl Pipe {
    async fn write(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).await.unwrap();
        self.input.flush().await.unwrap();
    }

    async fn answer(&mut self) {
        self.line.clear();
        assert!(self.output.read_until(b'\n', &mut self.line).await.unwrap() > 0, "the server ended");
    }

    /// So many calls, `wide` of them in the pipe at once.
    pub(crate) async fn calls(&mut self, calls: usize, wide: usize) {
        // Ids must differ: the SDK takes two requests of one id for one.
        let batch: Vec<String> = (1..=wide).map(|id| self.call.replacen(":1,", &format!(":{id},"), 1)).collect();
        let batch = format!("{}\n", batch.join("\n"));
        for _ in 0..calls / wide {
            self.write(&batch).await;
            for _ in 0..wide {
                self.answer().await;
                assert!(contains(&self.line, self.proof), "{}", String::from_utf8_lossy(&self.line));
            }
        }
    }
}

/// A connection that is kept.
pub(crate) struct Connection {
    reader: BufReader<tcp::OwnedReadHalf>,
    writer: tcp::OwnedWriteHalf,
    request: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (reader, writer) = stream.into_split();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-11-25\r\n\
             content-length: {}\r\n\r\n{CALL}",
            CALL.len()
        );
        Self { reader: BufReader::new(reader), writer, request: request.into_bytes(), body: Vec::new() }
    }

    pub(crate) async fn calls(&mut self, calls: usize) {
        for _ in 0..calls {
            self.writer.write_all(&self.request).await.unwrap();
            let length = self.head().await;
            self.body.resize(length, 0);
            self.reader.read_exact(&mut self.body).await.unwrap();
            assert!(contains(&self.body, PROOF), "{}", String::from_utf8_lossy(&self.body));
        }
    }

    /// Length of the body.
    async fn head(&mut self) -> usize {
        let (mut line, mut length) = (String::new(), None);
        loop {
            line.clear();
            assert!(self.reader.read_line(&mut line).await.unwrap() > 0, "the server closed the connection");
            if line == "\r\n" {
                return length.expect("an answer without a length");
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok();
            }
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
