//! Clocks that are wrong: a library that stands before a program's own, as `make clock` builds it.

use std::path::PathBuf;

/// The environment variable that names the library, by its absolute path.
const CLOCK_VARIABLE: &str = "DRILLGATE_CLOCK";

/// The environment of a program whose clock is so many seconds ahead, or behind.
///
/// # Panics
/// If the library is not there; with what helps.
pub(super) fn shifted(seconds: i64) -> [String; 2] {
    let library = PathBuf::from(std::env::var_os(CLOCK_VARIABLE).unwrap_or_default());
    assert!(
        library.is_absolute() && library.is_file(),
        "{CLOCK_VARIABLE} is {library:?}, not the absolute path of a library: run 'make clock' and \
         name .tools/clock/clock.so, or run 'make integration'"
    );
    [
        format!("LD_PRELOAD={}", library.display()),
        format!("CLOCK_AHEAD={seconds}"),
    ]
}
