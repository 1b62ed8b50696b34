//! What the fuzzer found worth keeping, played again (see `fuzz/`). On wasm there are no files.
#![cfg(not(target_family = "wasm"))]
// The lints that keep the product from panicking let tests do so, but see only their functions.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/decision/mod.rs"]
mod decision;
#[path = "../../fuzz/src/moment.rs"]
mod moment;

#[test]
fn no_proxy_and_no_request_brings_the_filter_to_break_its_invariants() {
    corpus::replay("decision", decision::run);
}
