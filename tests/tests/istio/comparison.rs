//! Other ways to steer by a header, through the same requests.

use drillgate_tests::istio::{Mesh, comparison};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_and_the_page_on_istio_show_who_answers_as_it_is() {
    let mut mesh = Mesh::start().await;
    let [istio, gateway_api] = comparison::tables(&mut mesh, |_| {}).await;
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&istio), "run `make compare`:\n{istio}");
    let page = include_str!("../../../docs/istio.md");
    assert!(
        page.contains(&gateway_api),
        "run `make compare`:\n{gateway_api}"
    );
}
