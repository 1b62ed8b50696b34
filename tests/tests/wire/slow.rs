//! Clients that take their time, or go away half way.

use drillgate_tests::audit::{counter, records};
use drillgate_tests::gate::HOST;
use drillgate_tests::{arrived, outcomes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::stand::{BY_RULES, LIMIT, Stand, request};

/// Sends one byte at a time, each in a packet of its own, and gives what answered.
async fn byte_by_byte(stand: &Stand, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(stand.harness.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in bytes {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    let read = timeout(LIMIT, stream.read_to_string(&mut answer)).await;
    read.expect("an answer and an end").unwrap();
    outcomes(&answer)
}

#[tokio::test]
async fn a_request_that_comes_byte_by_byte_is_judged_as_a_whole() {
    let stand = Stand::start().await;
    for (line, end) in stand.lines().iter().zip(BY_RULES) {
        let fields = format!("{line}Transfer-Encoding: chunked\r\n");
        // A refused client gets its answer, and the end, before it has sent a body.
        let body = if end.starts_with("200") {
            "5\r\nhello\r\n0\r\n\r\n"
        } else {
            ""
        };
        let bytes = request("POST / HTTP/1.1", &fields, body);
        assert_eq!(byte_by_byte(&stand, &bytes).await, end);
    }
    stand.assert_arrived(&BY_RULES).await;
}

#[tokio::test]
async fn half_a_head_is_no_request_whatever_it_holds() {
    let stand = Stand::start().await;
    for line in stand.lines() {
        let whole = request("GET / HTTP/1.1", &line, "");
        for cut in [1, 14, 60, whole.len() / 2, whole.len() - 2, whole.len() - 1] {
            let mut stream = TcpStream::connect(stand.harness.address()).await.unwrap();
            stream.write_all(&whole[..cut]).await.unwrap();
        }
    }
    stand.assert_arrived(&[""; 0]).await;
    let records = records(stand.harness.gateway.envoy(), 1).await;
    assert_eq!(records.len(), 1, "of the stand's own drill request");
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_of_its_body_leaves_one_record() {
    let stand = Stand::start().await;
    let envoy = stand.harness.gateway.envoy();
    let half = "Content-Length: 9\r\n\r\nhalf";
    let [without, valid, forged] = stand
        .lines()
        .map(|line| format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n{line}{half}"));
    for (bytes, upstream) in [
        (without, Some(&stand.harness.production)),
        (valid, Some(&stand.harness.sandbox)),
        (forged, None),
    ] {
        let mut stream = TcpStream::connect(stand.harness.address()).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        // Before the request has arrived there is nothing to go away from.
        match upstream {
            Some(upstream) => arrived(upstream, 1).await,
            None => assert!(stream.read(&mut [0; 100]).await.unwrap() > 0),
        }
    }
    let mut records = records(envoy, 2).await;
    records.sort_by_key(|record| record["verdict"].to_string());
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(records[0]["verdict"], "refused");
    assert_eq!(records[1]["verdict"], "unanswered");
    assert_eq!(records[1]["code_details"], "downstream_remote_disconnect");
    assert_eq!(counter(envoy, "requests.unanswered").await, Some(1));
    stand.assert_arrived(&["production", "sandbox"]).await;
}
