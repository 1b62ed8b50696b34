//! The committed inputs, for tests that replay them.

use std::path::Path;

/// Calls the body of a target with each input that is kept for it. A panic names the input.
pub fn replay(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let folder = corpus.join(target);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "no inputs in {}", folder.display());
    for path in inputs {
        let input = std::fs::read(&path).unwrap();
        if std::panic::catch_unwind(|| body(&input)).is_err() {
            panic!("{}", path.display());
        }
    }
}
