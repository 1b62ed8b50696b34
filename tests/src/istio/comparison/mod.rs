//! The same requests, on the same Istio, against what people use to steer by a header: who answers?
//!
//! `make compare` prints the tables that the README and `docs/istio.md` show. All gateways go through
//! a row at once.

mod control;
pub mod cost;
mod faults;
mod routes;
mod row;
mod rows;
mod steered;
mod tokens;
mod ways;

use std::time::Duration;

use futures::future::join_all;

use self::control::Control;
use self::row::{Fault, Kind, Row};
use self::rows::rows;
use self::steered::Steered;
use self::ways::Kinds;
use super::{Istiod, Mesh};

/// How long a fault may take to come to the gateway on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The tables, in their order.
const TABLES: [Kinds; 2] = [Kinds::Istio, Kinds::GatewayApi];

/// One cell of a table: what came back, and what was foreseen.
struct Cell {
    got: String,
    foreseen: &'static str,
    is_leak: bool,
}

/// A gateway and what it has answered; nothing where it has no part in the row.
struct Column {
    steered: Steered,
    index: usize,
    drill_requests: u64,
    cells: Vec<Option<Cell>>,
}

/// Puts every way through every row, says how it goes, and gives two tables in Markdown: Istio's own
/// kinds, and the Gateway API's.
///
/// # Panics
/// If the mesh refuses something, an answer is another one than foreseen, or production has seen a
/// drill request through drillgate.
pub async fn tables(mesh: &mut Mesh, progress: impl Fn(&str)) -> [String; 2] {
    progress("sets up each way to steer");
    let mut control = Control::start(mesh).await;
    let mut columns = columns(control.mesh).await;
    let rows = rows();
    for group in rows.chunk_by(|a, b| a.fault == b.fault) {
        let before = columns.first().map_or(0, |column| column.cells.len());
        through(&mut control, &mut columns, group).await;
        for (index, row) in group.iter().enumerate() {
            let cells = columns.iter().map(|column| &column.cells[before + index]);
            let answers: Vec<_> = cells.map(text_of).collect();
            progress(&format!("{}: {}", row.name, answers.join(", ")));
        }
    }
    for column in &columns {
        column.assert_foreseen(&rows);
    }
    TABLES.map(|kinds| shown(kinds, &rows, &columns))
}

async fn columns(mesh: &Mesh) -> Vec<Column> {
    let mut set = Vec::new();
    for kinds in TABLES {
        for (index, way) in kinds.ways().iter().enumerate() {
            set.push(async move {
                let steered = Steered::set(mesh, kinds, *way).await;
                Column {
                    index,
                    drill_requests: steered.stage.production.drill_requests(),
                    steered,
                    cells: Vec::new(),
                }
            });
        }
    }
    join_all(set).await
}

/// Puts all of them through the rows of one fault.
async fn through(control: &mut Control<'_>, columns: &mut [Column], group: &[Row]) {
    let Some(Row { fault, .. }) = group.first() else {
        return;
    };
    join_all(columns.iter_mut().map(|of| of.steered.prepare(*fault))).await;
    control.set(*fault).await;
    let istiod = &control.mesh.istiod;
    let each = columns.iter_mut();
    join_all(each.map(|column| column.through(*fault, group, istiod))).await;
}

impl Column {
    async fn through(&mut self, fault: Fault, group: &[Row], istiod: &Istiod) {
        let (index, kinds) = (self.index, self.steered.kinds);
        let foreseen = |row: &Row| row.foreseen(kinds)[index];
        if group.iter().all(|row| foreseen(row).is_none()) {
            self.cells.extend(group.iter().map(|_| None));
            return;
        }
        self.steered.break_by(fault, istiod).await;
        for row in group {
            let cell = match foreseen(row) {
                Some(foreseen) => Some(self.cell(row.kind, foreseen).await),
                None => None,
            };
            self.cells.push(cell);
        }
        self.steered.mend(fault, istiod).await;
    }

    async fn cell(&self, kind: Kind, foreseen: &'static str) -> Cell {
        let got = self.steered.settled(kind, foreseen).await;
        Cell {
            is_leak: kind.has_header() && got.contains("production"),
            got,
            foreseen,
        }
    }

    fn assert_foreseen(&self, rows: &[Row]) {
        let name = self.steered.kinds.name(self.steered.way);
        let both = rows.iter().zip(&self.cells);
        let differing = both.filter_map(|(row, cell)| {
            let cell = cell.as_ref().filter(|cell| cell.got != cell.foreseen)?;
            Some((row.name, &cell.got, cell.foreseen))
        });
        let differing: Vec<_> = differing.collect();
        assert!(differing.is_empty(), "{name}: {differing:#?}");
        if self.steered.way.is_ours() {
            // From the first row to the last, whatever was broken and made whole again in between.
            let seen = self.steered.stage.production.drill_requests();
            assert_eq!(seen, self.drill_requests, "{name}: production");
        }
    }
}

fn shown(kinds: Kinds, rows: &[Row], columns: &[Column]) -> String {
    let names = kinds.ways().iter().map(|way| kinds.name(*way));
    let names: Vec<&str> = names.collect();
    let rule = "---|".repeat(names.len() + 1);
    let mut text = format!("| request | {} |\n|{rule}\n", names.join(" | "));
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.is_of(kinds)) {
        let of_table = columns
            .iter()
            .filter(|column| column.steered.kinds == kinds);
        let cells: Vec<String> = of_table
            .map(|column| text_of(&column.cells[index]))
            .collect();
        text.push_str(&format!("| {} | {} |\n", row.name, cells.join(" | ")));
    }
    text
}

/// A drill request that production has answered is what must not be.
fn text_of(cell: &Option<Cell>) -> String {
    match cell {
        None => "-".to_owned(),
        Some(cell) if cell.is_leak => format!("**{}**", cell.got),
        Some(cell) => cell.got.clone(),
    }
}
