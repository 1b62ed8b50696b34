//! How the drill with the database is shown, and its evidence.

use std::error::Error;
use std::path::{Path, PathBuf};

use drill_context::Algorithm;

use super::DemoArgs;
use crate::checks::outcome::{Outcome, Verdict};
use crate::cli::output::{BAD, style};
use crate::demo::Proof;
use crate::evidence::document::Document;
use crate::evidence::folder;
use crate::evidence::ledger::{Count, Ledger};
use crate::evidence::record::{Control, Record};
use crate::keyfile::{self, Jwk};
use crate::lab::postgres::DATABASES_VARIABLE;
use crate::oneshot::drill::now;

/// The key that signs the evidence, and where both go.
pub(super) struct Signer {
    folder: PathBuf,
    public: PathBuf,
    key: Jwk,
}

impl Signer {
    /// Finds out what would keep the evidence from being written.
    pub(super) fn ready(folder: &Path) -> Result<Signer, Box<dyn Error>> {
        let key = Jwk::generate("demo-evidence".parse()?, Algorithm::Ed25519)?;
        folder::ready(folder, Some(&key))?;
        let mut public = folder.as_os_str().to_owned();
        public.push(".pub.jwk");
        let public = PathBuf::from(public);
        if public.exists() {
            return Err(format!("{} is there already: remove it", public.display()).into());
        }
        Ok(Signer {
            folder: folder.to_owned(),
            public,
            key,
        })
    }

    /// Writes the evidence and the key's public half, and says where.
    pub(super) fn write(&self, record: &Record) -> Result<String, Box<dyn Error>> {
        folder::write(record, &self.folder, Some(&self.key), now())?;
        let public = self.key.public().ok_or("the key has no public half")?;
        keyfile::create(&self.public, &public)?;
        Ok(format!(
            "    ... the report: {}\n    ... verify it with: {} report verify {} --key {}",
            self.folder.join("report.html").display(),
            std::env::current_exe()?.display(),
            self.folder.display(),
            self.public.display(),
        ))
    }
}

/// That there is no PostgreSQL: a remark, unless one or its report was asked for.
pub(super) fn no_postgres(args: &DemoArgs) -> Result<String, Box<dyn Error>> {
    let mend = format!(
        "run 'make databases', install PostgreSQL, or name a folder with it in {DATABASES_VARIABLE}"
    );
    if let Some(folder) = &args.databases {
        return Err(format!("no PostgreSQL in {}: {mend}", folder.display()).into());
    }
    if args.evidence.is_some() {
        return Err(format!("no PostgreSQL, so there is no report to leave: {mend}").into());
    }
    Ok(format!(
        "    ... no PostgreSQL on this machine, so no database is restored: {mend}"
    ))
}

pub(super) fn controls_line(controls: &[Control]) -> String {
    let refused = controls.iter().filter(|control| control.bites).count();
    let all = controls.len();
    let style = style(refused == all);
    format!(
        "     {:<20}  {style}{refused} of {all} were refused as they must be{style:#}\n",
        "controls"
    )
}

pub(super) fn check_line(outcome: &Outcome) -> String {
    let (verdict, style) = (outcome.verdict, style(outcome.verdict == Verdict::Passed));
    format!(
        "     {:<20}  {style}{verdict}{style:#}: {}\n",
        outcome.name, outcome.message
    )
}

/// The drill as a whole.
pub(super) fn summary(proof: &Proof) -> String {
    let record = &proof.record;
    let (verdict, style) = (Document::of(record).verdict, style(record.has_passed()));
    let mut text =
        format!("\nthe drill with the restored database has {style}{verdict}{style:#}\n");
    for objective in &record.objectives {
        let seconds = |seconds: Option<u64>| match seconds {
            Some(seconds) => format!("{seconds} s"),
            None => "unknown".to_owned(),
        };
        text.push_str(&format!(
            "     {:<4} {} of {}\n",
            objective.name,
            seconds(objective.reached_seconds),
            seconds(objective.wanted_seconds),
        ));
    }
    text.push_str(&ledger(&record.ledger));
    for failure in record.failures() {
        text.push_str(&format!("     {BAD}{failure}{BAD:#}\n"));
    }
    text.push_str(match proof.astray.verdict {
        Verdict::Failed => "     a wrong restore was found out, as it must be\n",
        _ => "     A WRONG RESTORE WAS NOT FOUND OUT\n",
    });
    text
}

/// Where the requests of the drill went.
fn ledger(ledger: &Ledger) -> String {
    let number = |count: &Count| match count.number {
        Some(number) => number.to_string(),
        None => "unknown".to_owned(),
    };
    let recorded = ledger.edge.counts.as_ref().map(|edge| edge.routed);
    let recorded = recorded.map_or("unknown".to_owned(), |routed| routed.to_string());
    format!(
        "     ledger: {} sent with the header, {} routed ({recorded} by the edge's records), {} refused; the sandbox received {}, production {}\n",
        number(&ledger.sent),
        number(&ledger.routed),
        number(&ledger.refused),
        number(&ledger.sandbox),
        number(&ledger.production),
    )
}
