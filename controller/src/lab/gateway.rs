//! A running gateway: an Envoy that follows the description of an edge.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::bootstrap::bootstrap;
use super::clusters::clusters;
use super::edge::Edge;
use super::envoy::{Envoy, Launch};
use super::error::Error;
use super::extension::extension;
use super::listener::{LISTENER, listeners};
use super::routes::routes;
use super::xds::{Resource, Xds};

/// An Envoy, its configuration files and what they say.
#[derive(Debug)]
pub struct Gateway {
    launch: Launch,
    envoy: Envoy,
    /// Those that had the listener before, oldest first.
    predecessors: Vec<Envoy>,
    xds: Xds,
    edge: Edge,
    /// What Envoy has taken; a kind that it refused is absent.
    taken: BTreeMap<Resource, Vec<Value>>,
    address: SocketAddr,
    /// The port that the listener's configuration names: 0 until it is taken over.
    port: u16,
}

impl Gateway {
    /// Starts an Envoy for `edge`.
    ///
    /// # Errors
    /// What [`Gateway::start_unchecked`] returns, and [`Error::Rejected`] if Envoy refuses a part
    /// of the edge.
    pub async fn start(launch: &Launch, edge: Edge) -> Result<Self, Error> {
        let gateway = Self::start_unchecked(launch, edge).await?;
        gateway.xds.check(&gateway.envoy).await?;
        Ok(gateway)
    }

    /// Starts an Envoy for `edge` and lets it run on without the parts that it refuses, such as a
    /// module that does not load.
    ///
    /// # Errors
    /// What [`Envoy::start`] returns; [`Error::Admin`] if Envoy has no listener.
    pub async fn start_unchecked(launch: &Launch, edge: Edge) -> Result<Self, Error> {
        let folder = folder()?;
        let (xds, taken) = write(&edge, 0, folder.path())?;
        let bootstrap = bootstrap(folder.path());
        let envoy = Envoy::start(launch, folder, &bootstrap).await?;
        let address = envoy
            .admin()
            .listener(LISTENER)
            .await?
            .ok_or_else(|| Error::Admin {
                path: "/listeners".to_owned(),
                reason: format!("no listener {LISTENER:?}"),
            })?;
        Ok(Self {
            launch: launch.clone(),
            envoy,
            predecessors: Vec::new(),
            xds,
            edge,
            taken,
            address,
            port: 0,
        })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process behind it, the last of those that handed it over.
    pub fn envoy(&self) -> &Envoy {
        &self.envoy
    }

    /// The edge that was asked for last.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// Changes the gateway to `edge`, one kind of resource after the other in the order of
    /// [`Resource::ALL`], kinds that stay the same left out.
    ///
    /// # Errors
    /// What [`Gateway::change_only`] returns; the kinds after the failed one are not tried.
    pub async fn apply(&mut self, edge: Edge) -> Result<(), Error> {
        self.edge = edge;
        for resource in Resource::ALL {
            self.apply_only(resource).await?;
        }
        Ok(())
    }

    /// Changes the edge by `change`, then as [`Gateway::apply`] does.
    ///
    /// # Errors
    /// What [`Gateway::apply`] returns.
    pub async fn change(&mut self, change: impl FnOnce(&mut Edge)) -> Result<(), Error> {
        let mut edge = self.edge.clone();
        change(&mut edge);
        self.apply(edge).await
    }

    /// Changes the edge by `change`, but tells Envoy about `resource` only: the state half way
    /// through a change.
    ///
    /// # Errors
    /// [`Error::Rejected`] if Envoy refuses it, [`Error::TimedOut`] if it does not react.
    pub async fn change_only(
        &mut self,
        resource: Resource,
        change: impl FnOnce(&mut Edge),
    ) -> Result<(), Error> {
        change(&mut self.edge);
        self.apply_only(resource).await
    }

    async fn apply_only(&mut self, resource: Resource) -> Result<(), Error> {
        let resources = render(&self.edge, self.port, resource, self.envoy.folder());
        if self.taken.get(&resource) == Some(&resources) {
            return Ok(());
        }
        self.taken.remove(&resource);
        self.xds.apply(&self.envoy, resource, &resources).await?;
        self.taken.insert(resource, resources);
        Ok(())
    }

    /// Replaces Envoy while connections are open and requests in flight, by Envoy's hot restart: a
    /// new process takes the listening sockets over, the old one answers what it has and asks
    /// each client to connect again. The old one keeps its configuration and gets no news.
    ///
    /// # Errors
    /// What [`Gateway::start`] returns; the gateway is then of no further use.
    pub async fn hand_over(&mut self) -> Result<(), Error> {
        let folder = folder()?;
        // The sockets are handed over by address.
        self.port = self.address.port();
        let (xds, taken) = write(&self.edge, self.port, folder.path())?;
        let bootstrap = bootstrap(folder.path());
        let successor = self.envoy.successor(&self.launch, folder, &bootstrap);
        let envoy = successor.await?;
        xds.check(&envoy).await?;
        self.predecessors
            .push(std::mem::replace(&mut self.envoy, envoy));
        self.xds = xds;
        self.taken = taken;
        Ok(())
    }

    /// The logs so far of all processes that have been behind it, oldest first.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be read.
    pub fn logs(&self) -> Result<Vec<String>, Error> {
        let all = self.predecessors.iter().chain([&self.envoy]);
        all.map(Envoy::log).collect()
    }

    /// Ends Envoy in an orderly way; dropping the gateway kills it.
    ///
    /// # Errors
    /// What [`Envoy::stop`] returns.
    pub async fn stop(self) -> Result<(), Error> {
        self.envoy.stop().await
    }
}

/// A scratch folder for one Envoy.
fn folder() -> Result<TempDir, Error> {
    tempfile::Builder::new()
        .prefix("drillgate-lab-")
        .tempdir()
        .map_err(Error::io("create the lab's folder"))
}

/// Writes all of `edge` into `directory`, for an Envoy that has yet to start.
fn write(
    edge: &Edge,
    port: u16,
    directory: &Path,
) -> Result<(Xds, BTreeMap<Resource, Vec<Value>>), Error> {
    let mut xds = Xds::new(directory);
    let mut written = BTreeMap::new();
    for resource in Resource::ALL {
        let resources = render(edge, port, resource, directory);
        xds.write(resource, &resources)?;
        written.insert(resource, resources);
    }
    Ok((xds, written))
}

fn render(edge: &Edge, port: u16, resource: Resource, directory: &Path) -> Vec<Value> {
    match resource {
        Resource::Listeners => on_port(port, listeners(edge, directory)),
        Resource::Routes => routes(edge),
        Resource::Clusters => clusters(edge),
        Resource::Filter => extension(&edge.filter),
    }
}

fn on_port(port: u16, mut listeners: Vec<Value>) -> Vec<Value> {
    for listener in &mut listeners {
        if let Some(value) = listener.pointer_mut("/address/socket_address/port_value") {
            *value = port.into();
        }
    }
    listeners
}
