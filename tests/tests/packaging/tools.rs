//! Helm and crane, as `make packaging-tools` builds them, and the files that they are about.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The environment variable that names the folder of Helm and crane, by its absolute path.
const PACKAGING_VARIABLE: &str = "DRILLGATE_PACKAGING";

/// The path of Helm or crane.
pub fn tool(name: &str) -> PathBuf {
    let folder = PathBuf::from(std::env::var_os(PACKAGING_VARIABLE).unwrap_or_default());
    let path = folder.join(name);
    assert!(
        path.is_absolute() && path.is_file(),
        "{PACKAGING_VARIABLE} is {folder:?}, not the absolute path of a folder with {name}: \
         run 'make packaging-tools' and name .tools/packaging, or run 'make integration'"
    );
    path
}

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
    Command::new(tool("helm"))
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

/// What a program printed, if it did what it was asked to.
#[track_caller]
pub fn printed(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
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
