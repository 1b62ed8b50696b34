//! Helm, as `make packaging-tools` builds it, and the files that it is about.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use drillgate_tests::registry::packaging_tool;
use serde_json::Value;
use tempfile::TempDir;

pub use drillgate_tests::registry::printed;

/// A file or folder of the repository.
pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A file of the repository, as text.
pub fn read(path: &str) -> String {
    let path = in_repository(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs a command line of Helm's, from the root of the repository, as `kubeconfig` says.
pub fn helm(kubeconfig: Option<&Path>, arguments: &[&str]) -> Output {
    // It keeps files there, and would read the developer's own settings.
    let folder = TempDir::new().unwrap();
    let kubeconfig = kubeconfig.map_or_else(|| folder.path().join("none"), Path::to_owned);
    Command::new(packaging_tool("helm"))
        .args(arguments)
        .current_dir(in_repository(""))
        .env("HOME", folder.path())
        .env("HELM_CONFIG_HOME", folder.path())
        .env("HELM_CACHE_HOME", folder.path())
        .env("HELM_DATA_HOME", folder.path())
        .env("KUBECONFIG", kubeconfig)
        .output()
        .unwrap()
}

/// The chart as it is rendered with further arguments, as text.
pub fn template(arguments: &[&str]) -> String {
    let line = [
        "template",
        "drillgate",
        "manifests/chart",
        "--namespace",
        "drillgate-system",
    ];
    printed(&helm(None, &[&line, arguments].concat()))
}

/// The objects in the documents of a YAML text.
pub fn objects(yaml: &str) -> Vec<Value> {
    let documents = serde_saphyr::from_multiple::<Value>(yaml).unwrap();
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .collect()
}

/// What an object is called: `Kind/name`.
pub fn called(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!(
        "{}/{}",
        text(&object["kind"]),
        text(&object["metadata"]["name"])
    )
}
