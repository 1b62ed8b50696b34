//! Negative controls: requests that the edge has to refuse. A check that passes says little unless
//! it could have failed; a drill whose controls do not bite has failed, whatever its checks say.
//!
//! | to learn about | read |
//! |---|---|
//! | what is tried, and what has to come back | `attempt.rs` |
//! | how it is asked without a risk for production | `edge.rs` |
//! | what it came to | `results.rs` |

mod attempt;
mod edge;
mod results;

pub use attempt::{
    Attempt, SANDBOX_AWAY, Subject, WITHOUT_HEADER, Wanted, after_the_drill, attempts, while_away,
};
pub use edge::{Answer, Edge};
pub use results::{before_the_checks, until_refused, until_routed};
