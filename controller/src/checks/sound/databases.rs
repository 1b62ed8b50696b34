//! What is wrong with databases, and with the checks that look into them.

use std::collections::BTreeSet;

use super::Search;
use crate::api::{Check, Database, EdgeQuestion, OwnReceipt, ReceiptCheck, Role, Source};
use crate::checks::receipt::CANARY;

impl<'a> Search<'a> {
    /// The databases themselves.
    pub(super) fn databases(&mut self, databases: &'a [Database]) {
        let mut seen = BTreeSet::new();
        for (index, database) in databases.iter().enumerate() {
            let at = format!("spec.databases[{index}]");
            if !seen.insert(&database.name) {
                self.add(
                    &format!("{at}.name"),
                    format!("{} is there twice", database.name),
                );
            }
            self.source(&database.user, &format!("{at}.user"));
            if let Some(password) = &database.password {
                let at = format!("{at}.password");
                self.source(password, &at);
                if password.value.is_some() {
                    self.add(&at, "value is not allowed, it would stand in the object: use env, file or secretRef".to_owned());
                }
            }
        }
    }

    fn source(&mut self, source: &Source, at: &str) {
        let given = [
            source.value.is_some(),
            source.env.is_some(),
            source.file.is_some(),
            source.secret_ref.is_some(),
        ];
        self.one_of(&given, "value, env, file, secretRef", at);
    }

    /// A check that looks into one of them; nothing is said of any other.
    pub(super) fn look(&mut self, check: &Check, databases: &'a [Database], at: &str) {
        if let Some(sql) = &check.sql {
            self.database(&sql.database, databases, &format!("{at}.sql.database"));
            let expect = &sql.expect;
            let given = [
                expect.value.is_some(),
                expect.rows.is_some(),
                expect.baseline.is_some(),
            ];
            self.one_of(&given, "value, rows, baseline", &format!("{at}.sql.expect"));
            if let Some(baseline) = &expect.baseline {
                let given = [baseline.number.is_some(), baseline.file.is_some()];
                self.one_of(&given, "number, file", &format!("{at}.sql.expect.baseline"));
            }
        }
        if let Some(version) = &check.schema_version {
            let at = format!("{at}.schemaVersion");
            self.database(&version.database, databases, &format!("{at}.database"));
            if let Some(through) = &version.through {
                self.question(through, &format!("{at}.through"));
            }
        }
        if let Some(receipt) = &check.receipt {
            self.receipt(receipt, databases, &format!("{at}.receipt"));
        }
        if let Some(freshness) = &check.freshness {
            let at = format!("{at}.freshness");
            self.database(&freshness.database, databases, &format!("{at}.database"));
            let table = (freshness.table.is_some(), freshness.column.is_some());
            if table != (freshness.query.is_none(), freshness.query.is_none()) {
                self.add(&at, "has either query, or table and column".to_owned());
            }
        }
    }

    fn receipt(&mut self, receipt: &ReceiptCheck, databases: &'a [Database], at: &str) {
        let role = self.database(&receipt.database, databases, &format!("{at}.database"));
        if role == Some(Role::Production) {
            let what = format!(
                "{} is production, where nothing is written",
                receipt.database
            );
            self.add(&format!("{at}.database"), what);
        }
        if let Some(production) = &receipt.production {
            let at = format!("{at}.production");
            if self.database(production, databases, &at) == Some(Role::Sandbox) {
                let what = format!("the role of {production} is Sandbox: say role: Production");
                self.add(&at, what);
            }
        }
        if let Some(own) = &receipt.own {
            self.own(own, &format!("{at}.own"));
        }
        self.question(&receipt.ask, &format!("{at}.ask"));
    }

    fn own(&mut self, own: &OwnReceipt, at: &str) {
        for (name, statement) in [
            ("insert", &own.insert),
            ("delete", &own.delete),
            ("find", &own.find),
        ] {
            if !statement.contains(CANARY) {
                self.add(&format!("{at}.{name}"), format!("has to name {CANARY}"));
            }
        }
    }

    fn question(&mut self, question: &EdgeQuestion, at: &str) {
        self.host(Some(&question.host), at);
        self.path(&question.json, &format!("{at}.json"));
    }

    /// Whose the database of this name is.
    fn database(&mut self, name: &str, databases: &[Database], at: &str) -> Option<Role> {
        let found = databases.iter().find(|database| database.name == name);
        if found.is_none() {
            self.add(
                at,
                format!("there is no database {name}: name it under spec.databases"),
            );
        }
        found.map(|database| database.role)
    }

