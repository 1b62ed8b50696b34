//! What the fuzzer found worth keeping, played again (see `fuzz/`). On wasm there are no files.
#![cfg(not(target_family = "wasm"))]
// The lints that keep the product from panicking let tests do so, but see only their functions.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/moment.rs"]
mod moment;
#[path = "../../fuzz/src/token/mod.rs"]
mod token;

#[test]
fn raw_bytes_are_accepted_only_where_they_were_signed() {
    corpus::replay("token_bytes", token::bytes::run);
}

#[test]
fn tokens_that_are_nearly_right_are_judged_as_a_second_implementation_does() {
    corpus::replay("token_structured", token::structured::run);
}
