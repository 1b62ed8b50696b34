//! A real PostgreSQL server in a folder of its own, on a free port of 127.0.0.1.

mod programs;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::sleep;

use super::Error;
use programs::give_away;
pub use programs::{DATABASES_VARIABLE, Programs};

/// The one user.
pub const USER: &str = "postgres";

/// How long it may take until it answers.
const UP: Duration = Duration::from_secs(60);

/// How long it may take until it is down; then it is killed.
const DOWN: Duration = Duration::from_secs(3);

/// How much of its log an error shows, in lines.
const LOG_TAIL: usize = 20;

/// A running server; killed when dropped, and its data removed.
#[derive(Debug)]
pub struct Postgres {
    // Before the folder: the process ends first.
    process: Child,
    programs: Programs,
    port: u16,
    folder: TempDir,
}

impl Postgres {
    /// Makes a server whose only user [`USER`] has this password, and waits until it answers.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Database`], the latter with what PostgreSQL said.
    pub async fn start(programs: &Programs, password: &str) -> Result<Postgres, Error> {
        let folder = tempfile::Builder::new()
            .prefix("drillgate-postgres-")
            .tempdir();
        let folder = folder.map_err(Error::io("make a folder for PostgreSQL"))?;
        give_away(folder.path()).map_err(Error::io("give PostgreSQL its folder"))?;
        let file = folder.path().join("password");
        fs::write(&file, password).map_err(Error::io("write a password"))?;
        give_away(&file).map_err(Error::io("give PostgreSQL its password"))?;
        let data = folder.path().join("data");
        let arguments = [
            "--pgdata",
            &text(&data),
            "--username",
            USER,
            "--pwfile",
            &text(&file),
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        .map(str::to_owned);
        programs.run("initdb", arguments, b"").await?;
        let port = free_port().map_err(Error::io("find a free port"))?;
        let process = spawn(programs, folder.path(), &data, port)?;
        let mut server = Postgres {
            process,
            programs: programs.clone(),
            port,
            folder,
        };
        server.wait().await?;
        Ok(server)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Which version it is.
    ///
    /// # Errors
    /// As [`Postgres::run`].
    pub async fn version(&self) -> Result<String, Error> {
        Ok(self
            .run(USER, "SHOW server_version")
            .await?
            .trim()
            .to_owned())
    }

    /// Runs statements in `database` and gives what they print: cells with bars between them.
    ///
    /// # Errors
    /// [`Error::Database`], with what psql said.
    pub async fn run(&self, database: &str, statements: &str) -> Result<String, Error> {
        let mut arguments = self.connection();
        arguments.extend(["-d", database, "-qAtX", "-v", "ON_ERROR_STOP=1"].map(str::to_owned));
        let printed = self.programs.run("psql", arguments, statements.as_bytes());
        Ok(String::from_utf8_lossy(&printed.await?).into_owned())
    }

    /// All of `database`, as `pg_dump` writes it.
    ///
    /// # Errors
    /// [`Error::Database`], with what pg_dump said.
    pub async fn dump(&self, database: &str) -> Result<Vec<u8>, Error> {
        let mut arguments = self.connection();
        arguments.extend(["--format=custom", database].map(str::to_owned));
        self.programs.run("pg_dump", arguments, b"").await
    }

    /// Restores such a dump into `database`, which is there and empty, by `pg_restore`.
    ///
    /// # Errors
    /// [`Error::Database`], with what pg_restore said.
    pub async fn restore(&self, database: &str, dump: &[u8]) -> Result<(), Error> {
        let mut arguments = self.connection();
        arguments.extend(["--exit-on-error", "-d", database].map(str::to_owned));
        self.programs.run("pg_restore", arguments, dump).await?;
        Ok(())
    }

    fn connection(&self) -> Vec<String> {
        let (folder, port) = (text(self.folder.path()), self.port.to_string());
        ["-h", &folder, "-p", &port, "-U", USER]
            .map(str::to_owned)
            .to_vec()
    }

    async fn wait(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + UP;
        loop {
            let log = fs::read_to_string(log(self.folder.path())).unwrap_or_default();
            if log.contains("ready to accept") {
                return Ok(());
            }
            let ended = self.process.try_wait().ok().flatten().is_some();
            if ended || Instant::now() > deadline {
                let from = log.lines().count().saturating_sub(LOG_TAIL);
                let tail: Vec<&str> = log.lines().skip(from).collect();
                return Err(Error::Database(format!(
                    "PostgreSQL did not come up:\n{}",
                    tail.join("\n")
                )));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// At once, but in order: killed outright it leaves shared memory behind.
impl Drop for Postgres {
    fn drop(&mut self) {
        let id = self
            .process
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        let Some(id) = id else {
            return;
        };
        if kill_process(id, Signal::QUIT).is_err() {
            return;
        }
        let deadline = Instant::now() + DOWN;
        while Instant::now() < deadline && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn spawn(programs: &Programs, folder: &Path, data: &Path, port: u16) -> Result<Child, Error> {
    let failed = || Error::io("start PostgreSQL");
    let log = File::create(log(folder)).map_err(failed())?;
    let also_log = log.try_clone().map_err(failed())?;
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", folder.display()),
        "shared_buffers=16MB".to_owned(),
        // What it holds is gone with it.
        "fsync=off".to_owned(),
    ];
    let mut command = programs.command("postgres");
    command.arg("-D").arg(data);
    for setting in settings {
        command.args(["-c", &setting]);
    }
    command.stdin(Stdio::null()).stdout(log).stderr(also_log);
    command.spawn().map_err(failed())
}

fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
