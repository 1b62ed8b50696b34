//! The filter bound to proxy-wasm: hostcalls on one side, callbacks on the other.
//!
//! `hostcalls` are called directly: the SDK's own context methods unwrap. A status that the ABI
//! does not foresee for a call ends the VM in the SDK itself, before it could be an error here; then
//! the gateway's native policy stands, as for any trap.

use std::rc::Rc;
use std::time::UNIX_EPOCH;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{
    Action, BufferType, ContextType, GrpcStatusCode, LogLevel as Level, MapType, MetricType, Status,
};

use crate::host::{Host, HostError, LogLevel};
use crate::{Exchange, Flow, Gate, Reply, Verdict};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::<Plugin>::default());
}}

/// One configuration of the plugin on one worker.
#[derive(Default)]
struct Plugin {
    gate: Option<Rc<Gate>>,
    metrics: Rc<Metrics>,
}

thread_local! {
    /// Once for a VM, which many configurations come and go in: Envoy keeps what was defined as long
    /// as the VM, also if it was defined before.
    static METRICS: Rc<Metrics> = Rc::new(Metrics::define());
}

#[derive(Default)]
struct Metrics {
    requests: Vec<(Verdict, u32)>,
    generation: Option<u32>,
    rejected: Option<u32>,
}

impl Metrics {
    fn define() -> Metrics {
        let counter = |name: &str| hostcalls::define_metric(MetricType::Counter, name).ok();
        let requests = |verdict: Verdict| {
            let id = counter(&format!("drillgate.requests.{}", verdict.code()))?;
            Some((verdict, id))
        };
        Metrics {
            requests: Verdict::all().filter_map(requests).collect(),
            generation: hostcalls::define_metric(MetricType::Gauge, "drillgate.config.generation")
                .ok(),
            rejected: counter("drillgate.config.rejected"),
        }
    }
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, size: usize) -> bool {
        self.metrics = METRICS.try_with(Rc::clone).unwrap_or_default();
        let text = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size);
        let text = text.ok().flatten().unwrap_or_default();
        match Gate::parse(&text, |name| std::env::var(name).ok()) {
            Ok(gate) => {
                if let Some(gauge) = self.metrics.generation {
                    let _ = hostcalls::record_metric(gauge, gate.generation());
                }
                let version = env!("CARGO_PKG_VERSION");
                let generation = gate.generation();
                log(
                    Level::Info,
                    &format!("drillgate {version}: configuration {generation} is in use"),
                );
                self.gate = Some(Rc::new(gate));
                true
            }
            Err(error) => {
                if let Some(counter) = self.metrics.rejected {
                    let _ = hostcalls::increment_metric(counter, 1);
                }
                log(
                    Level::Error,
                    &format!("drillgate: configuration refused: {error}"),
                );
                false
            }
        }
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream {
            exchange: Exchange::new(self.gate.clone()),
            proxy: Proxy(self.metrics.clone()),
        }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Stream {
    exchange: Exchange,
    proxy: Proxy,
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        match self.exchange.on_request(&self.proxy) {
            Flow::Continue => Action::Continue,
            Flow::Stop => Action::Pause,
        }
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.exchange.on_response(&self.proxy);
        Action::Continue
    }
}

/// The SDK drops a stream in `proxy_on_delete`, which every stream needs, and where the proxy
/// still answers for it. `proxy_on_log` comes just before and would be one more entry into the
/// VM for each request, also for those of production.
impl Drop for Stream {
    fn drop(&mut self) {
        self.exchange.on_end(&self.proxy);
    }
}

struct Proxy(Rc<Metrics>);

impl Host for Proxy {
    fn now(&self) -> Result<i64, HostError> {
        let time = hostcalls::get_current_time().map_err(host_error)?;
        let since = time.duration_since(UNIX_EPOCH).map_err(|_| HostError)?;
        i64::try_from(since.as_secs()).map_err(|_| HostError)
    }

    fn request_header(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name).map_err(host_error)
    }

    fn request_headers(&self) -> Result<Vec<(String, Vec<u8>)>, HostError> {
        hostcalls::get_map_bytes(MapType::HttpRequestHeaders).map_err(host_error)
    }

    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value))
            .map_err(host_error)
    }

    fn remove_request_header(&self, name: &str) -> Result<(), HostError> {
        hostcalls::remove_map_value(MapType::HttpRequestHeaders, name).map_err(host_error)
    }

    fn clear_route_cache(&self) -> Result<(), HostError> {
        match hostcalls::call_foreign_function("clear_route_cache", None) {
            // By the ABI that the module speaks, 0.2.1, each header that was changed has cleared the
            // cache already; by a later one Envoy leaves that to the filter. A route that is not
            // chosen anew is production's, so it is asked for all the same. Envoy before 1.33 has no
            // such function.
            Ok(_) | Err(Status::NotFound) => Ok(()),
            Err(status) => Err(host_error(status)),
        }
    }

    fn set_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        hostcalls::set_map_value_bytes(MapType::HttpResponseHeaders, name, Some(value))
            .map_err(host_error)
    }

    fn remove_response_header(&self, name: &str) -> Result<(), HostError> {
        hostcalls::remove_map_value(MapType::HttpResponseHeaders, name).map_err(host_error)
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        hostcalls::get_property(path.to_vec()).ok().flatten()
    }

    fn set_filter_state(&self, key: &str, value: &str) -> Result<(), HostError> {
        hostcalls::set_property(vec![key], Some(value.as_bytes())).map_err(host_error)
    }

    fn reply(&self, reply: &Reply) -> Result<(), HostError> {
        match reply {
            Reply::Http {
                status,
                headers,
                body,
            } => hostcalls::send_http_response(
                u32::from(*status),
                headers.clone(),
                Some(body.as_bytes()),
            ),
            Reply::Grpc {
                status,
                message,
                headers,
            } => {
                let headers = headers
                    .iter()
                    .map(|(name, value)| (*name, value.as_bytes()));
                let status = match *status {
                    crate::reply::GRPC_PERMISSION_DENIED => GrpcStatusCode::PermissionDenied,
                    _ => GrpcStatusCode::Unavailable,
                };
                hostcalls::send_grpc_response(status, Some(message), headers.collect())
            }
        }
        .map_err(host_error)
    }

    fn log(&self, level: LogLevel, line: &str) {
        let level = match level {
            LogLevel::Debug => Level::Debug,
            LogLevel::Info => Level::Info,
            LogLevel::Warn => Level::Warn,
            LogLevel::Error => Level::Error,
        };
        log(level, line);
    }

    fn count(&self, verdict: Verdict) {
        let counter = self.0.requests.iter().find(|(of, _)| *of == verdict);
        if let Some((_, id)) = counter {
            let _ = hostcalls::increment_metric(*id, 1);
        }
    }
}

fn log(level: Level, line: &str) {
    let _ = hostcalls::log(level, line);
}

fn host_error(_: Status) -> HostError {
    HostError
}
