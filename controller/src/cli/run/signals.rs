//! What ends a run from outside.

use std::error::Error;
use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::oneshot::Error::Interrupted;

/// The signals by which people and CI systems end a process.
pub(super) struct Signals {
    received: mpsc::UnboundedReceiver<Signal>,
    stop: watch::Receiver<bool>,
    first: watch::Receiver<Option<Signal>>,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    pub(super) fn listen() -> io::Result<Signals> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (sender, received) = mpsc::unbounded_channel();
        let (stopping, stop) = watch::channel(false);
        let (told, first) = watch::channel(None);
        tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    _ = interrupt.recv() => Signal::INT,
                    _ = terminate.recv() => Signal::TERM,
                    _ = hangup.recv() => Signal::HUP,
                };
                told.send_if_modified(|first| {
                    let is_first = first.is_none();
                    first.get_or_insert(signal);
                    is_first
                });
                // Whoever looks at them may have ended already.
                let _ = stopping.send(true);
                let _ = sender.send(signal);
            }
        });
        Ok(Signals {
            received,
            stop,
            first,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        match self.received.recv().await {
            Some(signal) => signal,
            // The task that sends them lives as long as the process.
            None => std::future::pending().await,
        }
    }

    /// Whether there was one.
    pub(super) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// The exit code of a process that the first one has ended; nothing if there was none.
    pub(super) fn code(&self) -> Option<u8> {
        let first = *self.first.borrow();
        let number = u8::try_from(first?.as_raw()).ok()?;
        Some(128_u8.saturating_add(number))
    }

    /// This code; but 0 only if there was none: what was told to end may not have done all that was
    /// wanted of it, although it ended well.
    pub(super) fn heeded(&self, code: u8) -> Result<u8, Box<dyn Error>> {
        match (code, self.code()) {
            (0, Some(_)) => Err(Interrupted.into()),
            _ => Ok(code),
        }
    }
}
