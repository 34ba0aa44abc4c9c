//! Connections: taken on a thread of their own until the server is dropped.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, thread};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    runtime::Builder,
    sync::oneshot,
};

/// An answer, whole or piece by piece.
pub(crate) type Reply = Response<BoxBody<Bytes, Infallible>>;

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
pub(crate) type Encryption = Option<Infallible>;

/// What answers requests. An error breaks the connection.
pub(crate) trait Answers: Clone + Send + 'static {
    /// The answer to one request.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = io::Result<Reply>> + Send;

    /// What goes on beside; the server ends with it.
    fn beside(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// Takes a port of this machine, any free one for 0, and answers on it in a thread of this name.
pub(crate) fn start(name: &str, port: u16, encryption: Encryption, answers: impl Answers) -> io::Result<Running> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel();
    let work = move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            tokio::select! {
                () = take(listener, &answers, encryption) => {}
                () = answers.beside() => {}
                _ = stopped => {}
            }
        });
        // Streams that are still open end with the runtime.
        runtime.shutdown_background();
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work)?;
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

async fn take(listener: TcpListener, answers: &impl Answers, encryption: Encryption) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        // Answers are written in pieces, which must not wait for each other's acknowledgement.
        drop(stream.set_nodelay(true));
        let answers = answers.clone();
        match &encryption {
            None => drop(tokio::spawn(converse(stream, answers))),
            #[cfg(feature = "tls")]
            Some(acceptor) => {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, answers).await;
                    }
                });
            }
            #[cfg(not(feature = "tls"))]
            Some(never) => match *never {},
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, answers: impl Answers) {
    let service = service_fn(move |request| {
        let answers = answers.clone();
        async move { answers.answer(request).await }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A client that goes away is its own business.
    drop(connection.await);
}
