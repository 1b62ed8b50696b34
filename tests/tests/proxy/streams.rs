//! Bodies that flow, connections that change their protocol, and gRPC.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use drill_context::HEADER_NAME;
use drillgate::lab::{Cluster, Connection, Protocol};
use drillgate::proxy::Counts;
use drillgate_tests::gate::{self, HOST};
use drillgate_tests::socket::{self, Echo};
use drillgate_tests::{Harness, SANDBOX, check_health, envoy, outcomes};
use futures::channel::mpsc;
use futures::stream::{self, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;

use crate::stand::{LIMIT, PROTOCOLS, Running, gate_and_proxy, routed};

type Chunks = StreamBody<mpsc::UnboundedReceiver<Result<Frame<Bytes>, Infallible>>>;

/// A gate in front of upstreams that serve `router` too, and a proxy.
async fn serving(router: Router) -> (Harness, Running) {
    let harness = Harness::start_with(&envoy(), router, gate::drilled).await;
    let proxy = Running::start(harness.address(), |_| {}).await;
    (harness, proxy)
}

async fn frame(body: &mut Incoming) -> Bytes {
    let frame = timeout(LIMIT, body.frame()).await.expect("a frame in time");
    frame.unwrap().unwrap().into_data().unwrap()
}

/// One event, and then nothing for as long as anyone listens.
async fn events() -> Body {
    let first = stream::iter([Ok::<_, Infallible>("data: 1\n\n")]);
    Body::from_stream(first.chain(stream::pending()))
}

#[tokio::test]
async fn an_event_comes_through_while_the_stream_goes_on() {
    let (harness, proxy) = serving(Router::new().route("/events", get(events))).await;
    for protocol in PROTOCOLS {
        let mut connection = Connection::open(proxy.address, protocol).await.unwrap();
        let answer = connection
            .start(&proxy.get("/events").by(protocol))
            .await
            .unwrap();
        assert_eq!(answer.headers()["x-drill-verdict"], "routed");
        assert_eq!(frame(&mut answer.into_body()).await, "data: 1\n\n");
    }
    assert_eq!(harness.production.total(), 0);
    proxy.end(routed(2)).await;
}

/// Sends a request whose body is still to come.
async fn start(proxy: &Running, protocol: Protocol, body: Chunks) -> Response<Incoming> {
    let stream = TokioIo::new(TcpStream::connect(proxy.address).await.unwrap());
    let url = format!("http://{}/echo", proxy.address);
    match protocol {
        Protocol::Http1 => {
            let (mut sender, connection) = http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            let request = Request::post("/echo").header("host", "proxy").body(body);
            sender.send_request(request.unwrap()).await.unwrap()
        }
        Protocol::Http2 => {
            let handshake = http2::handshake(TokioExecutor::new(), stream).await;
            let (mut sender, connection) = handshake.unwrap();
            tokio::spawn(connection);
            let request = Request::post(url).version(Version::HTTP_2).body(body);
            sender.send_request(request.unwrap()).await.unwrap()
        }
    }
}

#[tokio::test]
async fn bodies_flow_both_ways_at_once() {
    let echo = post(|body: Body| async { body });
    let (harness, proxy) = serving(Router::new().route("/echo", echo)).await;
    for protocol in PROTOCOLS {
        let (chunks, body) = mpsc::unbounded();
        let send = |chunk: &'static str| {
            let frame = Frame::data(Bytes::from_static(chunk.as_bytes()));
            chunks.unbounded_send(Ok(frame)).unwrap();
        };
        send("one");
        let answer = timeout(LIMIT, start(&proxy, protocol, StreamBody::new(body))).await;
        let mut answer = answer.expect("an answer in time").into_body();
        // Each is sent only after the one before has come back.
        assert_eq!(frame(&mut answer).await, "one");
        send("two");
        assert_eq!(frame(&mut answer).await, "two");
        chunks.close_channel();
        let rest = timeout(LIMIT, answer.collect()).await.unwrap().unwrap();
        assert_eq!(rest.to_bytes(), "");
    }
    assert_eq!(harness.production.total(), 0);
    proxy.end(routed(2)).await;
}

/// The names of the trailers that came.
async fn trailers(body: Body) -> String {
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let names: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
    names.join(" ")
}

