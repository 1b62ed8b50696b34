//! `drillgate sign`.

mod from_cluster;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use drill_context::{Claims, DrillId, Environment, KeyId, TokenId, TokenType, sign};
use serde::Serialize;

use self::from_cluster::Question;
use super::Outcome;
use super::cluster::ClusterArgs;
use super::key_source::{self, SourceError};
use super::output::{self, Format, OutputArgs};
use super::time::{self, TimeError};

/// The header's name as people write it.
const HEADER: &str = "X-Drill-Context";

/// A probe belongs to no environment, but a token must name one.
const PROBE_ENVIRONMENT: &str = "probe";

const USAGE: &str = "\
drillgate sign [OPTIONS] --drill <UUID> --env <TAG>
       drillgate sign [OPTIONS] --of <DRILL>
       drillgate sign [OPTIONS] --probe";

const EXAMPLES: &str = "\
Examples:
  drillgate sign --key ci.jwk --drill 6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f --env orders-dr
  value=$(drillgate sign --drill \"$DRILL\" --env orders-dr) &&
    curl -H \"X-Drill-Context: $value\" https://orders.example.com/
  drillgate sign --drill \"$DRILL\" --env orders-dr --expires-in 5m --token-id run-42 --output json
  drillgate sign --of orders
  drillgate sign --drill \"$DRILL\" --env orders-dr --gate istio-system/edge --kid ci-2026

Keep the &&, or set -e: of a header without a value curl sends nothing, and the request would
be no drill request.

Without --key, the key is the file that DRILLGATE_KEY_FILE names, or else the JWK in DRILLGATE_KEY,
or else, with --of, one of the gate's, from its Secret.

Exit codes:
  0  signed
  2  usage, a key that cannot be read or does not sign, or no such drill
  4  the cluster cannot be reached, or does not let us";

/// Sign a value for the header X-Drill-Context
#[derive(Args)]
#[command(override_usage = USAGE, after_help = EXAMPLES)]
pub(super) struct SignArgs {
    /// The drill's UUID, in lower case
    #[arg(long, value_name = "UUID", required_unless_present_any = ["probe", "of"])]
    drill: Option<DrillId>,

    /// The tag of the environment that the drill runs in
    #[arg(long = "env", value_name = "TAG", required_unless_present_any = ["probe", "of"])]
    environment: Option<Environment>,

    /// Sign a question to the gateway's filter itself, which belongs to no drill
    #[arg(long, conflicts_with_all = ["drill", "environment"])]
    probe: bool,

    /// A drill of the cluster, by its name or UUID: it tells its UUID and environment
    #[arg(long, value_name = "DRILL", conflicts_with_all = ["drill", "environment", "probe"])]
    of: Option<String>,

    /// The key file, a JWK; - reads standard input
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// A gate of the cluster, as namespace/name: the key is one of its Secrets'
    #[arg(long, value_name = "GATE", conflicts_with = "key")]
    gate: Option<String>,

    /// Which key of the gate [default: the first that signs]
    #[arg(long, value_name = "NAME")]
    kid: Option<KeyId>,

    /// The time of signing: epoch seconds or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<i64>,

    /// How long the value counts [default: as long as the gate's maximum age allows]
    #[arg(long, value_name = "DURATION", value_parser = time::parse_lifetime)]
    expires_in: Option<i64>,

    /// A name for this value, for the audit record
    #[arg(long, value_name = "NAME")]
    token_id: Option<TokenId>,

    /// Print the whole header line, as curl -H takes it
    #[arg(long)]
    header: bool,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(super) fn run(args: &SignArgs, now: i64) -> Outcome {
    if args.header && args.output.format == Format::Json {
        return Err(
            "--header and --output json exclude each other: the JSON has both parts".into(),
        );
    }
    let given = match &args.gate {
        Some(_) => None,
        None => key_source::signing(args.key.as_deref())?,
    };
    let question = Question {
        cluster: &args.cluster,
        drill: args.of.as_deref(),
        gate: args.gate.as_deref(),
        kid: args.kid.as_ref(),
        has_key: given.is_some(),
    };
    let answer = question.ask()?;
    let jwk = answer.key.or(given).ok_or(SourceError::NoKey)?;
    if let Some(kid) = args.kid.as_ref().filter(|kid| *kid != jwk.kid()) {
        let has = jwk.kid();
        return Err(format!(
            "the key that was given is {has} and not {kid}: name the file of {kid}, or a gate with --gate"
        )
        .into());
    }
    let key = jwk.signing_key().ok_or(SourceError::NoKey)?;
    let (token_type, drill, environment) = match answer.drill {
        Some((drill, environment)) => (TokenType::Drill, drill, environment),
        None => args.subject()?,
    };
    let claims = args.claims(drill, environment, now)?;
    let signed = Signed {
        value: sign(key, token_type, &claims),
        kid: key.kid(),
        token_type,
        claims: &claims,
    };
    output::emit(&args.render(&signed)?)?;
    Ok(ExitCode::SUCCESS)
}

impl SignArgs {
    /// What is signed for. A probe gets a drill of its own that nobody has.
    fn subject(&self) -> Result<(TokenType, DrillId, Environment), Box<dyn Error>> {
        if let (Some(drill), Some(environment)) = (self.drill, &self.environment) {
            return Ok((TokenType::Drill, drill, environment.clone()));
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let drill = DrillId::new(uuid::Builder::from_random_bytes(random).into_uuid())?;
        Ok((TokenType::Probe, drill, PROBE_ENVIRONMENT.parse()?))
    }

    fn claims(
        &self,
        drill: DrillId,
        environment: Environment,
        now: i64,
    ) -> Result<Claims, TimeError> {
        let issued_at = time::in_range(self.at.unwrap_or(now))?;
        let mut claims = Claims::new(drill, environment, issued_at);
        claims.expires_at = match self.expires_in {
            Some(lifetime) => Some(time::in_range(issued_at.saturating_add(lifetime))?),
            None => None,
        };
        claims.token_id = self.token_id.clone();
        Ok(claims)
    }

    fn render(&self, signed: &Signed) -> Result<String, serde_json::Error> {
        let value = &signed.value;
        match self.output.format {
            Format::Text if self.header => Ok(format!("{HEADER}: {value}\n")),
            Format::Text => Ok(format!("{value}\n")),
            Format::Json => output::json(&signed.report()),
        }
    }
}

struct Signed<'a> {
    value: String,
    kid: &'a KeyId,
    token_type: TokenType,
    claims: &'a Claims,
}

/// The form of `--output json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    header: &'a str,
    value: &'a str,
    kid: &'a str,
    r#type: &'a str,
    drill: String,
    environment: &'a str,
    issued_at: String,
    expires_at: Option<String>,
    token_id: Option<&'a str>,
}

impl Signed<'_> {
    fn report(&self) -> Report<'_> {
        Report {
            header: HEADER,
            value: &self.value,
            kid: self.kid.as_str(),
            r#type: self.token_type.name(),
            drill: self.claims.drill.to_string(),
            environment: self.claims.environment.as_str(),
            issued_at: time::rfc3339(self.claims.issued_at),
            expires_at: self.claims.expires_at.map(time::rfc3339),
            token_id: self.claims.token_id.as_ref().map(TokenId::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};
    use drill_context::{Claims, TokenType};

    use super::{SignArgs, Signed, TimeError};

    const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
    const NOW: i64 = 1_790_000_000;

    fn try_parse(words: &[&str]) -> Result<SignArgs, clap::Error> {
        let command = SignArgs::augment_args(Command::new("sign").no_binary_name(true));
        SignArgs::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    fn parse(options: &[&str]) -> SignArgs {
        let drill = ["--drill", DRILL, "--env", "orders-dr"];
        try_parse(&[&drill, options].concat()).unwrap()
    }

    fn claims(args: &SignArgs) -> Result<Claims, TimeError> {
        let (_, drill, environment) = args.subject().unwrap();
        args.claims(drill, environment, NOW)
    }

    #[test]
    fn a_value_is_signed_now_and_without_an_end_unless_told_otherwise() {
        let claims = claims(&parse(&[])).unwrap();
        assert_eq!(claims.drill.to_string(), DRILL);
        assert_eq!(claims.environment.as_str(), "orders-dr");
        assert_eq!(claims.issued_at, NOW);
        assert_eq!((claims.expires_at, claims.token_id), (None, None));
    }

    #[test]
    fn a_lifetime_starts_at_the_time_of_signing() {
        let args = parse(&["--at", "1000", "--expires-in", "5m", "--token-id", "run-42"]);
        let claims = claims(&args).unwrap();
        assert_eq!((claims.issued_at, claims.expires_at), (1000, Some(1300)));
        assert_eq!(claims.token_id.unwrap().as_str(), "run-42");
    }

    #[test]
    fn an_end_past_the_year_9999_is_refused() {
        let args = parse(&["--at", "253402300799", "--expires-in", "1s"]);
        assert_eq!(claims(&args), Err(TimeError::OutOfRange));
        let args = parse(&["--expires-in", "9223372036854775807s"]);
        assert_eq!(claims(&args), Err(TimeError::OutOfRange));
    }

    #[test]
    fn a_probe_names_no_drill_and_gets_a_random_one() {
        let args = try_parse(&["--probe"]).unwrap();
        let (token_type, one, environment) = args.subject().unwrap();
        assert_eq!(token_type, TokenType::Probe);
        assert_eq!(environment.as_str(), "probe");
        assert_ne!(one, args.subject().unwrap().1);

        assert!(try_parse(&["--probe", "--drill", DRILL]).is_err());
        assert!(try_parse(&["--probe", "--env", "a"]).is_err());
        assert!(try_parse(&["--env", "a"]).is_err());
        assert!(try_parse(&["--drill", DRILL]).is_err());
    }

    #[test]
    fn each_form_prints_the_value() {
        let kid = "k1".parse().unwrap();
        let claims = claims(&parse(&["--expires-in", "1h"])).unwrap();
        let signed = Signed {
            value: "a.b.c".to_owned(),
            kid: &kid,
            token_type: TokenType::Drill,
            claims: &claims,
        };
        assert_eq!(parse(&[]).render(&signed).unwrap(), "a.b.c\n");
        let header = parse(&["--header"]).render(&signed).unwrap();
        assert_eq!(header, "X-Drill-Context: a.b.c\n");
        let json = parse(&["--output", "json"]).render(&signed).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap(),
            serde_json::json!({
                "header": "X-Drill-Context",
                "value": "a.b.c",
                "kid": "k1",
                "type": "drill+jwt",
                "drill": DRILL,
                "environment": "orders-dr",
                "issuedAt": "2026-09-21T14:13:20Z",
                "expiresAt": "2026-09-21T15:13:20Z",
                "tokenId": null,
            })
        );
    }
}
