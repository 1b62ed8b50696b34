//! Checks that look into databases, on real PostgreSQL and MariaDB servers: what a good restore
//! shows, and which wrong ones are caught, with the sentence that a DBA needs.

mod freshness;
mod lying;
mod queries;
mod receipts;
mod scene;
mod tls;
mod tools;
mod versions;
