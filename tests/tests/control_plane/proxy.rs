//! The proxy passes everything on, and fails as it is told.

use std::pin::pin;
use std::time::Duration;

use drillgate_tests::control_plane::{ADMIN, Call, ControlPlane, Fault, Moment, Proxy};
use futures::{Stream, StreamExt};
use http::{Method, StatusCode};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{WatchEvent, WatchParams};
use kube::{Api, Client, Error, ResourceExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{LIMIT, create, refusal};

type Event = Result<WatchEvent<ConfigMap>, Error>;

/// A proxy for the administrator, and a namespace.
struct Setting {
    plane: &'static ControlPlane,
    proxy: Proxy,
    /// Through the proxy.
    client: Client,
    namespace: String,
}

impl Setting {
    async fn new() -> Self {
        let plane = ControlPlane::shared().await;
        let proxy = Proxy::start(plane, ADMIN).await;
        Self {
            plane,
            client: proxy.client().await,
            proxy,
            namespace: plane.namespace("proxy").await,
        }
    }

    fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Whether a ConfigMap stands, by the API server itself.
    async fn stands(&self, name: &str) -> bool {
        let client = self.plane.client().await;
        let maps = Api::<ConfigMap>::namespaced(client, &self.namespace);
        maps.get_opt(name).await.unwrap().is_some()
    }

    /// Starts to create a ConfigMap through the proxy.
    fn start_to_create(&self, name: &str) -> JoinHandle<Result<ConfigMap, Error>> {
        let (client, namespace) = (self.client.clone(), self.namespace.clone());
        let name = name.to_owned();
        tokio::spawn(async move { create(&client, &namespace, &name).await })
    }
}

/// The name of the next object that a watch tells of; nothing if it ended.
async fn next(watch: &mut (impl Stream<Item = Event> + Unpin)) -> Option<String> {
    loop {
        let event = timeout(LIMIT, watch.next())
            .await
            .expect("an event, or the end");
        match event? {
            Ok(WatchEvent::Added(map)) => return Some(map.name_any()),
            Ok(WatchEvent::Bookmark(_)) => {}
            Ok(other) => panic!("another event: {other:?}"),
            Err(_broken_off) => return None,
        }
    }
}

#[tokio::test]
async fn watch_passes_as_it_comes_and_ends_when_cut() {
    let setting = Setting::new().await;
    let maps = setting.maps();
    let mut watch = pin!(maps.watch(&WatchParams::default(), "0").await.unwrap());
    for name in ["first", "second"] {
        create(&setting.client, &setting.namespace, name)
            .await
            .unwrap();
        assert_eq!(next(&mut watch).await.as_deref(), Some(name));
    }
    setting.proxy.cut();
    assert_eq!(next(&mut watch).await, None, "the watch goes on");
    setting
        .maps()
        .get("first")
        .await
        .expect_err("the proxy is cut");
    setting.proxy.heal();
    setting.maps().get("first").await.unwrap();
}

#[tokio::test]
async fn request_is_refused_as_told_and_never_reaches_the_api_server() {
    let setting = Setting::new().await;
    let fault = Fault::Status(StatusCode::INTERNAL_SERVER_ERROR);
    setting.proxy.fail(fault, Call::is_write);
    let refused = refusal(create(&setting.client, &setting.namespace, "one").await);
    assert_eq!(
        (refused.code, refused.reason.as_str()),
        (500, "InternalError")
    );
    assert!(setting.maps().get_opt("one").await.unwrap().is_none());

    setting
        .proxy
        .fail(Fault::BreakOff, |call| call.method == Method::GET);
    setting.maps().get_opt("one").await.expect_err("broken off");

    let requests = setting.plane.requests().await;
    let arrived = requests.iter().filter(|request| {
        request.namespace == setting.namespace && request.resource == "configmaps"
    });
    let verbs: Vec<_> = arrived.map(|request| request.verb.as_str()).collect();
    assert_eq!(verbs, ["get"], "one write and one read were to fail");
    let methods: Vec<_> = setting
        .proxy
        .requests()
        .into_iter()
        .map(|call| call.method)
        .collect();
    assert_eq!(methods, [Method::POST, Method::GET, Method::GET]);
}

#[tokio::test]
async fn client_that_is_asked_for_patience_tries_again() {
    let setting = Setting::new().await;
    let fault = Fault::Status(StatusCode::TOO_MANY_REQUESTS);
    setting.proxy.fail(fault, Call::is_write);
    let mut hold = setting.proxy.hold_at(2, Moment::Before, Call::is_write);
    let create = setting.start_to_create("one");
    // The first try is refused; the second finds the proxy healed.
    while setting.proxy.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    setting.proxy.heal();
    let second = hold.reached().await;
    assert_eq!(
        second.path,
        format!("/api/v1/namespaces/{}/configmaps?", setting.namespace)
    );
    hold.release();
    create.await.unwrap().unwrap();
}

#[tokio::test]
async fn lost_answer_leaves_the_deed_done() {
    let setting = Setting::new().await;
    setting.proxy.fail(Fault::LoseAnswer, Call::is_write);
    let lost = create(&setting.client, &setting.namespace, "one").await;
    assert!(!matches!(lost, Ok(_) | Err(Error::Api(_))), "{lost:?}");
    assert!(setting.stands("one").await);
}

#[tokio::test]
async fn delayed_request_does_not_hold_up_others() {
    let setting = Setting::new().await;
    let day = Duration::from_secs(24 * 3600);
    setting.proxy.fail(Fault::Delay(day), Call::is_write);
    let mut delayed = setting.start_to_create("one");
    while setting.proxy.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    setting.maps().get_opt("one").await.unwrap();
    let waited = timeout(Duration::from_secs(1), &mut delayed).await;
    assert!(waited.is_err(), "{waited:?}");
    delayed.abort();
}

#[tokio::test]
async fn nth_write_is_held_before_it_is_done() {
    let setting = Setting::new().await;
    let mut hold = setting.proxy.hold_at(2, Moment::Before, Call::is_write);
    create(&setting.client, &setting.namespace, "first")
        .await
        .unwrap();
    setting.maps().get("first").await.unwrap();
    let second = setting.start_to_create("second");
    let call = hold.reached().await;
    assert_eq!(call.method, Method::POST);
    assert!(!setting.stands("second").await);
    // As if the client had crashed now.
    second.abort();
    drop(hold);
    create(&setting.client, &setting.namespace, "third")
        .await
        .unwrap();
    assert!(
        !setting.stands("second").await,
        "it went on without its client"
    );
}

#[tokio::test]
async fn nth_write_is_held_when_it_is_done_and_not_yet_answered() {
    let setting = Setting::new().await;
    let mut hold = setting.proxy.hold_at(1, Moment::After, Call::is_write);
    let write = setting.start_to_create("one");
    hold.reached().await;
    assert!(setting.stands("one").await);
    assert!(!write.is_finished());
    hold.release();
    write.await.unwrap().unwrap();
}

#[tokio::test]
async fn hold_that_is_dropped_breaks_the_request_off() {
    let setting = Setting::new().await;
    let mut hold = setting.proxy.hold_at(1, Moment::Before, Call::is_write);
    let write = setting.start_to_create("one");
    hold.reached().await;
    drop(hold);
    let lost = write.await.unwrap();
    assert!(!matches!(lost, Ok(_) | Err(Error::Api(_))), "{lost:?}");
    assert!(!setting.stands("one").await);
}
