//! Messages of types that are known only now, as proto3 JSON.

use prost::Message;
use prost_reflect::prost_types::Any;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, ReflectMessage,
    SerializeOptions, Value as Field,
};
use serde_json::Value;

use super::reflection::listed;
use super::wire::short;

/// How deep an answer may be nested, whatever is in an `Any` included.
const MAX_DEPTH: usize = 100;

/// How long an answer may be as JSON, in bytes. Names are written out with each value, and may be
/// much longer than what travels.
const MAX_JSON: usize = 4 * 1024 * 1024;

/// The method of this name.
///
/// # Errors
/// In words: that there is none, and which there are, or that it is a streaming one.
pub(super) fn method(
    pool: &DescriptorPool,
    service: &str,
    name: &str,
) -> Result<MethodDescriptor, String> {
    let found = pool.get_service_by_name(service);
    let found = found.ok_or_else(|| {
        format!("the server's reflection does not describe the service {service}")
    })?;
    let method = found.methods().find(|method| method.name() == name);
    let Some(method) = method else {
        let names: Vec<String> = found.methods().map(|it| it.name().to_owned()).collect();
        let names = listed(&names);
        return Err(format!(
            "service {service} has no method {name}; it has {names}"
        ));
    };
    if method.is_client_streaming() || method.is_server_streaming() {
        return Err(format!(
            "{service}/{name} is a streaming method, and only unary ones can be called: use a command check with grpcurl"
        ));
    }
    Ok(method)
}

/// JSON as a message of this type, as it travels.
///
/// # Errors
/// In words: which field does not fit.
pub(super) fn message(of: MessageDescriptor, json: &Value) -> Result<Vec<u8>, String> {
    let name = of.full_name().to_owned();
    let mut track = serde_path_to_error::Track::new();
    let reader = serde_path_to_error::Deserializer::new(json, &mut track);
    let message = DynamicMessage::deserialize(of, reader);
    let message = message.map_err(|error| {
        let path = track.path().to_string();
        let at = match path.as_str() {
            "." => String::new(),
            path => format!("{path}: "),
        };
        let error = short(&error.to_string());
        format!("the request does not fit {name}: {at}{error}")
    })?;
    Ok(message.encode_to_vec())
}

/// A message of this type.
///
/// # Errors
/// In words: that it is none.
pub(super) fn read(of: MessageDescriptor, encoded: &[u8]) -> Result<DynamicMessage, String> {
    let name = of.full_name().to_owned();
    let read = DynamicMessage::decode(of, encoded);
    read.map_err(|error| format!("the answer is no {name}: {error}"))
}

/// An answer as JSON, with the fields that have their default value.
///
/// # Errors
/// In words: why it has no JSON.
pub(super) fn json(message: &DynamicMessage) -> Result<Value, String> {
    let none = |why: String| format!("the answer cannot be told as JSON: {why}");
    bounded(message, MAX_DEPTH).map_err(none)?;
    let mut room = vec![0; MAX_JSON];
    let mut free = room.as_mut_slice();
    let options = SerializeOptions::new().skip_default_fields(false);
    let mut writer = serde_json::Serializer::new(&mut free);
    let written = message.serialize_with_options(&mut writer, &options);
    written.map_err(|error| match error.is_io() {
        true => none(format!("it is longer than {MAX_JSON} bytes")),
        false => none(short(&error.to_string())),
    })?;
    let length = MAX_JSON.saturating_sub(free.len());
    let text = room.get(..length).unwrap_or_default();
    serde_json::from_slice(text).map_err(|error| none(error.to_string()))
}

/// That a message is not nested deeper than so. Reading one has a bound; but what is in an `Any` is
/// read anew when it is written as JSON, and a chain of them would overflow the stack.
fn bounded(message: &DynamicMessage, left: usize) -> Result<(), String> {
    let left = left.checked_sub(1);
    let left = left.ok_or_else(|| format!("it is nested deeper than {MAX_DEPTH}"))?;
    let descriptor = message.descriptor();
    if descriptor.full_name() == "google.protobuf.Any" {
        let any: Any = message.transcode_to().map_err(|error| error.to_string())?;
        let name = any.type_url.rsplit('/').next().unwrap_or_default();
        // One that is not known is not written either.
        let Some(inner) = descriptor.parent_pool().get_message_by_name(name) else {
            return Ok(());
        };
        let inner = DynamicMessage::decode(inner, any.value.as_slice());
        return bounded(&inner.map_err(|error| error.to_string())?, left);
    }
    let fields = message.fields().map(|(_, value)| value);
    let extensions = message.extensions().map(|(_, value)| value);
    fields.chain(extensions).try_for_each(|value| match value {
        Field::Message(message) => bounded(message, left),
        Field::List(values) => values.iter().try_for_each(|value| of_message(value, left)),
        Field::Map(values) => values
            .values()
            .try_for_each(|value| of_message(value, left)),
        _ => Ok(()),
    })
}

fn of_message(value: &Field, left: usize) -> Result<(), String> {
    match value {
        Field::Message(message) => bounded(message, left),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests;
