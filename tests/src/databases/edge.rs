//! What stands for the edge: one way to the drill's service, and one to production's.

use std::net::SocketAddr;

use drillgate::checks::{ThroughEdge, Way};
use drillgate::lab::Request;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

/// Where requests go.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Those of the drill.
    pub drill: SocketAddr,
    /// All others.
    pub ordinary: SocketAddr,
}

impl ThroughEdge for Route {
    fn get_json<'a>(
        &'a self,
        way: Way,
        host: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Option<Value>, String>> {
        let address = match way {
            Way::Drill => self.drill,
            Way::Ordinary => self.ordinary,
        };
        async move {
            let answer = Request::get(host, path).send(address).await;
            let answer = answer.map_err(|error| error.to_string())?;
            match answer.status.as_u16() {
                200 => Ok(serde_json::from_slice(&answer.body).ok()),
                404 => Ok(None),
                status => Err(format!("{host} answers {status}")),
            }
        }
        .boxed()
    }
}
