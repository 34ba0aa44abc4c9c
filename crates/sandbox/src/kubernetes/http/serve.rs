//! Connections: taken on a thread of their own until the server is dropped.

use std::{io, net::SocketAddr, sync::Arc, thread};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    runtime::Builder,
    sync::oneshot,
};

use super::super::{answer, shared::Shared};

/// A thread that answers.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

#[cfg(feature = "tls")]
pub(crate) type Encryption = Option<tokio_rustls::TlsAcceptor>;
#[cfg(not(feature = "tls"))]
pub(crate) type Encryption = Option<std::convert::Infallible>;

/// Takes a free port of this machine and answers on it.
pub(crate) fn start(shared: Arc<Shared>, port: u16, encryption: Encryption) -> io::Result<Running> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel();
    let work = move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            tokio::select! {
                () = take(listener, &shared, encryption) => {}
                () = super::super::life::run(&shared) => {}
                _ = stopped => {}
            }
        });
        // Streams that are still open end with the runtime.
        runtime.shutdown_background();
    };
    let thread = thread::Builder::new().name("kubernetes-sandbox".into()).spawn(work)?;
    Ok(Running { address, stop: Some(stop), thread: Some(thread) })
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Refused only by a thread that has ended already.
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn take(listener: TcpListener, shared: &Arc<Shared>, encryption: Encryption) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        // Answers are written in pieces, which must not wait for each other's acknowledgement.
        drop(stream.set_nodelay(true));
        let shared = Arc::clone(shared);
        match &encryption {
            None => drop(tokio::spawn(converse(stream, shared))),
            #[cfg(feature = "tls")]
            Some(acceptor) => {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, shared).await;
                    }
                });
            }
            #[cfg(not(feature = "tls"))]
            Some(never) => match *never {},
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { answer::answer(&shared, request).await }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A client that goes away is its own business.
    drop(connection.await);
}
