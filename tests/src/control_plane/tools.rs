//! The programs and files that `make control-plane`, `make istio`, `make collector` and `make
//! databases` make.

use std::path::PathBuf;

/// The environment variable that names their folder, by its absolute path.
pub const CONTROL_PLANE_VARIABLE: &str = "DRILLGATE_CONTROL_PLANE";

/// The same for `make istio`.
pub const ISTIO_VARIABLE: &str = "DRILLGATE_ISTIO";

/// The path of one that `make control-plane` makes.
///
/// # Panics
/// If it is not there.
pub(super) fn tool(name: &str) -> PathBuf {
    made(CONTROL_PLANE_VARIABLE, "control-plane", name)
}

/// kubectl.
///
/// # Panics
/// If it is not there.
pub fn kubectl() -> PathBuf {
    tool("kubectl")
}

/// The path of one that `make istio` makes.
///
/// # Panics
/// If it is not there.
pub(crate) fn istio_tool(name: &str) -> PathBuf {
    made(ISTIO_VARIABLE, "istio", name)
}

/// The same for `make collector`.
pub const COLLECTOR_VARIABLE: &str = "DRILLGATE_COLLECTOR";

/// The path of one that `make collector` makes.
///
/// # Panics
/// If it is not there.
pub(crate) fn collector_tool(name: &str) -> PathBuf {
    made(COLLECTOR_VARIABLE, "collector", name)
}

/// The environment variable that names the folder of `make databases`, by its absolute path.
pub const DATABASES_VARIABLE: &str = "DRILLGATE_DATABASES";

/// The path of one that `make databases` fetches.
///
/// # Panics
/// If it is not there.
pub fn database_tool(name: &str) -> PathBuf {
    made(DATABASES_VARIABLE, "databases", name)
}

fn made(variable: &str, target: &str, name: &str) -> PathBuf {
    let folder = PathBuf::from(std::env::var_os(variable).unwrap_or_default());
    let path = folder.join(name);
    assert!(
        path.is_absolute() && path.is_file(),
        "{variable} is {folder:?}, not the absolute path of a folder with {name}: run 'make \
         {target}' and name .tools/{target}, or run 'make integration'"
    );
    path
}
