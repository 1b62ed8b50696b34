//! Where benchmarks leave what they have measured.

use std::path::PathBuf;
use std::{env, fs, io};

/// The folder `bench` beside what cargo builds; it is made if it is not there.
///
/// # Errors
/// The reason of the operating system.
pub fn output_folder() -> io::Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    folder.canonicalize()
}
