//! Where user names, passwords and certificates come from. They are read when a connection is made,
//! and not kept.

use std::io::Read;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};

use crate::api::{SecretEntry, Source};

/// The longest value that is read, in bytes: certificates are the longest.
const MAX_VALUE: u64 = 256 * 1024;

/// The Secrets of the drill's namespace.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
    namespace: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// The Secrets of `namespace`, as `client` may read them.
    pub fn new(client: Client, namespace: impl Into<String>) -> Secrets {
        Secrets {
            client,
            namespace: namespace.into(),
        }
    }

    async fn entry(&self, entry: &SecretEntry) -> Result<String, String> {
        let SecretEntry { name, key } = entry;
        let shown = format!("Secret {}/{name}", self.namespace);
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.namespace);
        let secret = api.get_opt(name).await;
        let secret = secret.map_err(|error| format!("{shown} cannot be read: {error}"))?;
        let secret = secret.ok_or_else(|| format!("{shown} is not there: make it"))?;
        let value = secret.data.unwrap_or_default().remove(key);
        let value = value.ok_or_else(|| format!("{shown} has no entry {key}"))?;
        String::from_utf8(value.0).map_err(|_| format!("entry {key} of {shown} is not text"))
    }
}

/// What `source` holds. The errors name the source, and never a value.
///
/// # Errors
/// In words: why it cannot be read.
pub(super) async fn read(source: &Source, secrets: Option<&Secrets>) -> Result<String, String> {
    if let Some(value) = &source.value {
        return Ok(value.clone());
    }
    if let Some(name) = &source.env {
        return std::env::var(name)
            .map_err(|_| format!("the environment variable {name} is not set, or is not text"));
    }
    if let Some(path) = &source.file {
        return read_file(path);
    }
    match (&source.secret_ref, secrets) {
        (Some(entry), Some(secrets)) => secrets.entry(entry).await,
        (Some(entry), None) => Err(format!(
            "Secret {} cannot be read without a cluster: use env or file",
            entry.name
        )),
        (None, _) => Err("there is neither value, env, file nor secretRef".to_owned()),
    }
}

fn read_file(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(MAX_VALUE + 1).read_to_string(&mut text));
    read.map_err(|error| format!("{path} cannot be read: {error}"))?;
    if text.len() as u64 > MAX_VALUE {
        return Err(format!("{path} is longer than {MAX_VALUE} bytes"));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::api::Source;

    #[tokio::test]
    async fn a_file_is_read_without_its_line_break_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password").display().to_string();
        let file = Source {
            file: Some(path.clone()),
            ..Source::default()
        };
        assert!(read(&file, None).await.unwrap_err().contains(&path));
        std::fs::write(&path, "s3cret \n").unwrap();
        assert_eq!(read(&file, None).await.unwrap(), "s3cret ");

        let variable = Source {
            env: Some("DRILLGATE_NO_SUCH_VARIABLE".to_owned()),
            ..Source::default()
        };
        let error = read(&variable, None).await.unwrap_err();
        assert!(error.contains("DRILLGATE_NO_SUCH_VARIABLE"), "{error}");
        let error = read(&Source::default(), None).await.unwrap_err();
        assert!(error.contains("neither"), "{error}");
    }
}
