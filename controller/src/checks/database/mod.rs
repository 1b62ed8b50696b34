//! The databases that checks look into.
//!
//! | to learn about | read |
//! |---|---|
//! | where passwords come from | `source.rs` |
//! | how a connection is made | `connect.rs` |
//! | how only reading is enforced | `link.rs` |
//! | what a query may yield | `rows.rs` |
//! | whether a sandbox is production | `identity.rs` |
//! | replicas | `replica.rs` |
//! | what a DBA is told | `failure.rs` |

mod connect;
mod failure;
mod identity;
mod link;
mod replica;
mod rows;
mod source;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub(super) use failure::{Failure, Reason};
use identity::Identity;
pub(super) use link::{Reader, Writer};
pub(super) use replica::Replica;
pub(super) use rows::Table;
pub use source::Secrets;

use super::receipt::Receipts;
use super::through::ThroughEdge;
use crate::api::{Database, DrillSpec, Role};

/// What checks that look into databases are run with.
#[derive(Debug)]
pub struct Databases<'a> {
    /// The databases, as the Drill has them.
    pub known: &'a [Database],
    /// Where passwords in Secrets come from; nothing without a cluster.
    pub secrets: Option<Secrets>,
    /// Who asks the service behind the route; nothing if the edge's address is not known.
    pub edge: Option<&'a dyn ThroughEdge>,
    /// The drill's id, as receipts name it.
    pub drill: &'a str,
    /// How old the newest data may be.
    pub rpo: Option<Duration>,
    /// What was written, and is to be removed.
    pub receipts: Receipts,
    told_apart: Mutex<BTreeSet<String>>,
}

/// The sentence for a check that nobody runs who holds no passwords.
pub const NOT_HERE: &str = "the controller looks into no databases, since it would hold the passwords for whoever may create a Drill: run the drill with drillgate run, in a CronJob or a pipeline";

impl<'a> Databases<'a> {
    /// For a drill with these databases.
    pub fn new(known: &'a [Database], drill: &'a str) -> Databases<'a> {
        Databases {
            known,
            secrets: None,
            edge: None,
            drill,
            rpo: None,
            receipts: Receipts::default(),
            told_apart: Mutex::default(),
        }
    }

    /// For the drill of this spec, with its own objective for the age of data.
    pub fn of(spec: &'a DrillSpec, drill: &'a str) -> Databases<'a> {
        Databases {
            rpo: spec.objectives.rpo.as_ref().map(|rpo| rpo.to_std()),
            ..Databases::new(&spec.databases, drill)
        }
    }

    /// A connection to `name` that only reads. A sandbox was told apart from production before.
    ///
    /// # Errors
    /// Why there is none, or that the sandbox is production.
    pub(super) async fn reader(&self, name: &str, limit: Duration) -> Result<Reader<'a>, Failure> {
        let database = self.named(name)?;
        let mut reader = self.connect(database, limit).await?;
        self.tell_apart(&mut reader, limit).await?;
        Ok(reader)
    }

    /// A connection to the sandbox `name` that writes.
    ///
    /// # Errors
    /// Why there is none, or that it is production.
    pub(super) async fn writer(&self, name: &str, limit: Duration) -> Result<Writer<'a>, Failure> {
        let database = self.named(name)?;
        if database.role == Role::Production {
            return Err(Failure::other(format!(
                "database {name} is production, where nothing is written: name a sandbox"
            )));
        }
        self.reader(name, limit).await?;
        let connection = connect::open(database, self.secrets.as_ref()).await?;
        Writer::new(database, connection, limit).await
    }

    /// A connection to a production database, which a check names as such.
    ///
    /// # Errors
    /// Why there is none, or that it is no production database.
    pub(super) async fn production_reader(
        &self,
        name: &str,
        limit: Duration,
    ) -> Result<Reader<'a>, Failure> {
        let database = self.named(name)?;
        if database.role == Role::Sandbox {
            return Err(Failure::other(format!(
                "database {name} is named as production, and its role is Sandbox: say role: Production"
            )));
        }
        self.connect(database, limit).await
    }

    fn named(&self, name: &str) -> Result<&'a Database, Failure> {
        let found = self.known.iter().find(|database| database.name == name);
        found.ok_or_else(|| {
            Failure::other(format!(
                "there is no database {name}: name it under spec.databases"
            ))
        })
    }

    async fn connect(
        &self,
        database: &'a Database,
        limit: Duration,
    ) -> Result<Reader<'a>, Failure> {
        let connection = connect::open(database, self.secrets.as_ref()).await?;
        Reader::new(database, connection, limit).await
    }

    /// Sees to it that a sandbox is none of the production databases. What cannot be found out is
    /// not so: a check that reads production's data in the belief that it is the copy proves nothing.
    async fn tell_apart(&self, reader: &mut Reader<'a>, limit: Duration) -> Result<(), Failure> {
        let ours = reader.database();
        if ours.role == Role::Production || self.is_told_apart(&ours.name) {
            return Ok(());
        }
        let is_like =
            |known: &&Database| known.role == Role::Production && known.engine == ours.engine;
        let mut identity = None;
        for production in self.known.iter().filter(is_like) {
            if identity.is_none() {
                identity = Some(Identity::of(reader).await?);
            }
            let theirs = self.production(production, &ours.name, limit).await?;
            if identity.as_ref().is_some_and(|ours| ours.is_same(&theirs)) {
                return Err(Failure::other(is_production(ours, production)));
            }
        }
        let mut told_apart = self
            .told_apart
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        told_apart.insert(ours.name.clone());
        Ok(())
    }

    fn is_told_apart(&self, name: &str) -> bool {
        let told_apart = self
            .told_apart
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        told_apart.contains(name)
    }

    async fn production(
        &self,
        production: &'a Database,
        sandbox: &str,
        limit: Duration,
    ) -> Result<Identity, Failure> {
        let asking = async {
            let mut reader = self.connect(production, limit).await?;
            Identity::of(&mut reader).await
        };
        asking.await.map_err(|failure: Failure| {
            Failure::other(format!(
                "whether sandbox {sandbox} is production {} cannot be told: {failure}",
                production.name
            ))
        })
    }
}

fn is_production(sandbox: &Database, production: &Database) -> String {
    format!(
        "sandbox {} ({}:{}, database {}) is the same database of the same running server as production {}: nothing was restored that could be looked at, and a sandbox with these credentials writes into production. Give the sandbox a server or a database of its own",
        sandbox.name,
        sandbox.host,
        sandbox.port(),
        sandbox.database,
        production.name
    )
}
