//! What a drill leaves for those who doubt it.
//!
//! | to learn about | read |
//! |---|---|
//! | what is known of a run, and whether the drill has failed | `record.rs` |
//! | how that is put together while it runs | `recorder.rs` |

pub mod record;
pub mod recorder;
