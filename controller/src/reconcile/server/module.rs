//! The filter's module, for gateways that fetch it from the controller.

use std::io;
use std::path::Path;

use axum::body::Bytes;

use crate::digest::digest_of;

/// How a wasm module begins: its magic number and the version of its form.
const BEGINNING: &[u8] = b"\0asm\x01\0\0\0";

/// A module that is served as it was when it was read.
#[derive(Debug, Clone)]
pub struct Module {
    bytes: Bytes,
}

impl Module {
    /// Reads a module from a file.
    ///
    /// # Errors
    /// The reason of the operating system, or that it is no wasm module: of what Envoy cannot load a
    /// gateway that starts answers 500 to everything.
    pub fn read(path: &Path) -> io::Result<Module> {
        let named = |kind, reason: &dyn std::fmt::Display| {
            io::Error::new(kind, format!("cannot serve {}: {reason}", path.display()))
        };
        let bytes = std::fs::read(path).map_err(|error| named(error.kind(), &error))?;
        if !bytes.starts_with(BEGINNING) {
            return Err(named(io::ErrorKind::InvalidData, &"it is no wasm module"));
        }
        Ok(Module {
            bytes: bytes.into(),
        })
    }

    /// Its SHA-256 in hexadecimal digits: what a gate's `spec.module.sha256` is.
    pub fn sha256(&self) -> String {
        digest_of(&self.bytes)
    }

    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::Module;

    #[test]
    fn a_file_that_is_no_module_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("filter.wasm");
        let error = Module::read(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        std::fs::write(&path, "a page that says 404").unwrap();
        let error = Module::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("filter.wasm: it is no wasm module"),
            "{error}"
        );
        std::fs::write(&path, b"\0asm\x01\0\0\0").unwrap();
        let module = Module::read(&path).unwrap();
        // As sha256sum prints it.
        let sum = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476";
        assert_eq!(module.sha256(), sum);
    }
}
