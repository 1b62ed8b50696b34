//! What a drill leaves for those who doubt it.
//!
//! | to learn about | read |
//! |---|---|
//! | what is known of a run, and whether the drill has failed | `record.rs` |

pub mod ledger;
pub mod record;
