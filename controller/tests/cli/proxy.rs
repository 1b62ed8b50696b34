use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Command};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::{Bench, DRILL, Ended};

const ROUTED: &str = "HTTP/1.1 200 OK\r\nx-drill-verdict: routed\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
const UNMARKED: &str =
    "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nproduction";

/// Answers every request with `answer`, and gives the heads that it got.
fn upstream(answer: &'static str) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, seen) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if heads.send(head).is_err() {
                break;
            }
        }
    });
    (address, seen)
}

/// A proxy that has said where it listens. It is killed with the test.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    first_line: String,
}

impl Running {
    fn start(bench: &Bench, upstream: SocketAddr, options: &[&str]) -> Running {
        let upstream = format!("http://{upstream}");
        let of_drill = [
            "proxy",
            "--key",
            "k1.jwk",
            "--drill",
            DRILL,
            "--env",
            "orders-dr",
            "--host",
            "orders.example.com",
            "--upstream",
            &upstream,
        ];
        let mut child = bench
            .command(&[&of_drill, options].concat())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first_line = String::new();
        stdout.read_line(&mut first_line).unwrap();
        Running {
            child,
            stdout,
            first_line,
        }
    }

    /// What it answers to a GET.
    fn get(&self, address: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET /a HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends it a signal and waits for its end.
    fn end(mut self, signal: &str) -> Ended {
        let told = Command::new("sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "kill", signal])
            .arg(self.child.id().to_string())
            .status();
        assert!(told.unwrap().success());
        let (mut stdout, mut stderr) = (self.first_line.clone(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        let mut errors = self.child.stderr.take().unwrap();
        errors.read_to_string(&mut stderr).unwrap();
        let code = self.child.wait().unwrap().code().unwrap();
        Ended {
            code,
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_signs_what_it_is_sent_and_ends_when_told() {
    for (alg, signal) in [("HS256", "TERM"), ("Ed25519", "INT")] {
        let bench = Bench::with_key(alg);
        let (upstream, heads) = upstream(ROUTED);
        let proxy = Running::start(&bench, upstream, &["--context-file", "context"]);
        let first_line = proxy.first_line.clone();
        let address = first_line.trim_end().strip_prefix("http://").unwrap();
        let answer = proxy.get(address);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("ok"), "{answer}");

        let head = heads.recv().unwrap();
        assert!(head.starts_with("GET /a HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nhost: orders.example.com\r\n"), "{head}");
        let value = head
            .lines()
            .find_map(|line| line.strip_prefix("x-drill-context: "));
        let in_file = bench.read("context");
        let mode = fs::metadata(bench.path("context")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        for value in [value.unwrap(), &in_file] {
            let verify = [
                "verify", "--key", "k1.jwk", value, "--drill", DRILL, "--output", "json",
            ];
            let verified = bench.run(&verify).with_code(0).json();
            assert_ne!(verified["expiresAt"], serde_json::Value::Null);
        }

        let ended = proxy.end(signal).with_code(0);
        assert_eq!(ended.stdout, format!("{first_line}1 sent: 1 routed\n"));
        assert_eq!(ended.stderr, "");
        assert!(!bench.path("context").exists());
    }
}

#[test]
fn an_answer_that_is_not_the_edges_is_withheld_and_ends_with_1() {
    let bench = Bench::with_key("HS256");
    let (upstream, _heads) = upstream(UNMARKED);
    let proxy = Running::start(&bench, upstream, &["--output", "json"]);
    let begun: serde_json::Value = serde_json::from_str(&proxy.first_line).unwrap();
    let address = begun["address"].as_str().unwrap();
    assert_eq!(begun["url"], format!("http://{address}"));
    let answer = proxy.get(address);
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(!answer.ends_with("production"), "{answer}");

    let ended = proxy.end("TERM").with_code(1);
    let (_, last) = ended.stdout.trim_end().split_once('\n').unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["tally"]["sent"], 1);
    assert_eq!(last["tally"]["unmarked"], 1);
}

#[test]
fn what_opens_the_drill_to_others_is_warned_of() {
    let bench = Bench::with_key("HS256");
    let (upstream, _heads) = upstream(ROUTED);
    let options = ["--listen", "0.0.0.0:0", "--insecure-skip-verify"];
    let ended = Running::start(&bench, upstream, &options).end("TERM");
    let ended = ended.with_code(0);
    let warnings: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(warnings.len(), 2, "{}", ended.stderr);
    assert!(
        warnings[0].contains("whoever reaches it gets signed requests"),
        "{}",
        ended.stderr
    );
    assert!(
        warnings[1].contains("certificates are not verified"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_it_cannot_start_with_is_named() {
    let bench = Bench::with_key("Ed25519");
    let public = bench.run(&["keys", "public", "k1.jwk"]).stdout;
    bench.write("pub.jwk", &public);
    bench.write("empty.pem", "");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let with = |options: &[&str]| {
        let start = ["proxy", "--drill", DRILL, "--env", "orders-dr"];
        bench.run(&[&start, options].concat())
    };
    let (http, https) = ("http://127.0.0.1:1", "https://127.0.0.1:1");
    for (options, message) in [
        (
            &["--upstream", http, "--key", "pub.jwk"][..],
            "k1 verifies and does not sign",
        ),
        (&["--upstream", http], "no key: name a file with --key FILE"),
        (
            &["--upstream", "127.0.0.1:1", "--key", "k1.jwk"],
            "is no upstream",
        ),
        (
            &["--upstream", http, "--key", "k1.jwk", "--host", "a/b"],
            "\"a/b\" is no host",
        ),
        (
            &["--upstream", http, "--key", "k1.jwk", "--lifetime", "0s"],
            "at least one second",
        ),
        (
            &["--upstream", http, "--key", "k1.jwk", "--listen", &taken],
            "cannot listen at 127.0.0.1:",
        ),
        (
            &[
                "--upstream",
                http,
                "--key",
                "k1.jwk",
                "--context-file",
                "none/a",
            ],
            "context file none/a cannot be written",
        ),
        (
            &[
                "--upstream",
                https,
                "--key",
                "k1.jwk",
                "--ca-file",
                "empty.pem",
            ],
            "certificates empty.pem cannot be used: there is no certificate in it",
        ),
    ] {
        with(options).fails_with(message);
    }
}
