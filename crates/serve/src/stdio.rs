//! One JSON message a line. Lines that are not messages are answered, and the connection lives on.

use std::{
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};

use rmcp::{RoleServer, service::TxJsonRpcMessage, transport::Transport};
use serde::Serialize;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    sync::{Mutex, mpsc},
};
use tokio_util::sync::CancellationToken;

use crate::message::{self, Message};

/// Longest line that is read. Far above any argument of a tool.
const MAX_LINE: u64 = 8 << 20;
/// Bad lines in a row that are answered. A peer that sends our own errors back must not keep us busy for ever.
const MAX_COMPLAINTS: u32 = 100;
/// Time for calls under way to finish once the input has ended. A quiet server ends at once; this bounds a busy one,
/// and is long enough for a first call, which resolves credentials and opens a connection, on a slow machine.
const GRACE: Duration = Duration::from_secs(5);

/// Messages over a pair of byte streams.
pub(crate) struct Lines<W> {
    messages: mpsc::Receiver<Message>,
    output: Arc<Output<W>>,
}

/// The way out. Lines are put in order when they are given, and whoever gets to write writes all that are there: answers
/// that are ready at the same time leave in one piece.
struct Output<W> {
    lines: std::sync::Mutex<Vec<u8>>,
    /// `None` once it is closed.
    stream: Mutex<Option<W>>,
}

impl<W: AsyncWrite + Unpin> Output<W> {
    /// Adds a line to those that wait.
    fn add(&self, message: &impl Serialize) -> io::Result<()> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let start = lines.len();
        if let Err(error) = serde_json::to_writer(&mut *lines, message) {
            lines.truncate(start);
            return Err(error.into());
        }
        lines.push(b'\n');
        Ok(())
    }

    /// Writes what waits.
    async fn write(&self) -> io::Result<()> {
        let mut stream = self.stream.lock().await;
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        if lines.is_empty() {
            // Somebody else has written it.
            return Ok(());
        }
        let stream = stream.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        stream.write_all(&lines).await?;
        stream.flush().await
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> Lines<W> {
    /// Reads `input` in a task of its own, so that a message is never lost half-way when the service turns to
    /// something else. `closing` is cancelled some time after the input has ended.
    pub(crate) fn new<R: AsyncRead + Send + Unpin + 'static>(input: R, output: W, closing: CancellationToken) -> Self {
        let output = Arc::new(Output { lines: std::sync::Mutex::default(), stream: Mutex::new(Some(output)) });
        let (sender, messages) = mpsc::channel(64);
        let reader = Reader { output: Arc::clone(&output), sender, complaints: 0 };
        tokio::spawn(async move {
            reader.run(BufReader::new(input)).await;
            tokio::time::sleep(GRACE).await;
            closing.cancel();
        });
        Self { messages, output }
    }
}

struct Reader<W> {
    output: Arc<Output<W>>,
    sender: mpsc::Sender<Message>,
    complaints: u32,
}

impl<W: AsyncWrite + Send + Unpin> Reader<W> {
    async fn run<R: AsyncRead + Send + Unpin>(mut self, mut input: BufReader<R>) {
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut input).take(MAX_LINE).read_until(b'\n', &mut line).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!("could not read standard input: {error}");
                    return;
                }
            }
            if line.last() != Some(&b'\n') && line.len() as u64 == MAX_LINE {
                self.complain(-32600, "the message is longer than 8 MiB").await;
                if !skip_line(&mut input).await {
                    return;
                }
                continue;
            }
            if !self.take(&line).await {
                return;
            }
        }
    }

    /// Hands one line on. `false` when nobody listens any more.
    async fn take(&mut self, line: &[u8]) -> bool {
        let text = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
        if text.is_empty() {
            return true;
        }
        match message::read(text) {
            Ok(message) => {
                self.complaints = 0;
                return self.sender.send(message).await.is_ok();
            }
            Err(error) if error.is_syntax() || error.is_eof() => self.complain(-32700, "not JSON").await,
            Err(_) if is_unknown_notification(text) => {}
            Err(_) => self.complain(-32600, "not a JSON-RPC request, response or notification").await,
        }
        true
    }

    async fn complain(&mut self, code: i32, why: &str) {
        self.complaints += 1;
        if self.complaints > MAX_COMPLAINTS {
            return;
        }
        let answer = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code, "message": why } });
        let written = match self.output.add(&answer) {
            Ok(()) => self.output.write().await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            tracing::debug!("could not answer a bad line: {error}");
        }
    }
}

/// Notifications that we do not know need no answer.
fn is_unknown_notification(text: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(text).is_ok_and(|message| {
        message.get("method").is_some_and(serde_json::Value::is_string) && message.get("id").is_none()
    })
}

/// Drops the rest of a line without keeping it. `false` at the end of the input.
async fn skip_line<R: AsyncRead + Unpin>(input: &mut BufReader<R>) -> bool {
    loop {
        let (used, found) = match input.fill_buf().await {
            Ok([]) | Err(_) => return false,
            Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (bytes.len(), false),
            },
        };
        input.consume(used);
        if found {
            return true;
        }
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> Transport<RoleServer> for Lines<W> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let output = Arc::clone(&self.output);
        let added = output.add(&message);
        async move {
            added?;
            output.write().await
        }
    }

    async fn receive(&mut self) -> Option<Message> {
        self.messages.recv().await
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.output.stream.lock().await.take();
        Ok(())
    }
}
