//! The files that define a server's types, as they come in.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_reflect::DescriptorPool;
use prost_reflect::prost_types::FileDescriptorProto;

use super::sound::{names, sound};
use super::wire::short;

/// How many files are taken.
const MAX_FILES: usize = 256;

/// How large they may be, all together, in bytes.
const MAX_SIZE: usize = 1024 * 1024;

/// How long all full names in them may be together: each repeats the names that it lies in.
const MAX_NAMES: usize = 16 * 1024 * 1024;

/// Files by name. What imports what is not looked at before all are there.
#[derive(Debug, Default)]
pub(super) struct Files {
    files: BTreeMap<String, FileDescriptorProto>,
    /// What the server calls those that are protobuf's own, and what they are called.
    own: BTreeMap<String, String>,
    size: usize,
    names: usize,
}

impl Files {
    /// Takes these in, as they are encoded. One that is there already stays, and so do our own
    /// copies of protobuf's.
    ///
    /// # Errors
    /// In words: that there is no reading them, or that there are too many.
    pub(super) fn take(&mut self, encoded: &[Vec<u8>]) -> Result<(), String> {
        for file in encoded {
            self.size = self.size.saturating_add(file.len());
            if self.size > MAX_SIZE {
                return Err(too_much(&format!("{MAX_SIZE} bytes")));
            }
            let file = FileDescriptorProto::decode(file.as_slice());
            let file = file.map_err(|error| {
                format!("a file of the server's reflection cannot be read: {error}")
            })?;
            self.names = self.names.saturating_add(names(&file));
            if self.names > MAX_NAMES {
                return Err(too_much(&format!("{MAX_NAMES} bytes of names")));
            }
            let name = file.name().to_owned();
            match protobufs_own(&file) {
                Some(own) => {
                    self.own.insert(name, own);
                }
                None => {
                    self.files.entry(name).or_insert(sound(file)?);
                }
            }
            if self.files.len() > MAX_FILES {
                return Err(too_much(&format!("{MAX_FILES} files")));
            }
        }
        Ok(())
    }

    /// What is imported and not there.
    pub(super) fn missing(&self) -> Vec<String> {
        let imported = self.files.values().flat_map(|file| &file.dependency);
        let missing = imported.filter(|name| !self.has(name) && !is_protobufs(name));
        let missing: BTreeSet<&String> = missing.collect();
        missing.into_iter().cloned().collect()
    }

    /// That one of these names is there now.
    ///
    /// # Errors
    /// In words: that it is not.
    pub(super) fn must_have(&self, name: &str) -> Result<(), String> {
        match self.has(name) {
            true => Ok(()),
            false => Err(format!(
                "the server's reflection does not have the file {}, which others of its files import",
                short(name)
            )),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.files.contains_key(name) || self.own.contains_key(name)
    }

    /// How many there are, beside protobuf's own.
    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    /// The types in them.
    ///
    /// # Errors
    /// In words: what is wrong with them.
    pub(super) fn pool(&self) -> Result<DescriptorPool, String> {
        let files = self.files.values().map(|file| FileDescriptorProto {
            dependency: self.visible(file),
            // The library would go through those of others again and again.
            public_dependency: Vec::new(),
            weak_dependency: Vec::new(),
            ..file.clone()
        });
        // Protobuf's own types are the same everywhere; the library relies on them.
        let mut pool = DescriptorPool::global();
        let added = pool.add_file_descriptor_protos(files);
        added.map_err(|error| {
            let error = short(&error.to_string());
            format!("the types that the server's reflection describes make no sense: {error}")
        })?;
        Ok(pool)
    }

    /// What a file sees of others: those that it imports, and what those import for others.
    fn visible(&self, file: &FileDescriptorProto) -> Vec<String> {
        let mut visible = BTreeSet::new();
        let mut open: Vec<&String> = file.dependency.iter().collect();
        while let Some(name) = open.pop() {
            let imported = self.files.get(name).filter(|_| visible.insert(name));
            if let Some(file) = imported {
                let public = file.public_dependency.iter();
                let public = public.filter_map(|index| usize::try_from(*index).ok());
                open.extend(public.filter_map(|index| file.dependency.get(index)));
            } else {
                visible.insert(name);
            }
        }
        let names = visible
            .into_iter()
            .map(|name| self.own.get(name).unwrap_or(name));
        let names: BTreeSet<&String> = names.collect();
        names.into_iter().cloned().collect()
    }
}

/// Whether a file of this name is protobuf's own, which need not come from the server.
fn is_protobufs(name: &str) -> bool {
    DescriptorPool::global().get_file_by_name(name).is_some()
}

/// What a file is called that is protobuf's own. Some servers have it under a shorter name.
fn protobufs_own(file: &FileDescriptorProto) -> Option<String> {
    let name = file.name().rsplit('/').next()?;
    let name = format!("google/protobuf/{name}");
    (file.package() == "google.protobuf" && is_protobufs(&name)).then_some(name)
}

fn too_much(most: &str) -> String {
    format!(
        "the server's reflection describes the service in more than {most}: use a command check with grpcurl"
    )
}

#[cfg(test)]
mod tests {
    use super::super::types::tests::files;
    use super::{Files, MAX_FILES, MAX_SIZE};

