mod gateway;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use axum::Json;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::StatusCode;
use rcgen::generate_simple_self_signed;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::RootCertStore;

use super::{ProbeError, Running, Target, ask_all, probe, tls};
use gateway::{
    DOMAIN, Gateway, HOST_NAME, LONG, SHORT, TOKEN, body, filter, listen, one, refuse, running,
    tls_gateway, with,
};

#[tokio::test]
async fn a_filter_tells_what_it_runs_with() {
    let gateway = Gateway::start(filter).await;
    assert_eq!(gateway.asked(LONG).await, Ok(running()));
}

#[tokio::test]
async fn a_filter_of_another_version_may_tell_less_or_more() {
    let older = |_: &Request| {
        let body = json!({"generation": 7, "version": "0.1.0", "activeDrills": 1});
        with(200, "probe", body.to_string())
    };
    let gateway = Gateway::start(older).await;
    let drill = None;
    assert_eq!(
        gateway.asked(LONG).await,
        Ok(Running { drill, ..running() })
    );

    let newer = |_: &Request| {
        let mut body = body();
        body["weather"] = json!("fine");
        with(200, "probe", body.to_string())
    };
    let gateway = Gateway::start(newer).await;
    assert_eq!(gateway.asked(LONG).await, Ok(running()));
}

#[tokio::test]
async fn a_refusal_names_the_filters_code() {
    for (status, code) in [(403, "unknown-key"), (503, "edge-error")] {
        let gateway = Gateway::start(move |_| with(status, code, "{}")).await;
        let code = code.to_owned();
        let refused = ProbeError::Refused { status, code };
        assert_eq!(gateway.asked(LONG).await, Err(refused));
    }
}

#[tokio::test]
async fn whatever_answers_without_the_verdict_is_not_the_filter() {
    let production = Gateway::start(|_| Json(body()).into_response()).await;
    let error = production.asked(LONG).await.unwrap_err();
    assert_eq!(error, ProbeError::NoFilter { status: 200 });
    let text = error.to_string();
    assert!(
        text.contains("production") && text.contains("not loaded"),
        "{text}"
    );

    let guard = Gateway::start(|_| StatusCode::FORBIDDEN.into_response()).await;
    let error = guard.asked(LONG).await.unwrap_err();
    assert_eq!(error, ProbeError::NoFilter { status: 403 });

    // No filter gives these to a probe: an upstream made them up.
    let long = "x".repeat(65);
    for (status, verdict) in [
        (200, "routed"),
        (404, "probe"),
        (403, "probe"),
        (404, "unknown-key"),
        (403, ""),
        (403, "No Code"),
        (403, &long),
    ] {
        let verdict = verdict.to_owned();
        let gateway = Gateway::start(move |_| with(status, &verdict, body().to_string())).await;
        let error = gateway.asked(LONG).await.unwrap_err();
        assert_eq!(error, ProbeError::NoFilter { status });
    }
}

