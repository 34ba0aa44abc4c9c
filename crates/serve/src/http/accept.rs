//! Connections: taken, limited, encrypted where wanted, and ended in good order.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use rmcp::ServerHandler;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener, UnixStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use trainyard_contract::{Error, Result};

use super::{Listen, Tls, door::Door};

/// Connections at once; more have to wait.
const MOST: usize = 4_096;
/// Time for a client to send the head of its next request. Also how long an idle connection is kept.
const HEAD: Duration = Duration::from_mins(1);
/// Time to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Largest head of a request.
const HEAD_BYTES: usize = 64 << 10;
const HEADERS: usize = 100;
/// Time for calls under way to end once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// Time for the last answers to leave.
const FLUSH: Duration = Duration::from_secs(1);

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    pub(super) async fn bind(listen: &Listen) -> Result<Self> {
        let refused = |place: String, error: io::Error| {
            Error::validation(format!("could not listen at {place}: {error}"))
                .hint("another program may use it; choose another with --http")
        };
        match listen {
            Listen::Tcp(address) => {
                let failed = |error| refused(address.to_string(), error);
                let listener = TcpListener::bind(address).await.map_err(failed)?;
                let address = listener.local_addr().map_err(failed)?;
                Ok(Self::Tcp(listener, address))
            }
            Listen::Unix(path) => {
                let failed = |error| refused(path.display().to_string(), error);
                remove_stale(path).await.map_err(failed)?;
                let listener = UnixListener::bind(path).map_err(failed)?;
                owner_only(path).map_err(failed)?;
                Ok(Self::Unix(listener, path.clone()))
            }
        }
    }
}

/// A socket that nobody listens at any more gives way; anything else stays.
async fn remove_stale(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => match UnixStream::connect(path).await {
            Ok(_) => Err(io::Error::from(io::ErrorKind::AddrInUse)),
            Err(_) => std::fs::remove_file(path),
        },
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn owner_only(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // Gone already is as good.
            drop(std::fs::remove_file(path));
        }
    }
}

/// Takes connections until `stop`.
pub(super) async fn run<H: ServerHandler>(
    listener: Listener,
    tls: Option<Tls>,
    door: Arc<Door<H>>,
    under_way: impl Fn() -> usize,
    closing: CancellationToken,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(MOST));
    let mut stop = pin!(stop);
    loop {
        let slot = tokio::select! {
            biased;
            () = &mut stop => break,
            Ok(slot) = Arc::clone(&slots).acquire_owned() => slot,
        };
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = take(&listener) => accepted,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                // Out of descriptors, most of the time: some will be free again in a moment.
                tracing::warn!("could not take a connection: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (door, watcher, tls) = (Arc::clone(&door), graceful.watcher(), tls.clone());
        tokio::spawn(async move {
            let _slot = slot;
            match (stream, tls) {
                (Stream::Tcp(stream), Some(tls)) => match timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, door, watcher).await,
                    Ok(Err(error)) => tracing::debug!("no TLS: {error}"),
                    Err(_) => tracing::debug!("no TLS in time"),
                },
                (Stream::Tcp(stream), None) => converse(stream, door, watcher).await,
                (Stream::Unix(stream), _) => converse(stream, door, watcher).await,
            }
        });
    }
    drop(listener);
    end(graceful, under_way, &closing).await;
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(UnixStream),
}

async fn take(listener: &Listener) -> io::Result<Stream> {
    match listener {
        Listener::Tcp(listener, _) => {
            let (stream, _) = listener.accept().await?;
            // Answers are written in pieces. With Nagle's algorithm each waits for the other side's delayed
            // acknowledgement: 44 ms a call.
            stream.set_nodelay(true)?;
            Ok(Stream::Tcp(stream))
        }
        Listener::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
    }
}

async fn converse<H: ServerHandler>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    door: Arc<Door<H>>,
    watcher: Watcher,
) {
    let service = service_fn(move |request| {
        let door = Arc::clone(&door);
        async move { Ok::<_, std::convert::Infallible>(door.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("a connection broke off: {error}");
    }
}

/// No new requests; calls under way get their answers; streams that only listen are closed.
async fn end(graceful: GracefulShutdown, under_way: impl Fn() -> usize, closing: &CancellationToken) {
    let mut ended = pin!(graceful.shutdown());
    let calls = async {
        while under_way() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(FLUSH).await;
    };
    let waited = tokio::select! {
        () = &mut ended => true,
        _ = timeout(GRACE, calls) => false,
    };
    closing.cancel();
    if !waited && timeout(FLUSH, ended).await.is_err() {
        tracing::debug!("connections were cut");
    }
}
