//! A mixed load from several clients at once, and what became of each of its requests.

mod visits;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drill_context::{Claims, HEADER_NAME, TokenType, sign};
use drillgate::lab::{Connection, Error, Protocol, Request, Response};
use tokio::task::JoinSet;
use tokio::time::sleep;

pub use visits::{Visit, Visits};

use crate::gate::{self, ED25519, HOST, HS256, ROUTE_KEY};
use crate::traffic::outcome;

/// Clients, each with one connection at a time.
pub const CLIENTS: u64 = 8;

/// What became of a request that nobody answered.
pub const NOTHING: &str = "nothing";

/// The pause of a client after each request once the load has sent all that it must.
const AT_LEISURE: Duration = Duration::from_millis(20);

/// The pause after one that nobody answered.
const AWAY: Duration = Duration::from_millis(100);

/// What a request of the load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Without the header.
    Plain,
    /// With a fresh token for the drill, signed with the gate's HS256 key.
    Valid,
    /// The same, signed with its Ed25519 key.
    ValidByOther,
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
    /// Every kind; one in three is [`Kind::Plain`] and one in three valid.
    const MIX: [Kind; 12] = [
        Kind::Plain,
        Kind::Valid,
        Kind::Forged,
        Kind::Plain,
        Kind::ValidByOther,
        Kind::Expired,
        Kind::Plain,
        Kind::Valid,
        Kind::Duplicate,
        Kind::Plain,
        Kind::ValidByOther,
        Kind::Spoofed,
    ];

    /// In so many requests of the load there is at least one of each kind that was sent and
    /// answered: some client has gone through all of the mix, and a request more at either end.
    pub const EACH_WITHIN: u64 = CLIENTS * (Kind::MIX.len() as u64 + 2);

    /// A request of this kind for the drill of [`gate`].
    fn request(self, path: &str) -> Request {
        let authority = match self {
            Kind::Spoofed => format!("{HOST}.{ROUTE_KEY}.drill.internal"),
            _ => HOST.to_owned(),
        };
        let request = Request::get(authority, path);
        let signed = |kid| sign(&gate::key(kid), TokenType::Drill, &gate::claims());
        match self {
            Kind::Plain => request,
            Kind::Valid | Kind::Spoofed => request.header(HEADER_NAME, signed(HS256)),
            Kind::ValidByOther => request.header(HEADER_NAME, signed(ED25519)),
            Kind::Forged => request.header(HEADER_NAME, gate::forged()),
            Kind::Expired => request.header(HEADER_NAME, gate::signed(&expired())),
            Kind::Duplicate => request
                .header(HEADER_NAME, signed(HS256))
                .header(HEADER_NAME, signed(HS256)),
        }
    }
}

fn expired() -> Claims {
    let mut claims = gate::claims();
    claims.issued_at -= 20;
    claims.expires_at = Some(claims.issued_at + 10);
    claims
}

/// A request that was sent, and answered unless the load is one through gaps.
#[derive(Debug)]
pub struct Sent {
    /// What it was.
    pub kind: Kind,
    /// Its path, which no other request has.
    pub path: String,
    /// What became of it, as [`outcome()`] has it, or [`NOTHING`].
    pub outcome: String,
    /// How long that took.
    pub took: Duration,
    /// The stage of the load that it began and ended in; nothing if these are two.
    pub stage: Option<u64>,
}

/// A load that runs in the background.
///
/// Its clients keep a connection until an answer says `connection: close`, and open another one
/// then.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<Vec<Sent>>,
    shared: Arc<Shared>,
}

/// Makes the request of a kind for a path.
type Maker = dyn Fn(Kind, &str) -> Request + Send + Sync;

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    due: u64,
    through_gaps: bool,
    sent: AtomicU64,
    kept_connections: AtomicU64,
    stage: AtomicU64,
    ended: AtomicBool,
}

impl Load {
    /// Starts to send requests to the gateway at `address`, mixed: `due` at full speed, and more
    /// at leisure until [`Load::end`].
    pub fn start(address: SocketAddr, due: u64) -> Load {
        Self::start_with(address, due, Kind::request)
    }

    /// As [`Load::start`], with requests of one's own: `request` makes one of a kind for a path.
    pub fn start_with(
        address: SocketAddr,
        due: u64,
        request: impl Fn(Kind, &str) -> Request + Send + Sync + 'static,
    ) -> Load {
        Self::begin(address, due, false, Arc::new(request))
    }

