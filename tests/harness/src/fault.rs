//! A server on loopback that goes wrong in the ways that networks and servers go wrong.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::Result;

/// What happens to one connection.
#[derive(Debug, Clone)]
pub enum Fault {
    /// None: the request is read, these bytes are sent, and the connection is closed.
    Answer(Vec<u8>),
    /// The connection is reset half way through the request.
    Reset,
    /// The request is read, and the connection closed without a word.
    Hangup,
    /// The request is read, this much is said, and nothing more for ever.
    Stall(Vec<u8>),
    /// The request is read, and the answer comes byte by byte, so far apart.
    Drip(Vec<u8>, Duration),
    /// Nothing is read and nothing is said: as if the other machine had lost its power.
    Deaf,
}

impl Fault {
    /// A whole answer.
    pub fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        Self::Answer(message(status, headers, body))
    }
}

/// An answer as bytes. The connection ends after it.
pub fn message(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut bytes = (head + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    under_way: AtomicUsize,
    stopped: AtomicBool,
}

/// A running server: its n-th connection meets its n-th fault, and the last from then on.
pub struct Faulty {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Faulty {
    /// Starts one.
    pub fn start(faults: Vec<Fault>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let all = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let number = all.connections.fetch_add(1, Ordering::SeqCst);
                if all.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), Some(fault)) = (stream, faults.get(number).or(faults.last()).cloned()) else {
                    continue;
                };
                let shared = Arc::clone(&all);
                // Whatever goes wrong here was meant to.
                thread::spawn(move || {
                    shared.under_way.fetch_add(1, Ordering::SeqCst);
                    drop(shared.meet(stream, &fault));
                    shared.under_way.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(Self { address, shared })
    }

    /// Base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    pub fn under_way(&self) -> usize {
        self.shared.under_way.load(Ordering::SeqCst)
    }

    /// The requests that were read, heads and bodies.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener up, so that it sees the above.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn meet(&self, mut stream: TcpStream, fault: &Fault) -> Result<()> {
        stream.set_nodelay(true)?;
        match fault {
            // Closing a connection with unread bytes in it resets it.
            Fault::Reset => return Ok(stream.read_exact(&mut [0])?),
            Fault::Deaf => {
                thread::sleep(Duration::from_mins(1));
                return Ok(());
            }
            _ => {}
        }
        let request = read(&mut stream)?;
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        match fault {
            Fault::Answer(bytes) => stream.write_all(bytes)?,
            Fault::Stall(start) => {
                stream.write_all(start)?;
                // Ends when the other side has had enough.
                while stream.read(&mut [0; 64])? > 0 {}
            }
            Fault::Drip(bytes, every) => {
                for byte in bytes {
                    stream.write_all(&[*byte])?;
                    thread::sleep(*every);
                }
            }
            Fault::Reset | Fault::Hangup | Fault::Deaf => {}
        }
        Ok(())
    }
}

/// A whole request as text.
fn read(stream: &mut TcpStream) -> Result<String> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                return Ok(text.into_owned());
            }
        }
        match stream.read(&mut part)? {
            0 => return Err("the request broke off".into()),
            read => bytes.extend_from_slice(&part[..read]),
        }
    }
}
