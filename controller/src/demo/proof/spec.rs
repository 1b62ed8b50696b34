//! The drill, as its owner would write it.

use serde_json::{Value, json};

use super::shop::{COPY, COUNT, ORIGINAL, Shop};
use crate::api::DrillSpec;
use crate::demo::Error;
use crate::demo::script::HOST;
use crate::demo::stage::{ENVIRONMENT, no_identity};

/// The check that finds out which database the service reads.
pub(super) const RECEIPT: &str = "receipt";

/// What the restored copy is held to.
pub(super) fn drill(shop: &Shop) -> Result<DrillSpec, Error> {
    let question = |path: &str, json: &str| json!({"host": HOST, "path": path, "json": json});
    let sql =
        |query: &str, expect: Value| json!({"database": "copy", "query": query, "expect": expect});
    let spec = json!({
        "gateRef": {"name": "demo"},
        "environment": ENVIRONMENT,
        "ttl": "1h",
        "routes": [{"host": HOST, "sandbox": {"host": "orders", "port": 80}}],
        "objectives": {"rto": "15m", "rpo": "15m"},
        "databases": [
            shop.database("copy", "Sandbox", COPY),
            shop.database("original", "Production", ORIGINAL),
        ],
        "checks": [
            {"name": "an-order-is-served", "http": [{
                "path": "/stock/42",
                "expect": {"json": [{"path": "$.sku", "equals": "samovar"}]},
            }]},
            {"name": "schema", "schemaVersion": {
                "database": "copy", "tool": "Alembic", "expected": "0002",
                "through": question("/version", "$.schema"),
            }},
            {"name": "all-orders", "sql": sql(
                "SELECT count(*) FROM orders",
                json!({"baseline": {"number": COUNT}}),
            )},
            {"name": "age", "freshness": {
                "database": "copy", "table": "orders", "column": "created_at",
            }},
            {"name": RECEIPT, "receipt": {
                "database": "copy", "production": "original", "ordinaryPath": true,
                "ask": question("/receipts/{canary}", "$.canary"),
            }},
        ],
    });
    serde_json::from_value(spec).map_err(no_identity)
}
