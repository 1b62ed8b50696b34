//! The proxy's own side: who connects to it, and how it ends.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::error::Error;
use super::exchange::{Exchange, Tunnel};
use super::hosts::Hosts;
use super::sender::{MAX_HEADERS, Sender};
use super::signer::Signer;
use super::tally::Tally;
use super::tls::Trust;
use super::upstream::Upstream;

/// What a proxy is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 stands for any free one.
    pub listen: SocketAddr,
    /// The drill's edge.
    pub upstream: Upstream,
    /// The drill's hosts, with or without a port: the first is that of requests which name none of
    /// them. If there are none, the upstream's own stands for them.
    pub hosts: Vec<String>,
    /// Whose certificates an `https` upstream may have.
    pub trust: Trust,
    /// How long connecting to the upstream may take.
    pub connect_timeout: Duration,
    /// How long requests that are under way may go on once the proxy is to stop.
    pub grace: Duration,
    /// What signs.
    pub signer: Arc<Signer>,
    /// The time, in seconds of the Unix epoch.
    pub clock: fn() -> i64,
}

impl Settings {
    /// Any free port of 127.0.0.1, the upstream's own host, this machine's trust, 5 s to connect
    /// and 10 s to end.
    pub fn new(upstream: Upstream, signer: Arc<Signer>, clock: fn() -> i64) -> Settings {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            upstream,
            hosts: Vec::new(),
            trust: Trust::System,
            connect_timeout: Duration::from_secs(5),
            grace: Duration::from_secs(10),
            signer,
            clock,
        }
    }
}

/// A proxy that listens already; [`Proxy::run`] answers.
#[derive(Debug)]
pub struct Proxy {
    listener: TcpListener,
    address: SocketAddr,
    grace: Duration,
    exchange: Arc<Exchange>,
}

impl Proxy {
    /// Listens.
    ///
    /// # Errors
    /// [`Error::Host`], [`Error::CaFile`], [`Error::Tls`], and [`Error::Listen`].
    pub async fn bind(settings: Settings) -> Result<Proxy, Error> {
        let Settings {
            upstream, listen, ..
        } = settings;
        let hosts = Hosts::new(&settings.hosts, upstream.authority())?;
        let tls = settings.trust.towards(&upstream)?;
        let sender = Sender::new(&upstream, tls.as_ref(), settings.connect_timeout);
        let bound = async {
            let listener = TcpListener::bind(listen).await?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = bound.await.map_err(|error| Error::Listen(listen, error))?;
        Ok(Proxy {
            listener,
            address,
            grace: settings.grace,
            exchange: Arc::new(Exchange {
                upstream,
                hosts,
                sender,
                signer: settings.signer,
                clock: settings.clock,
                tally: Arc::default(),
            }),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What becomes of the requests, counted as they come.
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.exchange.tally)
    }

    /// Answers until `shutdown`, and then what is under way, for as long as the settings allow.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let exchange = Arc::clone(&self.exchange);
                        connections.spawn(serve(stream, exchange, stopped.clone()));
                    }
                    // Out of file descriptors, most likely; some may come free.
                    Err(_) => sleep(Duration::from_millis(10)).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.listener);
        stop.send_replace(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        // What still goes on then ends with the set.
        let _out_of_time = timeout(self.grace, ended).await;
    }
}

/// Serves one connection, by HTTP/1.1 or by HTTP/2 with prior knowledge, and the tunnel that it
/// may become.
async fn serve(stream: TcpStream, exchange: Arc<Exchange>, mut stopped: watch::Receiver<bool>) {
    let _best_effort = stream.set_nodelay(true);
    let opened = Arc::new(Mutex::new(None));
    let service = service_fn(|request| {
        let (exchange, opened) = (Arc::clone(&exchange), Arc::clone(&opened));
        async move {
            let (answer, tunnel) = exchange.answer(request).await;
            if tunnel.is_some() {
                *lock(&opened) = tunnel;
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_header_list_size(MAX_HEADERS);
    {
        let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(serving);
        // How a connection ends is the client's to notice.
        tokio::select! {
            _ended = serving.as_mut() => {}
            () = async { let _told = stopped.wait_for(|stopped| *stopped).await; } => {
                serving.as_mut().graceful_shutdown();
                let _ended = serving.await;
            }
        }
    }
    let tunnel = lock(&opened).take();
    if let Some(tunnel) = tunnel {
        let _ended = tunnel.run().await;
    }
}

fn lock(opened: &Mutex<Option<Tunnel>>) -> MutexGuard<'_, Option<Tunnel>> {
    opened.lock().unwrap_or_else(PoisonError::into_inner)
}
