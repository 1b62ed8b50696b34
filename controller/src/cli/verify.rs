//! `drillgate verify`.

mod verdict;

use std::error::Error;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use drill_context::{DrillId, Environment, HEADER_NAME, Keyring, LimitError, Limits};

use super::key_source::{self, Source, SourceError};
use super::output::{self, Format, OutputArgs};
use super::time;
use super::{Outcome, REFUSED};
use verdict::{Demands, Verdict};

/// More than this is no header value, and is not read.
const MAX_INPUT_BYTES: u64 = 64 * 1024;

const EXAMPLES: &str = "\
Examples:
  drillgate verify --key ci.jwk \"$VALUE\"
  drillgate sign --key ci.jwk --drill \"$DRILL\" --env orders-dr | drillgate verify --key ci.jwk
  drillgate verify --key old.jwk --key new.pub.jwk --env orders-dr --output json < value.txt

Without --key, the key is the file that DRILLGATE_KEY_FILE names, or else the JWK in DRILLGATE_KEY.

Exit codes:
  0  accepted
  1  refused; the reason has the code that the gate answers with
  2  usage, or a key or input that cannot be read";

/// Verify a value of the header X-Drill-Context as the gateway does
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyArgs {
    /// The value, or the whole header line; - or nothing reads standard input
    value: Option<String>,

    /// A key file, a JWK that may be public; repeat it for several keys; - reads standard input
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,

    /// Also demand this drill
    #[arg(long, value_name = "UUID")]
    drill: Option<DrillId>,

    /// Also demand this environment
    #[arg(long = "env", value_name = "TAG")]
    environment: Option<Environment>,

    /// The time to verify at: epoch seconds or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<i64>,

    /// The gate's maximum age: how long a value counts after it was signed
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = time::parse_duration)]
    max_age: i64,

    /// The gate's clock skew: how far ahead the signer's clock may be
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = time::parse_duration)]
    skew: i64,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &VerifyArgs, now: i64) -> Outcome {
    let limits = args.limits()?;
    let sources = key_source::several(&args.key)?;
    let value = args.value.as_deref().filter(|value| *value != "-");
    if value.is_none() && sources.contains(&Source::Stdin) {
        return Err(SourceError::StdinTwice.into());
    }
    let demands = Demands {
        keyring: keyring(&sources)?,
        limits,
        drill: args.drill,
        environment: args.environment.clone(),
        now: args.at.unwrap_or(now),
    };
    let input = match value {
        Some(value) => value.as_bytes().to_vec(),
        None => read_stdin()?,
    };
    let values = header_values(&input);
    if values.is_empty() {
        return Err("no value: give it as an argument or on standard input".into());
    }
    let verdict = Verdict::of(values, &demands);
    output::emit(&match args.output.format {
        Format::Text => verdict.text(&demands),
        Format::Json => output::json(&verdict.report())?,
    })?;
    Ok(match verdict.refusal {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::from(REFUSED),
    })
}

impl VerifyArgs {
    fn limits(&self) -> Result<Limits, String> {
        Limits::new(self.skew, self.max_age).map_err(|error| match error {
            LimitError::Skew => format!("--skew {error}"),
            LimitError::MaxAge => format!("--max-age {error}"),
        })
    }
}

fn keyring(sources: &[Source]) -> Result<Keyring, Box<dyn Error>> {
    let mut keys = Vec::new();
    for source in sources {
        keys.push(source.load()?.jwk.verifying_key().clone());
    }
    Keyring::new(keys).map_err(|error| format!("{error}: name each key once").into())
}

fn read_stdin() -> Result<Vec<u8>, String> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        output::note("type the value, then Ctrl-D:");
    }
    let mut input = Vec::new();
    match stdin.lock().take(MAX_INPUT_BYTES).read_to_end(&mut input) {
        Ok(_) => Ok(input),
        Err(error) => Err(format!("standard input cannot be read: {error}")),
    }
}

/// The values of the header, one a line, each with or without the header's name before it.
///
/// Several lines are several values, which [`single_value`](drill_context::single_value)
/// refuses.
fn header_values(input: &[u8]) -> Vec<&[u8]> {
    input
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .map(without_name)
        .collect()
}

fn without_name(line: &[u8]) -> &[u8] {
    match line.split_at_checked(HEADER_NAME.len()) {
        Some((name, [b':', value @ ..])) if name.eq_ignore_ascii_case(HEADER_NAME.as_bytes()) => {
            value
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::header_values;

    #[test]
    fn a_value_comes_alone_or_as_a_header_line() {
        for input in [
            "a.b.c",
            "a.b.c\n",
            "a.b.c\r\n",
            "X-Drill-Context:a.b.c",
            "x-drill-context:a.b.c\r\n\r\n",
        ] {
            assert_eq!(header_values(input.as_bytes()), [b"a.b.c"], "{input:?}");
        }
        let spaced = header_values(b"X-Drill-Context: a.b.c");
        assert_eq!(spaced, [b" a.b.c"]);
    }

    #[test]
    fn each_line_is_a_value() {
        assert_eq!(header_values(b"a\nb\n"), [b"a", b"b"]);
        assert!(header_values(b"\r\n\n").is_empty());
        assert_eq!(header_values(b"X-Other: a"), [b"X-Other: a"]);
        assert_eq!(header_values(b"X-Drill-Context:\n"), [b""]);
    }
}
