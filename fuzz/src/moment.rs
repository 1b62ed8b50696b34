//! Seconds that matter: those at which something begins or ends are likelier than others.

use arbitrary::Arbitrary;

/// A time, by its distance from the one at which all is well.
#[derive(Arbitrary, Debug, Clone, Copy)]
pub enum Moment {
    Edge(u8),
    Any(i16),
}

const EDGES: [i64; 16] = [
    0, 1, -1, 2, 29, 30, 31, -29, -30, -31, 3599, 3600, 3601, -3599, -3600, -3601,
];

impl Moment {
    pub fn offset(self) -> i64 {
        match self {
            Moment::Edge(at) => EDGES[usize::from(at) % EDGES.len()],
            Moment::Any(seconds) => seconds.into(),
        }
    }
}
