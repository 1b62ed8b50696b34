//! One filter's active list: who asks, and who writes for all that have asked.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Change;
use super::book::{Book, Entries};
use super::refusal::{self, Verdict, verdict};
use crate::api::ObjectRef;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::resources::names::DRILLS_MANAGER;

/// How often a write is worked out anew in a row, because the filter has changed in between, or
/// entries of it belong to others.
const TRIES: usize = 5;

/// One filter's active list.
#[derive(Default)]
pub struct Lane {
    /// Held by the one that writes.
    writing: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What goes along with the next write.
    asks: Vec<Ask>,
    /// What the controller has in the filter, once it was read.
    book: Option<Book>,
    /// Whether a write has been begun whose outcome is not known.
    in_doubt: bool,
}

/// A change, and where its outcome is waited for.
struct Ask {
    change: Change,
    outcome: oneshot::Sender<Result<bool, Error>>,
}

impl Lane {
    /// Has a change written, with all others that are asked for meanwhile.
    pub async fn change(
        &self,
        context: &Context,
        filter: &ObjectRef,
        change: Change,
    ) -> Result<bool, Error> {
        let (outcome, mut told) = oneshot::channel();
        self.state().asks.push(Ask { change, outcome });
        let _writing = self.writing.lock().await;
        // Whoever wrote meanwhile may have taken it along.
        if let Ok(outcome) = told.try_recv() {
            return outcome;
        }
        let asks = std::mem::take(&mut self.state().asks);
        self.write(context, filter, asks).await;
        told.try_recv().unwrap_or(Err(Error::Stale))
    }

    pub fn holds(&self, id: Uuid, entry: &Value) -> bool {
        // Also while a write is under way, or in doubt: what that changes has not been told as done.
        let state = self.state();
        let held = state.book.as_ref().and_then(|book| book.entries.get(&id));
        held.is_some_and(|held| **held == *entry)
    }

    pub fn may_hold(&self, id: Uuid) -> bool {
        let state = self.state();
        let book = state.book.as_ref();
        state.in_doubt || book.is_some_and(|book| book.entries.contains_key(&id))
    }

    /// Writes for all, or for as many as can be written for.
    async fn write(&self, context: &Context, filter: &ObjectRef, asks: Vec<Ask>) {
        let mut batches = vec![asks];
        while let Some(mut batch) = batches.pop() {
            let error = match self.apply(context, filter, &batch).await {
                Ok(before) => {
                    for ask in batch {
                        let had = before.contains_key(&ask.change.id);
                        tell(ask, Ok(had));
                    }
                    continue;
                }
                Err(error) => error,
            };
            let guilty = match verdict(&error, &asked(&batch)) {
                Verdict::Halve => {
                    batches.push(batch.split_off(batch.len() / 2));
                    batches.push(batch);
                    continue;
                }
                Verdict::Tell(guilty) => guilty,
                Verdict::GiveUp(_) | Verdict::TellAll => asked(&batch),
            };
            let (guilty, others) = batch
                .into_iter()
                .partition::<Vec<Ask>, _>(|ask| guilty.contains(&ask.change.id));
            for ask in guilty {
                let error = refusal::own(&error, ask.change.id);
                tell(ask, Err(error));
            }
            if !others.is_empty() {
                batches.push(others);
            }
        }
    }

    /// Applies the whole set with these changes; gives the one before.
    async fn apply(
        &self,
        context: &Context,
        filter: &ObjectRef,
        batch: &[Ask],
    ) -> Result<Entries, Error> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let Some(book) = self.book(context, filter).await? else {
                let puts = batch.iter().any(|ask| ask.change.entry.is_some());
                // Without a filter there is nothing to take, and nothing to put anything into.
                return match puts {
                    true => Err(Error::Stale),
                    false => Ok(Entries::new()),
                };
            };
            let entries = book.with(batch.iter().map(|ask| &ask.change));
            let takes_only = batch.iter().all(|ask| ask.change.entry.is_none());
            if takes_only && entries == book.entries {
                return Ok(entries);
            }
            let before = book.entries.clone();
            match self.put(context, filter, book, entries).await {
                Ok(()) => return Ok(before),
                Err(error) if tries == 0 => return Err(error),
                // The filter has changed or is gone, and is read again.
                Err(error) if matches!(error.category(), "Stale" | "NotFound") => {}
                Err(error) => match verdict(&error, &asked(batch)) {
                    Verdict::GiveUp(taken) => self.give_up(&taken),
                    _ => return Err(error),
                },
            }
        }
    }

    /// The book; nothing where there is no filter.
    async fn book(&self, context: &Context, filter: &ObjectRef) -> Result<Option<Book>, Error> {
        {
            let state = self.state();
            if let Some(book) = state.book.as_ref().filter(|_| !state.in_doubt) {
                return Ok(Some(book.clone()));
            }
        }
        let found = context.writer.read(filter).await?;
        let book = found.as_ref().map(Book::read);
        self.keep(book.clone());
        Ok(book)
    }

    /// One apply. Whether it was taken is in doubt until the API server says so.
    async fn put(
        &self,
        context: &Context,
        filter: &ObjectRef,
        book: Book,
        entries: Entries,
    ) -> Result<(), Error> {
        self.state().in_doubt = true;
        let body = book.body(filter, &entries);
        match context.writer.apply(filter, &body, DRILLS_MANAGER).await {
            Ok(version) => {
                self.keep(Some(book.written(entries, version.clone())));
                context.cluster.wrote(filter, DRILLS_MANAGER, version);
                Ok(())
            }
            Err(error) => {
                // Refused as a whole: all is as it was.
                if matches!(error, Error::Conflict { .. } | Error::Invalid { .. }) {
                    self.keep(Some(book));
                }
                Err(error)
            }
        }
    }

    fn give_up(&self, taken: &BTreeSet<Uuid>) {
        if let Some(book) = &mut self.state().book {
            book.give_up(taken);
        }
    }

    fn keep(&self, book: Option<Book>) {
        let mut state = self.state();
        state.book = book;
        state.in_doubt = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn asked(batch: &[Ask]) -> BTreeSet<Uuid> {
    batch.iter().map(|ask| ask.change.id).collect()
}

/// Who asked may have gone meanwhile, as when the process ends.
fn tell(ask: Ask, outcome: Result<bool, Error>) {
    let _ = ask.outcome.send(outcome);
}
