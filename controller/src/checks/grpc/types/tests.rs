//! Messages of types that are known only now: as they are told, and as they cannot be.

use proptest::prelude::*;
use prost::Message;
use prost_reflect::prost_types::{Any, FileDescriptorSet};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};

use super::super::files::Files;
use super::{MAX_DEPTH, json as told, message, method, read};

/// A set of files in YAML, each as it travels.
pub(in super::super) fn files(yaml: &str) -> Vec<Vec<u8>> {
    let set = DescriptorPool::global().get_message_by_name("google.protobuf.FileDescriptorSet");
    let yaml: Value = serde_saphyr::from_str(yaml).unwrap();
    let set = DynamicMessage::deserialize(set.unwrap(), yaml).unwrap();
    let set = FileDescriptorSet::decode(set.encode_to_vec().as_slice()).unwrap();
    set.file.iter().map(Message::encode_to_vec).collect()
}

const SHOP: &str = "
file:
- name: shop.proto
  package: shop
  syntax: proto3
  dependency: [google/protobuf/any.proto, google/protobuf/timestamp.proto]
  messageType:
  - name: Item
    field:
    - {name: count, number: 1, label: LABEL_OPTIONAL, type: TYPE_INT32}
    - {name: item_id, number: 2, label: LABEL_OPTIONAL, type: TYPE_INT64}
    - {name: state, number: 3, label: LABEL_OPTIONAL, type: TYPE_ENUM, typeName: .shop.State}
    - {name: made_at, number: 4, label: LABEL_OPTIONAL, type: TYPE_MESSAGE, typeName: .google.protobuf.Timestamp}
    - {name: items, number: 5, label: LABEL_REPEATED, type: TYPE_MESSAGE, typeName: .shop.Item}
    - {name: labels, number: 6, label: LABEL_REPEATED, type: TYPE_MESSAGE, typeName: .shop.Item.LabelsEntry}
    - {name: more, number: 7, label: LABEL_OPTIONAL, type: TYPE_MESSAGE, typeName: .google.protobuf.Any}
    - {name: states, number: 8, label: LABEL_REPEATED, type: TYPE_ENUM, typeName: .shop.State}
    nestedType:
    - name: LabelsEntry
      options: {mapEntry: true}
      field:
      - {name: key, number: 1, label: LABEL_OPTIONAL, type: TYPE_STRING}
      - {name: value, number: 2, label: LABEL_OPTIONAL, type: TYPE_STRING}
  enumType:
  - name: State
    value: [{name: NEW, number: 0}, {name: NAME_OF_A_STATE, number: 1}]
  service:
  - name: Shop
    method:
    - {name: Put, inputType: .shop.Item, outputType: .shop.Item}
    - {name: Follow, inputType: .shop.Item, outputType: .shop.Item, serverStreaming: true}
    - {name: Send, inputType: .shop.Item, outputType: .shop.Item, clientStreaming: true}
";

fn pool_of(files: &[Vec<u8>]) -> Result<DescriptorPool, String> {
    let mut taken = Files::default();
    taken.take(files)?;
    taken.pool()
}

fn pool() -> DescriptorPool {
    pool_of(&files(&SHOP.replace("NAME_OF_A_STATE", "SOLD"))).unwrap()
}

fn encoded(json: &Value) -> Result<Vec<u8>, String> {
    message(method(&pool(), "shop.Shop", "Put").unwrap().input(), json)
}

fn answer(pool: &DescriptorPool, encoded: &[u8]) -> Result<Value, String> {
    let of = method(pool, "shop.Shop", "Put").unwrap().output();
    told(&read(of, encoded)?)
}

#[test]
fn an_answer_has_the_defaults_and_integers_of_64_bits_as_texts() {
    let item = json!({"itemId": "9007199254740993", "state": "SOLD", "madeAt": "2026-11-27T00:00:00Z",
        "items": [{"count": 2}], "labels": {"a": "b"}});
    let json = answer(&pool(), &encoded(&item).unwrap()).unwrap();
    for name in ["itemId", "state", "madeAt", "labels"] {
        assert_eq!(json[name], item[name], "{json}");
    }
    assert_eq!(json["count"], 0);
    assert_eq!(json["items"][0]["count"], 2);
    assert_eq!(json["items"][0]["items"], json!([]));
    // Whose presence counts is not there.
    assert!(json["items"][0].get("madeAt").is_none(), "{json}");
    assert!(encoded(&json!({})).unwrap().is_empty());
    let broken = answer(&pool(), &[0x08]).unwrap_err();
    assert!(broken.contains("the answer is no shop.Item"), "{broken}");
}