    fn one_of(&mut self, given: &[bool], names: &str, at: &str) {
        if given.iter().filter(|is| **is).count() != 1 {
            self.add(at, format!("has exactly one of: {names}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::checks::problems;

    fn database(name: &str, role: &str) -> Value {
        json!({"name": name, "role": role, "engine": "PostgreSQL", "host": "db", "database": "shop",
               "user": {"value": "reader"}, "password": {"env": "PASSWORD"}})
    }

    fn found(databases: Value, check: Value) -> Vec<String> {
        let mut check = check;
        check["name"] = json!("c");
        let spec = serde_json::from_value(json!({
            "gateRef": {"name": "edge"}, "environment": "dr", "ttl": "30m",
            "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
            "databases": databases, "checks": [check],
        }));
        let found = problems(&spec.unwrap()).into_iter();
        found.map(|(at, what)| format!("{at}: {what}")).collect()
    }

    fn of_check(check: Value) -> Vec<String> {
        found(
            json!([database("copy", "Sandbox"), database("prod", "Production")]),
            check,
        )
    }

    #[test]
    fn looks_that_make_sense_are_taken() {
        let ask = json!({"host": "a.example.com", "path": "/r/{canary}", "json": "$.note"});
        for check in [
            json!({"sql": {"database": "copy", "query": "SELECT 1", "expect": {"value": "1"}}}),
            json!({"schemaVersion": {"database": "copy", "tool": "Alembic", "expected": "7", "through": ask}}),
            json!({"receipt": {"database": "copy", "production": "prod", "ask": ask}}),
            json!({"freshness": {"database": "copy", "table": "t", "column": "c"}}),
            json!({"freshness": {"database": "prod", "query": "SELECT now()"}}),
        ] {
            assert_eq!(of_check(check.clone()), Vec::<String>::new(), "{check}");
        }
    }

    #[test]
    fn looks_that_make_none_are_told_with_their_field() {
        let ask = json!({"host": "a.example.com", "path": "/"});
        let strange = json!({"host": "b.example.com", "path": "/", "json": "note"});
        for (check, told) in [
            (
                json!({"sql": {"database": "cpoy", "query": "SELECT 1", "expect": {"value": "1"}}}),
                "sql.database: there is no database cpoy",
            ),
            (
                json!({"sql": {"database": "copy", "query": "SELECT 1", "expect": {}}}),
                "sql.expect: has exactly one of: value",
            ),
            (
                json!({"freshness": {"database": "copy", "table": "t"}}),
                "freshness: has either query, or table",
            ),
            (
                json!({"freshness": {"database": "copy", "query": "q", "table": "t", "column": "c"}}),
                "freshness: has either query, or table",
            ),
            (
                json!({"receipt": {"database": "prod", "ask": ask}}),
                "receipt.database: prod is production",
            ),
            (
                json!({"receipt": {"database": "copy", "production": "copy", "ask": ask}}),
                "receipt.production: the role of copy is Sandbox",
            ),
            (
                json!({"receipt": {"database": "copy", "ask": ask,
                    "own": {"insert": "I", "delete": "{canary}", "find": "{canary}"}}}),
                "receipt.own.insert: has to name {canary}",
            ),
            (
                json!({"receipt": {"database": "copy", "ask": {"host": "b.example.com", "path": "/"}}}),
                "receipt.ask.host: b.example.com is none",
            ),
            (
                json!({"grpc": {}, "freshness": {"database": "copy", "query": "q"}}),
                "c has exactly one of",
            ),
            (json!({}), "c has exactly one of"),
        ] {
            let found = of_check(check.clone());
            assert_eq!(found.len(), 1, "{check}: {found:?}");
            assert!(found[0].starts_with("spec.checks[0]"), "{found:?}");
            assert!(found[0].contains(told), "{found:?} {told}");
        }
        let through = json!({"schemaVersion": {"database": "copy", "tool": "Knex", "expected": "7", "through": strange}});
        assert_eq!(of_check(through).len(), 2);
    }

    #[test]
    fn what_the_readme_shows_a_dba_makes_sense() {
        let readme = include_str!("../../../../README.md");
        let (_, shown) = readme.split_once("# drill.yaml, below `spec`").unwrap();
        let (shown, _) = shown.split_once("```").unwrap();
        let spec = format!(
            "gateRef: {{name: edge}}\nenvironment: orders-dr\nttl: 30m\nroutes: [{{host: orders.example.com, sandbox: {{host: orders, port: 80}}}}]\n{shown}"
        );
        let spec = serde_saphyr::from_str(&spec).unwrap();
        assert_eq!(problems(&spec), Vec::new());
        assert_eq!(spec.checks.len(), 5);
    }

    #[test]
    fn no_password_stands_in_the_object() {
        let mut copy = database("copy", "Sandbox");
        copy["password"] = json!({"value": "s3cret"});
        let check = json!({"freshness": {"database": "copy", "query": "q"}});
        let found = found(json!([copy]), check);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("databases[0].password: value is not allowed"),
            "{found:?}"
        );
        assert!(!found[0].contains("s3cret"));
    }
}
