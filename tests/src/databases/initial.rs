//! How a server begins: its first data, and the words that start it.

use std::path::Path;

use super::client::{command, line, root};
use super::server::PASSWORD;

pub(super) fn initialize_postgres(folder: &Path) {
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD).expect("write a file");
    let file = format!("--pwfile={}", password.display());
    let data = folder.join("data").display().to_string();
    let arguments = [
        "-D",
        &data,
        "-U",
        "postgres",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C",
        // It asks for one with scram, though nobody comes as postgres by TCP.
        &file,
    ];
    command("usr/lib/postgresql/15/bin/initdb", &arguments, b"");
}

pub(super) fn initialize_mariadb(folder: &Path) {
    let base = format!("--basedir={}", root().join("usr").display());
    let data = format!("--datadir={}", folder.join("data").display());
    let arguments = [
        "--no-defaults",
        &base,
        &data,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
        "--innodb-log-file-size=8M",
    ];
    command("usr/bin/mariadb-install-db", &arguments, b"");
}

pub(super) fn postgres(folder: &Path, port: u16) -> Vec<String> {
    let mut words = line("usr/lib/postgresql/15/bin/postgres");
    words.extend(["-D".to_owned(), folder.join("data").display().to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", folder.display()),
        "fsync=off".to_owned(),
        "jit=off".to_owned(),
        "shared_buffers=16MB".to_owned(),
    ] {
        words.extend(["-c".to_owned(), setting]);
    }
    words
}

pub(super) fn mariadb(folder: &Path, port: u16) -> Vec<String> {
    let mut words = line("usr/sbin/mariadbd");
    let base = root().join("usr");
    words.extend([
        "--no-defaults".to_owned(),
        format!("--basedir={}", base.display()),
        format!("--datadir={}", folder.join("data").display()),
        format!("--plugin-dir={}", base.join("lib/mysql/plugin").display()),
        format!("--socket={}", folder.join("socket").display()),
        format!("--pid-file={}", folder.join("pid").display()),
        format!("--port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--innodb-flush-log-at-trx-commit=0".to_owned(),
        "--innodb-buffer-pool-size=32M".to_owned(),
        "--skip-name-resolve".to_owned(),
    ]);
    words
}
