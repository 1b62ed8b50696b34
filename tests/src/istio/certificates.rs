//! Certificates of the servers of a gateway, in files.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// The hosts that there are certificates for: one each, which signs itself.
const HOSTS: [&str; 2] = ["orders.example.com", "other.example.com"];

/// The certificates of this process, and whom to trust for them.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// The ones that all tests share.
    ///
    /// # Panics
    /// If they cannot be made.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Certificates> = LazyLock::new(Certificates::make);
        &SHARED
    }

    /// Others for the same hosts.
    ///
    /// # Panics
    /// If they cannot be made.
    pub fn make() -> Self {
        let folder = TempDir::new().expect("make a folder");
        let mut roots = String::new();
        for host in HOSTS {
            let made = generate_simple_self_signed([host.to_owned()]);
            let CertifiedKey { cert, signing_key } = made.expect("a certificate");
            roots.push_str(&cert.pem());
            for (end, text) in [("crt", cert.pem()), ("key", signing_key.serialize_pem())] {
                let path = folder.path().join(format!("{host}.{end}"));
                fs::write(path, text).expect("write a file");
            }
        }
        fs::write(folder.path().join("roots.crt"), roots).expect("write a file");
        Self { folder }
    }

    /// The PEM file of whom to trust.
    pub fn roots(&self) -> PathBuf {
        self.folder.path().join("roots.crt")
    }

    /// The PEM files of a host: its certificate, and the key to it.
    pub fn of(&self, host: &str) -> [String; 2] {
        ["crt", "key"].map(|end| {
            let path = self.folder.path().join(format!("{host}.{end}"));
            path.display().to_string()
        })
    }

    /// Whom a client trusts.
    pub(super) fn store(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        let roots = CertificateDer::pem_file_iter(self.roots()).expect("read a file");
        for root in roots {
            let root = root.expect("a certificate");
            store.add(root).expect("a certificate");
        }
        store
    }
}