#[tokio::test]
async fn trailers_arrive_but_for_what_they_say_about_drills() {
    let (harness, proxy) = serving(Router::new().route("/echo", post(trailers))).await;
    let (chunks, body) = mpsc::unbounded();
    let value = HeaderValue::from_static("1");
    let names = [HEADER_NAME, "x_drill_context", "x-sum"];
    let fields = names.map(|name| (HeaderName::from_static(name), value.clone()));
    chunks
        .unbounded_send(Ok(Frame::data(Bytes::from_static(b"data"))))
        .unwrap();
    chunks
        .unbounded_send(Ok(Frame::trailers(HeaderMap::from_iter(fields))))
        .unwrap();
    chunks.close_channel();
    let answer = timeout(LIMIT, start(&proxy, Protocol::Http2, StreamBody::new(body))).await;
    let answer = answer
        .expect("an answer in time")
        .into_body()
        .collect()
        .await;
    assert_eq!(answer.unwrap().to_bytes(), "x-sum");
    assert_eq!(harness.production.total(), 0);
    proxy.end(routed(1)).await;
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    const SIZE: usize = 4 << 20;
    let (harness, proxy) = gate_and_proxy(|_| {}).await;
    for protocol in PROTOCOLS {
        let request = proxy.get("/large").by(protocol);
        let request = request.with(http::Method::PUT, vec![b'a'; SIZE]);
        let seen = proxy.send(&request).await.seen().unwrap();
        assert_eq!((seen.who.as_str(), seen.body), (SANDBOX, SIZE));
    }
    assert_eq!(harness.production.total(), 0);
    proxy.end(routed(2)).await;
}

#[tokio::test]
async fn a_websocket_leads_to_the_sandbox() {
    let (production, sandbox) = (Echo::start().await, Echo::start().await);
    let (_harness, proxy) = gate_and_proxy(|edge| {
        edge.production = Cluster::new("production", [production.address]);
        edge.sandboxes = vec![Cluster::new(SANDBOX, [sandbox.address])];
    })
    .await;
    let forged = format!("{HEADER_NAME}: {}\r\n", gate::forged());
    let named = format!("Connection: {HEADER_NAME}\r\n");
    for lines in ["", &forged, &named] {
        let (answer, echoed) = socket::handshake(proxy.address, HOST, lines, LIMIT).await;
        assert_eq!(
            (outcomes(&answer).as_str(), echoed),
            ("101 routed", true),
            "{lines}"
        );
        let answer = answer.to_ascii_lowercase();
        assert!(answer.contains("\r\nupgrade: websocket\r\n"), "{answer}");
        assert!(answer.contains("\r\nconnection: upgrade\r\n"), "{answer}");
    }
    assert_eq!((production.heads().len(), sandbox.heads().len()), (0, 3));
    proxy.end(routed(3)).await;
}

#[tokio::test]
async fn a_websocket_that_is_refused_is_an_answer_too() {
    let (harness, proxy) = gate_and_proxy(|_| {}).await;
    // An ordinary service: it knows nothing of WebSocket and answers as to any request.
    let (answer, echoed) = socket::handshake(proxy.address, HOST, "", LIMIT).await;
    assert_eq!((outcomes(&answer).as_str(), echoed), ("200 routed", false));
    harness.sandbox.down().await.unwrap();
    let (answer, echoed) = socket::handshake(proxy.address, HOST, "", LIMIT).await;
    assert_eq!(
        (outcomes(&answer).as_str(), echoed),
        ("503 sandbox-unreachable", false)
    );
    let counts = Counts {
        sent: 2,
        routed: 1,
        sandbox_unreachable: 1,
        ..Counts::default()
    };
    proxy.end(counts).await;
}

#[tokio::test]
async fn a_socket_that_stays_open_does_not_keep_the_proxy() {
    let sandbox = Echo::start().await;
    let harness = gate::gate(|edge| {
        edge.sandboxes = vec![Cluster::new(SANDBOX, [sandbox.address])];
    })
    .await;
    let proxy = Running::start(harness.address(), |settings| {
        settings.grace = Duration::from_millis(100);
    })
    .await;
    let open = TcpStream::connect(proxy.address).await.unwrap();
    let asked = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    open.try_write(asked.as_bytes()).unwrap();
    proxy.counted(&routed(1)).await;
    proxy.end(routed(1)).await;
    drop(open);
}

#[tokio::test]
async fn grpc_is_answered_by_the_sandbox_and_by_the_edge() {
    let (harness, proxy) = gate_and_proxy(|_| {}).await;
    let call = async |service: &str, context: Option<&str>| {
        check_health(proxy.address, &proxy.address.to_string(), context, service).await
    };
    let forged = gate::forged();
    for context in [None, Some(forged.as_str())] {
        let answer = call(SANDBOX, context).await.unwrap();
        assert_eq!(answer.metadata().get("x-drill-verdict").unwrap(), "routed");
    }
    let status = call("production", None).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "the sandbox's own answer");
    assert_eq!(status.metadata().get("x-drill-verdict").unwrap(), "routed");

    harness.sandbox.down().await.unwrap();
    let status = call(SANDBOX, None).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let verdict = status.metadata().get("x-drill-verdict").unwrap();
    assert_eq!(verdict, "sandbox-unreachable");
    assert_eq!(harness.production.total(), 0);
    let counts = Counts {
        sent: 4,
        routed: 3,
        sandbox_unreachable: 1,
        ..Counts::default()
    };
    proxy.end(counts).await;
}
