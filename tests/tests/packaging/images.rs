//! The images, as a registry has them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use drillgate_tests::registry::{self, Registry, push_images};
use drillgate_tests::{MODULE_VARIABLE, binary};
use serde_json::Value;
use tempfile::TempDir;

use super::tools::{in_repository, printed};

/// What crane printed.
fn crane(arguments: &[&str]) -> Vec<u8> {
    let output = registry::crane(arguments);
    printed(&output);
    output.stdout
}

fn named(variable: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(variable).unwrap())
}

/// The binary without what a debugger needs, as it is shipped: a debug build has much of that.
fn stripped(folder: &Path) -> PathBuf {
    let stripped = folder.join("stripped");
    let mut strip = Command::new("strip");
    strip.arg("--strip-all").arg("-o").arg(&stripped);
    printed(&strip.arg(binary()).output().unwrap());
    stripped
}

/// Unpacks an image; the names of its files.
fn unpacked(reference: &str, folder: &Path) -> Vec<String> {
    let archive = folder.join("export.tar");
    fs::write(&archive, crane(&["export", reference, "-"])).unwrap();
    let listed = Command::new("tar")
        .arg("-tf")
        .arg(&archive)
        .output()
        .unwrap();
    let names = printed(&listed).lines().map(str::to_owned).collect();
    let unpacked = Command::new("tar")
        .arg("-xf")
        .arg(&archive)
        .arg("-C")
        .arg(folder)
        .output()
        .unwrap();
    printed(&unpacked);
    names
}

#[test]
fn what_is_pulled_is_what_was_built() {
    let registry = Registry::start();
    let folder = TempDir::new().unwrap();
    let repository = registry.repository();
    let (binary, out) = (stripped(folder.path()), folder.path().join("images"));
    let module = named(MODULE_VARIABLE);
    let make = || push_images(&binary, &module, &out, &repository);
    let first = make();
    assert_eq!(make(), first, "the same files make another image");

    let filter = format!("{repository}/filter:1");
    crane(&["validate", "--remote", &filter]);
    let manifest: Value = serde_json::from_slice(&crane(&["manifest", &filter])).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(unpacked(&filter, folder.path()), ["plugin.wasm"]);
    let built = fs::read(named(MODULE_VARIABLE)).unwrap();
    let is_built = |name: &str| fs::read(folder.path().join(name)).unwrap() == built;
    assert!(is_built("plugin.wasm"), "it is another module");

    let controller = format!("{repository}/controller:1");
    crane(&["validate", "--remote", &controller]);
    let config: Value = serde_json::from_slice(&crane(&["config", &controller])).unwrap();
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(
        config["config"]["Entrypoint"],
        serde_json::json!(["/drillgate", "controller"])
    );
    let names = unpacked(&controller, folder.path());
    assert_eq!(names, ["drillgate", "filter.wasm"]);
    assert!(is_built("filter.wasm"), "it serves another module");
    let binary = folder.path().join("drillgate");
    assert_eq!(
        fs::metadata(&binary).unwrap().permissions().mode() & 0o777,
        0o755
    );
    let version = Command::new(binary)
        .arg("--version")
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(
        printed(&version),
        format!("drillgate {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn the_module_tells_nothing_of_the_machine_that_built_it() {
    let module = fs::read(named(MODULE_VARIABLE)).unwrap();
    let module = String::from_utf8_lossy(&module);
    let here = in_repository("").canonicalize().unwrap();
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME"))
        .unwrap();
    for path in [here.display().to_string(), home] {
        assert!(
            !module.contains(&format!("{path}/")),
            "{path} is in the module"
        );
    }
}
