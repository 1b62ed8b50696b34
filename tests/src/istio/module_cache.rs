//! Where pilot-agent keeps the modules that it has fetched.

use std::fs;
use std::path::{Path, PathBuf};

use crate::module::sha256;

/// The folder is written into pilot-agent's source, whatever folder it runs in.
const FOLDER: &str = "/var/lib/istio/data";

/// The place of one fetched module; it is emptied when dropped.
#[derive(Debug)]
pub struct ModuleCache {
    place: PathBuf,
}

impl ModuleCache {
    /// Makes the folder of all modules, and remembers the place of the one at `url`; of an image's
    /// without its tag. (There, names are hashes of URLs: gateways side by side keep apart as long as
    /// their URLs do.)
    ///
    /// # Panics
    /// If the folder cannot be made; with what helps.
    pub fn of(url: &str) -> Self {
        if let Err(error) = fs::create_dir_all(FOLDER) {
            panic!(
                "pilot-agent keeps fetched modules in {FOLDER}, which cannot be made ({error}): \
                 make it once, 'sudo install -d -o $USER {FOLDER}'"
            );
        }
        Self {
            place: Path::new(FOLDER).join(sha256(url.as_bytes())),
        }
    }
}

impl Drop for ModuleCache {
    fn drop(&mut self) {
        // It is not there if nothing was fetched.
        let _removed = fs::remove_dir_all(&self.place);
    }
}
