//! A server on a free port of 127.0.0.1, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Kind;
use super::client::{command, is_root};
use super::initial::{initialize_mariadb, initialize_postgres, mariadb, postgres};
use crate::control_plane::process::Process;
use crate::control_plane::start::free_ports;

/// The password of every user that the tests make.
pub const PASSWORD: &str = "not-for-the-log-7Qx";

/// How long a server may take to come up. Two cores may be busy with other things.
const UP: Duration = Duration::from_secs(60);

/// A running server; it ends when dropped, and with the tests.
#[derive(Debug)]
pub struct Server {
    /// What it is.
    pub kind: Kind,
    /// Its port on 127.0.0.1.
    pub port: u16,
    folder: PathBuf,
    process: Process,
}

impl Server {
    /// Makes a new one, and waits until it answers.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(kind: Kind) -> Server {
        let folder = folder();
        match kind {
            Kind::PostgreSql => initialize_postgres(&folder),
            Kind::MariaDb => initialize_mariadb(&folder),
        }
        let server = Server::start_in(kind, folder, Vec::new());
        if kind == Kind::PostgreSql {
            server.admin(
                "postgres",
                &format!("CREATE ROLE replicator LOGIN REPLICATION PASSWORD '{PASSWORD}'"),
            );
        }
        server
    }

    /// The same with TLS: with this certificate and its key, both in PEM.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start_with_tls(kind: Kind, certificate: &str, key: &str) -> Server {
        let folder = folder();
        match kind {
            Kind::PostgreSql => initialize_postgres(&folder),
            Kind::MariaDb => initialize_mariadb(&folder),
        }
        let files = [("tls.crt", certificate), ("tls.key", key)].map(|(name, text)| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("write a file");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, mode).expect("set a mode");
            give_away(&path);
            path.display().to_string()
        });
        let [certificate, key] = files;
        let more = match kind {
            Kind::PostgreSql => vec![
                "-cssl=on".to_owned(),
                format!("-cssl_cert_file={certificate}"),
                format!("-cssl_key_file={key}"),
            ],
            Kind::MariaDb => vec![
                format!("--ssl-cert={certificate}"),
                format!("--ssl-key={key}"),
            ],
        };
        Server::start_in(kind, folder, more)
    }

    /// A replica of this PostgreSQL: what comes to this one comes to it.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn replica(&self) -> Server {
        assert_eq!(self.kind, Kind::PostgreSql);
        let folder = folder();
        let data = folder.join("data").display().to_string();
        let from = format!(
            "host=127.0.0.1 port={} user=replicator password={PASSWORD}",
            self.port
        );
        let arguments = ["-d", &from, "-D", &data, "-R", "-c", "fast", "--no-sync"];
        command("usr/lib/postgresql/15/bin/pg_basebackup", &arguments, b"");
        Server::start_in(self.kind, folder, Vec::new())
    }

    fn start_in(kind: Kind, folder: PathBuf, more: Vec<String>) -> Server {
        let [port] = free_ports();
        let mut line = match kind {
            Kind::PostgreSql => postgres(&folder, port),
            Kind::MariaDb => mariadb(&folder, port),
        };
        line.extend(more);
        let signal = match kind {
            // At once, and without shared memory left behind.
            Kind::PostgreSql => "QUIT",
            Kind::MariaDb => "KILL",
        };
        let log = folder.join("log");
        let binary = Path::new("/usr/bin/env");
        let process = Process::start_to_end_by(signal, binary, &line, &log, Some(&folder));
        let server = Server {
            kind,
            port,
            folder,
            process,
        };
        server.wait();
        server
    }

    /// The URL of one of its databases, for `writer`.
    pub fn url(&self, database: &str) -> String {
        let scheme = match self.kind {
            Kind::PostgreSql => "postgres",
            Kind::MariaDb => "mysql",
        };
        format!(
            "{scheme}://writer:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Runs statements as the one who may do all, and gives what they print: cells with bars
    /// between them.
    ///
    /// # Panics
    /// If one fails.
    pub fn admin(&self, database: &str, statements: &str) -> String {
        let input = statements.as_bytes();
        let printed = match self.kind {
            Kind::PostgreSql => {
                let arguments = ["-d", database, "-qAtX", "-v", "ON_ERROR_STOP=1"];
                self.run("usr/lib/postgresql/15/bin/psql", &arguments, input)
            }
            Kind::MariaDb => self.run("usr/bin/mariadb", &["-N", "-B", database], input),
        };
        String::from_utf8(printed).expect("text")
    }

    /// Everything in `database`, as the engine's own tool dumps it.
    ///
    /// # Panics
    /// If it cannot be dumped.
    pub fn dump(&self, database: &str) -> Vec<u8> {
        match self.kind {
            Kind::PostgreSql => {
                let dump = "usr/lib/postgresql/15/bin/pg_dump";
                self.run(dump, &["-Fc", database], b"")
            }
            Kind::MariaDb => {
                let arguments = ["--single-transaction", database];
                self.run("usr/bin/mariadb-dump", &arguments, b"")
            }
        }
    }

    /// Restores such a dump into `database`, which is there and empty.
    ///
    /// # Panics
    /// If it cannot be restored.
    pub fn restore(&self, database: &str, dump: &[u8]) {
        match self.kind {
            Kind::PostgreSql => {
                let arguments = ["-d", database, "--exit-on-error"];
                self.run("usr/lib/postgresql/15/bin/pg_restore", &arguments, dump)
            }
            Kind::MariaDb => self.run("usr/bin/mariadb", &[database], dump),
        };
    }

    /// Runs one of its programs as the one who may do all, and gives what it prints.
    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let (folder, port) = (self.folder.display().to_string(), self.port.to_string());
        let socket = format!("--socket={folder}/socket");
        let connection = match self.kind {
            Kind::PostgreSql => vec!["-h", &folder, "-p", &port, "-U", "postgres"],
            Kind::MariaDb => vec!["--no-defaults", &socket, "-uroot"],
        };
        command(program, &[&connection, arguments].concat(), input)
    }

    fn wait(&self) {
        let begun = Instant::now();
        while !self.answers() {
            assert!(
                begun.elapsed() < UP && !self.process.has_ended(),
                "{:?} did not come up:\n{}",
                self.kind,
                self.process.log_tail()
            );
            sleep(Duration::from_millis(100));
        }
    }

    fn answers(&self) -> bool {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        match self.kind {
            Kind::PostgreSql => log.contains("ready to accept"),
            Kind::MariaDb => log.contains("ready for connections"),
        }
    }
}

/// A new folder that belongs to whom the server runs as. Whoever runs the server removes it.
fn folder() -> PathBuf {
    let folder = tempfile::tempdir().expect("a folder").keep();
    give_away(&folder);
    folder
}

/// Makes a file or folder belong to whom the server runs as.
fn give_away(path: &Path) {
    if is_root() {
        let changed = Command::new("chown").arg("nobody").arg(path).status();
        assert!(changed.expect("run chown").success(), "chown {path:?}");
    }
}
