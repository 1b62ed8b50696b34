//! What istiod counts of its pushes.

use crate::ground::Ground;

/// From a change until a proxy has it, as istiod sees that; and the making of a push.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pushes {
    converged: Histogram,
    made: Histogram,
}

/// How many there were, and seconds of all together.
#[derive(Debug, Clone, Copy, Default)]
struct Histogram {
    count: f64,
    seconds: f64,
}

impl Pushes {
    pub async fn read(ground: &Ground) -> Pushes {
        let metrics = ground.mesh.istiod.metrics().await;
        Pushes {
            converged: Histogram::read(&metrics, "pilot_proxy_convergence_time"),
            made: Histogram::read(&metrics, "pilot_xds_push_time"),
        }
    }

    pub fn since(&self, before: &Pushes) -> Pushes {
        Pushes {
            converged: self.converged.since(before.converged),
            made: self.made.since(before.made),
        }
    }

    /// Milliseconds from a change until the proxy has it, on average.
    pub fn converged_ms(&self) -> f64 {
        self.converged.average_ms()
    }

    /// Milliseconds that one kind of configuration takes to make and send, on average.
    pub fn made_ms(&self) -> f64 {
        self.made.average_ms()
    }
}

impl Histogram {
    fn read(metrics: &str, name: &str) -> Histogram {
        let sum = |suffix: &str| {
            let begin = format!("{name}_{suffix}");
            let lines = metrics.lines().filter_map(|line| {
                let rest = line.strip_prefix(&begin)?;
                rest.starts_with(['{', ' ']).then_some(rest)
            });
            let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
            values.sum()
        };
        Histogram {
            count: sum("count"),
            seconds: sum("sum"),
        }
    }

    fn since(self, before: Histogram) -> Histogram {
        Histogram {
            count: self.count - before.count,
            seconds: self.seconds - before.seconds,
        }
    }

    fn average_ms(self) -> f64 {
        self.seconds / self.count.max(1.0) * 1000.0
    }
}
