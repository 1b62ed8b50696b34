//! Envoy's admin interface.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::{Method, StatusCode};
use serde_json::Value;

use super::client::Request;
use super::error::Error;

/// Counters and gauges by name.
pub type Stats = BTreeMap<String, u64>;

/// The admin interface of one Envoy.
#[derive(Debug, Clone, Copy)]
pub struct Admin {
    address: SocketAddr,
}

impl Admin {
    /// The admin interface at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where it listens.
    pub fn address(self) -> SocketAddr {
        self.address
    }

    /// Whether Envoy takes traffic: all of its configuration has come once.
    pub async fn ready(self) -> bool {
        let answer = Request::get("admin", "/ready").send(self.address).await;
        answer.is_ok_and(|response| response.status == StatusCode::OK)
    }

    /// Counters and gauges whose names match the regular expression `filter`.
    ///
    /// # Errors
    /// [`Error::Admin`] or [`Error::Request`] if Envoy does not answer as expected.
    pub async fn stats(self, filter: &str) -> Result<Stats, Error> {
        let path = format!("/stats?format=json&filter={}", percent_encode(filter));
        Ok(parse_stats(&self.json(&path).await?))
    }

    /// The one counter or gauge `name`; 0 if Envoy has none of that name (yet).
    ///
    /// # Errors
    /// [`Error::Admin`] or [`Error::Request`] if Envoy does not answer as expected.
    pub async fn stat(self, name: &str) -> Result<u64, Error> {
        let escaped = name.replace('.', "\\.");
        let stats = self.stats(&format!("^{escaped}$")).await?;
        Ok(stats.get(name).copied().unwrap_or(0))
    }

    /// All configuration that Envoy has.
    ///
    /// # Errors
    /// [`Error::Admin`] or [`Error::Request`] if Envoy does not answer as expected.
    pub async fn config_dump(self) -> Result<Value, Error> {
        self.json("/config_dump").await
    }

    /// The address that the listener `name` is bound to; nothing if there is no such listener.
    ///
    /// # Errors
    /// [`Error::Admin`] or [`Error::Request`] if Envoy does not answer as expected.
    pub async fn listener(self, name: &str) -> Result<Option<SocketAddr>, Error> {
        Ok(parse_listener(
            &self.json("/listeners?format=json").await?,
            name,
        ))
    }

    /// Envoy's version, major and minor.
    ///
    /// # Errors
    /// [`Error::Admin`] or [`Error::Request`] if Envoy does not answer as expected.
    pub async fn version(self) -> Result<(u32, u32), Error> {
        let path = "/server_info";
        let answer = self.json(path).await?;
        parse_version(&answer).ok_or_else(|| unexpected(path, format!("no version in {answer}")))
    }

    /// Begins to drain all listeners: connections are asked to close while requests go on.
    ///
    /// # Errors
    /// [`Error::Admin`] or [`Error::Request`] if Envoy does not answer as expected.
    pub async fn drain_listeners(self) -> Result<(), Error> {
        self.post("/drain_listeners?graceful").await
    }

    /// Asks Envoy to end.
    ///
    /// # Errors
    /// [`Error::Admin`] or [`Error::Request`] if Envoy does not answer as expected.
    pub async fn quit(self) -> Result<(), Error> {
        self.post("/quitquitquit").await
    }

    async fn post(self, path: &str) -> Result<(), Error> {
        let request = Request::get("admin", path).with(Method::POST, "");
        let response = request.send(self.address).await?;
        if response.status == StatusCode::OK {
            Ok(())
        } else {
            Err(unexpected(path, format!("status {}", response.status)))
        }
    }

    async fn json(self, path: &str) -> Result<Value, Error> {
        let response = Request::get("admin", path).send(self.address).await?;
        serde_json::from_slice(&response.body)
            .map_err(|error| unexpected(path, format!("status {}, {error}", response.status)))
    }
}

fn unexpected(path: &str, reason: String) -> Error {
    Error::Admin {
        path: path.to_owned(),
        reason,
    }
}

/// Counters and gauges of `/stats?format=json`; histograms and texts are left out.
fn parse_stats(answer: &Value) -> Stats {
    let stats = answer.get("stats").and_then(Value::as_array);
    let stat = |stat: &Value| {
        Some((
            stat.get("name")?.as_str()?.to_owned(),
            stat.get("value")?.as_u64()?,
        ))
    };
    stats.into_iter().flatten().filter_map(stat).collect()
}

/// The address of listener `name` in `/listeners?format=json`.
fn parse_listener(answer: &Value, name: &str) -> Option<SocketAddr> {
    let statuses = answer.get("listener_statuses")?.as_array()?;
    let status = statuses
        .iter()
        .find(|status| status.get("name") == Some(&name.into()))?;
    let address = status.pointer("/local_address/socket_address")?;
    let port = u16::try_from(address.get("port_value")?.as_u64()?).ok()?;
    Some(SocketAddr::new(
        address.get("address")?.as_str()?.parse().ok()?,
        port,
    ))
}

/// The version in `/server_info`, which is written `<commit>/1.40.0/Clean/RELEASE/BoringSSL`.
fn parse_version(answer: &Value) -> Option<(u32, u32)> {
    let version = answer.get("version")?.as_str()?.split('/').nth(1)?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// `text` as a value in a query.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stats_leave_out_histograms() {
        let answer = json!({ "stats": [{ "name": "a.b", "value": 3 }, { "histograms": {} }] });
        assert_eq!(parse_stats(&answer), Stats::from([("a.b".to_owned(), 3)]));
    }

    #[test]
    fn a_listener_is_found_by_name() {
        let address = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 8080 } });
        let answer = json!({ "listener_statuses": [{ "name": "edge", "local_address": address }] });
        assert_eq!(
            parse_listener(&answer, "edge"),
            Some(([127, 0, 0, 1], 8080).into())
        );
        assert_eq!(parse_listener(&answer, "other"), None);
    }

    #[test]
    fn a_version_is_a_major_and_a_minor_number() {
        let answer = json!({ "version": "9e5580/1.40.2-dev/Clean/RELEASE/BoringSSL" });
        assert_eq!(parse_version(&answer), Some((1, 40)));
        assert_eq!(parse_version(&json!({ "version": "1.40.2" })), None);
    }

    #[test]
    fn a_query_value_is_encoded() {
        assert_eq!(percent_encode(r"^a\.b|c$"), "%5Ea%5C.b%7Cc%24");
    }
}
