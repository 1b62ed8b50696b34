//! What benchmarks share: a window of load with what it cost a process, medians with their spread, and
//! where the results go.

mod cpu;
mod load;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::{env, fs, io};

use serde::Serialize;

/// What one window of load came to.
#[derive(Debug, Clone)]
pub struct Window {
    /// CPU time of the process, nanoseconds a request.
    pub cpu: f64,
    /// Latencies as the client saw them, microseconds.
    pub p50: f64,
    /// Of one in a hundred.
    pub p99: f64,
}

/// A process that answers at an address, and the connections to it.
#[derive(Debug)]
pub struct UnderLoad {
    process: u32,
    connections: load::Connections,
}

impl UnderLoad {
    /// Connects to the process of this id.
    ///
    /// # Errors
    /// If nothing listens at the address.
    pub async fn connect(process: u32, address: SocketAddr) -> io::Result<UnderLoad> {
        let connections = load::Connections::open(address).await?;
        Ok(UnderLoad {
            process,
            connections,
        })
    }

    /// Gives these processes a CPU of their own, all of them the same, and the client the others, where
    /// there are several.
    ///
    /// # Errors
    /// If one has ended.
    pub fn set_apart<'a>(all: impl IntoIterator<Item = &'a UnderLoad>) -> io::Result<()> {
        let processes: Vec<u32> = all.into_iter().map(|one| one.process).collect();
        cpu::set_apart(&processes)
    }

    /// Sends `count` equal requests, of which each has to be answered with `status`, and sees what
    /// they cost the process.
    ///
    /// # Errors
    /// If an answer is another, or the process has ended.
    pub async fn window(
        &mut self,
        request: &str,
        status: u16,
        count: usize,
    ) -> Result<Window, load::Failure> {
        let before = cpu::nanoseconds(self.process)?;
        let mut latencies = self.connections.run(request, status, count).await?;
        let used = cpu::nanoseconds(self.process)? - before;
        latencies.sort_unstable();
        let at =
            |share: f64| latencies[(latencies.len() as f64 * share) as usize].as_secs_f64() * 1e6;
        Ok(Window {
            cpu: used as f64 / latencies.len() as f64,
            p50: at(0.50),
            p99: at(0.99),
        })
    }
}

/// A median, and the quartiles around it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// A quarter lies below it.
    pub lower: f64,
    /// A quarter lies above it.
    pub upper: f64,
}

impl Spread {
    /// Of some values; none of them may be missing.
    pub fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        Spread {
            median: quantile(&values, 0.50),
            lower: quantile(&values, 0.25),
            upper: quantile(&values, 0.75),
        }
    }
}

/// The value below which this share of them lies, of values in their order; not a number if there
/// are none.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    let value = sorted.get((last * share).round() as usize);
    value.copied().unwrap_or(f64::NAN)
}

/// As a ratio is shown.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread {
            median,
            lower,
            upper,
        } = self;
        f.pad(&format!("{median:.3} [{lower:.3} {upper:.3}]"))
    }
}

/// The folder `bench` beside what cargo builds; it is made if it is not there.
///
/// # Errors
/// The reason of the operating system.
pub fn output_folder() -> io::Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    folder.canonicalize()
}
