//! gRPC as a check: the standard health service, or a call of a unary method.
//!
//! | to learn about | read |
//! |---|---|
//! | messages and statuses as they travel | `wire.rs` |
//! | who is asked, and what is kept of it | `line.rs` |
//! | the standard health service | `health.rs` |
//! | a call, and what must come back | `call.rs` |
//! | what the server says about its types | `reflection.rs`, `protocol.rs` |
//! | the files that define its types, and what they must be like | `files.rs`, `sound.rs` |
//! | messages of such types as JSON | `types.rs` |

mod call;
mod files;
mod health;
mod line;
mod protocol;
mod reflection;
mod sound;
mod types;
mod wire;

use super::edge::Edge;
use super::outcome::Tried;
use crate::api::GrpcCheck;

/// Asks once.
pub(super) async fn ask(check: &GrpcCheck, edge: &Edge) -> Tried {
    match &check.method {
        Some(method) => call::ask(check, method, edge).await,
        None => health::ask(check, edge).await,
    }
}

/// Service and method of `package.Service/Method`; nothing if it has another form.
pub(super) fn parts(method: &str) -> Option<(&str, &str)> {
    let (service, name) = method.split_once('/')?;
    let is_name = |text: &str| {
        let mut characters = text.chars();
        characters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
    };
    (service.split('.').all(is_name) && is_name(name)).then_some((service, name))
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn a_method_is_named_with_its_service() {
        assert_eq!(
            parts("orders.v1.Orders/Get"),
            Some(("orders.v1.Orders", "Get"))
        );
        assert_eq!(parts("Orders/get_2"), Some(("Orders", "get_2")));
        for none in [
            "",
            "Get",
            "orders.v1.Orders.Get",
            "/orders.v1.Orders/Get",
            "Orders/",
            "Orders/Get/",
            "Orders/Get?a=b",
            ".Orders/Get",
            "orders..Orders/Get",
            "2/Get",
        ] {
            assert_eq!(parts(none), None, "{none}");
        }
    }
}
