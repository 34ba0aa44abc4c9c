//! An HTTP endpoint on loopback that records what it is sent, and answers as badly as a test wants.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::Result;

/// Longest time that a connection is kept without an answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// Body as text.
    pub body: String,
    /// Body as it came.
    pub bytes: Vec<u8>,
}

impl Seen {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The operation, where the protocol names it: a target header or an `Action` in the form.
    pub fn action(&self) -> Option<&str> {
        let target = self.header("x-amz-target").and_then(|target| target.rsplit('.').next());
        target.or_else(|| self.body.split('&').find_map(|pair| pair.strip_prefix("Action=")))
    }
}

/// How long an answer is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// This long.
    For(Duration),
    /// Until the other side closes the connection.
    UntilClosed,
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: String,
    /// When.
    pub wait: Wait,
}

impl Reply {
    /// At once.
    pub fn new(status: u16, content_type: &str, body: &str) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body: body.to_owned(), wait: Wait::No }
    }

    /// Later.
    #[must_use]
    pub fn after(self, wait: Wait) -> Self {
        Self { wait, ..self }
    }
}

type Answer = dyn Fn(&Seen) -> Reply + Send + Sync;

struct Shared {
    answer: Box<Answer>,
    seen: Mutex<Vec<Seen>>,
    under_way: AtomicUsize,
    closed_early: AtomicUsize,
    stopped: AtomicBool,
}

/// A running endpoint.
pub struct Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Endpoint {
    /// Starts one that answers each request with what `answer` makes of it.
    pub fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            seen: Mutex::default(),
            under_way: AtomicUsize::new(0),
            closed_early: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let all = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if all.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&all);
                // A connection that breaks off is what some tests are about.
                thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Ok(Self { address, shared })
    }

    /// Base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What arrived so far, taken out of the record.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests that wait for an answer.
    pub fn under_way(&self) -> usize {
        self.shared.under_way.load(Ordering::SeqCst)
    }

    /// Connections that the other side closed before it had its answer.
    pub fn closed_early(&self) -> usize {
        self.shared.closed_early.load(Ordering::SeqCst)
    }

    /// Waits until `true`, at most `limit`. What it was at the end.
    pub fn eventually(&self, limit: Duration, is: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + limit;
        while !is(self) {
            if Instant::now() > end {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener up, so that it sees the above.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(seen) = read(&mut reader)? {
            let reply = (self.answer)(&seen);
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
            self.under_way.fetch_add(1, Ordering::SeqCst);
            let gone = wait(reader.get_mut(), reply.wait);
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            if gone {
                self.closed_early.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            write(reader.get_mut(), &reply)?;
        }
        Ok(())
    }
}

/// Holds an answer back. `true` when the other side did not wait for it.
fn wait(stream: &mut TcpStream, how: Wait) -> bool {
    let time = match how {
        Wait::No => return false,
        Wait::For(time) => time,
        Wait::UntilClosed => PATIENCE,
    };
    // A client that waits sends nothing more, so whatever ends this read early is the end of the connection.
    let set = stream.set_read_timeout(Some(time));
    let read = stream.read(&mut [0]);
    drop(stream.set_read_timeout(None));
    set.is_err()
        || !matches!(&read, Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
}

fn read(reader: &mut BufReader<TcpStream>) -> Result<Option<Seen>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().ok_or("no method")?, words.next().ok_or("no path")?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut seen = Seen { method, path, headers, body: String::new(), bytes: Vec::new() };
    let length: usize = seen.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    seen.body = String::from_utf8_lossy(&body).into_owned();
    seen.bytes = body;
    Ok(Some(seen))
}

fn write(stream: &mut TcpStream, reply: &Reply) -> Result<()> {
    let mut text = format!("HTTP/1.1 {} reply\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(&reply.body);
    stream.write_all(text.as_bytes())?;
    Ok(())
}
