//! What the library of dynamic messages takes for granted in a file, because a compiler of protobuf
//! sees to it. A server may say anything.

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};

use super::wire::short;

/// A file that the library can bear, without what is not needed of it.
///
/// # Errors
/// In words: why it cannot.
pub(super) fn sound(mut file: FileDescriptorProto) -> Result<FileDescriptorProto, String> {
    let name = short(file.name());
    if !matches!(file.syntax.as_deref(), None | Some("proto2" | "proto3")) {
        return Err(format!(
            "{name}, a file of the server's reflection, is neither proto2 nor proto3 ({}): use a command check with grpcurl",
            short(file.syntax())
        ));
    }
    if !file.message_type.iter().all(has_sound_maps) {
        return Err(format!(
            "{name}, a file of the server's reflection, has a map without a key or a value"
        ));
    }
    file.source_code_info = None;
    file.message_type.iter_mut().for_each(without_reserved);
    Ok(file)
}

/// How long the full names in a file are together, in bytes.
pub(super) fn names(file: &FileDescriptorProto) -> usize {
    let scope = file.package().len();
    let messages = file.message_type.iter().map(|it| of_message(it, scope));
    let enums = file.enum_type.iter().map(|it| of_enum(it, scope));
    let extensions = file.extension.iter().map(|it| full(it.name(), scope));
    let services = file.service.iter().map(|service| {
        let own = full(service.name(), scope);
        let methods = service.method.iter().map(|it| full(it.name(), own));
        own + methods.sum::<usize>()
    });
    let inside = messages.chain(enums).chain(extensions).chain(services);
    scope + inside.sum::<usize>()
}

fn of_message(message: &DescriptorProto, scope: usize) -> usize {
    let own = full(message.name(), scope);
    let fields = message.field.iter().chain(&message.extension);
    let fields = fields.map(|it| full(it.name(), own));
    let oneofs = message.oneof_decl.iter().map(|it| full(it.name(), own));
    let nested = message.nested_type.iter().map(|it| of_message(it, own));
    let enums = message.enum_type.iter().map(|it| of_enum(it, own));
    let inside = fields.chain(oneofs).chain(nested).chain(enums);
    own + inside.sum::<usize>()
}

fn of_enum(of: &EnumDescriptorProto, scope: usize) -> usize {
    // Values are named beside their enum, not in it.
    let values = of.value.iter().map(|it| full(it.name(), scope));
    full(of.name(), scope) + values.sum::<usize>()
}

fn full(name: &str, scope: usize) -> usize {
    scope + 1 + name.len()
}

/// Each field would be held against each of these.
fn without_reserved(message: &mut DescriptorProto) {
    message.reserved_range.clear();
    message.reserved_name.clear();
    message.nested_type.iter_mut().for_each(without_reserved);
}

fn has_sound_maps(message: &DescriptorProto) -> bool {
    let is_entry = message.options.as_ref().is_some_and(|it| it.map_entry());
    let is_sound = match &message.field[..] {
        _ if !is_entry => true,
        [key, value] => is_part(key, "key", 1) && is_key(key) && is_part(value, "value", 2),
        _ => false,
    };
    is_sound && message.nested_type.iter().all(has_sound_maps)
}

fn is_part(field: &FieldDescriptorProto, name: &str, number: i32) -> bool {
    let is_there = field.name() == name && field.number() == number;
    is_there && field.label() == Label::Optional && field.oneof_index.is_none()
}

/// Whether a map may have such a key. A type of its own would count whatever else is said.
fn is_key(key: &FieldDescriptorProto) -> bool {
    let is_other = matches!(
        key.r#type(),
        Type::Double | Type::Float | Type::Bytes | Type::Enum | Type::Message | Type::Group
    );
    !is_other && key.type_name().is_empty()
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_reflect::prost_types::FileDescriptorProto;

    use super::super::types::tests::files;
    use super::{names, sound};

    fn file(yaml: &str) -> FileDescriptorProto {
        let encoded = files(&format!("file: [{yaml}]")).remove(0);
        FileDescriptorProto::decode(encoded.as_slice()).unwrap()
    }

    #[test]
    fn an_edition_of_protobuf_that_is_not_read_is_told() {
        assert!(sound(file("{name: a}")).is_ok());
        for syntax in ["editions", "proto4", "''"] {
            let told = sound(file(&format!("{{name: a, syntax: {syntax}}}"))).unwrap_err();
            assert!(told.contains("neither proto2 nor proto3"), "{told}");
        }
    }

    #[test]
    fn a_map_has_a_key_and_a_value() {
        let map = |key: &str, value: &str| {
            sound(file(&format!(
                "{{name: a, syntax: proto3, messageType: [{{name: M, nestedType: [
                    {{name: E, options: {{mapEntry: true}}, field: [{key}, {value}]}}]}}]}}"
            )))
        };
        let key = "{name: key, number: 1, label: LABEL_OPTIONAL, type: TYPE_STRING}";
        let value = "{name: value, number: 2, label: LABEL_OPTIONAL, type: TYPE_BYTES}";
        assert!(map(key, value).is_ok());
        for (key, value) in [
            (value, key),
            (key, key),
            (&key.replace("STRING", "FLOAT"), value),
            (&key.replace("STRING", "STRING, typeName: .M"), value),
            (key, &value.replace("OPTIONAL", "REPEATED")),
            (key, &value.replace('2', "3")),
        ] {
            let told = map(key, value).unwrap_err();
            assert!(told.contains("map without a key or a value"), "{told}");
        }
    }

    #[test]
    fn what_is_reserved_is_left_out() {
        let reserving = "{name: M, reservedName: [a], reservedRange: [{start: 1, end: 9}]}";
        let file = file(&format!("{{name: a, messageType: [{reserving}]}}"));
        let sound = sound(file).unwrap();
        assert!(sound.message_type[0].reserved_range.is_empty());
        assert!(sound.message_type[0].reserved_name.is_empty());
    }

    #[test]
    fn all_full_names_are_counted() {
        let file = file(
            "{name: file, package: p, messageType: [{name: M, field: [{name: f}], oneofDecl: [{name: o}],
                nestedType: [{name: X}], enumType: [{name: E, value: [{name: V}]}]}],
                enumType: [{name: F, value: [{name: W}]}], service: [{name: S, method: [{name: T}]}]}",
        );
        let all = [
            "p", "p.M", "p.M.f", "p.M.o", "p.M.X", "p.M.E", "p.M.V", "p.F", "p.W", "p.S", "p.S.T",
        ];
        assert_eq!(names(&file), all.iter().map(|it| it.len()).sum::<usize>());
    }
}