#[test]
fn a_request_that_does_not_fit_is_told_with_its_field() {
    for (request, field) in [
        (json!({"nothing": 1}), "nothing"),
        (json!({"items": [{}, {"count": "two"}]}), "items[1].count"),
        (json!({"items": [{"counts": 2}]}), "counts"),
        (json!({"state": "LOST"}), "state"),
        (json!({"madeAt": "yesterday"}), "madeAt"),
        (json!({"labels": {"a": 1}}), "labels.a"),
    ] {
        let why = encoded(&request).unwrap_err();
        assert!(
            why.starts_with("the request does not fit shop.Item: "),
            "{why}"
        );
        assert!(why.contains(field), "{field}: {why}");
    }
}

#[test]
fn what_is_no_unary_method_is_told_with_what_there_is() {
    let pool = pool();
    let found = |service: &str, name: &str| method(&pool, service, name).unwrap_err();
    let none = found("shop.Shop", "Get");
    assert_eq!(
        none,
        "service shop.Shop has no method Get; it has Put, Follow, Send"
    );
    for streaming in ["Follow", "Send"] {
        assert!(found("shop.Shop", streaming).contains("is a streaming method"));
    }
    assert!(found("shop.Item", "Put").contains("does not describe the service shop.Item"));
}

#[test]
fn an_answer_that_would_be_too_deep_or_too_long_has_no_json() {
    let shop = pool();
    let item = json!({"more": {"@type": "type.googleapis.com/shop.Item", "count": 1}});
    let json = answer(&shop, &encoded(&item).unwrap()).unwrap();
    assert_eq!(json["more"]["count"], 1);
    let other = Any {
        type_url: "type.googleapis.com/other.Item".to_owned(),
        value: Vec::new(),
    };
    let unknown = answer(&shop, &in_more(&other)).unwrap_err();
    assert!(unknown.contains("cannot be told as JSON"), "{unknown}");

    // Chains that each reading sees one link of.
    let longest = chain(MAX_DEPTH - 2);
    answer(&shop, &in_more(&longest)).unwrap();
    let deep = answer(&shop, &in_more(&chain(20 * MAX_DEPTH))).unwrap_err();
    assert!(deep.contains("nested deeper than 100"), "{deep}");

    let name = "S".repeat(100_000);
    let wordy = pool_of(&files(&SHOP.replace("NAME_OF_A_STATE", &name))).unwrap();
    // Packed: a byte for each.
    let states = [&[0x42, 100][..], &[1; 100]].concat();
    let long = answer(&wordy, &states).unwrap_err();
    assert!(long.contains("longer than 4194304 bytes"), "{long}");
}

/// So many of `Any`, each in the one before.
fn chain(length: usize) -> Any {
    let mut chain = Any {
        type_url: "type.googleapis.com/google.protobuf.Empty".to_owned(),
        value: Vec::new(),
    };
    for _ in 1..length {
        chain = Any {
            type_url: "type.googleapis.com/google.protobuf.Any".to_owned(),
            value: chain.encode_to_vec(),
        };
    }
    chain
}

fn in_more(any: &Any) -> Vec<u8> {
    let any = any.encode_to_vec();
    let mut item = vec![0x3a];
    prost::encode_length_delimiter(any.len(), &mut item).unwrap();
    item.extend(any);
    item
}

proptest! {
    /// Whatever a server says, there is an answer or a sentence.
    #[test]
    fn nothing_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        encoded in prop::collection::vec(any::<u8>(), 0..64),
        request in prop::sample::select(vec![
            json!({}), json!({"items": [{"count": 1}], "labels": {"a": "b"}, "state": "NEW"}),
        ]),
    ) {
        let mut files = files(SHOP);
        for (at, byte) in changes {
            let at = at.index(files[0].len());
            files[0][at] = byte;
        }
        let Ok(pool) = pool_of(&files) else { return Ok(()) };
        for service in pool.services() {
            for method in service.methods() {
                let request = message(method.input(), &request).unwrap_or_default();
                for encoded in [&request, &encoded] {
                    if let Ok(answer) = read(method.output(), encoded) {
                        let _told = told(&answer);
                    }
                }
            }
        }
    }
}
