//! The binary `drillgate`, as a person or a pipeline runs it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// The environment variable that names the binary `drillgate`.
const BINARY_VARIABLE: &str = "DRILLGATE_BINARY";

/// The binary.
///
/// # Panics
/// If the variable does not name it.
pub fn binary() -> PathBuf {
    let named = std::env::var_os(BINARY_VARIABLE).map(PathBuf::from);
    match named.filter(|path| path.is_file()) {
        Some(binary) => binary,
        None => panic!(
            "{BINARY_VARIABLE} does not name the binary drillgate: run the suites with `make integration`"
        ),
    }
}

/// The binary with these arguments, in this folder and with this kubeconfig. It finds nothing of the
/// developer's: neither a proxy, nor a key, nor another cluster.
///
/// # Panics
/// As [`binary`].
pub fn drillgate(arguments: &[&str], folder: &Path, kubeconfig: &Path) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