#[tokio::test]
async fn where_the_policy_is_not_yet_no_probe_is_sent() {
    let seen = Arc::new(AtomicUsize::new(0));
    for status in [200, 404, 503] {
        let probes = seen.clone();
        let gateway = Gateway::unprotected(move |request| {
            if request.headers().contains_key("x-drill-context") {
                probes.fetch_add(1, Relaxed);
            }
            with(status, "routed", "")
        });
        let error = gateway.await.asked(LONG).await.unwrap_err();
        assert_eq!(error, ProbeError::Unprotected { status });
    }
    assert_eq!(seen.load(Relaxed), 0);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_no_answer() {
    let stray = json!({"generation": "secret \u{7}", "version": "0.1.0", "activeDrills": 1});
    let long = format!("{}{}", body(), " ".repeat(16 * 1024));
    for body in ["", "<html>", "{}", &stray.to_string(), &long] {
        let body = body.to_owned();
        let gateway = Gateway::start(move |_| with(200, "probe", body.clone())).await;
        let error = gateway.asked(LONG).await.unwrap_err();
        assert!(matches!(error, ProbeError::Garbled { .. }), "{error}");
        // What was read is not repeated: it may be anything.
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_gateway_that_hangs_costs_the_limit_and_no_more() {
    let before_the_head = Gateway::raw(|stream| async move {
        let _open = stream;
        std::future::pending().await
    });
    let in_the_body = Gateway::raw(|mut stream| async move {
        refuse(&mut stream).await;
        let _probe = stream.read(&mut [0; 1024]).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\nx-drill-verdict: probe\r\ncontent-length: 9\r\n\r\n{";
        stream.write_all(head).await.unwrap();
        std::future::pending().await
    });
    for gateway in [before_the_head.await, in_the_body.await] {
        let error = gateway.asked(SHORT).await.unwrap_err();
        assert_eq!(error, ProbeError::TimedOut { limit: SHORT });
    }
}

#[tokio::test]
async fn a_gateway_that_breaks_off_or_does_not_listen_is_told_apart() {
    let closes = Gateway::raw(|stream| async move { drop(stream) }).await;
    let speaks_no_http = Gateway::raw(|mut stream| async move {
        stream.write_all(b"220 ready\r\n").await.unwrap();
        // Until the client is gone: what it sent and nobody read would reset the connection.
        let _gone = stream.read_to_end(&mut Vec::new()).await;
    });
    for gateway in [closes, speaks_no_http.await] {
        let error = gateway.asked(LONG).await.unwrap_err();
        assert!(matches!(error, ProbeError::BrokenOff { .. }), "{error}");
    }
    let nobody = listen(Ipv4Addr::LOCALHOST, 0).await.local_addr().unwrap();
    let target = Target {
        address: nobody.to_string(),
        host: HOST_NAME.to_owned(),
        domain: DOMAIN.to_owned(),
        tls: false,
    };
    let error = one(probe(&target, TOKEN, LONG).await.unwrap(), nobody).unwrap_err();
    assert!(matches!(error, ProbeError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn each_address_answers_for_itself() {
    let first = Gateway::start(filter).await;
    let target = first.target();
    let port = first.address.port();
    // As the replicas behind one name, they share a port.
    let hangs = listen(Ipv4Addr::new(127, 0, 0, 2), port).await;
    let refuses = Gateway::over(listen(Ipv4Addr::new(127, 0, 0, 3), port).await, |_| {
        with(403, "unknown-key", "{}")
    });
    let addresses = [first.address, hangs.local_addr().unwrap(), refuses.address];
    let answers = ask_all(BTreeSet::from(addresses), &target, TOKEN, SHORT * 10, None);
    let (from, answers): (Vec<_>, Vec<_>) = answers.await.into_iter().unzip();
    assert_eq!(from, addresses);
    let categories = answers
        .iter()
        .map(|answer| answer.as_ref().map_err(ProbeError::category));
    let expected = [Ok(&running()), Err("TimedOut"), Err("Refused")];
    assert_eq!(categories.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_name_is_resolved_and_a_text_that_names_nothing_is_refused() {
    let gateway = Gateway::start(filter).await;
    let mut target = gateway.target();
    target.address = format!("localhost:{}", gateway.address.port());
    let answers = probe(&target, TOKEN, LONG).await.unwrap();
    // There may be ::1, too, where nobody listens.
    assert!(
        answers.contains(&(gateway.address, Ok(running()))),
        "{answers:?}"
    );

    target.address = "orders.example.com".to_owned();
    let error = probe(&target, TOKEN, LONG).await.unwrap_err();
    assert!(matches!(error, ProbeError::Unresolved { .. }), "{error}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_not_and_the_token_is_not_repeated() {
    let gateway = Gateway::start(filter).await;
    let token = "secret\r\nx-drill-context: other";
    let answers = probe(&gateway.target(), token, LONG).await.unwrap();
    let error = one(answers, gateway.address).unwrap_err();
    assert!(matches!(error, ProbeError::Unaskable { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
async fn a_gateway_with_tls_has_to_show_a_trusted_certificate_for_the_host() {
    let certificate = generate_simple_self_signed([HOST_NAME.to_owned()]).unwrap();
    let gateway = tls_gateway(&certificate).await;
    let asked = async |host: &str, trusted: bool| {
        let mut roots = RootCertStore::empty();
        if trusted {
            roots.add(certificate.cert.der().clone()).unwrap();
        }
        let target = Target {
            host: host.to_owned(),
            tls: true,
            ..gateway.target()
        };
        let config = tls::client_config(roots).unwrap();
        let addresses = BTreeSet::from([gateway.address]);
        let answers = ask_all(addresses, &target, TOKEN, LONG, Some(&config));
        one(answers.await, gateway.address).map_err(|error| error.category())
    };
    assert_eq!(asked(HOST_NAME, true).await, Ok(running()));
    assert_eq!(asked("other.example.com", true).await, Err("Tls"));
    assert_eq!(asked(HOST_NAME, false).await, Err("Tls"));
    assert_eq!(asked("not a name", true).await, Err("Unaskable"));
}

#[tokio::test]
async fn a_probe_by_tls_trusts_whom_the_machine_trusts() {
    let certificate = generate_simple_self_signed([HOST_NAME.to_owned()]).unwrap();
    let gateway = tls_gateway(&certificate).await;
    let target = Target {
        tls: true,
        ..gateway.target()
    };
    // On a machine that trusts nobody there is no one to ask.
    let error = match probe(&target, TOKEN, LONG).await {
        Ok(answers) => one(answers, gateway.address).unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.category(), "Tls", "{error}");
}
