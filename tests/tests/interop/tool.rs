//! How the recipes and the verifiers are run, and what mends it when they cannot be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A JWT library, or openssl, in the language of its recipe.
#[derive(Clone, Copy)]
pub enum Tool {
    Openssl,
    Pyjwt,
    Jose,
    GolangJwt,
    Jsonwebtoken,
}

impl Tool {
    /// The recipe of this tool that users read.
    pub fn signer(self) -> Command {
        self.program("sign", "examples/sign")
    }

    /// Prints the claims of a value of ours, once the tool has verified it.
    pub fn verifier(self) -> Command {
        self.program("verify", "tests/interop")
    }

    fn program(self, name: &str, folder: &str) -> Command {
        let source = |extension: &str| root().join(format!("{folder}/{name}.{extension}"));
        match self {
            Tool::Openssl => {
                demand_openssl();
                script("sh", &[], &source("sh"))
            }
            Tool::Pyjwt => {
                let python = installed("python/bin/python");
                script(python.to_str().unwrap(), &[], &source("py"))
            }
            Tool::Jose => {
                demand("node", "--version", "nodejs");
                // A link to the file in the source tree: node looks for jose beside the link.
                let link = installed(&format!("node/{name}.mjs"));
                assert_eq!(
                    fs::canonicalize(&link).unwrap(),
                    source("mjs").canonicalize().unwrap()
                );
                script("node", &["--preserve-symlinks-main"], &link)
            }
            Tool::GolangJwt => built(&format!("golang/{name}"), &source("go")),
            Tool::Jsonwebtoken => built(&format!("rust/debug/{name}"), &source("rs")),
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn installed(path: &str) -> PathBuf {
    let path = root().join(".tools/interop").join(path);
    assert!(
        path.exists(),
        "{} is missing: run 'make interop'",
        path.display()
    );
    path
}

/// A program compiled from this source, and from no older state of it.
fn built(path: &str, source: &Path) -> Command {
    let program = installed(path);
    let changed = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    assert!(
        changed(&program) >= changed(source),
        "{} changed since it was built: run 'make interop'",
        source.display()
    );
    Command::new(program)
}

fn script(interpreter: &str, options: &[&str], file: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command.args(options).arg(file);
    command
}

/// What the program says of its version; a program that is missing fails the test.
fn demand(program: &str, version: &str, package: &str) -> String {
    match Command::new(program).arg(version).output() {
        Ok(output) => String::from_utf8(output.stdout).unwrap(),
        Err(error) => panic!(
            "{program} cannot be run ({error}): install it (Debian: apt-get install {package})"
        ),
    }
}

/// Before version 3, and in LibreSSL, openssl does not sign with Ed25519.
fn demand_openssl() {
    let version = demand("openssl", "version", "openssl");
    let three = version.starts_with("OpenSSL ") && !version.starts_with("OpenSSL 1");
    assert!(
        three,
        "OpenSSL 3 is needed, this is {version:?} (Debian: apt-get install openssl)"
    );
}
