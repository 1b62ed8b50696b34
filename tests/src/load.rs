//! A mixed load from several clients at once, and the ledger that it ends with.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use drill_context::{Claims, HEADER_NAME};
use drillgate::lab::{Connection, Protocol, Request};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::gate::{self, HOST, ROUTE_KEY};
use crate::traffic::outcome;

/// Clients, each with a connection of its own.
const CLIENTS: usize = 8;

/// What a request of the load is. Its path tells it, so that an upstream can be asked what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Without the header.
    Plain,
    /// With a fresh token for the drill.
    Valid,
    /// With a token whose signature is wrong.
    Forged,
    /// With a token whose time is over.
    Expired,
    /// With two valid values.
    Duplicate,
    /// With a valid token, to the drill's own host.
    Spoofed,
}

impl Kind {
    /// Every kind; one in three is [`Kind::Plain`] and one in three [`Kind::Valid`].
    const MIX: [Kind; 12] = [
        Kind::Plain,
        Kind::Valid,
        Kind::Forged,
        Kind::Plain,
        Kind::Valid,
        Kind::Expired,
        Kind::Plain,
        Kind::Valid,
        Kind::Duplicate,
        Kind::Plain,
        Kind::Valid,
        Kind::Spoofed,
    ];

    /// The path that requests of this kind go to.
    pub fn path(self) -> String {
        format!("/{self:?}").to_lowercase()
    }

    fn request(self) -> Request {
        let authority = match self {
            Kind::Spoofed => format!("{HOST}.{ROUTE_KEY}.drill.internal"),
            _ => HOST.to_owned(),
        };
        let request = Request::get(authority, self.path());
        match self {
            Kind::Plain => request,
            Kind::Valid | Kind::Spoofed => request.header(HEADER_NAME, gate::token()),
            Kind::Forged => request.header(HEADER_NAME, gate::forged()),
            Kind::Expired => request.header(HEADER_NAME, gate::signed(&expired())),
            Kind::Duplicate => request
                .header(HEADER_NAME, gate::token())
                .header(HEADER_NAME, gate::token()),
        }
    }
}

fn expired() -> Claims {
    let mut claims = gate::claims();
    claims.issued_at -= 20;
    claims.expires_at = Some(claims.issued_at + 10);
    claims
}

/// How often each kind of request had each [`outcome()`].
pub type Outcomes = BTreeMap<(Kind, String), u64>;

/// A load that runs in the background.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<Outcomes>,
    running: watch::Receiver<()>,
}

impl Load {
    /// Starts to send `requests` requests to the gateway at `address`, mixed.
    pub fn start(address: SocketAddr, requests: usize) -> Load {
        let (ended, running) = watch::channel(());
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let ended = ended.clone();
            clients.spawn(async move {
                let outcomes = send(address, client, requests / CLIENTS).await;
                drop(ended);
                outcomes
            });
        }
        Load { clients, running }
    }

    /// Whether there is more to send.
    pub fn is_running(&self) -> bool {
        self.running.has_changed().is_ok()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// If a request was not answered.
    pub async fn end(self) -> Outcomes {
        let mut all = Outcomes::new();
        for outcomes in self.clients.join_all().await {
            for (outcome, count) in outcomes {
                *all.entry(outcome).or_default() += count;
            }
        }
        all
    }
}

/// One client's share; each begins elsewhere in the mix.
async fn send(address: SocketAddr, client: usize, requests: usize) -> Outcomes {
    let mut outcomes = Outcomes::new();
    let mut connection = Connection::open(address, Protocol::Http1).await.unwrap();
    for kind in Kind::MIX.into_iter().cycle().skip(client).take(requests) {
        let response = connection.send(&kind.request()).await.unwrap();
        *outcomes.entry((kind, outcome(&response))).or_default() += 1;
    }
    outcomes
}
