//! Bytes on the wire that no ordinary HTTP client sends: each ends in an answer by the rules or in
//! a refusal of Envoy's own, with nothing broken behind it.
//!
//! Most tables send each row without the header, with a valid token and with a forged one. The
//! filter stands alone, without the guard, except where a test says otherwise.

mod blocks;
mod bodies;
mod fields;
mod frames;
mod heads;
mod slow;
mod stand;
mod streams;
mod targets;
mod upgrades;
