//! The same requests, on the same Istio, against what people use to steer by a header: who answers?
//!
//! `make compare` prints the table that the README shows.

mod rows;
mod ways;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::rows::{Row, rows};
use self::ways::{Steered, WAYS, Way};
use super::Mesh;

/// How long a fault may take to come to the gateway on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// How many answers in a row have to be the same.
const SAME: usize = 5;

/// One cell of the table: what came back, and what was foreseen.
struct Cell {
    got: String,
    foreseen: &'static str,
    is_leak: bool,
}

/// Puts every way through every row, says how it goes, and gives the table in Markdown.
///
/// # Panics
/// If the mesh refuses something, or an answer is another one than foreseen.
pub async fn table(mesh: &Mesh, progress: impl Fn(&str)) -> String {
    let mut columns = Vec::new();
    for way in WAYS {
        progress(&format!("sets up: {}", way.name()));
        columns.push(column(mesh, way, &progress).await);
    }
    let mut text = heading();
    for (index, row) in rows().iter().enumerate() {
        let cells = columns.iter().map(|column| shown(&column[index]));
        let cells: Vec<String> = cells.collect();
        text.push_str(&format!("| {} | {} |\n", row.name, cells.join(" | ")));
    }
    text
}

fn heading() -> String {
    let names: Vec<&str> = WAYS.iter().map(|way| way.name()).collect();
    let rule = "---|".repeat(names.len() + 1);
    format!("| request | {} |\n|{rule}\n", names.join(" | "))
}

/// A drill request that production has answered is what must not be.
fn shown(cell: &Option<Cell>) -> String {
    match cell {
        None => "not offered".to_owned(),
        Some(cell) if cell.is_leak => format!("**{}**", cell.got),
        Some(cell) => cell.got.clone(),
    }
}

async fn column(mesh: &Mesh, way: Way, progress: &impl Fn(&str)) -> Vec<Option<Cell>> {
    let steered = Steered::set(mesh, way).await;
    let mut cells = Vec::new();
    for (index, row) in rows().iter().enumerate() {
        let Some(foreseen) = row.foreseen[way as usize] else {
            cells.push(None);
            continue;
        };
        steered.break_by(row.fault).await;
        let got = settled(&steered, row, foreseen).await;
        steered.mend(row.fault).await;
        progress(&format!("  {:>2}. {}: {got}", index + 1, row.name));
        let is_leak = row.kind.has_header() && got.contains("production");
        cells.push(Some(Cell {
            got,
            foreseen,
            is_leak,
        }));
    }
    for cell in cells.iter().flatten() {
        assert_eq!(cell.got, cell.foreseen, "{}", way.name());
    }
    cells
}

/// What the request gets once nothing changes any more: it is asked until it is what was foreseen,
/// and the same for some time.
async fn settled(steered: &Steered, row: &Row, foreseen: &str) -> String {
    let deadline = Instant::now() + LIMIT;
    let mut same = 0;
    loop {
        let got = steered.ask(row.kind, row.path).await;
        same = if got == foreseen { same + 1 } else { 0 };
        if same == SAME || Instant::now() > deadline {
            return got;
        }
        sleep(Duration::from_millis(20)).await;
    }
}
