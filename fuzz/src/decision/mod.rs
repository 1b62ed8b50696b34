//! The whole decision core, in a proxy that does anything: odd headers, missing properties,
//! hostcalls that fail in any order, any configuration.

mod checks;
mod config;
mod expected;
mod inputs;
mod proxy;
mod tokens;

use std::rc::Rc;

use arbitrary::{Arbitrary, Unstructured};
use drill_filter::{Exchange, Gate};

use checks::Exchanged;
use config::Config;
use expected::Expected;
use inputs::{Event, Input};
use proxy::Proxy;

/// A few requests under one configuration, one after the other: what one leaves behind, such as
/// a remembered token, must not help the next.
pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let config = input.config.text();
    let gate = Gate::parse(&config, |_| None).ok().map(Rc::new);
    assert!(gate.is_some() || !matches!(input.config, Config::Good(_)));
    for request in input.requests.iter().take(4) {
        let token = request.token.value();
        let proxy = Proxy::new(request, &token);
        let expected = Expected::of(gate.is_some().then_some(&config[..]), request, &proxy);
        let mut exchange = Exchange::new(gate.clone());
        call(&mut exchange, request.before.as_slice(), &proxy);
        let flow = exchange.on_request(&proxy);
        let steered = proxy.request();
        let calls = proxy.calls();
        call(&mut exchange, &request.events, &proxy);
        exchange.on_end(&proxy);
        checks::all(&Exchanged {
            expected: &expected,
            request,
            token: &token,
            flow,
            steered,
            calls,
            proxy: &proxy,
        });
    }
}

fn call(exchange: &mut Exchange, events: &[Event], proxy: &Proxy) {
    for event in events {
        match event {
            Event::Response => exchange.on_response(proxy),
            Event::End => exchange.on_end(proxy),
        }
    }
}
