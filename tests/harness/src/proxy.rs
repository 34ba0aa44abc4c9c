//! Between a client and a server on loopback: lets requests pass, holds them, or damages what goes through.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::Result;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It passes, and so does its answer.
    Open,
    /// It is not passed on until [`Proxy::release`].
    Hold,
    /// The last byte of its body is another one.
    FlipRequest,
    /// The last byte of its answer is another one.
    FlipAnswer,
    /// Its answer ends after so many bytes of its body.
    CutAnswer(usize),
    /// It passes, and its answer is lost.
    LoseAnswer,
}

struct Shared {
    upstream: SocketAddr,
    rule: Box<Rule>,
    requests: AtomicUsize,
    stopped: AtomicBool,
    held: Mutex<bool>,
    released: Condvar,
}

type Rule = dyn Fn(&str, usize) -> Passage + Send + Sync;

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts one before `upstream` (`http://127.0.0.1:1234`). `rule` sees the head of each request and how many there
    /// were before it.
    pub fn start(upstream: &str, rule: impl Fn(&str, usize) -> Passage + Send + Sync + 'static) -> Result<Self> {
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').parse()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            rule: Box::new(rule),
            requests: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            held: Mutex::new(true),
            released: Condvar::new(),
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
                thread::spawn(move || drop(shared.pass(stream)));
            }
        });
        Ok(Self { address, shared })
    }

    /// Base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that came.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Lets go of what is held, and holds nothing more.
    pub fn release(&self) {
        *self.shared.held.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.shared.released.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.release();
        // Wakes the listener up, so that it sees the above.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    /// One request and its answer. The connection ends after it.
    fn pass(&self, mut client: TcpStream) -> Result<()> {
        let (head, mut body) = request(&mut client)?;
        let passage = (self.rule)(&head, self.requests.fetch_add(1, Ordering::SeqCst));
        if passage == Passage::Hold {
            let gate = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let wait = self.released.wait_timeout_while(gate, Duration::from_mins(2), |held| *held);
            drop(wait);
            if self.stopped.load(Ordering::SeqCst) {
                return Ok(());
            }
        }
        if let (Passage::FlipRequest, Some(byte)) = (passage, body.last_mut()) {
            *byte ^= 1;
        }
        let mut server = TcpStream::connect(self.upstream)?;
        let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        server.write_all(head.as_bytes())?;
        server.write_all(&body)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        let start = end_of_head(&answer).ok_or("no answer")?;
        match passage {
            Passage::FlipAnswer if answer.len() > start => {
                if let Some(byte) = answer.last_mut() {
                    *byte ^= 1;
                }
            }
            Passage::CutAnswer(bytes) => answer.truncate(start + bytes),
            Passage::LoseAnswer => return Ok(()),
            _ => {}
        }
        client.write_all(&answer)?;
        Ok(())
    }
}

/// A whole request: its head with the empty line, and its body.
fn request(stream: &mut TcpStream) -> Result<(String, Vec<u8>)> {
    let (mut bytes, mut part) = (Vec::new(), vec![0; 64 * 1024]);
    let start = loop {
        if let Some(start) = end_of_head(&bytes) {
            break start;
        }
        match stream.read(&mut part)? {
            0 => return Err("the request broke off".into()),
            read => bytes.extend_from_slice(&part[..read]),
        }
    };
    let mut body = bytes.split_off(start);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while body.len() < length.unwrap_or(0) {
        match stream.read(&mut part)? {
            0 => return Err("the request broke off".into()),
            read => body.extend_from_slice(&part[..read]),
        }
    }
    Ok((head, body))
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at + 4)
}