    fn taken(yaml: &str) -> Result<Files, String> {
        let mut taken = Files::default();
        taken.take(&files(yaml)).map(|()| taken)
    }

    #[test]
    fn what_is_imported_and_not_there_is_asked_for_and_protobufs_own_need_not_come() {
        let mut taken = taken(
            "file:
            - {name: a, syntax: proto3, dependency: [b, google/protobuf/timestamp.proto]}
            - {name: b, dependency: [c, a]}
            - {name: google/protobuf/timestamp.proto, package: google.protobuf, dependency: [d]}",
        )
        .unwrap();
        assert_eq!(taken.missing(), ["c"]);
        let unknown = taken.must_have("c").unwrap_err();
        assert!(unknown.contains("does not have the file c"), "{unknown}");
        taken.take(&files("file: [{name: c}]")).unwrap();
        taken.must_have("c").unwrap();
        assert!(taken.missing().is_empty());
        assert_eq!(taken.count(), 3);
        taken.pool().unwrap();
    }

    #[test]
    fn of_files_there_are_only_so_many() {
        let many = (0..=MAX_FILES).map(|it| format!("- {{name: f{it}}}\n"));
        let many = format!("file:\n{}", many.collect::<String>());
        assert!(taken(&many).unwrap_err().contains("more than 256 files"));
        let again = vec![files("file: [{name: a}]").remove(0); MAX_FILES * 2];
        let mut one = Files::default();
        one.take(&again).unwrap();
        assert_eq!(one.count(), 1);
        let large = format!("file: [{{name: {}}}]", "a".repeat(MAX_SIZE));
        assert!(taken(&large).unwrap_err().contains("1048576 bytes"));
        let broken = Files::default().take(&[vec![0x0a, 9, b'a']]);
        assert!(broken.unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn names_that_repeat_a_long_one_are_refused_before_they_are_written_out() {
        let fields = (0..1000).map(|it| format!("{{name: f{it}, number: {}}}", it + 1));
        let fields: Vec<String> = fields.collect();
        let long = format!(
            "file: [{{name: a, messageType: [{{name: {}, field: [{}]}}]}}]",
            "M".repeat(20_000),
            fields.join(", ")
        );
        assert!(taken(&long).unwrap_err().contains("bytes of names"));
    }

    #[test]
    fn a_file_sees_what_those_that_it_imports_import_for_others() {
        let shop = |public: &str| {
            let taken = taken(&format!(
                "file:
                - {{name: a, syntax: proto3, dependency: [b], messageType: [{{name: A, field: [
                    {{name: d, number: 1, label: LABEL_OPTIONAL, type: TYPE_MESSAGE, typeName: .D}}]}}]}}
                - {{name: b, syntax: proto3, dependency: [c], publicDependency: [0]}}
                - {{name: c, syntax: proto3, dependency: [d, b], publicDependency: {public}}}
                - {{name: d, syntax: proto3, messageType: [{{name: D}}]}}"
            ));
            taken.unwrap().pool()
        };
        // In a circle, too.
        assert!(shop("[0, 1, 7, -1]").is_ok());
        let hidden = shop("[1]").unwrap_err();
        assert!(hidden.contains("make no sense"), "{hidden}");
    }

    #[test]
    fn protobufs_own_types_are_the_same_under_a_shorter_name() {
        let mut taken = taken(
            "file: [{name: a, syntax: proto3, dependency: [timestamp.proto], messageType: [{name: A, field: [
                {name: t, number: 1, label: LABEL_OPTIONAL, type: TYPE_MESSAGE, typeName: .google.protobuf.Timestamp}]}]}]",
        )
        .unwrap();
        assert_eq!(taken.missing(), ["timestamp.proto"]);
        let own = "file: [{name: timestamp.proto, package: google.protobuf, messageType: [{name: Timestamp}]}]";
        taken.take(&files(own)).unwrap();
        taken.must_have("timestamp.proto").unwrap();
        assert!(taken.missing().is_empty());
        taken.pool().unwrap();
    }

    #[test]
    fn types_that_make_no_sense_are_told() {
        let lost = taken(
            "file: [{name: a, syntax: proto3, service: [{name: S, method: [
                {name: M, inputType: .Lost, outputType: .Lost}]}]}]",
        );
        let told = lost.unwrap().pool().unwrap_err();
        assert!(told.contains("make no sense"), "{told}");
        assert!(told.contains("Lost"), "{told}");
    }
}
