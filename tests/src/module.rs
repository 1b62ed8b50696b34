//! The wasm module under test.

use std::path::PathBuf;

use drillgate::lab::{Filter, Module};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The environment variable that names the module, by its absolute path.
pub const MODULE_VARIABLE: &str = "DRILLGATE_MODULE";

/// The path of the module.
///
/// # Panics
/// If [`MODULE_VARIABLE`] does not name a file by an absolute path.
pub fn module_path() -> PathBuf {
    let path = PathBuf::from(std::env::var_os(MODULE_VARIABLE).unwrap_or_default());
    assert!(
        path.is_absolute() && path.is_file(),
        "{MODULE_VARIABLE} is {path:?}, not the absolute path of the wasm module; run 'make \
         test', or build the module with 'make module' and name it"
    );
    path
}

/// The module with `configuration`, FAIL_OPEN.
///
/// # Panics
/// As [`module_path()`].
pub fn module(configuration: Value) -> Filter {
    Filter::Module(Module::new(module_path(), configuration))
}

/// The SHA-256 of `bytes`, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
