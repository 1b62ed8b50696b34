//! A container registry on loopback, as `make packaging-tools` builds it, and images in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::process::Process;

/// The environment variable that names the folder of Helm and crane, by its absolute path.
const PACKAGING_VARIABLE: &str = "DRILLGATE_PACKAGING";

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// The path of Helm or crane.
///
/// # Panics
/// If it is not there.
pub fn packaging_tool(name: &str) -> PathBuf {
    let folder = PathBuf::from(std::env::var_os(PACKAGING_VARIABLE).unwrap_or_default());
    let path = folder.join(name);
    assert!(
        path.is_absolute() && path.is_file(),
        "{PACKAGING_VARIABLE} is {folder:?}, not the absolute path of a folder with {name}: \
         run 'make packaging-tools' and name .tools/packaging, or run 'make integration'"
    );
    path
}

/// A registry of go-containerregistry, which speaks HTTP and keeps its images in memory. It ends when
/// dropped, and with the test process.
#[derive(Debug)]
pub struct Registry {
    _process: Process,
    address: String,
}

impl Registry {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// If it does not start; with its log.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("drillgate-registry-")
            .tempdir()
            .expect("make a folder")
            .keep();
        let log = folder.join("log");
        let arguments = ["registry", "serve", "--address", "127.0.0.1:0"].map(str::to_owned);
        let process = Process::start(&packaging_tool("crane"), &arguments, &log, Some(&folder));
        let deadline = Instant::now() + START;
        loop {
            let said = process.log_tail();
            if let Some(port) = port(&said) {
                let address = format!("127.0.0.1:{port}");
                return Self {
                    _process: process,
                    address,
                };
            }
            assert!(
                !process.has_ended() && Instant::now() < deadline,
                "the registry does not start:\n{said}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The repository in which the images are, as `make images PUSH=...` names it.
    pub fn repository(&self) -> String {
        format!("{}/drillgate", self.address)
    }

    /// Makes the filter's image of `module` as `make images` does, and pushes it as version 1. What a
    /// gate's `module` says of it: its URL, and the digest of the image.
    ///
    /// # Panics
    /// If it cannot be made or pushed.
    pub fn push_filter(&self, module: &Path) -> Value {
        let folder = TempDir::new().expect("make a folder");
        // Nobody pulls the controller's image here: anything will do for its binary.
        push_images(module, module, folder.path(), &self.repository());
        let image = format!("{}/filter:1", self.repository());
        let digest = printed(&crane(&["digest", &image]));
        let digest = digest.trim().trim_start_matches("sha256:");
        json!({"url": format!("oci://{image}"), "sha256": digest})
    }
}

/// The port in the line that it prints once it serves. (It goes on to log each request.)
fn port(said: &str) -> Option<&str> {
    let line = said.lines().find(|line| line.contains("serving on port"))?;
    let port = line.trim().rsplit(|c: char| !c.is_ascii_digit()).next()?;
    (!port.is_empty()).then_some(port)
}

/// Runs crane.
///
/// # Panics
/// If it does not start.
pub fn crane(arguments: &[&str]) -> Output {
    let output = Command::new(packaging_tool("crane"))
        .args(arguments)
        .output();
    output.expect("start crane")
}

/// Makes both images as `make images` does, into the folder `out`, and pushes them as version 1;
/// what it printed.
///
/// # Panics
/// If that fails; with its reason.
pub fn push_images(binary: &Path, module: &Path, out: &Path, repository: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/images");
    let output = Command::new(script)
        .arg("--binary")
        .arg(binary)
        .arg("--module")
        .arg(module)
        .arg("--crane")
        .arg(packaging_tool("crane"))
        .arg("--out")
        .arg(out)
        .args(["--version", "1", "--push", repository])
        .output();
    printed(&output.expect("start manifests/images"))
}

/// What a program printed, if it did what it was asked to.
///
/// # Panics
/// If it failed; with what it said.
#[track_caller]
pub fn printed(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
