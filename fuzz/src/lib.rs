//! The bodies of the fuzz targets. The fuzzer calls them with inputs that it makes up; ordinary
//! tests (`context/tests/corpus.rs`, `filter/tests/corpus.rs`) with those under `corpus/`, and
//! take these files in by path. A body panics when something does not hold.

pub mod decision;
pub mod moment;
pub mod token;
