//! The programs and files that `make control-plane` makes.

use std::path::PathBuf;

/// The environment variable that names their folder, by its absolute path.
pub const CONTROL_PLANE_VARIABLE: &str = "DRILLGATE_CONTROL_PLANE";

/// The path of one of them.
///
/// # Panics
/// If it is not there.
pub(super) fn tool(name: &str) -> PathBuf {
    let folder = PathBuf::from(std::env::var_os(CONTROL_PLANE_VARIABLE).unwrap_or_default());
    let path = folder.join(name);
    assert!(
        path.is_absolute() && path.is_file(),
        "{CONTROL_PLANE_VARIABLE} is {folder:?}, not the absolute path of a folder with {name}: \
         run 'make control-plane' and name .tools/control-plane, or run 'make integration'"
    );
    path
}
