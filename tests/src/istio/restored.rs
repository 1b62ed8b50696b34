//! The drill of a restored database, as its owner would write it.

use std::path::Path;

use serde_json::{Value, json};

use super::Stage;
use crate::databases::Pair;

/// The drill `orders` with the checks that a DBA would ask for: production's three orders are in the
/// copy, at the same migration, and the service that the drill is routed to reads that copy.
///
/// The databases' password is in the file `password`.
pub fn restored_drill(stage: &Stage, pair: &Pair, password: &Path) -> Value {
    let question =
        |path: &str, json: &str| json!({"host": "orders.example.com", "path": path, "json": json});
    let mut drill = stage.scene.drill("orders");
    let spec = &mut drill["spec"];
    spec["objectives"] = json!({"rto": "15m", "rpo": "15m"});
    spec["databases"] = pair.spec("writer", &password.display().to_string());
    spec["checks"] = json!([
        {"name": "alive", "http": [{
            "path": "/version",
            "expect": {"json": [{"path": "$.version", "equals": "0002"}]},
        }]},
        {"name": "schema", "schemaVersion": {
            "database": "copy", "tool": "Alembic", "expected": "0002",
            "through": question("/version", "$.version"),
        }},
        {"name": "all-orders", "sql": {
            "database": "copy", "query": "SELECT count(*) FROM orders",
            "expect": {"baseline": {"number": 3}},
        }},
        {"name": "age", "freshness": {
            "database": "copy", "table": "orders", "column": "created_at",
        }},
        {"name": "receipt", "receipt": {
            "database": "copy", "production": "original", "ordinaryPath": true,
            "ask": question("/receipts/{canary}", "$.canary"),
        }},
    ]);
    drill
}
