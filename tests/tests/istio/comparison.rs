//! Other ways to steer by a header, through the same requests.

use drillgate_tests::istio::{Mesh, comparison};

use crate::with_controller;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_shows_who_answers_as_it_is() {
    with_controller(Mesh::shared().await).await;
    let table = comparison::table(Mesh::shared().await, |_| {}).await;
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&table), "run `make compare`:\n{table}");
}
