use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::{Kept, MAX_BYTES, config_map, files, newest_first, read, surplus};
use crate::evidence::document::Verdict;
use crate::evidence::folder::Files;
use crate::evidence::record::Record;
use crate::evidence::samples;
use crate::keyfile::Jwk;

fn made(record: &Record) -> (Files, ConfigMap) {
    let key = Jwk::ed25519("audit".parse().unwrap(), &[7; 32]).unwrap();
    let files = Files::of(record, Some(&key), samples::signing_time()).unwrap();
    let map = config_map(record, &files).unwrap();
    (files, map)
}

/// As the API server has it: created so many seconds after the epoch.
fn kept(name: &str, drill: &str, created: i64) -> Kept {
    let (_, mut map) = made(&samples::passed());
    map.metadata.name = Some(name.to_owned());
    let created = Timestamp::from_second(created).unwrap();
    map.metadata.creation_timestamp = Some(Time(created));
    let mut kept = read(&map.metadata).unwrap();
    kept.drill = drill.to_owned();
    kept
}

fn names(all: &[Kept]) -> Vec<&str> {
    all.iter().map(|one| one.name.as_str()).collect()
}

#[test]
fn every_record_comes_back_byte_for_byte_however_hostile_it_is() {
    for record in [
        samples::passed(),
        samples::failed(),
        samples::empty(),
        samples::hostile(),
    ] {
        let (written, map) = made(&record);
        assert_eq!(map.immutable, Some(true));
        // As it goes over the wire.
        let text = serde_json::to_string(&map).unwrap();
        let map: ConfigMap = serde_json::from_str(&text).unwrap();
        assert_eq!(files(map).unwrap(), written);
    }
}

#[test]
fn what_is_written_on_it_says_which_run_it_is_and_no_label_makes_it_a_drills_object() {
    let (written, map) = made(&samples::failed());
    let labels = map.metadata.labels.clone().unwrap();
    let labels: Vec<&str> = labels.keys().map(String::as_str).collect();
    assert_eq!(
        labels,
        ["app.kubernetes.io/managed-by", "drillgate.dev/evidence-of"]
    );
    let kept = read(&map.metadata).unwrap();
    let record = samples::failed();
    assert_eq!(kept.verdict, Verdict::Failed);
    assert_eq!(kept.began, record.started_at.0);
    assert_eq!(kept.id, record.drill.id);
    assert_eq!(kept.report_sha256, written.report_digest());
    let whole = format!("{}/{}", kept.namespace, kept.drill);
    assert_eq!(whole, record.drill.name);
}

#[test]
fn what_lacks_anything_of_it_is_somebody_elses() {
    let (_, map) = made(&samples::passed());
    for name in map.metadata.annotations.clone().unwrap().keys() {
        let mut metadata = map.metadata.clone();
        metadata.annotations.as_mut().unwrap().remove(name);
        assert_eq!(read(&metadata), None, "{name}");
    }
    for name in map.metadata.labels.clone().unwrap().keys() {
        let mut metadata = map.metadata.clone();
        metadata.labels.as_mut().unwrap().remove(name);
        assert_eq!(read(&metadata), None, "{name}");
    }
    let mut metadata = map.metadata;
    let labels = metadata.labels.as_mut().unwrap();
    labels.insert("app.kubernetes.io/managed-by".to_owned(), "Helm".to_owned());
    assert_eq!(read(&metadata), None);
}

#[test]
fn what_is_too_large_is_not_kept_and_the_sentence_says_what_was_large() {
    let mut record = samples::passed();
    record.not_tested.push("x".repeat(MAX_BYTES / 2));
    let files = Files::of(&record, None, samples::signing_time()).unwrap();
    let refused = config_map(&record, &files).unwrap_err().to_string();
    assert!(refused.contains("report.json 4"), "{refused}");
    assert!(refused.contains("report.html 4"), "{refused}");
    assert!(refused.contains("--evidence"), "{refused}");
}

#[test]
fn a_config_map_with_anything_else_in_it_is_refused() {
    let (_, map) = made(&samples::passed());
    let mut hostile = map.clone();
    let data = hostile.data.as_mut().unwrap();
    data.insert("../../.ssh/authorized_keys".to_owned(), "ssh".to_owned());
    let why = files(hostile).unwrap_err().to_string();
    assert!(why.contains("\"../../.ssh/authorized_keys\""), "{why}");
    let mut binary = map;
    binary.binary_data = Some(BTreeMap::from([(
        "report.json".to_owned(),
        ByteString(vec![0xff]),
    )]));
    let why = files(binary).unwrap_err().to_string();
    assert!(why.contains("\"report.json\" in it is no text"), "{why}");
    assert!(files(ConfigMap::default()).is_err());
}

#[test]
fn the_oldest_of_the_same_drill_go_and_never_the_one_just_written() {
    let just = kept("just", "orders", 5);
    let all = vec![
        kept("second", "orders", 20),
        kept("other", "orders-2", 1),
        kept("first", "orders", 10),
        // The API server's clock was set back since.
        just.clone(),
        kept("third", "orders", 30),
    ];
    assert_eq!(names(&surplus(all.clone(), &just, 2)), ["second", "first"]);
    assert_eq!(names(&surplus(all.clone(), &just, 1)).len(), 3);
    assert_eq!(names(&surplus(all.clone(), &just, 4)), [""; 0]);
    let mut elsewhere = all;
    for one in &mut elsewhere {
        one.namespace = "another".to_owned();
    }
    assert_eq!(names(&surplus(elsewhere, &just, 1)), [""; 0]);
}

#[test]
fn runs_of_one_second_are_in_the_order_in_which_they_began() {
    let mut all = [kept("a", "orders", 7), kept("b", "orders", 7)];
    all[0].began = "2026-09-21T14:43:20.7Z".parse().unwrap();
    all[1].began = "2026-09-21T14:43:20.3Z".parse().unwrap();
    newest_first(&mut all);
    assert_eq!(names(&all), ["a", "b"]);
}
