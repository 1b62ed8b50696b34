//! A real gRPC service with orders, which says what it is by server reflection.

use std::future::{Ready, ready};

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::Request;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;
use tonic::server::{Grpc, UnaryService};
use tonic::{Response, Status};
use tonic_prost::ProstCodec;
use tonic_reflection::server::Builder;

/// The two versions of the reflection service.
pub const REFLECTIONS: [&str; 2] = ["v1", "v1alpha"];

/// The token in every order: a secret by its name.
pub const TOKEN: &str = "t0ken-of-the-order";

/// The files that define the service. The one that protobuf itself brings is not among them, as at
/// many a server.
const FILES: &str = "
file:
- name: orders/v1/money.proto
  package: orders.v1
  syntax: proto3
  messageType:
  - name: Money
    field:
    - {name: currency, number: 1, label: LABEL_OPTIONAL, type: TYPE_STRING}
    - {name: cents, number: 2, label: LABEL_OPTIONAL, type: TYPE_INT64}
- name: orders/v1/orders.proto
  package: orders.v1
  syntax: proto3
  dependency: [google/protobuf/timestamp.proto, orders/v1/money.proto]
  messageType:
  - name: GetRequest
    field:
    - {name: id, number: 1, label: LABEL_OPTIONAL, type: TYPE_INT32}
  - name: Order
    field:
    - {name: id, number: 1, label: LABEL_OPTIONAL, type: TYPE_INT32}
    - {name: state, number: 2, label: LABEL_OPTIONAL, type: TYPE_ENUM, typeName: .orders.v1.State}
    - {name: total, number: 3, label: LABEL_OPTIONAL, type: TYPE_MESSAGE, typeName: .orders.v1.Money}
    - {name: placed_at, number: 4, label: LABEL_OPTIONAL, type: TYPE_MESSAGE, typeName: .google.protobuf.Timestamp}
    - {name: notes, number: 5, label: LABEL_REPEATED, type: TYPE_STRING}
    - {name: access_token, number: 6, label: LABEL_OPTIONAL, type: TYPE_STRING}
  enumType:
  - name: State
    value: [{name: STATE_UNSPECIFIED, number: 0}, {name: STATE_PAID, number: 1}]
  service:
  - name: Orders
    method:
    - {name: Get, inputType: .orders.v1.GetRequest, outputType: .orders.v1.Order}
    - {name: Watch, inputType: .orders.v1.GetRequest, outputType: .orders.v1.Order, serverStreaming: true}
";

#[derive(Clone, PartialEq, Message)]
struct GetRequest {
    #[prost(int32, tag = "1")]
    id: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Order {
    #[prost(int32, tag = "1")]
    id: i32,
    #[prost(int32, tag = "2")]
    state: i32,
    #[prost(message, optional, tag = "3")]
    total: Option<Money>,
    #[prost(message, optional, tag = "4")]
    placed_at: Option<Timestamp>,
    #[prost(string, repeated, tag = "5")]
    notes: Vec<String>,
    #[prost(string, tag = "6")]
    access_token: String,
}

#[derive(Clone, PartialEq, Message)]
struct Money {
    #[prost(string, tag = "1")]
    currency: String,
    #[prost(int64, tag = "2")]
    cents: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// The service `orders.v1.Orders` as a router for an [`Upstream`](drillgate::lab::Upstream), with
/// reflection by these of its [versions](REFLECTIONS). Order 1 is there; order 2 is longer than a
/// mebibyte. Whatever else is called is not implemented.
///
/// # Panics
/// If the reflection service does not take the files.
pub fn orders_router(reflections: &[&str]) -> Router {
    let get = async |request: Request<Body>| {
        let codec = ProstCodec::<Order, GetRequest>::default();
        Grpc::new(codec).unary(Get, request).await
    };
    let unknown = async || Status::unimplemented("").into_http::<Body>();
    let mut router = Router::new()
        .route("/orders.v1.Orders/Get", post(get))
        .route("/{service}/{method}", post(unknown));
    let files = files();
    let builder = || Builder::configure().register_encoded_file_descriptor_set(&files);
    if reflections.contains(&"v1") {
        let service = builder().build_v1().expect("a reflection service");
        router = router.route_service("/grpc.reflection.v1.ServerReflection/{method}", service);
    }
    if reflections.contains(&"v1alpha") {
        let service = builder().build_v1alpha().expect("a reflection service");
        let path = "/grpc.reflection.v1alpha.ServerReflection/{method}";
        router = router.route_service(path, service);
    }
    router
}

/// [`FILES`], as they travel.
fn files() -> Vec<u8> {
    let set = DescriptorPool::global().get_message_by_name("google.protobuf.FileDescriptorSet");
    let files: Value = serde_saphyr::from_str(FILES).expect("YAML");
    let set = DynamicMessage::deserialize(set.expect("of protobuf itself"), files);
    set.expect("files").encode_to_vec()
}

/// The method.
struct Get;

impl UnaryService<GetRequest> for Get {
    type Response = Order;
    type Future = Ready<Result<Response<Order>, Status>>;

    fn call(&mut self, request: tonic::Request<GetRequest>) -> Self::Future {
        let notes = match request.into_inner().id {
            1 => vec!["by hand".to_owned()],
            2 => vec!["x".repeat(2 * 1024 * 1024)],
            id => return ready(Err(Status::not_found(format!("order {id} isn't there")))),
        };
        ready(Ok(Response::new(Order {
            id: 1,
            state: 1,
            total: Some(Money {
                currency: "EUR".to_owned(),
                cents: 1999,
            }),
            placed_at: Some(Timestamp {
                seconds: 1_700_000_000,
            }),
            notes,
            access_token: TOKEN.to_owned(),
        })))
    }
}
