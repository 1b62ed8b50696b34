//! `drillgate keys`: make keys, hand out their public halves, look at them.

mod shown;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use drill_context::{Algorithm, KeyId};

use super::Outcome;
use super::key_source::Source;
use super::output::{self, Format, OutputArgs};
use crate::keyfile::{self, Jwk};
use shown::{Shown, config};

/// Make, hand out and look at keys
///
/// A key is a file that holds one JWK (RFC 7517), so that any JWT library reads it.
#[derive(Subcommand)]
pub(super) enum KeysCommand {
    New(NewArgs),
    Public(PublicArgs),
    Show(ShowArgs),
}

/// Make a key
///
/// The file can be read by its owner alone, and an existing file is never overwritten.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drillgate keys new --kid ci-2026 --out ci.jwk
  drillgate keys new --kid ci-2026 --alg Ed25519 --out ci.jwk
  drillgate keys new --out - | your-secret-store put drillgate-key

An HS256 key is one secret, which the client signs and the gate verifies with. An Ed25519 key
has a public half, which is all that the gate needs.

Exit codes:
  0  made
  2  usage, or a file that exists or cannot be written")]
pub(super) struct NewArgs {
    /// The key's name, which every value it signs carries [default: drill- and 8 random hex digits]
    #[arg(long, value_name = "NAME")]
    kid: Option<KeyId>,

    /// What the key signs with
    #[arg(long, value_enum, ignore_case = true, default_value = "HS256")]
    alg: Alg,

    /// The file to make; - prints the secret to standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Alg {
    #[value(name = "HS256")]
    Hs256,
    #[value(name = "Ed25519", alias = "EdDSA")]
    Ed25519,
}

/// Print the public half of an Ed25519 key, as a JWK
#[derive(Args)]
#[command(after_help = "\
Examples:
  drillgate keys public ci.jwk > ci.pub.jwk
  drillgate verify --key ci.pub.jwk \"$VALUE\"

Exit codes:
  0  printed
  2  usage, a key that cannot be read, or one without a public half")]
pub(super) struct PublicArgs {
    /// The key file; - reads standard input
    file: PathBuf,
}

/// Show what a key file holds; a secret is shown only when asked for
#[derive(Args)]
#[command(after_help = "\
Examples:
  drillgate keys show ci.jwk
  drillgate keys show ci.pub.jwk --config
  drillgate keys show ci.jwk --config --secret

Exit codes:
  0  shown
  2  usage, or a key that cannot be read")]
pub(super) struct ShowArgs {
    /// The key file; - reads standard input
    file: PathBuf,

    /// Show the secret too
    #[arg(long)]
    secret: bool,

    /// Print the key's entry for the filter's configuration, under keys (for HS256 with --secret)
    #[arg(long)]
    config: bool,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(command: &KeysCommand) -> Outcome {
    match command {
        KeysCommand::New(args) => new(args)?,
        KeysCommand::Public(args) => public(args)?,
        KeysCommand::Show(args) => show(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn new(args: &NewArgs) -> Result<(), Box<dyn Error>> {
    let kid = match &args.kid {
        Some(kid) => kid.clone(),
        None => random_kid()?,
    };
    let algorithm = match args.alg {
        Alg::Hs256 => Algorithm::Hs256,
        Alg::Ed25519 => Algorithm::Ed25519,
    };
    let jwk = Jwk::generate(kid, algorithm)?;
    if args.out == Path::new("-") {
        output::emit(&format!("{}\n", jwk.expose()))?;
        return Ok(());
    }
    keyfile::create(&args.out, &jwk)?;
    output::note(&next_steps(&jwk, &args.out));
    Ok(())
}

/// A name that is not taken: two keys of one name cannot be on one gate.
fn random_kid() -> Result<KeyId, Box<dyn Error>> {
    let mut random = [0; 4];
    getrandom::fill(&mut random)?;
    Ok(format!("drill-{:08x}", u32::from_ne_bytes(random)).parse()?)
}

fn next_steps(jwk: &Jwk, path: &Path) -> String {
    let (kid, path) = (jwk.kid(), path.display());
    let (name, secret) = match jwk.algorithm() {
        Algorithm::Hs256 => ("HS256", " --secret"),
        Algorithm::Ed25519 => ("Ed25519", ""),
    };
    format!(
        "made {path}: the {name} key {kid}, for its owner alone to read
next, tell the gate:  drillgate keys show {path} --config{secret}
and sign a request:   drillgate sign --key {path} --drill UUID --env TAG --header"
    )
}

fn public(args: &PublicArgs) -> Result<(), Box<dyn Error>> {
    let jwk = Source::named(&args.file)?.load()?.jwk;
    let Some(public) = jwk.public() else {
        let kid = jwk.kid();
        return Err(format!(
            "key {kid} is for HS256, which has no public half: whoever verifies with it can sign; for a public half make a key with --alg Ed25519"
        )
        .into());
    };
    output::emit(&format!("{}\n", public.expose()))?;
    Ok(())
}

fn show(args: &ShowArgs) -> Result<(), Box<dyn Error>> {
    let source = Source::named(&args.file)?;
    let file = source.load()?;
    source.warn_when_open(&file);
    let text = if args.config {
        output::json(&config(&file.jwk, args.secret)?)?
    } else {
        let shown = Shown::of(&file, args.secret)?;
        match args.output.format {
            Format::Text => shown.text(),
            Format::Json => output::json(&shown)?,
        }
    };
    output::emit(&text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{next_steps, random_kid};
    use crate::keyfile::Jwk;

    const SECRET: &[u8; 32] = b"hunter2hunter2hunter2hunter2hunt";
    const BASE64: &str = "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ";

    fn hs256() -> Jwk {
        Jwk::hs256("k1".parse().unwrap(), SECRET).unwrap()
    }

    fn ed25519() -> Jwk {
        Jwk::ed25519("k1".parse().unwrap(), SECRET).unwrap()
    }

    #[test]
    fn the_next_steps_show_no_secret() {
        for jwk in [hs256(), ed25519()] {
            let steps = next_steps(&jwk, Path::new("ci.jwk"));
            assert!(steps.contains("keys show ci.jwk --config"), "{steps}");
            assert!(!steps.contains(BASE64), "{steps}");
        }
    }

    #[test]
    fn a_random_name_is_a_usable_kid() {
        let kid = random_kid().unwrap();
        assert!(kid.as_str().starts_with("drill-") && kid.as_str().len() == 14);
    }
}