    /// As [`Load::start_with`], at leisure from the first request on, to a gateway that goes away and
    /// comes back: what nobody answers is [`NOTHING`].
    pub fn start_through_gaps(
        address: SocketAddr,
        request: impl Fn(Kind, &str) -> Request + Send + Sync + 'static,
    ) -> Load {
        Self::begin(address, 0, true, Arc::new(request))
    }

    fn begin(address: SocketAddr, due: u64, through_gaps: bool, request: Arc<Maker>) -> Load {
        let shared = Arc::new(Shared {
            address,
            due,
            through_gaps,
            sent: AtomicU64::new(0),
            kept_connections: AtomicU64::new(0),
            stage: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let client = |client| send(Arc::clone(&shared), client, Arc::clone(&request));
        let clients = (0..CLIENTS).map(client);
        let clients = clients.collect();
        Load { clients, shared }
    }

    /// How many requests it has sent so far.
    ///
    /// # Panics
    /// If a client has given up.
    pub fn sent(&self) -> u64 {
        self.alive().sent.load(Ordering::SeqCst)
    }

    /// How many connections there have been so far whose first answer did not end them.
    ///
    /// # Panics
    /// If a client has given up.
    pub fn kept_connections(&self) -> u64 {
        self.alive().kept_connections.load(Ordering::SeqCst)
    }

    /// What all clients share; each holds it as long as it runs.
    fn alive(&self) -> &Shared {
        let clients = Arc::strong_count(&self.shared) as u64 - 1;
        assert_eq!(clients, CLIENTS, "a client has given up");
        &self.shared
    }

    /// Begins a new stage, and gives its number.
    pub fn next_stage(&self) -> u64 {
        self.shared.stage.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Ends it once what is under way is answered.
    ///
    /// # Panics
    /// If a request was not answered, or with another one's answer.
    pub async fn end(self) -> Vec<Sent> {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.clients
            .join_all()
            .await
            .into_iter()
            .flatten()
            .collect()
    }
}

/// One client's share; each begins elsewhere in the mix.
async fn send(shared: Arc<Shared>, client: u64, request: Arc<Maker>) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut kept = None;
    let mut mix = Kind::MIX.into_iter().cycle().skip(client as usize);
    while !shared.ended.load(Ordering::SeqCst) {
        let kind = mix.next().unwrap();
        let number = shared.sent.fetch_add(1, Ordering::SeqCst);
        let path = format!("/load/{number}/{kind:?}").to_lowercase();
        let began = shared.stage.load(Ordering::SeqCst);
        let sent_at = Instant::now();
        let outcome = match exchange(&shared, &mut kept, &request(kind, &path)).await {
            Ok(response) => {
                assert_is_answer_to(&response, &path);
                outcome(&response)
            }
            Err(_) if shared.through_gaps => NOTHING.to_owned(),
            Err(error) => panic!("{path} is unanswered: {error}"),
        };
        let took = sent_at.elapsed();
        let ended = shared.stage.load(Ordering::SeqCst);
        if outcome == NOTHING {
            sleep(AWAY).await;
        } else if number >= shared.due {
            sleep(AT_LEISURE).await;
        }
        sent.push(Sent {
            kind,
            path,
            outcome,
            took,
            stage: (began == ended).then_some(began),
        });
    }
    sent
}

/// Sends a request on the connection that was kept, or on a new one, and keeps that if it goes on.
async fn exchange(
    shared: &Shared,
    kept: &mut Option<Connection>,
    request: &Request,
) -> Result<Response, Error> {
    let (mut connection, is_new) = match kept.take() {
        Some(connection) => (connection, false),
        None => (
            Connection::open(shared.address, Protocol::Http1).await?,
            true,
        ),
    };
    let response = connection.send(request).await?;
    if response.header("connection") != Some("close") {
        let kept_now = u64::from(is_new);
        shared
            .kept_connections
            .fetch_add(kept_now, Ordering::SeqCst);
        *kept = Some(connection);
    }
    Ok(response)
}

fn assert_is_answer_to(response: &Response, path: &str) {
    if let Some(seen) = response.seen() {
        assert_eq!(seen.path, path, "the answer to another request");
    }
}
